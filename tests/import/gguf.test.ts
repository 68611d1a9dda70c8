/** GGUF files of each family: the exact model of a folder with the same weights, bit for bit. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { loadModel, Tokenizer } from '../../exact';
import { importModel } from '../../exact/import/importModel';
import { calibrationTokens, openSource } from '../../exact/import/source';
import type { NumberType } from '../../exact/import/numberTypes';
import { tokenizerOfGguf } from '../../exact/import/ggufTokenizer';
import { writeGguf, type GgufValue } from '../../bench/ggufWriter';
import { codeOf, cocoon } from '../support/cocoon';
import { hfConfig, randomTensors, temporaryFolder, writeFolder, type FolderTensors, type Json } from './folders';
import { GGUF_TOKENIZER, ggufMetadata, ggufTensors, writeModelGguf } from './ggufFiles';

async function imported(source: string, out: string): Promise<ReturnType<typeof loadModel>> {
  const opened = await openSource(source);
  try {
    await importModel({ ...opened, context: 256, calibration: calibrationTokens(opened, 256), out });
  } finally {
    opened.weights.close();
  }
  return loadModel(out);
}

/** Values that every type holds exactly, so that only the format differs. */
function rounded(tensors: FolderTensors): FolderTensors {
  for (const { values, shape } of tensors.values()) {
    if (shape.length === 1) continue;
    values.forEach((x, i) => (values[i] = Math.round(x * 64) / 64)); // few bits: exact in F16 and BF16
  }
  return tensors;
}

const small = (architecture: string, changes: Json = {}): Json =>
  hfConfig(architecture, { num_hidden_layers: 1, hidden_size: 64, intermediate_size: 64, head_dim: 32, num_attention_heads: 2,
    num_key_value_heads: 1, rms_norm_eps: 2 ** -17, ...changes }); // GGUF holds it in 32 bits

describe('a GGUF file', () => {
  const cases: [string, Json, NumberType][] = [
    ['LlamaForCausalLM', {}, 'F32'], ['Qwen2ForCausalLM', {}, 'F16'], ['Qwen3ForCausalLM', {}, 'BF16'],
    ['LlamaForCausalLM', { tie_word_embeddings: true }, 'F16'],
  ];
  for (const [architecture, changes, type] of cases) {
    test(`${architecture} ${JSON.stringify(changes)} in ${type} gives the model of the folder, root and all`, async (t) => {
      const folder = temporaryFolder(t);
      const config = small(architecture, changes);
      const tensors = rounded(randomTensors(config, 3));
      writeFolder(folder, config, tensors);
      writeModelGguf(join(folder, 'model.gguf'), config, tensors, type);
      const expected = await imported(folder, join(folder, 'folder.cocoon'));
      const received = await imported(join(folder, 'model.gguf'), join(folder, 'gguf.cocoon'));
      assert.deepEqual(received.config, expected.config);
      assert.deepEqual(Buffer.from(received.tokenizer.section).toString(), Buffer.from(expected.tokenizer.section).toString());
      assert.deepEqual(received.tokenizer.encode('the inner rest'), expected.tokenizer.encode('the inner rest'));
      assert.deepEqual(received.modelRoot, expected.modelRoot);
    });
  }

  test('in Q8_0 gives nearly the weights of the folder', async (t) => {
    const folder = temporaryFolder(t);
    const config = small('LlamaForCausalLM');
    const tensors = randomTensors(config, 4);
    writeFolder(folder, config, tensors);
    writeModelGguf(join(folder, 'model.gguf'), config, tensors, 'Q8_0');
    const [folderWeights, fileWeights] = [await openSource(folder), await openSource(join(folder, 'model.gguf'))];
    for (const name of ['layers.0.query', 'layers.0.key', 'layers.0.down', 'head']) {
      const [a, b] = [folderWeights.weights.all(name), fileWeights.weights.all(name)];
      const largest = Math.max(...a.map(Math.abs));
      a.forEach((x, i) => assert.ok(Math.abs(x - b[i]) <= largest / 100, `${name}[${i}]`));
    }
    [folderWeights, fileWeights].forEach(({ weights }) => weights.close());
  });

  test('of Llama 3.1 has its frequencies divided as its rope_freqs say', async (t) => {
    const folder = temporaryFolder(t);
    const config = small('LlamaForCausalLM');
    const tensors = ggufTensors(config, randomTensors(config, 5), 'F32');
    const divisors = Float32Array.from({ length: 16 }, (_, i) => 1 + i / 4);
    const file = join(folder, 'model.gguf');
    writeGguf(file, ggufMetadata(config),
      [...tensors, { name: 'rope_freqs.weight', shape: [16], type: 'F32', data: () => Buffer.from(divisors.buffer) }]);
    const { weights } = await openSource(file);
    const { frequencies } = weights.architecture;
    frequencies.forEach((x, i) => assert.ok(Math.abs(x - 10000 ** (-i / 16) / divisors[i]) < 1e-9));
    weights.close();
  });

  test('is imported by the command line, and one cut short or of another kind is refused by name', async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, 'model.gguf');
    const config = small('Qwen2ForCausalLM');
    writeModelGguf(file, config, randomTensors(config, 6), 'Q8_0');
    const out = join(folder, 'model.cocoon');
    const made = await cocoon(['model', 'import', file, '--out', out, '--context', '256', '--json']);
    assert.equal(made.status, 0, made.stderr);
    assert.equal(JSON.parse(made.stdout).family, 'qwen2');
    const bytes = readFileSync(file);
    const broken: [Buffer, string][] = [
      [bytes.subarray(0, bytes.length - 5000), 'model.import.truncated'], [bytes.subarray(0, 3000), 'model.import.truncated'],
      [Buffer.from('not a model at all'), 'model.import.gguf'],
      [Buffer.concat([bytes.subarray(0, 8), Buffer.alloc(8, 0x7f), bytes.subarray(16)]), 'model.import.gguf'], // counts
    ];
    for (const [content, code] of broken) {
      writeFileSync(file, content);
      const run = await cocoon(['model', 'import', file, '--out', join(folder, 'x.cocoon'), '--json']);
      assert.equal(codeOf(run), code);
      assert.ok(!existsSync(join(folder, 'x.cocoon')));
    }
  });

  const refused: [string, Record<string, GgufValue>, string][] = [
    ['another architecture', { 'general.architecture': 'gemma2' }, 'architecture'],
    ['experts', { 'llama.expert_count': 8 }, 'experts'],
    ['yarn', { 'llama.rope.scaling.type': 'yarn' }, 'rope'],
    ['linear scaling without its factor', { 'llama.rope.scaling.type': 'linear' }, 'rope'],
    ['RoPE on half a head', { 'llama.rope.dimension_count': 16 }, 'rope'],
    ['a sliding window', { 'llama.attention.sliding_window': 64 }, 'sliding-window'],
    ['values of another width', { 'llama.attention.value_length': 64 }, 'dimension'],
    ['several files', { 'split.count': 2 }, 'source'],
    ['no layers', { 'llama.block_count': 0 }, 'config'],
    ['more layers than tensors', { 'llama.block_count': 2 }, 'tensor.missing'],
    ['an unknown rule for cutting texts', { 'tokenizer.ggml.pre': 'tekken' }, 'tokenizer'],
    ['an unknown tokenizer', { 'tokenizer.ggml.model': 'rwkv' }, 'tokenizer'],
    ['more tokens than the vocabulary', { 'tokenizer.ggml.tokens': Array.from({ length: 301 }, (_, i) => `t${i}`) }, 'tokenizer'],
  ];
  for (const [what, change, code] of refused) {
    test(`with ${what} is refused by name`, async (t) => {
      const file = join(temporaryFolder(t), 'model.gguf');
      const config = small('LlamaForCausalLM');
      writeGguf(file, { ...ggufMetadata(config), ...change }, ggufTensors(config, randomTensors(config, 7), 'F32'));
      await assert.rejects(openSource(file), { code: `model.import.${code}` });
    });
  }
});

describe('the tokenizer of a GGUF header', () => {
  const metadata = (fields: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [`tokenizer.ggml.${name}`, value]));
  const parsed = (fields: Record<string, unknown>, vocab: number) => Tokenizer.parse(tokenizerOfGguf(metadata(fields), vocab), vocab);

  test('of SentencePiece merges by its scores, falls back to bytes, and puts a space and the first token in front', () => {
    const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
    const words = ['▁', 'h', 'e', 'l', 'o', 'he', 'll', 'hell', '▁h', 'llo', '▁he'];
    const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...words];
    const first = 259;
    const tokenizer = parsed({
      model: 'llama', tokens, scores: tokens.map((_, id) => (id < first ? 0 : first - id)),
      token_type: tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < first ? 6 : 1)), bos_token_id: 1, eos_token_id: 2,
    }, 300);
    const texts = (text: string) => tokenizer.encodePrompt(text).map((id) => tokens[id]);
    // he (the best) first, then ll, then hell, which leaves no ▁h and no llo
    assert.deepEqual(texts('hello'), ['<s>', '▁', 'hell', 'o']);
    assert.deepEqual(texts('é'), ['<s>', '▁', '<0xC3>', '<0xA9>']);
    assert.equal(tokenizer.decode(tokenizer.encode('hello é')), 'hello é');
    assert.deepEqual(tokenizer.stopTokens, [2]);
    assert.deepEqual(tokenizer.encode('</s>').includes(2), false, 'text never becomes a control token');
  });

  test('of Llama 3 cuts numbers in threes and begins with its first token unless the header says no', () => {
    const { tokens, types, merges } = { tokens: GGUF_TOKENIZER['tokenizer.ggml.tokens'] as string[],
      types: (GGUF_TOKENIZER['tokenizer.ggml.token_type'] as { i32s: number[] }).i32s, merges: ['1 2', '12 3', '3 4', '123 4'] };
    const all = [...tokens, '12', '123', '34', '1234'];
    const fields = {
      model: 'gpt2', pre: 'llama-bpe', tokens: all, token_type: [...types, 1, 1, 1, 1], merges, bos_token_id: 266, eos_token_id: 268,
    };
    const texts = (of: ReturnType<typeof parsed>, text: string) => of.encodePrompt(text).map((id) => all[id]);
    assert.deepEqual(texts(parsed(fields, 300), '12341'), ['<|endoftext|>', '123', '4', '1']);
    assert.deepEqual(texts(parsed({ ...fields, add_bos_token: false }, 300), '1'), ['1']);
  });
});
