/** Several jobs at once on one device: every answer has the bits that it has alone. */
import assert from 'node:assert/strict';
import { createReferenceEngine, GREEDY, loadModel, type Generation, type Job } from '../../exact';
import { CacheSpace } from '../../exact/cacheSpace';
import { createWebGpuEngine } from '../../exact/webgpu';
import { test } from 'node:test';
import { Random, randomSampling } from '../exact/randomModels';
import { hex, modelPath } from '../exact/support';
import { gpuTest } from './gpuTest';

const random = new Random(77);
const model = loadModel(modelPath('grouped'));
const { vocab } = model.config;
const jobs = Array.from({ length: 7 }, (): Job => ({
  promptTokens: random.list(random.integer(1, 9), 0, vocab - 1), maxTokens: random.integer(1, 4),
  stopTokens: random.list(40, 0, vocab - 1), sampling: randomSampling(random),
}));
const bitsOf = ({ tokens, finishReason, traceRoot, blockRoots }: Generation) =>
  ({ tokens, finishReason, traceRoot: hex(traceRoot), blockRoots: blockRoots.map(hex) });

gpuTest('jobs of every kind at once, more than fit a step or the cache, answer as they do alone', async () => {
  const reference = createReferenceEngine(model);
  const alone = [];
  for (const job of jobs) alone.push(bitsOf(await reference.generate(job)));
  for (const runner of [
    { columns: 6, cachePositions: 50, stepsAhead: 3 },
    { columns: 13, cachePositions: 256, manyColumns: 2 }, // with matmul
  ]) {
    const engine = await createWebGpuEngine(model, { runner });
    try {
      const leaving = new AbortController();
      const aborted = engine.generate({
        promptTokens: [1, 2, 3], maxTokens: 9, stopTokens: [], sampling: GREEDY, signal: leaving.signal,
        onToken: () => leaving.abort(),
      });
      const together = jobs.map((job) => engine.generate(job));
      await assert.rejects(aborted, { code: 'engine.aborted' });
      assert.deepEqual((await Promise.all(together)).map(bitsOf), alone);
      assert.deepEqual(bitsOf(await engine.generate(jobs[0])), alone[0]);
    } finally {
      await engine.close();
    }
  }
});

gpuTest('a job that can never fit the cache is refused by name, and costs the others nothing', async () => {
  const engine = await createWebGpuEngine(model, { runner: { cachePositions: 16 } });
  try {
    const job = { promptTokens: [1, 2, 3], maxTokens: 14, stopTokens: [], sampling: GREEDY };
    assert.equal((await engine.generate(job)).tokens.length, 14);
    await assert.rejects(engine.generate({ ...job, maxTokens: 15 }),
      { code: 'engine.kv-memory', message: /at most 16 positions.*3 prompt tokens and up to 15/ });
  } finally {
    await engine.close();
  }
});

test('the space of a cache is handed out without overlap and comes back whole', () => {
  const space = new CacheSpace(100);
  const held = new Map<number, number>();
  for (let i = 0; i < 500; i++) {
    const length = random.integer(1, 30);
    const base = space.take(length);
    if (base === undefined) {
      const [[first, size]] = held;
      held.delete(first);
      space.give(first, size);
      continue;
    }
    for (const [other, size] of held) assert.ok(base + length <= other || other + size <= base);
    assert.ok(base >= 0 && base + length <= 100);
    held.set(base, length);
  }
  held.forEach((size, base) => space.give(base, size));
  assert.equal(space.take(100), 0);
});
