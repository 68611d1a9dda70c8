/** Jobs side by side on one engine: each must have the bits that it has alone on the reference. */
import assert from 'node:assert/strict';
import { createReferenceEngine, GREEDY, type Engine, type ExactModel, type Generation, type Job } from '../../exact';
import { hex } from './support';

export const bitsOf = ({ tokens, finishReason, traceRoot, blockRoots }: Generation) =>
  ({ tokens, finishReason, traceRoot: hex(traceRoot), blockRoots: blockRoots.map(hex) });

/** @param open makes the engine, anew for each of `variants` */
export async function expectSameTogether<V>(
  model: ExactModel, jobs: readonly Job[], variants: readonly V[], open: (variant: V) => Engine | Promise<Engine>,
): Promise<void> {
  const reference = createReferenceEngine(model);
  const alone: object[] = [];
  for (const job of jobs) alone.push(bitsOf(await reference.generate(job)));
  for (const variant of variants) {
    const engine = await open(variant);
    try {
      const leaving = new AbortController();
      const aborted = engine.generate({
        promptTokens: [1, 2, 3], maxTokens: 9, stopTokens: [], sampling: GREEDY, signal: leaving.signal,
        onToken: () => leaving.abort(),
      });
      const together = jobs.map((job) => engine.generate(job));
      await assert.rejects(aborted, { code: 'engine.aborted' });
      assert.deepEqual((await Promise.all(together)).map(bitsOf), alone, JSON.stringify(variant));
      assert.deepEqual(bitsOf(await engine.generate(jobs[0])), alone[0]);
    } finally {
      await engine.close();
    }
  }
}

/** Prompt and answer of 17 positions on an engine whose cache holds 16 are refused by name; 16 beside it are served. */
export async function expectKvRefusal(engine: Engine): Promise<void> {
  try {
    const job = { promptTokens: [1, 2, 3], maxTokens: 14, stopTokens: [], sampling: GREEDY };
    const [fits, refused] = [engine.generate(job), engine.generate({ ...job, maxTokens: 15 })];
    await assert.rejects(refused, { code: 'engine.kv-memory', message: /at most 16 positions.*3 prompt tokens and up to 15/ });
    assert.equal((await fits).tokens.length, 14);
  } finally {
    await engine.close();
  }
}
