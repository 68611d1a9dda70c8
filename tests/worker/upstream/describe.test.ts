/** Model cards made of what a server loads. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeModel } from '../../../worker/upstream/describe';
import { isCard, parseCard, readCard } from '../../../worker/upstream/modelCard';
import { CARD_SEMANTICS, toHex } from '../../../protocol';
import { modelPath } from '../../exact/support';
import { temporaryFolder, writeFolder } from '../../import/folders';
import { ggufMetadata } from '../../import/ggufFiles';
import { writeGguf } from '../../../bench/ggufWriter';

/** An architecture that the exact arithmetic does not have. */
const CONFIG = { architectures: ['DeepThoughtForCausalLM'], vocab_size: 320, max_position_embeddings: 4096 };
const TENSORS = new Map([['model.norm.weight', { shape: [4], values: new Float32Array(4).fill(1) }]]);

test('a folder of any architecture: all that a server loads from it, by its bytes, with the tokenizer of its clients', async (t) => {
  const folder = temporaryFolder(t);
  writeFolder(folder, CONFIG, TENSORS);
  mkdirSync(join(folder, 'original'));
  writeFileSync(join(folder, 'original', 'more.bin'), 'abc');
  writeFileSync(join(folder, '.cache'), 'not of the model');
  const bytes = await describeModel({ source: folder, name: 'org/model-1:8b' });
  const { name, files, model, stopTokens } = parseCard(bytes);
  assert.deepEqual(files.map((file) => file.name), [
    'config.json', 'generation_config.json', 'model.safetensors', 'original/more.bin', 'tokenizer.json', 'tokenizer_config.json',
  ]);
  for (const file of files) {
    const content = readFileSync(join(folder, file.name));
    assert.deepEqual([file.bytes, file.sha256], [content.length, createHash('sha256').update(content).digest('hex')]);
  }
  assert.deepEqual([name, model.config, stopTokens], ['org/model-1:8b', { semantics: CARD_SEMANTICS, vocab: 320, context: 4096 }, [266, 268]]);
  assert.deepEqual(model.tokenizer.decode(model.tokenizer.encode('in the here')), 'in the here');
  assert.deepEqual(await describeModel({ source: folder, name: 'org/model-1:8b' }), bytes, 'the same bytes again, wherever it is made');
  const path = join(folder, 'weights');
  writeFileSync(path, 'a');
  const before = parseCard(await describeModel({ source: folder, name: 'm' })).model.modelRoot;
  writeFileSync(path, 'b');
  assert.notEqual(toHex(parseCard(await describeModel({ source: folder, name: 'm' })).model.modelRoot), toHex(before), 'other weights are another model');
});

test('a GGUF file gives the tokenizer of its header, whatever its number types', async (t) => {
  const file = join(temporaryFolder(t), 'model.gguf');
  const config = {
    architectures: ['LlamaForCausalLM'], num_hidden_layers: 1, hidden_size: 64, intermediate_size: 64, num_attention_heads: 1, num_key_value_heads: 1,
    head_dim: 64, max_position_embeddings: 2048, rope_theta: 10000, rms_norm_eps: 1e-5,
  };
  writeGguf(file, ggufMetadata(config), []);
  const { files, model } = parseCard(await describeModel({ source: file, name: 'm', context: 512 }));
  assert.deepEqual(files.map(({ name }) => name), ['model.gguf']);
  assert.deepEqual([model.config.vocab, model.config.context], [269, 512]);
});

test('what cannot be described is refused by name', async (t) => {
  const folder = temporaryFolder(t);
  await assert.rejects(describeModel({ source: join(folder, 'none'), name: 'm' }), { code: 'model.import.unreadable' });
  await assert.rejects(describeModel({ source: folder, name: 'm' }), { code: 'model.import.config' });
  writeFolder(folder, CONFIG, TENSORS);
  await assert.rejects(describeModel({ source: folder, name: 'm', context: 4097 }), { code: 'model.import.context' });
  await assert.rejects(describeModel({ source: folder, name: 'a b' }), { code: 'model.import.card' });
  writeFolder(folder, { architectures: ['X'], max_position_embeddings: 5 }, TENSORS);
  await assert.rejects(describeModel({ source: folder, name: 'm' }), { code: 'model.import.config' });
});

test('a file is read as what it is: a card, or an exact model', async (t) => {
  const folder = temporaryFolder(t);
  writeFolder(folder, CONFIG, TENSORS);
  const path = join(folder, 'card.json');
  writeFileSync(path, await describeModel({ source: folder, name: 'm' }));
  assert.ok(isCard(path) && !isCard(modelPath('single')) && !isCard(join(folder, 'none')) && !isCard(undefined));
  assert.ok(!isCard(folder));
  assert.equal(readCard(path).model.config.semantics, CARD_SEMANTICS);
});
