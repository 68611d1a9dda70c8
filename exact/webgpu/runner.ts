/** Runs planned positions on a device: one command buffer, one readback and one map per position. */
import type { ExactConfig } from '../config';
import type { Sampling } from '../engine';
import type { ExactModel } from '../modelFile';
import { blocksOf } from '../opTable';
import { committedRange, layOutArena, type Arena } from './arena';
import { WebGpuDeviceError } from './errors';
import { Kernels, type KernelName } from './kernels';
import { Pacer } from './pacer';
import { planPosition, type LinearKernel, type Plan, type PlannedDispatch } from './plan';
import { STATE_FIELDS, type ShaderOptions } from './shaders/common';
import { uploadModel, type ResidentModel } from './weights';

export interface RunnerOptions extends Omit<ShaderOptions, 'sizes'> {
  linearKernel: LinearKernel;
  shardBytes?: number;
  /** Sleep through most of a position instead of polling; for software adapters. */
  sleeps: boolean;
}

/** Where a position's input token comes from: given, or the draw of the position before, still on the device. */
export type InputToken = number | 'drawn';

export interface PositionRun {
  t: number;
  token: InputToken;
  /** Given where a token is drawn: parameters and the 128 random bits, most significant word first. */
  draw?: { sampling: Sampling; random: Uint32Array };
}

export interface PositionResult {
  /** What the position committed, from arena word `start` on. Valid until `release`. */
  bytes: ArrayBuffer;
  start: number;
  release(): void;
}

/** Positions that may be under way at once. */
export const READBACK_SLOTS = 2;

export class Runner {
  readonly counts = new Map<KernelName, number>();
  private readonly readbacks: GPUBuffer[];
  private nextReadback = 0;
  private readonly pacer: Pacer;

  private constructor(
    readonly config: ExactConfig,
    readonly arena: Arena,
    private readonly device: GPUDevice,
    private readonly kernels: Kernels,
    private readonly plan: Plan,
    private readonly bindGroups: GPUBindGroup[][],
    private readonly buffers: { arena: GPUBuffer; state: GPUBuffer; owned: GPUBuffer[] },
    private readonly resident: ResidentModel,
    sleeps: boolean,
  ) {
    this.pacer = new Pacer(sleeps ? weightsPerPosition(config) / SOFTWARE_WEIGHTS_PER_MILLI : 0);
    const [, end] = committedRange(arena, config.context - 1, true);
    this.readbacks = Array.from({ length: READBACK_SLOTS }, (_, i) => device.createBuffer({
      label: `readback ${i}`, size: 4 * end, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    }));
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

  private static async build(device: GPUDevice, model: ExactModel, options: RunnerOptions): Promise<Runner> {
    const { config } = model;
    const arena = layOutArena(config);
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const need = largestBuffer(config);
    if (need > limit) {
      throw new WebGpuDeviceError('engine.webgpu.memory',
        'a position or a layer\'s cache does not fit one buffer of this device', {
        expected: `at most ${limit} bytes`,
        received: `${need} bytes for a context of ${config.context} positions`,
        hint: 'use a model file with a smaller context',
      });
    }
    const kernels = new Kernels(device, { ...options, sizes: shaderSizes(config) });
    const resident = await uploadModel(device, model, options.shardBytes);
    const plan = planPosition(config, arena, resident, options);
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const make = (label: string, size: number, usage: number) => device.createBuffer({ label, size, usage });
    const arenaBuffer = make('arena', 4 * arena.words, storage);
    const state = make('state', 4 * STATE_FIELDS.length, uniform);
    const params = make('params', plan.params.byteLength, uniform);
    device.queue.writeBuffer(params, 0, plan.params);
    const bindGroups: GPUBindGroup[][] = [];
    const caches: GPUBuffer[] = [];
    for (let layer = 0; layer < config.layers; layer++) {
      const keys = make(`keys ${layer}`, cacheBytes(config), storage);
      const values = make(`values ${layer}`, cacheBytes(config), storage);
      caches.push(keys, values);
      bindGroups.push(resident.shards.map((weights) => kernels.bindGroup({
        params, state, arena: arenaBuffer, weights, rowScales: resident.rowScales, tables: resident.tables, keys,
        values,
      })));
    }
    const owned = [arenaBuffer, state, params, ...caches];
    const always = plan.dispatches.filter(({ stage }) => stage === 'body' || stage === 'head');
    await kernels.ensure(always.map(({ kernel }) => kernel));
    return new Runner(config, arena, device, kernels, plan, bindGroups, { arena: arenaBuffer, state, owned }, resident,
      options.sleeps);
  }

  /** Compiles what this sampling mode needs and no job needed before. */
  async prepare(sampling: Sampling): Promise<void> {
    const needed = this.plan.dispatches.filter((dispatch) => wanted(dispatch, sampling));
    await this.kernels.ensure(needed.map(({ kernel }) => kernel));
  }

  /** Submits one position; the promise resolves when its committed words are readable. */
  async position(run: PositionRun): Promise<PositionResult> {
    const { t, token, draw } = run;
    const { device, arena } = this;
    const { queue } = device;
    const readback = this.readbacks[this.nextReadback];
    this.nextReadback = (this.nextReadback + 1) % READBACK_SLOTS;

    const { t: samplingT = 0, topK = 0, topP16 = 0, minPX = 0 } = draw?.sampling ?? {};
    const random = draw?.random ?? [0, 0, 0, 0];
    queue.writeBuffer(this.buffers.state, 0,
      Uint32Array.of(t, token === 'drawn' ? 0 : token, samplingT, topK, topP16, minPX, ...random));

    const encoder = device.createCommandEncoder();
    if (token === 'drawn') {
      encoder.copyBufferToBuffer(this.buffers.arena, 4 * (arena.head.draw + 3), this.buffers.state, 4, 4);
    }
    const pass = encoder.beginComputePass();
    for (const dispatch of this.plan.dispatches) {
      if (!wanted(dispatch, draw?.sampling)) continue;
      const [x, y] = dispatch.size(t);
      pass.setPipeline(this.kernels.pipeline(dispatch.kernel));
      pass.setBindGroup(0, this.bindGroups[dispatch.layer][dispatch.shard], [dispatch.params]);
      pass.dispatchWorkgroups(x, y);
      this.counts.set(dispatch.kernel, (this.counts.get(dispatch.kernel) ?? 0) + 1);
    }
    pass.end();
    const [start, end] = committedRange(arena, t, draw !== undefined);
    const size = 4 * (end - start);
    encoder.copyBufferToBuffer(this.buffers.arena, 4 * start, readback, 0, size);
    queue.submit([encoder.finish()]);
    await this.pacer.wait(() => readback.mapAsync(GPUMapMode.READ, 0, size));
    return { bytes: readback.getMappedRange(0, size), start, release: () => readback.unmap() };
  }

  destroy(): void {
    [...this.buffers.owned, ...this.readbacks].forEach((buffer) => buffer.destroy());
    this.resident.destroy();
  }
}

/**
 * Weights a software adapter multiplies in a millisecond, for a first guess (SwiftShader, measured: 0.5 to 1 million).
 */
const SOFTWARE_WEIGHTS_PER_MILLI = 700_000;

function weightsPerPosition({ layers, dim, heads, kvHeads, headDim, ffn, vocab }: ExactConfig): number {
  return layers * dim * (2 * (heads + kvHeads) * headDim + 3 * ffn) + vocab * dim;
}

const cacheBytes = ({ kvHeads, context, headDim }: ExactConfig): number => kvHeads * context * (headDim + 4);

/** Bytes of the largest buffer that grows with the context: the arena, or one layer's keys. */
export const largestBuffer = (config: ExactConfig): number => Math.max(4 * layOutArena(config).words,
  cacheBytes(config));

export function shaderSizes({ dim, context, headDim }: ExactConfig): ShaderOptions['sizes'] {
  return { normBlocks: blocksOf(dim), positionBlocks: blocksOf(context), headDim };
}

function wanted({ stage }: PlannedDispatch, sampling: Sampling | undefined): boolean {
  if (stage === 'body') return true;
  if (!sampling) return false;
  if (stage === 'head') return true;
  return stage === (sampling.t === 0 ? 'greedy' : sampling.topK > 0 ? 'top' : 'full');
}
