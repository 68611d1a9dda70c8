/** The webgpu back end: generations on one device, one after the other, with their traces. */
import { createHash } from 'node:crypto';
import { checkJob, throwIfAborted, type Engine, type Generation, type Job } from '../engine';
import type { ExactConfig } from '../config';
import { committed, type PositionTensors } from '../tensors';
import { TraceHasher } from '../trace';
import { WebGpuDeviceError, WebGpuDeviceLostError } from './errors';
import type { OpenedDevice } from './adapter';
import { readPosition } from './readback';
import type { PositionResult, Runner } from './runner';

/** Hears every position's tensors, which are only valid during the call. */
export type PositionObserver = (tensors: PositionTensors) => void;

export interface WebGpuEngine extends Engine {
  readonly backend: 'webgpu';
  readonly adapterDescription: OpenedDevice['adapter'];
  /** Dispatches by kernel since the engine was created. */
  dispatchCounts(): Record<string, number>;
}

export class Generator implements WebGpuEngine {
  readonly backend = 'webgpu';
  readonly adapter: string;
  private queue: Promise<unknown> = Promise.resolve();
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

  dispatchCounts(): Record<string, number> {
    return Object.fromEntries(this.runner.counts);
  }

  /** Generations run one after the other: they share the KV cache. */
  generate(job: Job): Promise<Generation> {
    const turn = this.queue.then(() => this.run(job));
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.failure ??= closedError();
    this.runner.destroy();
    if (this.ownsDevice) this.opened.device.destroy();
    await this.queue;
  }

  private async run(job: Job): Promise<Generation> {
    if (this.failure) throw this.failure;
    checkJob(this.config, job);
    throwIfAborted(job.signal);
    const started = performance.now();
    const before = this.dispatched();
    await this.runner.prepare(job.sampling).catch((cause) => { throw this.failure ?? cause; });
    const { promptTokens, maxTokens, sampling } = job;
    const stop = new Set(job.stopTokens);
    const trace = new TraceHasher(this.config);
    const tokens: number[] = [];
    const firstDraw = promptTokens.length - 1;
    const end = firstDraw + maxTokens;
    let finishReason: Generation['finishReason'] | undefined;

    // The next position is submitted before this one is read: its input token is already on the device.
    const submit = (t: number): Promise<PositionResult> | undefined => t >= end ? undefined : this.runner.position({
      t,
      token: t < promptTokens.length ? promptTokens[t] : 'drawn',
      draw: t < firstDraw ? undefined : { sampling, random: randomWords(sampling.seed, t - firstDraw) },
    }).catch((cause: Error) => {
      throw this.failure ?? lostError('the GPU did not finish a position', cause.message, cause);
    });

    let next = submit(0);
    try {
      for (let t = 0; finishReason === undefined; t++) {
        const current = await next!;
        next = undefined;
        try {
          if (this.failure) throw this.failure;
          throwIfAborted(job.signal);
          next = submit(t + 1);
          next?.catch(() => undefined); // heard when its turn comes
          const token = t < promptTokens.length ? promptTokens[t] : tokens[tokens.length - 1];
          const drawn = t < firstDraw ? undefined : sampling;
          const tensors = readPosition(this.config, this.runner.arena, current.bytes, current.start, t, token, drawn);
          trace.position(committed(tensors));
          this.observe?.(tensors);
          if (tensors.head) {
            const drawnToken = tensors.head.draw[3];
            tokens.push(drawnToken);
            if (stop.has(drawnToken)) finishReason = 'stop';
            else if (tokens.length === maxTokens) finishReason = 'length';
            job.onToken?.(drawnToken);
          }
        } finally {
          if (!this.failure) current.release();
        }
      }
    } finally {
      await this.discard(next);
    }
    return {
      tokens,
      finishReason,
      traceRoot: trace.traceRoot(),
      blockRoots: trace.blockRoots(),
      millis: performance.now() - started,
      dispatches: this.dispatched() - before,
    };
  }

  /** Waits for a position that nobody needs, so that its readback is free again. */
  private async discard(position: Promise<PositionResult> | undefined): Promise<void> {
    const result = await position?.catch(() => undefined);
    if (!this.failure) result?.release();
  }

  private dispatched(): number {
    let sum = 0;
    for (const count of this.runner.counts.values()) sum += count;
    return sum;
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
