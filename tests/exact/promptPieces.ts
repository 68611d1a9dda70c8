/** Prompts that are read as far as the caller allows: the same for every back end. */
import assert from 'node:assert/strict';
import { createReferenceEngine, GREEDY, type Engine, type ExactModel, type Job } from '../../exact';
import type { Column, StepRunner } from '../../exact/stepRunner';
import { bitsOf } from './batch';

/** An engine, whose cache holds 64 positions where it has one, and how far it came. */
export interface WatchedEngine {
  engine: Engine;
  /** Positions of the first job that were begun. */
  computed(): number;
}

/** Watches the steps that a scheduler posts. */
function watch(engine: Engine, hear: (columns: readonly Column[]) => void): void {
  const { runner } = engine as unknown as { runner: StepRunner };
  const step = runner.step.bind(runner);
  runner.step = (columns, slot) => {
    hear(columns);
    return step(columns, slot);
  };
}

export function watchSteps(engine: Engine): WatchedEngine {
  let computed = 0;
  watch(engine, (columns) => (computed = Math.max(computed, ...columns.map(({ t }) => t + 1))));
  return { engine, computed: () => computed };
}

/** @returns beside the engine, how many tokens of prompts it was given to compute since it was asked last */
export function watchPrompts(engine: Engine): { engine: Engine; tokens(): number } {
  let tokens = 0;
  watch(engine, (columns) => (tokens += columns.filter(({ token }) => typeof token === 'number').length));
  return {
    engine,
    tokens: () => {
      const since = tokens;
      tokens = 0;
      return since;
    },
  };
}

const job = (changes: Partial<Job> = {}): Job => ({
  promptTokens: Array.from({ length: 41 }, (_, i) => (7 * i) % 200), maxTokens: 9, stopTokens: [], sampling: GREEDY, ...changes,
});

/** Leave to read, given one piece after another. */
class Leave {
  readonly asked: number[] = [];
  private give: (limit: number) => void = () => undefined;
  private wake: () => void = () => undefined;

  readonly promptLimit = (computed: number): Promise<number> => {
    this.asked.push(computed);
    this.wake();
    return new Promise((resolve) => (this.give = resolve));
  };

  async askedTimes(times: number): Promise<void> {
    while (this.asked.length < times) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  to(limit: number): void {
    this.give(limit);
  }
}

const shortWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

/** A prompt in pieces has the bits of a whole one, and nothing is computed without leave. */
export async function expectPieces(model: ExactModel, { engine, computed }: WatchedEngine): Promise<void> {
  const whole = bitsOf(await createReferenceEngine(model).generate(job()));
  const leave = new Leave();
  const generation = engine.generate(job({ promptLimit: leave.promptLimit }));
  const limits = [3, 4, 37, 1_000];
  for (const [index, limit] of limits.entries()) {
    await leave.askedTimes(index + 1);
    await shortWhile();
    assert.equal(computed(), index === 0 ? 0 : limits[index - 1]);
    leave.to(limit);
  }
  assert.deepEqual(bitsOf(await generation), whole);
  assert.deepEqual(leave.asked, [0, 3, 4, 37]);
  const exact = engine.generate(job({ promptLimit: async (read) => (read === 0 ? 40 : 41) }));
  assert.deepEqual(bitsOf(await exact), whole);
  for (const limit of [0, 2.5, Number.NaN]) {
    await assert.rejects(engine.generate(job({ promptLimit: async () => limit })), { code: 'input.prompt-limit' });
  }
}

/** A job that rests holds up nobody: others compute, and after a while in its part of the cache. */
export async function expectRest(model: ExactModel, { engine }: WatchedEngine): Promise<void> {
  const whole = bitsOf(await createReferenceEngine(model).generate(job()));
  const leave = new Leave();
  const rests = engine.generate(job({ promptLimit: leave.promptLimit }));
  await leave.askedTimes(1);
  leave.to(20);
  await leave.askedTimes(2);
  const started = performance.now();
  const small = job({ promptTokens: [1, 2, 3], maxTokens: 3 });
  await engine.generate(small);
  assert.ok(performance.now() - started < 900, 'a job that fits beside it had to wait');
  const large = await Promise.all([engine.generate(job()), engine.generate(job())]);
  assert.deepEqual(large.map(bitsOf), [whole, whole]);
  leave.to(30);
  await leave.askedTimes(3);
  leave.to(41);
  assert.deepEqual(bitsOf(await rests), whole);
}

/** A job that rests ends at once when its caller gives up, its leave is denied, or the engine closes. */
export async function expectLeaving(model: ExactModel, { engine }: WatchedEngine): Promise<void> {
  const whole = bitsOf(await createReferenceEngine(model).generate(job()));
  for (const asked of [1, 2]) {
    const leave = new Leave();
    const giving = new AbortController();
    const left = engine.generate(job({ promptLimit: leave.promptLimit, signal: giving.signal }));
    await leave.askedTimes(1);
    if (asked === 2) leave.to(20);
    await leave.askedTimes(asked);
    giving.abort();
    await assert.rejects(left, { code: 'engine.aborted' });
    await assert.rejects(
      engine.generate(job({ promptLimit: async (read) => (asked === 2 && read === 0 ? 20 : Promise.reject(new Error('not paid'))) })),
      /not paid/,
    );
    assert.deepEqual(bitsOf(await engine.generate(job())), whole);
  }
  const leave = new Leave();
  const closed = assert.rejects(engine.generate(job({ promptLimit: leave.promptLimit })), { code: /closed/ });
  await leave.askedTimes(1);
  leave.to(20);
  await leave.askedTimes(2);
  await engine.close();
  await closed;
}
