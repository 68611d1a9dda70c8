import { openDevice, type OpenedDevice } from '../../exact/webgpu/adapter';
import {
  bindingLayout, compile, kernelCode, paramWords, PARAMS_STRIDE, type KernelName, type KernelParams,
} from '../../exact/webgpu/kernels';
import { commonWgsl, STATE_FIELDS, TABLE_OFFSETS, type ShaderOptions } from '../../exact/webgpu/shaders/common';

export interface Step {
  pipeline: GPUComputePipeline;
  params: Uint32Array;
  groups: [number, number];
}

/** Words or weights the kernels find in their buffers; missing ones are 64 zero words. */
export interface KernelInput {
  arena: Int32Array | Uint32Array;
  state?: Partial<Record<(typeof STATE_FIELDS)[number], number>>;
  weights?: Int8Array;
  rowScales?: number[];
  tables?: Uint32Array;
  keys?: Uint32Array;
  values?: Uint32Array;
}

export interface KernelOutput {
  arena: Int32Array;
  keys: Uint32Array;
  values: Uint32Array;
}

type Variant = Pick<ShaderOptions, 'lanes' | 'packedDot' | 'subgroups'>;

/** The variants a device might get: one lane with dot4I8Packed, and many lanes without it. */
export const VARIANTS: readonly Variant[] = [
  { lanes: 1, packedDot: true, subgroups: false }, { lanes: 64, packedDot: false, subgroups: true },
];

const SIZES: ShaderOptions['sizes'] = {
  normBlocks: 2, positionBlocks: 2, headDim: 320, arenaWords: 0, cachePositions: 512,
};

/** Runs single kernels of the engine on given buffers, for the tests of operations. */
export class KernelHarness {
  private readonly layout: GPUBindGroupLayout;
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();

  private constructor(private readonly opened: OpenedDevice, private readonly variant: Variant) {
    this.layout = bindingLayout(opened.device);
  }

  static async open(variant: Variant): Promise<KernelHarness> {
    const opened = await openDevice({}, undefined, true);
    return new KernelHarness(opened, {
      ...variant, packedDot: variant.packedDot && opened.hasPackedDot,
      subgroups: variant.subgroups && opened.subgroupSize > 0,
    });
  }

  async step<N extends KernelName>(
    name: N, params: KernelParams<N>, groups: [number, number] = [1, 1],
  ): Promise<Step> {
    if (!this.pipelines.has(name)) {
      const code = kernelCode(name, { ...this.variant, sizes: SIZES });
      this.pipelines.set(name, compile(this.opened.device, this.layout, name, code));
    }
    return { pipeline: await this.pipelines.get(name)!, params: paramWords(name, params), groups };
  }

  /** A step of WGSL that maps words of the arena through `expression(i)`, to test the shared functions. */
  async mapStep(count: number, output: number, expression: string): Promise<Step> {
    const code = `${commonWgsl(['count', 'output'], { ...this.variant, sizes: SIZES })}
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        let i = id.x;
        if (i < params.count) { arena[params.output + i] = u32(${expression}); }
      }`;
    const params = new Uint32Array(PARAMS_STRIDE / 4);
    params.set([count, output]);
    const pipeline = await compile(this.opened.device, this.layout, expression, code);
    return { pipeline, params, groups: [Math.ceil(count / 64), 1] };
  }

  async run(steps: Step[], input: KernelInput): Promise<KernelOutput> {
    const { device } = this.opened;
    const made: GPUBuffer[] = [];
    const empty = new Uint32Array(64);
    const buffer = (data: Int8Array | Int32Array | Uint32Array, usage = GPUBufferUsage.STORAGE) => {
      const made1 = device.createBuffer({
        size: Math.max(16, Math.ceil(data.byteLength / 16) * 16),
        usage: usage | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      });
      device.queue.writeBuffer(made1, 0, data as Int8Array<ArrayBuffer>);
      made.push(made1);
      return made1;
    };
    const params = new Uint32Array((steps.length * PARAMS_STRIDE) / 4);
    steps.forEach((step, i) => params.set(step.params, (i * PARAMS_STRIDE) / 4));
    const state = Uint32Array.from(STATE_FIELDS, (field) => input.state?.[field] ?? (field === 'columns' ? 1 : 0));
    const arena = buffer(input.arena);
    const keys = buffer(input.keys ?? empty);
    const values = buffer(input.values ?? empty);
    const buffers = [
      buffer(params, GPUBufferUsage.UNIFORM), buffer(state), arena,
        buffer(input.weights ?? empty),
      buffer(Uint32Array.from(input.rowScales ?? empty)), buffer(input.tables ?? empty), keys, values,
    ];
    const group = device.createBindGroup({
      layout: this.layout,
      entries: buffers.map((b, binding) => {
        return { binding, resource: { buffer: b, size: binding === 0 ? PARAMS_STRIDE : undefined } };
      }),
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    steps.forEach(({ pipeline, groups }, i) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group, [i * PARAMS_STRIDE]);
      pass.dispatchWorkgroups(...groups);
    });
    pass.end();
    const readbacks = [arena, keys, values].map((source) => {
      const target = device.createBuffer({ size: source.size,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      encoder.copyBufferToBuffer(source, 0, target, 0, source.size);
      made.push(target);
      return target;
    });
    device.queue.submit([encoder.finish()]);
    const [a, k, v] = await Promise.all(readbacks.map(async (b) => {
      await b.mapAsync(GPUMapMode.READ);
      return b.getMappedRange().slice(0);
    }));
    made.forEach((b) => b.destroy());
    return { arena: new Int32Array(a), keys: new Uint32Array(k), values: new Uint32Array(v) };
  }

  close(): void {
    this.opened.device.destroy();
  }
}

/** Bytes of int8 values as words, as the kernels store them. */
export function packInt8(values: Int8Array): Uint32Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 4) * 4);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.length));
  return new Uint32Array(bytes.buffer);
}

/** int8 values of packed words. */
export const unpackInt8 = (words: Int32Array | Uint32Array, count: number): Int8Array =>
  new Int8Array(words.slice().buffer).slice(0, count);

/** The tables buffer of a model whose tables are given. */
export function tableWords(parts: { exp?: ArrayLike<number>; sigmoid?: ArrayLike<number>; sampling?: ArrayLike<number>;
  cos?: ArrayLike<number>; sin?: ArrayLike<number>; }): Uint32Array {
  const { cos = [], sin = [] } = parts;
  const words = new Uint32Array(TABLE_OFFSETS.rope + cos.length);
  words.set(parts.exp ?? [], TABLE_OFFSETS.exp);
  words.set(parts.sigmoid ?? [], TABLE_OFFSETS.sigmoid);
  words.set(parts.sampling ?? [], TABLE_OFFSETS.sampling);
  for (let i = 0; i < cos.length; i++) words[TABLE_OFFSETS.rope + i] = (cos[i] & 0xffff) | (sin[i] << 16);
  return words;
}
