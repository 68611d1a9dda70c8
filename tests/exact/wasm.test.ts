/** Whole runs of the wasm back end: golden vectors, the shipped model, abort, close, and what it may import. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { createEngine, createReferenceEngine, GREEDY, loadModel, type Job, type Sampling } from '../../exact';
import type { PositionTensors } from '../../exact/tensors';
import { createWasmEngine, WasmClosedError, WasmUnavailableError } from '../../exact/wasm';
import { KERNELS_FILE } from '../../exact/wasm/kernels';
import { RunCheck, jobOf as jobOfRun } from './runCheck';
import { EXTENDED_MODELS, MODELS, hex, modelPath, readVectors, type RunVector } from './support';

const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const FULL: Sampling = { t: 94548, topK: 0, topP16: 0, minPX: 0, seed };
const TOP: Sampling = { ...FULL, topK: 40, topP16: 50000 };
const single = loadModel(modelPath('single'));
const SHIPPED = join(__dirname, '../../models/wordnet-3m.cocoon');
const jobOf = (change: Partial<Job> = {}): Job =>
  ({ promptTokens: [1, 2, 3], maxTokens: 4, stopTokens: [], sampling: GREEDY, ...change });

for (const name of [...MODELS, ...EXTENDED_MODELS]) {
  const { runs } = readVectors<{ runs: RunVector[] }>(name);
  const model = loadModel(modelPath(name));

  test(`model "${name}" in wasm: tokens, roots and leaves of every run equal the vectors, on one engine`, async () => {
    let observe: (tensors: PositionTensors) => void = () => undefined;
    const engine = createWasmEngine(model, { observe: (tensors) => observe(tensors) });
    for (const run of runs) {
      const check = new RunCheck(model, run);
      observe = check.observe;
      const streamed: number[] = [];
      check.finish(await engine.generate({ ...jobOfRun(run), onToken: (token) => streamed.push(token) }));
      assert.deepEqual(streamed, run.outputs, run.name);
    }
    await engine.close();
  });
}

test('the shipped model in wasm gives tokens and trace of the reference, greedy and seeded', async () => {
  const model = loadModel(SHIPPED);
  const [wasm, reference] = [await createEngine(model, 'wasm'), createReferenceEngine(model)];
  const promptTokens = model.tokenizer.encodePrompt('river:');
  for (const sampling of [GREEDY, FULL, TOP]) {
    const job = jobOf({ promptTokens, maxTokens: 12, sampling });
    const [{ millis: _, ...received }, { millis: __, ...expected }] =
      [await wasm.generate(job), await reference.generate(job)];
    assert.deepEqual(received, expected, JSON.stringify(sampling));
  }
  assert.equal(wasm.backend, 'wasm');
  assert.match(wasm.adapter, /WebAssembly SIMD/);
  await wasm.close();
});

test('what a long generation in wasm left in the memory does not touch a shorter one', async () => {
  const model = loadModel(SHIPPED);
  const engine = createWasmEngine(model);
  const before = await engine.generate(jobOf());
  await engine.generate(jobOf({ promptTokens: Array.from({ length: 258 }, (_, i) => i % 256), maxTokens: 1 }));
  assert.equal(hex((await engine.generate(jobOf())).traceRoot), hex(before.traceRoot));
  await engine.close();
});

test('the wasm back end imports layout, parsing and hashing only, never the reference', () => {
  const shared = /^(\.\.\/)+(config|constants|engine|errors|modelFile|opTable|scheduler|stepRunner|tensors)$/;
  const others = /^(node:|\.\/|\.\.\/\.\.\/protocol\/errors$)/;
  const folder = resolve(__dirname, '../../exact/wasm');
  const files = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  assert.ok(files.length > 10);
  for (const file of files) {
    const source = fs.readFileSync(join(folder, file), 'utf8');
    const inKernels = file.startsWith('kernels/') || file.startsWith('kernels\\');
    for (const [, target] of source.matchAll(/(?:\bfrom|\bimport|\brequire)\s*\(?\s*'([^']+)'/g)) {
      const allowed = inKernels ? /^\.\/\w+$/.test(target) : others.test(target) || shared.test(target);
      assert.ok(allowed, `${file} imports ${target}`);
    }
  }
});

test('the kernels use SIMD but nothing relaxed, import a memory only, and bring no data', () => {
  const module = new WebAssembly.Module(fs.readFileSync(KERNELS_FILE));
  assert.deepEqual(WebAssembly.Module.imports(module), [{ module: 'env', name: 'memory', kind: 'memory' }]);
  const sources = fs.readdirSync(resolve(__dirname, '../../exact/wasm/kernels'));
  assert.ok(sources.length > 5);
  for (const name of sources) {
    const text = fs.readFileSync(resolve(__dirname, '../../exact/wasm/kernels', name), 'utf8');
    assert.doesNotMatch(text, /relaxed|\bf32|\bf64|Math\./, name);
  }
});

test('an aborted generation in wasm rejects with a typed error, and the next one is right', async () => {
  const engine = createWasmEngine(single);
  const expected = await engine.generate(jobOf());
  const controller = new AbortController();
  let heard = 0;
  const aborted = engine.generate(jobOf({
    maxTokens: 100, signal: controller.signal, onToken: () => { if (++heard === 2) controller.abort(); },
  }));
  const next = engine.generate(jobOf()); // waits for its turn
  await assert.rejects(aborted, { code: 'engine.aborted' });
  assert.equal(heard, 2);
  assert.equal(hex((await next).traceRoot), hex(expected.traceRoot));
  await engine.close();
});

test('a generation that waits in wasm lets timers run', async () => {
  const engine = createWasmEngine(single);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 0);
  await engine.generate(jobOf({ maxTokens: 60 }));
  clearInterval(timer);
  assert.ok(ticks > 0);
});

test('closing wasm rejects the running and later generations with a typed error, and is harmless twice', async () => {
  const engine = createWasmEngine(single);
  let closing: Promise<void> | undefined;
  const running = engine.generate(jobOf({ maxTokens: 200, onToken: () => { closing ??= engine.close(); } }));
  const closed = (error: unknown) => error instanceof WasmClosedError && error.code === 'engine.wasm.closed';
  await assert.rejects(running, closed);
  await closing;
  await engine.close();
  await assert.rejects(engine.generate(jobOf()), closed);
});

test('wasm refuses a model beyond 32-bit addresses with both sizes, and undefined jobs by name', async () => {
  const huge = { ...single, config: { ...single.config, heads: 64, kvHeads: 64, headDim: 128, context: 32768 } };
  const layers = Array.from({ length: 126 }, () => single.layers[0]);
  assert.throws(() => createWasmEngine({ ...huge, layers }), (error) => error instanceof WasmUnavailableError
    && error.code === 'engine.wasm.memory' && /4294967296 bytes.*received \d+ bytes/.test(error.message));
  await assert.rejects(createWasmEngine(single).generate(jobOf({ promptTokens: [] })), { code: 'input.prompt-empty' });
});
