/** The webgpu back end: generations on one device, batched step by step, with their traces. */
import { createHash } from 'node:crypto';
import { checkJob, throwIfAborted, type Engine, type Generation, type Job } from '../engine';
import type { ExactConfig } from '../config';
import { committed, type PositionTensors } from '../tensors';
import { TraceHasher } from '../trace';
import { CacheSpace } from './cacheSpace';
import { KvMemoryError } from '../errors';
import { WebGpuDeviceError, WebGpuDeviceLostError } from './errors';
import type { OpenedDevice } from './adapter';
import { readCommitted, readPosition } from './readback';
import type { Column, Runner, StepResult } from './runner';

/** Hears every position's tensors, which are only valid during the call. */
export type PositionObserver = (tensors: PositionTensors) => void;

export interface WebGpuEngine extends Engine {
  readonly backend: 'webgpu';
  readonly adapterDescription: OpenedDevice['adapter'];
  /** Memory of all buffers on the device. */
  readonly deviceBytes: number;
  /** Dispatches by kernel since the engine was created. */
  dispatchCounts(): Record<string, number>;
}

/** A job on its way. */
interface Sequence {
  job: Job;
  stop: Set<number>;
  trace: TraceHasher;
  tokens: number[];
  cacheBase: number;
  /** Positions that its whole answer can take. */
  length: number;
  /** Positions submitted. */
  submitted: number;
  /** Where the last step drew its token; the next position reads it there. */
  drawnBy: number;
  dispatches: number;
  started: number;
  done: boolean;
  resolve(generation: Generation): void;
  reject(error: unknown): void;
}

interface Step {
  columns: { sequence: Sequence; column: Column }[];
  result: Promise<StepResult>;
}

export class Generator implements WebGpuEngine {
  readonly backend = 'webgpu';
  readonly adapter: string;
  private readonly space: CacheSpace;
  private readonly waiting: Sequence[] = [];
  private active: Sequence[] = [];
  private running: Promise<void> | undefined;
  private failure: Error | undefined;
  private closed = false;

  constructor(
    private readonly config: ExactConfig,
    private readonly opened: OpenedDevice,
    private readonly ownsDevice: boolean,
    private readonly runner: Runner,
    private readonly observe?: PositionObserver,
  ) {
    const { device, isSoftware } = opened.adapter;
    this.adapter = isSoftware ? `${device} (simulated GPU on the CPU)` : device;
    this.space = new CacheSpace(runner.options.cachePositions);
    opened.device.addEventListener('uncapturederror', (event) => {
      const { message } = (event as GPUUncapturedErrorEvent).error;
      this.failure ??= new WebGpuDeviceError('engine.webgpu.error', 'WebGPU refused a command', { received: message });
    });
    void opened.device.lost.then(({ reason, message }) => {
      const received = `${reason} ${message}`.trim();
      this.failure ??= this.closed ? closedError() : lostError('the GPU device was lost', received);
    });
  }

  get adapterDescription(): OpenedDevice['adapter'] {
    return this.opened.adapter;
  }

  get deviceBytes(): number {
    return this.runner.deviceBytes;
  }

  dispatchCounts(): Record<string, number> {
    return Object.fromEntries(this.runner.counts);
  }

  /**
   * Generations run side by side, as many as the cache and the columns of a step hold; more wait in order. What else
   * runs never changes an answer.
   */
  async generate(job: Job): Promise<Generation> {
    if (this.failure) throw this.failure;
    checkJob(this.config, job);
    throwIfAborted(job.signal);
    const length = job.promptTokens.length + job.maxTokens - 1;
    if (length > this.space.positions) {
      throw new KvMemoryError('engine.kv-memory', 'the job needs more positions than the KV cache holds', {
        expected: `at most ${this.space.positions} positions of prompt and answer`,
        received: `${job.promptTokens.length} prompt tokens and up to ${job.maxTokens} new ones`,
        hint: 'ask for fewer tokens, or start the engine with a larger cache',
      });
    }
    await this.runner.prepare(job.sampling).catch((cause) => { throw this.failure ?? cause; });
    if (this.failure) throw this.failure;
    return new Promise((resolve, reject) => {
      this.waiting.push({
        job, length, resolve, reject, stop: new Set(job.stopTokens), trace: new TraceHasher(this.config), tokens: [],
        cacheBase: 0, submitted: 0, drawnBy: 0, dispatches: 0, started: performance.now(), done: false,
      });
      this.running ??= this.run().finally(() => (this.running = undefined));
    });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.failure ??= closedError();
    this.runner.destroy();
    if (this.ownsDevice) this.opened.device.destroy();
    await this.running;
  }

  /** Steps until no job is left; some steps are under way while earlier ones are read. Never rejects. */
  private async run(): Promise<void> {
    const steps: Step[] = [];
    let slot = 0;
    try {
      for (;;) {
        this.admit();
        while (steps.length < this.runner.options.stepsAhead && !this.failure) {
          const columns = this.nextColumns();
          if (columns.length === 0) break;
          const result = this.runner.step(columns.map(({ column }) => column), slot);
          result.catch(() => undefined); // heard when its turn comes
          steps.push({ columns, result });
          slot = (slot + 1) % this.runner.options.stepsAhead;
        }
        const step = steps.shift();
        if (step === undefined) break;
        const result = await step.result;
        try {
          if (this.failure) throw this.failure;
          for (const sequence of new Set(step.columns.map((entry) => entry.sequence))) {
            sequence.dispatches += result.dispatches;
          }
          // A trace takes positions in order, which the columns of a prompt are not.
          const order = step.columns.map((entry, index) => ({ ...entry, index }))
            .sort((a, b) => a.column.t - b.column.t);
          for (const { sequence, column, index } of order) this.read(sequence, column, result, index);
        } finally {
          if (!this.failure) result.release();
        }
        this.active = this.active.filter(({ done }) => !done);
      }
    } catch (cause) {
      this.failure ??= lostError('the GPU did not finish a step', (cause as Error).message, cause as Error);
    }
    if (!this.failure) return;
    await Promise.allSettled(steps.map(({ result }) => result));
    for (const { reject } of [...this.active.splice(0), ...this.waiting.splice(0)]) reject(this.failure);
  }

  private admit(): void {
    for (const sequence of this.waiting.filter(({ job }) => job.signal?.aborted)) this.abort(sequence);
    while (this.waiting.length > 0 && this.active.length < this.runner.columns) {
      const base = this.space.take(this.waiting[0].length);
      if (base === undefined) return;
      const sequence = this.waiting.shift()!;
      sequence.cacheBase = base;
      this.active.push(sequence);
    }
  }

  /**
   * Columns of the next step: of every sequence that decodes its next position, then as much of the prompts as fits.
   * Those that draw come first.
   */
  private nextColumns(): Step['columns'] {
    const drawing: Step['columns'] = [];
    const others: Step['columns'] = [];
    const take = (sequence: Sequence) => {
      const { job: { promptTokens, sampling }, submitted: t, cacheBase, drawnBy } = sequence;
      const firstDraw = promptTokens.length - 1;
      const token = t < promptTokens.length ? promptTokens[t] : { drawnBy };
      const draw = t < firstDraw ? undefined : { sampling, random: randomWords(sampling.seed, t - firstDraw) };
      (draw ? drawing : others).push({ sequence, column: { t, cacheBase, token, draw } });
      sequence.submitted++;
    };
    const open = this.active.filter(({ done, submitted, length }) => !done && submitted < length);
    const decoding = open.filter(({ submitted, job }) => submitted >= job.promptTokens.length);
    decoding.forEach(take);
    let room = this.runner.columns - decoding.length;
    for (const sequence of open.filter((other) => !decoding.includes(other))) {
      for (; room > 0 && sequence.submitted < sequence.job.promptTokens.length; room--) take(sequence);
    }
    drawing.forEach(({ sequence }, column) => (sequence.drawnBy = column));
    return [...drawing, ...others];
  }

  private read(sequence: Sequence, { t, draw }: Column, result: StepResult, index: number): void {
    if (sequence.done) return; // its answer ended while this step was under way
    const { job, trace, tokens } = sequence;
    if (job.signal?.aborted) return this.abort(sequence);
    const { config, runner: { arena } } = this;
    let token: number | undefined;
    try {
      if (this.observe) {
        const input = t < job.promptTokens.length ? job.promptTokens[t] : tokens[tokens.length - 1];
        const tensors = readPosition(config, arena, result.bytes, t, input, draw?.sampling);
        trace.position(committed(tensors));
        this.observe(tensors);
        token = tensors.head?.draw[3];
      } else {
        const tensors = readCommitted(config, arena, result.bytes, result.words, index, draw !== undefined);
        trace.position(tensors);
        token = tensors.draw?.[3];
      }
      if (token === undefined) return;
      tokens.push(token);
      job.onToken?.(token);
    } catch (error) {
      this.finish(sequence);
      sequence.reject(error);
      return;
    }
    const finishReason = sequence.stop.has(token) ? 'stop' : tokens.length === job.maxTokens ? 'length' : undefined;
    if (finishReason === undefined) return;
    this.finish(sequence);
    sequence.resolve({
      tokens,
      finishReason,
      traceRoot: trace.traceRoot(),
      blockRoots: trace.blockRoots(),
      millis: performance.now() - sequence.started,
      dispatches: sequence.dispatches,
    });
  }

  /** Its cache may be taken at once: whatever is still under way for it was submitted before its successor. */
  private finish(sequence: Sequence): void {
    sequence.done = true;
    this.space.give(sequence.cacheBase, sequence.length);
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

/** The first 16 bytes of SHA-256(seed, u64 step) as four words, most significant first. */
export function randomWords(seed: Uint8Array, step: number): Uint32Array {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHash('sha256').update(seed).update(counter).digest();
  return Uint32Array.from({ length: 4 }, (_, i) => digest.readUInt32BE(4 * i));
}

const closedError = () => new WebGpuDeviceLostError('engine.webgpu.closed', 'the engine was closed', {
  hint: 'create a new engine',
});

const lostError = (message: string, received: string, cause?: unknown) => new WebGpuDeviceLostError(
  'engine.webgpu.lost', message, {
    received, hint: 'create a new engine; if it happens again, check the driver and the memory of the GPU', cause,
  });
