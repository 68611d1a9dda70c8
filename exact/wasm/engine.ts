/** The wasm back end: generations on one memory, one after the other, with their traces. */
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { checkJob, throwIfAborted, type Engine, type Generation, type Job } from '../engine';
import type { ExactModel } from '../modelFile';
import { committed, type PositionTensors } from '../tensors';
import { TraceHasher } from '../trace';
import { WasmClosedError } from './errors';
import { WasmSequence } from './sequence';

/** Hears every position's tensors, which are only valid during the call. */
export type PositionObserver = (tensors: PositionTensors) => void;

/**
 * Copies the model into one WebAssembly memory.
 * @throws WasmUnavailableError `engine.wasm.missing`, `engine.wasm.simd`, `engine.wasm.memory`; `engine.wasm.model`
 */
export function createWasmEngine(model: ExactModel, observe?: PositionObserver): Engine {
  return new WasmEngine(model, observe);
}

class WasmEngine implements Engine {
  readonly backend = 'wasm';
  readonly adapter = `CPU, WebAssembly SIMD (${cpus()[0]?.model.trim() || 'unknown CPU'})`;
  private readonly config;
  /** Absent once closed, so that the memory can be collected. */
  private sequence: WasmSequence | undefined;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(model: ExactModel, private readonly observe?: PositionObserver) {
    this.config = model.config;
    this.sequence = new WasmSequence(model);
  }

  /** Generations run one after the other: they share the KV cache. */
  generate(job: Job): Promise<Generation> {
    const turn = this.queue.then(() => this.run(job));
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  /** A running generation rejects at its next position. */
  async close(): Promise<void> {
    this.sequence = undefined;
    await this.queue;
  }

  private open(): WasmSequence {
    if (this.sequence) return this.sequence;
    throw new WasmClosedError('engine.wasm.closed', 'the engine was closed', { hint: 'create a new engine' });
  }

  private async run(job: Job): Promise<Generation> {
    this.open();
    checkJob(this.config, job);
    const started = performance.now();
    const { promptTokens, maxTokens, sampling } = job;
    const stop = new Set(job.stopTokens);
    const trace = new TraceHasher(this.config);
    const tokens: number[] = [];
    let finishReason: Generation['finishReason'] | undefined;

    this.open().reset();
    for (let t = 0; finishReason === undefined; t++) {
      await new Promise((resolve) => setImmediate(resolve)); // servers stay responsive, signals are heard
      throwIfAborted(job.signal);
      const input = t < promptTokens.length ? promptTokens[t] : tokens[tokens.length - 1];
      const draw = t < promptTokens.length - 1 ? undefined
        : { sampling, random: randomBytes(sampling.seed, tokens.length) };
      const tensors = this.open().step(input, draw);
      trace.position(committed(tensors));
      this.observe?.(tensors);
      if (!tensors.head) continue;
      const token = tensors.head.draw[3];
      tokens.push(token);
      if (stop.has(token)) finishReason = 'stop';
      else if (tokens.length === maxTokens) finishReason = 'length';
      job.onToken?.(token);
    }
    return {
      tokens,
      finishReason,
      traceRoot: trace.traceRoot(),
      blockRoots: trace.blockRoots(),
      millis: performance.now() - started,
    };
  }
}

/** r of section 7: the first 16 bytes of SHA-256(seed, u64 step). */
export function randomBytes(seed: Uint8Array, step: number): Uint8Array {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  return createHash('sha256').update(seed).update(counter).digest().subarray(0, 16);
}
