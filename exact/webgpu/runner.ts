/**
 * Runs planned steps on a device: up to a fixed number of columns (positions of sequences) at once; one command buffer
 * and one readback per step. Steps may be submitted before earlier ones are read.
 */
import { weightsPerPosition, type ExactConfig } from '../config';
import type { Sampling } from '../engine';
import type { ExactModel } from '../modelFile';
import { blocksOf } from '../opTable';
import type { Column, StepResult, StepRunner } from '../stepRunner';
import { layOutArena, type Arena } from './arena';
import { WebGpuDeviceError } from './errors';
import { Kernels, type KernelName } from './kernels';
import { Pacer } from './pacer';
import { readCommitted, readPosition } from './readback';
import { planStep, type PlanOptions, type Plan, type PlannedDispatch } from './plan';
import { STATE_FIELDS, type ShaderOptions } from './shaders/common';
import { uploadModel, type ResidentModel } from './weights';

export interface RunnerOptions extends Omit<ShaderOptions, 'sizes'>, PlanOptions {
  shardBytes?: number;
  /** Lanes of a subgroup; read where kernels use them. */
  subgroupSize?: number;
  /** Sleep through most of a step instead of polling; for software adapters. */
  sleeps: boolean;
  /** Most columns of a step. */
  columns: number;
  /** Positions that the KV cache holds, of all sequences together. */
  cachePositions: number;
  /** Steps that may be under way at once. */
  stepsAhead: number;
  /** Keep and read back all tensors of a column, for an observer; one column then. */
  keepLayers: boolean;
}

export class Runner implements StepRunner {
  readonly counts = new Map<KernelName, number>();
  readonly columns: number;
  readonly cachePositions: number;
  readonly stepsAhead: number;
  private readonly readbacks: GPUBuffer[];
  private readonly pacer: Pacer;

  private constructor(
    readonly config: ExactConfig,
    readonly arena: Arena,
    readonly options: RunnerOptions,
    private readonly device: GPUDevice,
    private readonly kernels: Kernels,
    private readonly plan: Plan,
    private readonly bindGroups: GPUBindGroup[][],
    private readonly buffers: { arena: GPUBuffer; states: GPUBuffer; owned: GPUBuffer[] },
    private readonly resident: ResidentModel,
  ) {
    this.columns = options.columns;
    this.cachePositions = options.cachePositions;
    this.stepsAhead = options.stepsAhead;
    this.pacer = new Pacer(options.sleeps ? weightsPerPosition(config) / SOFTWARE_WEIGHTS_PER_MILLI : 0);
    this.readbacks = Array.from({ length: options.stepsAhead }, (_, i) => device.createBuffer({
      label: `readback ${i}`, size: 4 * this.columns * this.readWords,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    }));
  }

  private get readWords(): number {
    return this.options.keepLayers ? this.arena.words : this.arena.committedWords;
  }

  /** Bytes of all buffers on the device. */
  get deviceBytes(): number {
    const { arena, states, owned } = this.buffers;
    const all = new Set([arena, states, ...owned, ...this.readbacks, ...this.resident.buffers]);
    return [...all].reduce((sum, { size }) => sum + size, 0);
  }

  /** Errors of WebGPU on the way, lack of memory first of all, are WebGpuDeviceErrors. */
  static async create(device: GPUDevice, model: ExactModel, options: RunnerOptions): Promise<Runner> {
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    const [built] = await Promise.allSettled([Runner.build(device, model, options)]);
    const memory = await device.popErrorScope();
    const validation = await device.popErrorScope();
    const refused = memory ?? validation;
    if (built.status === 'rejected') throw built.reason;
    if (refused) {
      built.value.destroy();
      const code = memory ? 'engine.webgpu.memory' : 'engine.webgpu.error';
      const message = memory ? 'the GPU has too little memory for this model' : 'WebGPU refused the model';
      throw new WebGpuDeviceError(code, message, {
        received: refused.message, hint: memory ? 'use a smaller model or context, or another GPU' : undefined,
      });
    }
    return built.value;
  }

  private static async build(device: GPUDevice, model: ExactModel, wanted: RunnerOptions): Promise<Runner> {
    const { config } = model;
    const arena = layOutArena(config, Math.min(config.context, wanted.cachePositions), wanted.keepLayers);
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const columns = Math.min(wanted.keepLayers ? 1 : wanted.columns, Math.floor(limit / (4 * arena.words)));
    const options = { ...wanted, columns };
    const need = Math.max(4 * arena.words, cacheBytes(config, options.cachePositions));
    if (need > limit) {
      throw new WebGpuDeviceError('engine.webgpu.memory',
        'a position or a layer\'s cache does not fit one buffer of this device', {
        expected: `at most ${limit} bytes`,
        received: `${need} bytes for a cache of ${options.cachePositions} positions`,
        hint: 'use a smaller cache or a model file with a smaller context',
      });
    }
    const kernels = new Kernels(device, { ...options, sizes: shaderSizes(config, arena, options.cachePositions) });
    const resident = await uploadModel(device, model, options.shardBytes);
    const plan = planStep(config, arena, resident, options, options.subgroupSize);
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const make = (label: string, size: number, usage: number) => device.createBuffer({ label, size, usage });
    const arenaBuffer = make('arena', 4 * arena.words * columns, storage);
    const states = make('states', 4 * STATE_FIELDS.length * columns, storage);
    const params = make('params', plan.params.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
    device.queue.writeBuffer(params, 0, plan.params);
    const bindGroups: GPUBindGroup[][] = [];
    const caches: GPUBuffer[] = [];
    const size = cacheBytes(config, options.cachePositions);
    for (let layer = 0; layer < config.layers; layer++) {
      const keys = make(`keys ${layer}`, size, storage);
      const values = make(`values ${layer}`, size, storage);
      caches.push(keys, values);
      bindGroups.push(resident.shards.map((weights) => kernels.bindGroup({
        params, states, arena: arenaBuffer, weights, rowScales: resident.rowScales, tables: resident.tables, keys,
        values,
      })));
    }
    const owned = [arenaBuffer, states, params, ...caches];
    const always = plan.dispatches.filter(({ stage }) => stage === 'body' || stage === 'head');
    await kernels.ensure(always.filter((dispatch) => occurs(dispatch, options)).map(({ kernel }) => kernel));
    return new Runner(config, arena, options, device, kernels, plan, bindGroups,
      { arena: arenaBuffer, states, owned }, resident);
  }

  /** Compiles what this sampling mode needs and no job needed before. */
  async prepare(sampling: Sampling): Promise<void> {
    const needed = this.plan.dispatches.filter((dispatch) =>
      stagesOf(sampling).includes(dispatch.stage) && occurs(dispatch, this.options));
    await this.kernels.ensure(needed.map(({ kernel }) => kernel));
  }

  /**
   * Submits one step; the promise resolves when its words are readable. Columns that draw stand in front.
   * @param slot of the readback, 0 .. stepsAhead - 1, that no step under way uses
   */
  async step(columns: readonly Column[], slot: number): Promise<StepResult> {
    const { device, arena, readWords } = this;
    const { queue } = device;
    const drawing = columns.filter(({ draw }) => draw !== undefined).length;
    queue.writeBuffer(this.buffers.states, 0, stateWords(columns));

    const encoder = device.createCommandEncoder();
    columns.forEach(({ token }, column) => {
      if (typeof token === 'number') return;
      const from = 4 * (token.drawnBy * arena.words + arena.draw + 3);
      encoder.copyBufferToBuffer(this.buffers.arena, from, this.buffers.states, 4 * (STATE_FIELDS.length * column + 1), 4);
    });
    const stages = new Set<Stage>(['body']);
    for (const { draw } of columns) if (draw) stagesOf(draw.sampling).forEach((stage) => stages.add(stage));
    const last = Math.max(...columns.map(({ t }) => t));
    const pass = encoder.beginComputePass();
    let dispatches = 0;
    for (const dispatch of this.plan.dispatches) {
      if (!stages.has(dispatch.stage)) continue;
      const count = dispatch.stage === 'body' ? columns.length : drawing;
      if (dispatch.when && (dispatch.when === 'many') !== (count >= this.options.manyColumns)) continue;
      const [x, y] = dispatch.size(last);
      pass.setPipeline(this.kernels.pipeline(dispatch.kernel));
      pass.setBindGroup(0, this.bindGroups[dispatch.layer][dispatch.shard], [dispatch.params]);
      pass.dispatchWorkgroups(x, y, Math.ceil(count / dispatch.columnsPerGroup));
      this.counts.set(dispatch.kernel, (this.counts.get(dispatch.kernel) ?? 0) + 1);
      dispatches++;
    }
    pass.end();
    const readback = this.readbacks[slot];
    columns.forEach((_, column) => {
      encoder.copyBufferToBuffer(this.buffers.arena, 4 * column * arena.words, readback, 4 * column * readWords,
        4 * readWords);
    });
    queue.submit([encoder.finish()]);
    const size = 4 * columns.length * readWords;
    await this.pacer.wait(() => readback.mapAsync(GPUMapMode.READ, 0, size));
    return this.resultOf(columns, readback.getMappedRange(0, size), dispatches, () => readback.unmap());
  }

  private resultOf(
    columns: readonly Column[], bytes: ArrayBuffer, dispatches: number, release: () => void,
  ): StepResult {
    const { config, arena, readWords } = this;
    return {
      dispatches,
      committed: (i) => readCommitted(config, arena, bytes, readWords, i, columns[i].draw !== undefined),
      position: (token) => readPosition(config, arena, bytes, columns[0].t, token, columns[0].draw?.sampling),
      release,
    };
  }

  destroy(): void {
    [...this.buffers.owned, ...this.readbacks].forEach((buffer) => buffer.destroy());
    this.resident.destroy();
  }
}

type Stage = PlannedDispatch['stage'];

/** Whether any step can come to this dispatch. */
const occurs = ({ when }: PlannedDispatch, { columns, manyColumns }: RunnerOptions): boolean =>
  when !== 'many' || columns >= manyColumns;

const stagesOf = ({ t, topK }: Sampling): Stage[] => {
  if (t === 0) return ['head', 'greedy'];
  return topK > 0 ? ['head', 'top'] : ['head', 'full', 'greedy'];
};

function stateWords(columns: readonly Column[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(STATE_FIELDS.length * columns.length);
  columns.forEach(({ t, token, draw, cacheBase }, i) => {
    const { t: samplingT = 0, topK = 0, topP16 = 0, minPX = 0 } = draw?.sampling ?? {};
    const random = draw ? wordsOf(draw.random) : [0, 0, 0, 0];
    words.set([
      t, typeof token === 'number' ? token : 0, samplingT, topK, topP16, minPX, ...random, cacheBase, columns.length,
    ], STATE_FIELDS.length * i);
  });
  return words;
}

/** Big-endian words, most significant first. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i));
}

/**
 * Weights a software adapter multiplies in a millisecond, for a first guess (SwiftShader, measured: 0.5 to 1 million).
 */
const SOFTWARE_WEIGHTS_PER_MILLI = 700_000;

/** Of a layer's keys, or its values. */
export const cacheBytes = ({ kvHeads, headDim }: ExactConfig, positions: number): number =>
  kvHeads * positions * (headDim + 4);

export function shaderSizes(
  { dim, context, headDim }: ExactConfig, arena: Pick<Arena, 'words'>, cachePositions: number,
): ShaderOptions['sizes'] {
  return {
    normBlocks: blocksOf(dim), positionBlocks: blocksOf(context), headDim, arenaWords: arena.words, cachePositions,
  };
}
