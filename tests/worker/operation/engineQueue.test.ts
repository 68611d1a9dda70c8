import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { GenerationAbortedError } from '../../../exact';
import { EngineBusy, EngineQueue, JOBS } from '../../../worker/operation/engineQueue';

/** Work that ends when it is told to. */
class Bench {
  readonly started: string[] = [];
  readonly busy: string[] = [];
  most = 0;
  private now = 0;
  private readonly ends: (() => void)[] = [];

  constructor(readonly queue: EngineQueue) {}

  ask(name: string, party = name.replace(/\d+$/, ''), signal?: AbortSignal): Promise<void> {
    const work = async (): Promise<void> => {
      this.started.push(name);
      this.most = Math.max(this.most, ++this.now);
      await new Promise<void>((resolve) => this.ends.push(resolve));
      this.now--;
    };
    return this.queue.run(party, work, signal).catch((error: unknown) => {
      if (!(error instanceof EngineBusy)) throw error;
      this.busy.push(name);
    });
  }

  /** Ends the oldest that runs, and lets the next one start. */
  async end(): Promise<boolean> {
    const end = this.ends.shift();
    end?.();
    await new Promise((resolve) => setImmediate(resolve));
    return end !== undefined;
  }
}

describe('the queue before the engine', () => {
  test('serves one party after another, however many one of them has waiting', async () => {
    const bench = new Bench(new EngineQueue({ running: 1, waiting: 10 }));
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2']) void bench.ask(name);
    while (await bench.end());
    assert.deepEqual(bench.started, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
  });

  test('jobs go first and always find a place', async () => {
    const bench = new Bench(new EngineQueue({ running: 1, waiting: 2 }));
    for (const name of ['a1', 'a2', 'b1']) void bench.ask(name);
    void bench.ask('job', JOBS);
    assert.equal(bench.queue.waiting, 3);
    while (await bench.end());
    assert.deepEqual(bench.started, ['a1', 'job', 'a2', 'b1']);
  });

  test("one party's flood keeps nobody out: its newest loses its place to a newcomer, and it is told that it is busy", async () => {
    const bench = new Bench(new EngineQueue({ running: 1, waiting: 3 }));
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) void bench.ask(name);
    assert.equal(bench.queue.isFullFor('a'), true);
    assert.equal(bench.queue.isFullFor('b'), false);
    void bench.ask('b1');
    assert.equal(bench.queue.isFullFor('c'), false, 'a has two, c none');
    void bench.ask('c1');
    assert.equal(bench.queue.isFullFor('d'), true, 'everybody has one');
    void bench.ask('d1');
    while (await bench.end());
    assert.deepEqual(bench.busy, ['a5', 'a4', 'a3', 'd1']);
    assert.deepEqual(bench.started, ['a1', 'a2', 'b1', 'c1']);
  });

  test('who leaves while waiting frees the place, and computes nothing', async () => {
    const bench = new Bench(new EngineQueue({ running: 1, waiting: 1 }));
    const leaving = new AbortController();
    void bench.ask('a1');
    const left = bench.ask('b1', 'b', leaving.signal);
    leaving.abort();
    await assert.rejects(left, GenerationAbortedError);
    await assert.rejects(bench.ask('b2', 'b', AbortSignal.abort()), GenerationAbortedError);
    void bench.ask('c1');
    while (await bench.end());
    assert.deepEqual([bench.started, bench.busy], [['a1', 'c1'], []]);
  });

  test('a place is free again after work that failed', async () => {
    const queue = new EngineQueue({ running: 1, waiting: 1 });
    await assert.rejects(queue.run('a', () => Promise.reject(new Error('lost'))), /lost/);
    assert.equal(await queue.run('a', () => Promise.resolve(7)), 7);
    assert.deepEqual([queue.running, queue.waiting], [0, 0]);
  });

  test('whatever comes and goes: never more than the limits, nothing is lost, and everything that found a place runs once', async () => {
    const step = fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.constant('end'), fc.constant('leave'));
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 4 }), async (steps, running, waiting) => {
      const bench = new Bench(new EngineQueue({ running, waiting }));
      const leavers: AbortController[] = [];
      let asked = 0;
      let gone = 0;
      const all: Promise<void>[] = [];
      for (const [index, act] of steps.entries()) {
        if (act === 'end') await bench.end();
        else if (act === 'leave') leavers[index % Math.max(1, leavers.length)]?.abort();
        else {
          const leaver = new AbortController();
          leavers.push(leaver);
          asked++;
          all.push(bench.ask(`${act}${index}`, act, leaver.signal).catch(() => void gone++));
        }
        assert.ok(bench.queue.running <= running && bench.queue.waiting <= waiting);
      }
      while (await bench.end());
      await Promise.all(all);
      assert.ok(bench.most <= running);
      assert.equal(bench.started.length + bench.busy.length + gone, asked);
      assert.equal(new Set(bench.started).size, bench.started.length);
      assert.deepEqual([bench.queue.running, bench.queue.waiting], [0, 0]);
    }), { numRuns: 100, seed: 20261128 });
  });
});
