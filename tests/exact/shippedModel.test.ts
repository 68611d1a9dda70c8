/** The model that travels with the project. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GREEDY, TraceProver, createEngine, createReferenceEngine, loadModel } from '../../exact';
import { matrixShapes } from '../../exact/modelFile';
import { PositionLayout } from '../../exact/positionLayout';
import { PositionTree } from '../../exact/positionTree';

const MODELS = join(__dirname, '../../models');
const FILE = join(MODELS, 'wordnet-3m.cocoon');

test('the shipped model passes the whole check, is small, and its licence lies beside it', () => {
  const bytes = readFileSync(FILE);
  const { config } = loadModel(bytes);
  const parameters = matrixShapes(config).reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  assert.ok(bytes.length <= 6_000_000, `${bytes.length} bytes`);
  assert.ok(parameters >= 1e6 && parameters <= 5e6, `${parameters} parameters`);
  assert.ok(existsSync(join(MODELS, 'LICENSE-WordNet.txt')));
});

test('the shipped model continues a definition with printable text, the same on every run', async () => {
  const model = loadModel(FILE);
  const engine = await createEngine(model, 'reference');
  const job = { promptTokens: model.tokenizer.encodePrompt('river:'), maxTokens: 24, stopTokens: [], sampling: GREEDY };
  const first = await engine.generate(job);
  const second = await engine.generate(job);
  assert.deepEqual({ ...second, millis: 0 }, { ...first, millis: 0 });
  assert.match(model.tokenizer.decode(first.tokens), /^[\x20-\x7e\n]{24,}$/);
  await engine.close();
});

test('proofs of the shipped model, which wasm computes, are those of the reference', async () => {
  const model = loadModel(FILE);
  const job = { promptTokens: model.tokenizer.encodePrompt('dog:'), maxTokens: 3, stopTokens: [], sampling: GREEDY };
  const layout = new PositionLayout(model);
  const roots: Uint8Array[] = [];
  const reference = createReferenceEngine(model, (tensors) => {
    roots.push(new PositionTree(model.config, layout.position(tensors)).root);
  });
  const { traceRoot } = await reference.generate(job);
  const prover = new TraceProver(model, job);
  assert.deepEqual((await prover.result()).traceRoot, traceRoot);
  for (const t of [0, roots.length - 1]) assert.deepEqual(await prover.positionRoot(t), roots[t], `position ${t}`);
});
