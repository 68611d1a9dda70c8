/** Posts steps to the threads and hands over what they computed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { hasHeadNorm } from '../config';
import type { ExactModel } from '../modelFile';
import type { Column, StepResult, StepRunner } from '../stepRunner';
import type { CommitTensors, HeadTensors, PositionTensors } from '../tensors';
import {
  attentionShapes, committedShapes, drawShapes, endShapes, layerShapes, viewsOf,
} from './arena';
import { WasmUnavailableError } from './errors';
import { compiledKernels, sharedMemory } from './kernels';
import { CONTROL, planMemory, STATE_HEADER, STATE_WORDS, type LayerPlan, type Plan, type PlanOptions } from './plan';
import type { ThreadData } from './thread';

/** Written by `npm run build`. */
const THREAD_FILE = join(__dirname, '../../build/exact/wasmThread.cjs');

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

export class WasmRunner implements StepRunner {
  readonly columns: number;
  readonly cachePositions: number;
  readonly stepsAhead: number;
  private readonly plan: Plan;
  private readonly memory: ArrayBufferLike;
  private readonly control: Int32Array;
  private readonly workers: Worker[];
  private readonly waiting: Waiting[] = [];
  private posted = 0;
  private failure: Error | undefined;
  private readonly seen = new Map<number, CommitTensors>();

  /**
   * Copies the model to a memory and starts the threads.
   * @throws WasmUnavailableError `engine.wasm.missing`, `engine.wasm.simd`, `engine.wasm.memory`
   */
  constructor(model: ExactModel, options: PlanOptions) {
    this.columns = options.columns;
    this.cachePositions = options.cachePositions;
    this.stepsAhead = options.stepsAhead;
    const module = compiledKernels();
    if (!existsSync(THREAD_FILE)) {
      throw new WasmUnavailableError('engine.wasm.missing', 'the program of the threads is not built', { hint: 'npm run build' });
    }
    const { plan, resident } = planMemory(model, options);
    const memory = sharedMemory(plan.bytes);
    resident.writeTo(memory.buffer);
    this.plan = plan;
    this.memory = memory.buffer;
    this.control = new Int32Array(memory.buffer, plan.control, CONTROL.slots + plan.stepsAhead);
    this.workers = Array.from({ length: options.threads }, (_, thread) => {
      const workerData: ThreadData = { plan, module, memory, thread };
      const worker = new Worker(THREAD_FILE, { workerData, execArgv: [] });
      worker.on('error', (error) => this.fail(error));
      worker.on('exit', () => this.fail(new Error('a thread ended')));
      worker.unref();
      return worker;
    });
    this.workers[0].on('message', () => this.stepDone());
    this.workers[0].unref(); // listening refers to it again
  }

  async prepare(): Promise<void> {}

  async step(columns: readonly Column[], slot: number): Promise<StepResult> {
    if (this.failure) throw this.failure;
    if (columns[0].t === 0) this.forget();
    this.writeStates(columns, slot);
    this.control[CONTROL.slots + (this.posted % this.stepsAhead)] = slot;
    this.workers[0].ref();
    const done = new Promise<void>((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.posted++;
    this.wake();
    await done;
    return {
      committed: (column) => this.committed(slot, column, columns[column].draw !== undefined),
      position: (token) => this.position(token, columns[0]),
      logits: (column) => this.logits(column),
      release: () => {},
    };
  }

  /** Steps under way reject. */
  async close(): Promise<void> {
    this.fail(new Error('the threads were stopped'));
    Atomics.store(this.control, CONTROL.closing, 1);
    this.posted++;
    this.wake();
    await Promise.all(this.workers.map((worker) => {
      worker.ref();
      return worker.terminate();
    }));
  }

  private wake(): void {
    Atomics.store(this.control, CONTROL.posted, this.posted | 0);
    Atomics.notify(this.control, CONTROL.posted);
  }

  private stepDone(): void {
    this.waiting.shift()?.resolve();
    if (this.waiting.length === 0 && !this.failure) this.workers[0].unref();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.waiting.splice(0).forEach(({ reject }) => reject(this.failure!));
  }

  /** What only later positions write becomes zero before another sequence, where all is kept. */
  private forget(): void {
    const { layers, config } = this.plan;
    const shapes = attentionShapes(config, config.heads);
    for (const { attention } of layers) if (attention) viewsOf(this.memory, shapes, attention).pv.fill(0);
  }

  private writeStates(columns: readonly Column[], slot: number): void {
    const { states } = this.plan;
    const words = new Int32Array(this.memory, states[slot], STATE_HEADER + STATE_WORDS * this.columns);
    const bytes = new Uint8Array(this.memory, states[slot]);
    words[0] = columns.length;
    words[1] = columns.filter(({ draw }) => draw !== undefined).length;
    columns.forEach(({ t, cacheBase, token, draw }, column) => {
      const at = STATE_HEADER + column * STATE_WORDS;
      const given = typeof token === 'number';
      words.set([t, cacheBase, given ? token : 0, given ? -1 : token.drawnBy], at);
      if (!draw) return;
      const { sampling } = draw;
      words.set([sampling.t, sampling.topK, sampling.topP16, sampling.minPX], at + 4);
      bytes.set(draw.random, 4 * (at + 8));
    });
  }

  /** Views are kept: the same columns of the same slots come again and again. */
  private committed(slot: number, column: number, drew: boolean): CommitTensors {
    const key = slot * this.columns + column;
    let tensors = this.seen.get(key);
    if (!tensors) {
      const { config, layers, draws, columnBytes } = this.plan;
      const shift = column * columnBytes;
      const shapes = committedShapes(config);
      tensors = {
        layers: layers.map(({ committed }) => viewsOf(this.memory, shapes, committed[slot], shift)),
        ...viewsOf(this.memory, drawShapes, draws[slot], shift),
      };
      this.seen.set(key, tensors);
    }
    return drew ? tensors : { layers: tensors.layers };
  }

  private logits(column: number): Int32Array {
    const { config, ends, columnBytes } = this.plan;
    return viewsOf(this.memory, endShapes(config), ends, column * columnBytes).logits;
  }

  /** All tensors of column 0. */
  private position(token: number, { draw }: Column): PositionTensors {
    const { plan: { config, layers, ends, draws }, memory } = this;
    const { h, ...headViews } = viewsOf(memory, endShapes(config), ends);
    const { topK, t } = draw?.sampling ?? { topK: 0, t: 0 };
    const head = (): HeadTensors => ({
      ...headViews,
      top: topK > 0 ? headViews.top.subarray(0, 3 * Math.min(topK, config.vocab)) : undefined,
      sums: t > 0 && topK === 0 ? headViews.sums : undefined,
      ...viewsOf(memory, drawShapes, draws[0]),
    });
    return {
      embedding: { token: Uint32Array.of(token), h },
      layers: layers.map((layer) => this.layerTensors(layer)),
      head: draw && head(),
    };
  }

  private layerTensors({ at, attention, committed }: LayerPlan): PositionTensors['layers'][number] {
    const { plan: { config }, memory } = this;
    if (!attention) throw new RangeError('the layers were not kept');
    const { headNorm, qn, kn, ...tensors } = viewsOf(memory, layerShapes(config), at);
    return {
      ...tensors,
      ...(hasHeadNorm(config) && { headNorm, qn, kn }),
      ...viewsOf(memory, attentionShapes(config, config.heads), attention),
      ...viewsOf(memory, committedShapes(config), committed[0]),
    };
  }
}
