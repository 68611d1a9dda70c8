/**
 * Continuous batching, whatever computes: jobs share steps of several columns (positions of sequences) and the KV cache,
 * and nothing that else runs changes an answer. A back end brings a StepRunner.
 */
import { createHash } from 'node:crypto';
import { CacheSpace } from './cacheSpace';
import type { ExactConfig } from './config';
import { checkJob, nextPromptLimit, throwIfAborted, type Generation, type Job } from './engine';
import { BackendUnavailableError, KvMemoryError } from './errors';
import { tokenLogits } from './logits';
import { RestingJobs } from './resting';
import type { Sequence } from './sequence';
import type { Column, StepResult, StepRunner } from './stepRunner';
import { committed, type PositionObserver } from './tensors';
import { TraceHasher } from './trace';

export interface SchedulerOptions {
  /** Needs a runner of one column that keeps all tensors. */
  observe?: PositionObserver;
  /** [1024] u24 powers of two, where the runner gives logits. */
  samplingTable?: Uint32Array;
  /** The error that pending jobs get when a step rejects. */
  lost: (cause: Error) => Error;
}

interface Step {
  columns: { sequence: Sequence; column: Column }[];
  result: Promise<StepResult>;
}

export class Scheduler {
  private readonly space: CacheSpace;
  private readonly waiting: Sequence[] = [];
  private active: Sequence[] = [];
  private readonly resting = new RestingJobs(() => this.start());
  /** Those that may go on, with their part of the cache, as soon as a step has room. */
  private readonly rested: Sequence[] = [];
  private isRunning = false;
  private running: Promise<void> = Promise.resolve();
  private failure: Error | undefined;

  constructor(
    private readonly config: ExactConfig, private readonly runner: StepRunner, private readonly options: SchedulerOptions,
  ) {
    this.space = new CacheSpace(runner.cachePositions);
  }

  /**
   * Jobs run side by side, as many as the cache and the columns of a step hold; more wait in order.
   * @throws KvMemoryError `engine.kv-memory` for a job that the cache can never hold; JobInputError; what `fail` was given
   */
  async generate(job: Job): Promise<Generation> {
    if (this.failure) throw this.failure;
    checkJob(this.config, job);
    throwIfAborted(job.signal);
    if (job.topLogits !== undefined && !this.options.samplingTable) {
      throw new BackendUnavailableError('engine.logits', 'this back end does not give logits', {
        expected: 'a job without topLogits', hint: 'use the wasm or the reference back end',
      });
    }
    const length = job.promptTokens.length + job.maxTokens - 1;
    if (length > this.space.positions) {
      throw new KvMemoryError('engine.kv-memory', 'the job needs more positions than the KV cache holds', {
        expected: `at most ${this.space.positions} positions of prompt and answer`,
        received: `${job.promptTokens.length} prompt tokens and up to ${job.maxTokens} new ones`,
        hint: 'ask for fewer tokens, or start the engine with a larger cache',
      });
    }
    await this.runner.prepare(job.sampling).catch((cause) => { throw this.failure ?? cause; });
    const limit = await nextPromptLimit(job, 0);
    if (this.failure) throw this.failure;
    return new Promise((resolve, reject) => {
      this.waiting.push({
        job, length, limit, resolve, reject, stop: new Set(job.stopTokens), trace: new TraceHasher(this.config), tokens: [],
        cacheBase: undefined, submitted: 0, traced: 0, drawnBy: 0, dispatches: 0, started: performance.now(), done: false,
      });
      this.start();
    });
  }

  /** Ends all jobs, now and later, with this error; the first one counts. */
  fail(error: Error): void {
    this.failure ??= error;
    this.start();
  }

  /** Resolves once no step is under way. */
  async idle(): Promise<void> {
    await this.running;
  }

  private start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.running = this.run();
  }

  /** Steps until no job is left that may go on; some steps are under way while earlier ones are read. Never rejects. */
  private async run(): Promise<void> {
    const steps: Step[] = [];
    let slot = 0;
    try {
      for (;;) {
        this.admit();
        while (steps.length < this.stepsAhead() && !this.failure) {
          const columns = this.nextColumns();
          if (columns.length === 0) break;
          const result = this.runner.step(columns.map(({ column }) => column), slot);
          result.catch(() => undefined); // heard when its turn comes
          steps.push({ columns, result });
          slot = (slot + 1) % this.runner.stepsAhead;
        }
        const step = steps.shift();
        if (step === undefined) break;
        const result = await step.result;
        try {
          if (this.failure) throw this.failure;
          this.readStep(step, result);
        } finally {
          if (!this.failure) result.release();
        }
        this.active = this.active.filter(({ done }) => !done);
      }
    } catch (cause) {
      this.failure ??= this.options.lost(cause as Error);
    }
    if (this.failure) await Promise.allSettled(steps.map(({ result }) => result));
    this.isRunning = false;
    if (!this.failure) return;
    for (const sequence of [...this.active.splice(0), ...this.waiting.splice(0), ...this.rested.splice(0), ...this.resting.splice()]) {
      sequence.done = true;
      sequence.reject(this.failure);
    }
  }

  /** Logits have no slot of their own: another step would write over them. */
  private stepsAhead(): number {
    return this.active.some(({ job }) => job.topLogits !== undefined) ? 1 : this.runner.stepsAhead;
  }

  private admit(): void {
    for (const sequence of this.waiting.filter(({ job }) => job.signal?.aborted)) this.abort(sequence);
    while (this.rested.length > 0 && this.active.length < this.runner.columns) this.active.push(this.rested.shift()!);
    while (this.waiting.length > 0 && this.active.length < this.runner.columns) {
      const { length } = this.waiting[0];
      const base = this.space.take(length) ?? this.takeFromResting(length);
      if (base === undefined) return;
      const sequence = this.waiting.shift()!;
      sequence.cacheBase = base;
      this.active.push(sequence);
    }
  }

  private takeFromResting(length: number): number | undefined {
    for (const sequence of this.resting.toEvict(this.space, length)) this.giveCache(sequence);
    return this.space.take(length);
  }

  private giveCache(sequence: Sequence): void {
    if (sequence.cacheBase === undefined) return;
    this.space.give(sequence.cacheBase, sequence.length);
    sequence.cacheBase = undefined;
    sequence.submitted = 0;
  }

  /** Asks for leave to read on: until it comes, the job takes no column, and after a while others may have its part of the cache. */
  private async rest(sequence: Sequence): Promise<void> {
    this.active = this.active.filter((other) => other !== sequence);
    this.resting.add(sequence);
    try {
      sequence.limit = await nextPromptLimit(sequence.job, sequence.limit);
      if (!this.resting.delete(sequence)) return; // the engine failed
      if (sequence.cacheBase === undefined) this.waiting.unshift(sequence);
      else this.rested.push(sequence);
    } catch (error) {
      if (!this.resting.delete(sequence)) return;
      this.finish(sequence);
      sequence.reject(error);
    }
    this.start();
  }

  /**
   * Columns of the next step: of every sequence that decodes its next position, then as much of the prompts as fits.
   * Those that draw come first.
   */
  private nextColumns(): Step['columns'] {
    const drawing: Step['columns'] = [];
    const others: Step['columns'] = [];
    const take = (sequence: Sequence) => {
      const { job: { promptTokens, sampling }, submitted: t, drawnBy } = sequence;
      const cacheBase = sequence.cacheBase!;
      const firstDraw = promptTokens.length - 1;
      const token = t < promptTokens.length ? promptTokens[t] : { drawnBy };
      const draw = t < firstDraw ? undefined : { sampling, random: drawBytes(sampling.seed, t - firstDraw) };
      (draw ? drawing : others).push({ sequence, column: { t, cacheBase, token, draw } });
      sequence.submitted++;
    };
    const open = this.active.filter(({ done, submitted, length }) => !done && submitted < length);
    const decoding = open.filter(({ submitted, job }) => submitted >= job.promptTokens.length);
    decoding.forEach(take);
    let room = this.runner.columns - decoding.length;
    for (const sequence of open.filter((other) => !decoding.includes(other))) {
      for (; room > 0 && sequence.submitted < sequence.limit; room--) take(sequence);
    }
    drawing.forEach(({ sequence }, column) => (sequence.drawnBy = column));
    return [...drawing, ...others];
  }

  private readStep({ columns }: Step, result: StepResult): void {
    for (const sequence of new Set(columns.map((entry) => entry.sequence))) {
      sequence.dispatches += result.dispatches ?? 0;
    }
    // A trace takes positions in order, which the columns of a prompt are not.
    const order = columns.map((entry, index) => ({ ...entry, index })).sort((a, b) => a.column.t - b.column.t);
    for (const { sequence, column, index } of order) this.read(sequence, column, result, index);
  }

  private read(sequence: Sequence, { t }: Column, result: StepResult, index: number): void {
    if (sequence.done) return; // its answer ended while this step was under way
    const { job, trace, tokens } = sequence;
    if (job.signal?.aborted) return this.abort(sequence);
    if (t < sequence.traced) return; // computed again for the cache alone
    let token: number | undefined;
    try {
      const { observe } = this.options;
      const input = t < job.promptTokens.length ? job.promptTokens[t] : tokens[tokens.length - 1];
      const position = observe && result.position(input);
      const tensors = position ? committed(position) : result.committed(index);
      trace.position(tensors);
      sequence.traced++;
      if (position) observe(position);
      if (sequence.traced === sequence.limit && t + 1 < job.promptTokens.length) void this.rest(sequence);
      token = tensors.draw?.[3];
      if (token === undefined) return;
      tokens.push(token);
      const { topLogits } = job;
      const logits = topLogits === undefined ? undefined : result.logits?.(index);
      job.onToken?.(token, logits && tokenLogits(logits, token, topLogits!, this.options.samplingTable!));
    } catch (error) {
      this.finish(sequence);
      sequence.reject(error);
      return;
    }
    const finishReason = sequence.stop.has(token) ? 'stop' : tokens.length === job.maxTokens ? 'length' : undefined;
    if (finishReason === undefined) return;
    this.finish(sequence);
    const { dispatches, started } = sequence;
    sequence.resolve({
      tokens, finishReason, traceRoot: trace.traceRoot(), blockRoots: trace.blockRoots(),
      millis: performance.now() - started, ...(dispatches > 0 && { dispatches }),
    });
  }

  /** Its cache may be taken at once: whatever is still under way for it was submitted before its successor. */
  private finish(sequence: Sequence): void {
    sequence.done = true;
    this.giveCache(sequence);
  }

  private abort(sequence: Sequence): void {
    const at = this.waiting.indexOf(sequence);
    if (at >= 0) this.waiting.splice(at, 1);
    else this.finish(sequence);
    try {
      throwIfAborted(sequence.job.signal);
    } catch (error) {
      sequence.reject(error);
    }
  }
}

/** r of section 7: the first 16 bytes of SHA-256(seed, u64 step). */
export function drawBytes(seed: Uint8Array, step: number): Uint8Array {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  return createHash('sha256').update(seed).update(counter).digest().subarray(0, 16);
}
