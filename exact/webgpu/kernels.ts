/** The compute pipelines: one per kernel, all with the same bind group layout. */
import { WebGpuDeviceError } from './errors';
import { attentionOutput, scores, softmax, weightedValues } from './shaders/attention';
import { commonWgsl, soloWgsl, type ShaderOptions } from './shaders/common';
import { heads } from './shaders/heads';
import { linearByGroup, linearBySubgroup, linearByThread, matmul } from './shaders/linear';
import { hadamard, multiply, packDown, swiglu } from './shaders/mlp';
import { embedding, norm } from './shaders/norm';
import { argmax, draw, drawTop, runningSums, sampleWeights } from './shaders/sampling';

export const KERNELS = {
  embedding, norm, linearByThread, linearByGroup, linearBySubgroup, matmul, heads, scores, softmax, weightedValues,
  attentionOutput, swiglu, multiply, hadamard, packDown, argmax, sampleWeights, runningSums, draw, drawTop,
} as const;

export type KernelName = keyof typeof KERNELS;
export type KernelParams<N extends KernelName> = Record<(typeof KERNELS)[N]['params'][number], number>;

/** Which kernel computes each slot of the op table; the rest (token, vt) is input or a rearrangement of v8. */
export const SLOT_KERNELS: Record<string, readonly string[]> = {
  h: ['embedding'],
  norm1: ['norm'], x1: ['norm'], norm2: ['norm'], x2: ['norm'], norm: ['norm'], x: ['norm'],
  q: ['linear'], k: ['linear'], v: ['linear'], h1: ['linear'], gate: ['linear'], up: ['linear'], h2: ['linear'],
  logits: ['linear'],
  headNorm: ['heads'], qn: ['heads'], kn: ['heads'], headMax: ['heads'], q8: ['heads'], k8: ['heads'], v8: ['heads'],
  attMax: ['softmax'], e: ['scores', 'softmax'], attSums: ['softmax'], p: ['softmax'],
  pv: ['weightedValues'], oMax: ['attentionOutput'], o8: ['attentionOutput'],
  mlpMax: ['swiglu', 'hadamard', 'packDown'], xd: ['swiglu', 'hadamard', 'packDown'],
  max: ['argmax'], top: ['drawTop'], sums: ['sampleWeights', 'runningSums'], draw: ['draw', 'drawTop'],
};

/**
 * Bytes between the uniform records of two dispatches: the largest offset alignment WebGPU allows a device to ask for.
 */
export const PARAMS_STRIDE = 256;

/** Buffers a bind group names, in the order of the bindings in shaders/common.ts. */
export interface Bindings {
  params: GPUBuffer;
  states: GPUBuffer;
  arena: GPUBuffer;
  weights: GPUBuffer;
  rowScales: GPUBuffer;
  tables: GPUBuffer;
  keys: GPUBuffer;
  values: GPUBuffer;
}

export class Kernels {
  private readonly layout: GPUBindGroupLayout;
  private readonly pipelines = new Map<KernelName, GPUComputePipeline>();

  constructor(readonly device: GPUDevice, private readonly options: ShaderOptions) {
    this.layout = bindingLayout(device);
  }

  /** Compiles those of the named kernels that are not there yet, all at once. */
  async ensure(names: readonly KernelName[]): Promise<void> {
    const missing = new Set(names.filter((name) => !this.pipelines.has(name)));
    await Promise.all([...missing].map(async (name) => {
      this.pipelines.set(name, await compile(this.device, this.layout, name, kernelCode(name, this.options)));
    }));
  }

  pipeline(name: KernelName): GPUComputePipeline {
    return this.pipelines.get(name)!;
  }

  bindGroup(bindings: Bindings): GPUBindGroup {
    const whole = (binding: number, buffer: GPUBuffer, size?: number) => ({ binding, resource: { buffer, size } });
    return this.device.createBindGroup({
      layout: this.layout,
      entries: [
        whole(0, bindings.params, PARAMS_STRIDE), whole(1, bindings.states), whole(2, bindings.arena),
        whole(3, bindings.weights), whole(4, bindings.rowScales), whole(5, bindings.tables),
        whole(6, bindings.keys), whole(7, bindings.values),
      ],
    });
  }
}

export function bindingLayout(device: GPUDevice): GPUBindGroupLayout {
  const buffer = (binding: number, type: GPUBufferBindingType, hasDynamicOffset = false): GPUBindGroupLayoutEntry =>
    ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type, hasDynamicOffset } });
  return device.createBindGroupLayout({
    entries: [
      buffer(0, 'uniform', true), buffer(1, 'read-only-storage'), buffer(2, 'storage'), buffer(3, 'read-only-storage'),
      buffer(4, 'read-only-storage'), buffer(5, 'read-only-storage'), buffer(6, 'storage'), buffer(7, 'storage'),
    ],
  });
}

/** A pipeline of WGSL with entry point `main`; WebGpuDeviceError with the compiler's messages when it is refused. */
export async function compile(
  device: GPUDevice, layout: GPUBindGroupLayout, name: string, code: string,
): Promise<GPUComputePipeline> {
  const module = device.createShaderModule({ label: name, code });
  try {
    return await device.createComputePipelineAsync({
      label: name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
  } catch (cause) {
    const { messages } = await module.getCompilationInfo();
    throw new WebGpuDeviceError('engine.webgpu.shader', `kernel ${name} does not compile on this device`, {
      received: messages.map((m) => `${m.lineNum}: ${m.message}`).join('; ') || (cause as Error).message,
      cause,
    });
  }
}

/** Kernels whose lanes share more than sums and maxima keep at least this many lanes. */
const COOPERATIVE_ONLY: readonly KernelName[] = [
  'drawTop', 'runningSums', 'linearByGroup', 'linearBySubgroup', 'matmul',
];
/** Kernels whose one workgroup goes through a long row. */
const LONG_ROWS: readonly KernelName[] = ['argmax', 'drawTop', 'norm', 'attentionOutput'];
const FEW_LANES = 8;

/** The whole WGSL of a kernel. */
export function kernelCode(name: KernelName, options: ShaderOptions): string {
  const { params, code } = KERNELS[name];
  const lanes = LONG_ROWS.includes(name) ? options.longLanes ?? options.lanes : options.lanes;
  if (lanes > 1) return commonWgsl(params, { ...options, lanes }) + code;
  if (COOPERATIVE_ONLY.includes(name)) return commonWgsl(params, { ...options, lanes: FEW_LANES }) + code;
  return commonWgsl(params, { ...options, subgroups: false }) + soloWgsl(code);
}

/** The uniform record of one dispatch: its parameters in the order of the kernel's struct. */
export function paramWords<N extends KernelName>(name: N, params: KernelParams<N>): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(PARAMS_STRIDE / 4);
  (KERNELS[name].params as readonly string[]).forEach((field, i) => {
    words[i] = (params as Record<string, number>)[field];
  });
  return words;
}
