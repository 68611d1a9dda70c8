/** Token choice against exact/vectors/sampling.json, and the job rules of section 7. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GREEDY, JobInputError, checkJob, loadModel, samplingFrom, type Job } from '../../exact';
import { pick, sample } from '../../exact/reference/sampling';
import { i32, modelPath, readVectors, samplingOf, type DrawCase } from './support';

const { tables, config } = loadModel(modelPath('grouped'));
const u64 = (words: Uint32Array, at: number): number => words[at] * 2 ** 32 + words[at + 1];

for (const { name, logits, cases } of readVectors<{ name: string; logits: string; cases: DrawCase[] }[]>('sampling')) {
  test(`draws from the logits "${name}" equal the vectors in every mode`, () => {
    const z = i32(logits);
    for (const c of cases) {
      const drawn = sample(z, samplingOf(c), c.step, tables.sampling);
      const label = JSON.stringify({ ...c, seed: undefined, sums: undefined });
      assert.deepEqual(Array.from(drawn.max), [c.zmax >>> 0, c.index], label);
      assert.deepEqual([drawn.draw[0], u64(drawn.draw, 1), drawn.draw[3]], [c.kept, c.W, c.token], label);
      assert.equal(drawn.token, c.token, label);
      assert.equal(drawn.top !== undefined, c.topK > 0, label);
      assert.equal(drawn.sums !== undefined, c.t > 0 && c.topK === 0, label);
      if (drawn.top) {
        const last = Array.from(drawn.top.slice(-3 * c.lastEntries.length));
        assert.deepEqual(last, c.lastEntries.flatMap(([zi, id, w]) => [zi >>> 0, id, w]), label);
      }
      if (drawn.sums && c.sums.length > 0) {
        assert.deepEqual(c.sums.map((_, b) => u64(drawn.sums as Uint32Array, 2 * b)), c.sums, label);
      }
    }
  });
}

test('a draw takes the first id whose running sum is above u, never one of weight 0', () => {
  const ids = [{ id: 4, w: 0 }, { id: 5, w: 3 }, { id: 9, w: 2 }];
  assert.deepEqual([0, 2, 3, 4].map((u) => pick(ids, u)), [5, 5, 9, 9]);
  assert.throws(() => pick(ids, 5), RangeError);
});

test('seeded draws follow the float distribution', () => {
  const z = Int32Array.from([3, 2.5, 1, 0, -4], (x) => Math.round(x * 65536));
  const counts = new Float64Array(5);
  const draws = 4000;
  const sampling = samplingFrom({ temperature: 0.8, seed: new Uint8Array(32).fill(7) });
  for (let step = 0; step < draws; step++) counts[sample(z, sampling, step, tables.sampling).token]++;
  const weights = [3, 2.5, 1, 0, -4].map((x) => Math.exp(x / 0.8));
  const total = weights.reduce((sum, w) => sum + w, 0);
  weights.forEach((w, id) => assert.ok(Math.abs(counts[id] / draws - w / total) < 0.025, `id ${id}: ${counts[id]}`));
});

test('temperatures and filters as people write them become the integers of the specification', () => {
  const seed = new Uint8Array(32);
  assert.deepEqual(samplingFrom({ temperature: 0, topK: 5, topP: 0.5, seed }), { ...GREEDY, seed });
  assert.deepEqual(samplingFrom({ temperature: 1, seed }), { t: 94548, topK: 0, topP16: 0, minPX: 0, seed });
  assert.deepEqual(samplingFrom({ temperature: 0.7, topP: 0.95, minP: 0.25, seed }), {
    t: 135069, topK: 256, topP16: 62259, minPX: 2048, seed,
  });
  assert.throws(() => samplingFrom({ temperature: 0.01, seed }), { code: 'input.sampling.temperature' });
  assert.throws(() => samplingFrom({ temperature: 1, topP: 0, seed }), { code: 'input.sampling.topP' });
});

test('a job that the semantics does not define is refused by name', () => {
  const job: Job = { promptTokens: [1, 2], maxTokens: 3, stopTokens: [], sampling: GREEDY };
  const refused = (change: Partial<Job>, code: string) =>
    assert.throws(() => checkJob(config, { ...job, ...change }), (e) => e instanceof JobInputError && e.code === code);
  checkJob(config, job);
  checkJob(config, { ...job, maxTokens: 255 });
  refused({ maxTokens: 256 }, 'input.context');
  refused({ promptTokens: [] }, 'input.prompt-empty');
  refused({ maxTokens: 0 }, 'input.max-tokens');
  refused({ promptTokens: [config.vocab] }, 'input.prompt-token');
  refused({ stopTokens: [-1] }, 'input.stop-token');
  const sampling = (change: Partial<Job['sampling']>) => ({ sampling: { ...GREEDY, t: 94548, ...change } });
  refused(sampling({ t: 2 ** 21 }), 'input.sampling.t');
  refused(sampling({ topK: 257 }), 'input.sampling.topK');
  refused(sampling({ topP16: 100 }), 'input.sampling.topP16');
  refused(sampling({ minPX: 24576 }), 'input.sampling.minPX');
  refused(sampling({ t: 0, topK: 1 }), 'input.sampling.greedy');
  refused(sampling({ seed: new Uint8Array(31) }), 'input.sampling.seed');
});
