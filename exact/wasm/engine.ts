/** The wasm back end: a scheduler over threads on one memory. */
import { availableParallelism, cpus } from 'node:os';
import { weightsPerPosition, type ExactConfig } from '../config';
import type { Engine, Generation, Job } from '../engine';
import type { ExactModel } from '../modelFile';
import { Scheduler } from '../scheduler';
import type { PositionObserver } from '../tensors';
import { WasmClosedError, WasmThreadError } from './errors';
import { WasmRunner } from './runner';

export interface WasmEngineOptions {
  /** Default: one per 8 million weights, at most one per core and 16. The bits never depend on it. */
  threads?: number;
  /** Most positions of all sequences together that a step computes. */
  columns?: number;
  /** Positions that the KV cache holds, of all sequences together; default: the context. */
  cachePositions?: number;
  /** Hears every position's tensors; one position at a time then. */
  observe?: PositionObserver;
}

/** Weights that are worth a thread: fewer are read while threads still wait for each other. */
const WEIGHTS_PER_THREAD = 8e6;
const MOST_THREADS = 16;
const COLUMNS = 16;
/** The threads compute a step while the host reads the one before. */
const STEPS_AHEAD = 2;

/**
 * Copies the model into one WebAssembly memory and starts its threads, which do not keep a process alive.
 * @throws WasmUnavailableError `engine.wasm.missing`, `engine.wasm.simd`, `engine.wasm.memory`
 */
export function createWasmEngine(model: ExactModel, options: WasmEngineOptions = {}): Engine {
  return new WasmEngine(model, options);
}

class WasmEngine implements Engine {
  readonly backend = 'wasm';
  readonly givesLogits = true;
  readonly adapter: string;
  private readonly runner: WasmRunner;
  private readonly scheduler: Scheduler;
  private closing: Promise<void> | undefined;

  constructor(model: ExactModel, { observe, ...options }: WasmEngineOptions) {
    const { config } = model;
    const threads = options.threads ?? usefulThreads(config);
    const kept = observe !== undefined;
    this.adapter = `CPU, WebAssembly SIMD, ${threads === 1 ? '1 thread' : `${threads} threads`} (${
      cpus()[0]?.model.trim() || 'unknown CPU'})`;
    this.runner = new WasmRunner(model, {
      threads,
      columns: kept ? 1 : options.columns ?? COLUMNS,
      cachePositions: options.cachePositions ?? config.context,
      stepsAhead: kept ? 1 : STEPS_AHEAD,
      keepLayers: kept,
    });
    this.scheduler = new Scheduler(config, this.runner, {
      observe,
      samplingTable: model.tables.sampling,
      lost: (cause) => new WasmThreadError('engine.wasm.thread', 'a thread of the engine ended', {
        received: cause.message, hint: 'create a new engine', cause,
      }),
    });
  }

  generate(job: Job): Promise<Generation> {
    return this.scheduler.generate(job);
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    this.scheduler.fail(new WasmClosedError('engine.wasm.closed', 'the engine was closed', { hint: 'create a new engine' }));
    await this.runner.close();
    await this.scheduler.idle();
  }
}

function usefulThreads(config: ExactConfig): number {
  const most = Math.min(availableParallelism(), MOST_THREADS);
  return Math.min(most, Math.max(1, Math.floor(weightsPerPosition(config) / WEIGHTS_PER_THREAD)));
}
