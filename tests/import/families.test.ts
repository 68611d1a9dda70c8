/**
 * Folders of each family as models come, imported by the command line; the exact model's logits against those of an
 * independent PyTorch forward (models/training/reference_families.py).
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createReferenceEngine, GREEDY, loadModel, type ExactModel } from '../../exact';
import { hasHeadNorm } from '../../exact/config';
import { cocoon, codeOf } from '../support/cocoon';
import { hfConfig, randomTensors, safetensors, temporaryFolder, writeFolder, type Json } from './folders';
import { CHAT_TEMPLATE, tokenizerJson } from './tokenizers';

const FIXTURES = join(__dirname, 'fixtures');
const FRACTION = 65536;

/** A fixture with the tokenizer of these tests, in a folder of its own. */
function folderOf(family: string, folder: string): string {
  cpSync(join(FIXTURES, family), folder, { recursive: true });
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizerJson()));
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ chat_template: CHAT_TEMPLATE }));
  return folder;
}

async function logitsAfter(model: ExactModel, prompt: number[]): Promise<number[]> {
  let logits: number[] = [];
  const engine = createReferenceEngine(model, ({ head }) => {
    if (head) logits = Array.from(head.logits, (z) => z / FRACTION);
  });
  await engine.generate({ promptTokens: prompt, maxTokens: 1, stopTokens: [], sampling: GREEDY });
  return logits;
}

function cosine(a: number[], b: number[]): number {
  const dot = (x: number[], y: number[]) => x.reduce((sum, v, i) => sum + v * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

const indexOfMax = (values: number[]): number => values.indexOf(Math.max(...values));

describe('cocoon model import', () => {
  for (const family of readdirSync(FIXTURES)) {
    test(`${family}: the exact model's logits are those of the float model`, async (t) => {
      const folder = folderOf(family, temporaryFolder(t));
      const out = join(folder, 'model.cocoon');
      const made = await cocoon(['model', 'import', folder, '--out', out, '--context', '256', '--json']);
      assert.equal(made.status, 0, made.stderr);
      const model = loadModel(out);
      assert.equal(hasHeadNorm(model.config), family === 'qwen3');
      assert.equal(model.layers.some(({ query }) => query.biases !== undefined), family === 'qwen2');
      assert.equal(JSON.parse(made.stdout).modelRoot, Buffer.from(model.modelRoot).toString('hex'));

      const { tokens, logits } = JSON.parse(readFileSync(join(folder, 'logits.json'), 'utf8')) as {
        tokens: number[]; logits: number[][];
      };
      for (const [i, expected] of logits.entries()) {
        const received = await logitsAfter(model, tokens.slice(0, tokens.length - logits.length + 1 + i));
        const similarity = cosine(received.slice(0, expected.length), expected);
        assert.ok(similarity > 0.999, `position ${i}: cosine ${similarity}`);
        const best = Math.max(...expected); // of two that are as good, either may win
        assert.ok(expected[indexOfMax(received)] > best - 0.05 * Math.abs(best), `position ${i}`);
      }

      const checked = await cocoon(['model', 'check', out, '--json']);
      assert.equal(JSON.parse(checked.stdout).ok, true, checked.stderr);
      const seen = JSON.parse((await cocoon(['model', 'inspect', out, '--json'])).stdout) as Json;
      assert.deepEqual([seen.modelRoot, seen.chatTemplate, seen.context], [JSON.parse(made.stdout).modelRoot, true, 256]);
    });
  }

  test('a model file with one changed weight, and one that is cut off, are refused by check', async (t) => {
    const folder = folderOf('llama', temporaryFolder(t));
    const out = join(folder, 'model.cocoon');
    await cocoon(['model', 'import', folder, '--out', out, '--context', '256']);
    const bytes = readFileSync(out);
    bytes[bytes.length - 40] ^= 1;
    writeFileSync(out, bytes);
    assert.match(codeOf(await cocoon(['model', 'check', out, '--json'])), /^model\.(rows\.sum|root)$/);
    writeFileSync(out, bytes.subarray(0, bytes.length - 1));
    assert.equal(codeOf(await cocoon(['model', 'check', out, '--json'])), 'model.file.length');
  });

  const refused: [string, Json, string][] = [
    ['a mixture of experts', { architectures: ['MixtralForCausalLM'] }, 'model.import.experts'],
    ['another activation', { hidden_act: 'gelu' }, 'model.import.activation'],
    ['yarn', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, 'model.import.rope'],
    ['biases of Llama', { attention_bias: true }, 'model.import.attention-bias'],
    ['an unknown architecture', { architectures: ['GPT2LMHeadModel'] }, 'model.import.architecture'],
    ['a shape that the tensors do not have', { hidden_size: 128 }, 'model.import.tensor.shape'],
  ];
  for (const [what, changes, code] of refused) {
    test(`${what} is refused by name before any work`, async (t) => {
      const folder = temporaryFolder(t);
      const config = hfConfig('LlamaForCausalLM', changes);
      writeFolder(folder, config, randomTensors(hfConfig('LlamaForCausalLM'), 1));
      const out = join(folder, 'model.cocoon');
      const run = await cocoon(['model', 'import', folder, '--out', out, '--json']);
      assert.equal(codeOf(run), code);
      assert.ok(!existsSync(out));
      assert.deepEqual(readdirSync(folder).filter((name) => name.includes('cocoon')), []);
    });
  }

  test('a missing tensor and a wrong shape are refused by their names', async (t) => {
    const folder = temporaryFolder(t);
    const config = hfConfig('LlamaForCausalLM');
    const tensors = randomTensors(config, 1);
    writeFolder(folder, config, tensors);
    const name = 'model.layers.1.mlp.up_proj.weight';
    const up = tensors.get(name)!;
    for (const changed of [undefined, { ...up, shape: [...up.shape].reverse() }]) {
      if (changed) tensors.set(name, changed);
      else tensors.delete(name);
      writeFileSync(join(folder, 'model.safetensors'), safetensors(tensors));
      const run = await cocoon(['model', 'import', folder, '--out', join(folder, 'x.cocoon'), '--json']);
      assert.notEqual(run.status, 0);
      assert.match(run.stderr, /layers\.1\.(up|mlp\.up_proj)/);
    }
  });
});
