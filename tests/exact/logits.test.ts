/** Logits that a job may ask for: the same whole numbers from every back end, and log probabilities that follow from them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createReferenceEngine, GREEDY, loadModel, logProbability, MAX_TOP_LOGITS, type Generation, type Job, type Sampling, type TokenLogits,
} from '../../exact';
import { Scheduler } from '../../exact/scheduler';
import type { StepRunner } from '../../exact/stepRunner';
import { createWasmEngine } from '../../exact/wasm';
import { EXTENDED_MODELS, MODELS, modelPath } from './support';

const seed = Uint8Array.from({ length: 32 }, (_, i) => 200 - i);
const SAMPLINGS: Sampling[] = [
  GREEDY, { t: 94548, topK: 0, topP16: 0, minPX: 0, seed }, { t: 60000, topK: 40, topP16: 50000, minPX: 0, seed },
];
const jobOf = (change: Partial<Job> = {}): Job =>
  ({ promptTokens: [1, 2, 3], maxTokens: 12, stopTokens: [], sampling: GREEDY, ...change });

interface Told extends Omit<Generation, 'millis'> {
  logits: (TokenLogits | undefined)[];
}
async function run(engine: { generate(job: Job): Promise<Generation> }, job: Job): Promise<Told> {
  const logits: (TokenLogits | undefined)[] = [];
  const { millis: _, ...generation } = await engine.generate({ ...job, onToken: (__, told) => logits.push(told) });
  return { ...generation, logits };
}

for (const name of [...MODELS, ...EXTENDED_MODELS]) {
  test(`model "${name}": wasm tells the reference's logits, beside jobs that ask for none, and no trace changes`, async () => {
    const model = loadModel(modelPath(name));
    const [reference, wasm] = [createReferenceEngine(model), createWasmEngine(model, { cachePositions: 2 * model.config.context })];
    const jobs = SAMPLINGS.flatMap((sampling, i) => [
      jobOf({ sampling, topLogits: 5, promptTokens: [4 + i, 5, 6] }), jobOf({ sampling, promptTokens: [9 - i, 8] }),
    ]);
    const [expected, received] = [[] as Told[], await Promise.all(jobs.map((job) => run(wasm, job)))];
    for (const job of jobs) expected.push(await run(reference, job));
    assert.deepEqual(received, expected);
    const silent = await run(reference, { ...jobs[0], topLogits: undefined });
    assert.deepEqual(silent, { ...expected[0], logits: silent.logits });
    assert.ok(silent.logits.every((told) => told === undefined));
    assert.ok(expected[0].logits.every((told) => told?.top.length === 5));
    await wasm.close();
  });
}

test('log probabilities are those of a softmax over the logits, to 0.0004', async () => {
  const model = loadModel(modelPath('grouped'));
  const all: Int32Array[] = [];
  const engine = createReferenceEngine(model, ({ head }) => head && all.push(head.logits.slice()));
  const { logits, tokens } = await run(engine, jobOf({ sampling: SAMPLINGS[1], topLogits: MAX_TOP_LOGITS }));
  assert.equal(all.length, 12);
  logits.forEach((told, step) => {
    const z = Array.from(all[step], (logit) => logit / 65536);
    const normaliser = Math.log(z.reduce((sum, logit) => sum + Math.exp(logit - Math.max(...z)), 0)) + Math.max(...z);
    assert.equal(told!.logit, all[step][tokens[step]]);
    const sorted = Array.from(all[step], (logit, id) => ({ id, logit })).sort((a, b) => b.logit - a.logit || a.id - b.id);
    assert.deepEqual(told!.top, sorted.slice(0, MAX_TOP_LOGITS));
    for (const { logit } of told!.top) {
      assert.ok(Math.abs(logProbability(logit, told!) - (logit / 65536 - normaliser)) < 4e-4);
    }
  });
});

test('a number of logits that no answer carries is refused, and so are logits of a back end that keeps them', async () => {
  const model = loadModel(modelPath('single'));
  for (const topLogits of [-1, 1.5, MAX_TOP_LOGITS + 1, NaN]) {
    await assert.rejects(createReferenceEngine(model).generate(jobOf({ topLogits })), { code: 'input.top-logits' });
  }
  const runner: StepRunner = {
    columns: 1, cachePositions: 256, stepsAhead: 1,
    prepare: async () => {}, step: async () => { throw new Error('no step is taken'); },
  };
  const scheduler = new Scheduler(model.config, runner, { lost: (cause) => cause });
  await assert.rejects(scheduler.generate(jobOf({ topLogits: 0 })), { code: 'engine.logits' });
});
