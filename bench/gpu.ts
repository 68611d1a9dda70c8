/** Speed of the webgpu back end on this machine's adapter, beside the adapter's own copy bandwidth. */
import { GREEDY, type ExactModel, type Job } from '../exact';
import { createWebGpuEngine, openDevice, type OpenedDevice, type WebGpuEngine } from '../exact/webgpu';
import { SHIPPED_MODEL } from '../worker/engine';
import { syntheticModel, weightBytes, type SyntheticSize } from './syntheticModel';

export interface GpuReport {
  adapter: string;
  /** True when a CPU plays the GPU: the figures say nothing about GPUs. */
  simulated: boolean;
  size: SyntheticSize;
  linearKernel: string;
  /** Bytes read plus bytes written by the faster of a buffer copy and a copying shader, in 10^9 a second. */
  copyGigabytesPerSecond: number;
  decodeTokensPerSecond: number;
  /** Weight bytes that decoding reads (without the embedding) in 10^9 a second. */
  decodeGigabytesPerSecond: number;
  /** The latter over the former. */
  shareOfCopyBandwidth: number;
  /** All of several sequences decoded together. */
  batchedTokensPerSecond: number;
  batch: number;
  prefillTokensPerSecond: number;
  dispatchesPerToken: number;
  /** Buffers on the device over the bytes of the int8 weights. */
  memoryOverWeights: number;
}

export interface GpuOptions {
  size: SyntheticSize;
  tokens: number;
  promptTokens: number;
  batch: number;
  progress: (line: string) => void;
}

export async function measureGpu({ size, tokens, promptTokens, batch, progress }: GpuOptions): Promise<GpuReport> {
  const model = syntheticModel(size, SHIPPED_MODEL);
  const copy = await copyBandwidth();
  progress(`copies ${copy.toFixed(0)} GB/s`);
  const engine = await createWebGpuEngine(model);
  try {
    const { isSoftware } = engine.adapterDescription;
    const prompt = (length: number, from: number) =>
      Array.from({ length }, (_, i) => (from + 7919 * i) % model.config.vocab);
    await decode(engine, [prompt(4, 1)], Math.min(tokens, 8)); // compiles and warms
    const single = await decode(engine, [prompt(4, 1)], tokens);
    progress(`decode ${single.perSecond.toFixed(1)} tokens/s`);
    const many = await decode(engine, Array.from({ length: batch }, (_, i) => prompt(4, i)), tokens);
    progress(`${batch} together ${many.perSecond.toFixed(1)} tokens/s`);
    const prefill = async () => {
      const started = performance.now();
      await engine.generate(jobOf(prompt(promptTokens, 3), 1));
      return (1000 * promptTokens) / (performance.now() - started);
    };
    await prefill();
    const prefillSpeed = await prefill();
    const gigabytes = (single.perSecond * decodedBytes(model)) / 1e9;
    const used = Object.keys(engine.dispatchCounts()).filter((name) => /^linear|^matmul/.test(name));
    return {
      adapter: engine.adapter, simulated: isSoftware, size, linearKernel: used.join(', '),
      copyGigabytesPerSecond: rounded(copy), decodeTokensPerSecond: rounded(single.perSecond),
      decodeGigabytesPerSecond: rounded(gigabytes), shareOfCopyBandwidth: rounded(gigabytes / copy),
      batchedTokensPerSecond: rounded(many.perSecond), batch, prefillTokensPerSecond: rounded(prefillSpeed),
      dispatchesPerToken: rounded(single.dispatches / (tokens + 3)),
      memoryOverWeights: rounded(engine.deviceBytes / weightBytes(model)),
    };
  } finally {
    await engine.close();
  }
}

const rounded = (x: number): number => Number(x.toPrecision(4));

const jobOf = (promptTokens: number[], maxTokens: number, onToken?: () => void): Job =>
  ({ promptTokens, maxTokens, stopTokens: [], sampling: GREEDY, onToken });

/** Between the first and the last token of all. */
async function decode(engine: WebGpuEngine, prompts: number[][], tokens: number) {
  const times: number[] = [];
  const generations = await Promise.all(prompts.map((prompt) =>
    engine.generate(jobOf(prompt, tokens, () => void times.push(performance.now())))));
  const spent = times[times.length - 1] - times[prompts.length - 1];
  return { perSecond: (1000 * (times.length - prompts.length)) / spent, dispatches: generations[0].dispatches ?? 0 };
}

/** A decoded token reads every matrix but the embedding once. */
const decodedBytes = (model: ExactModel): number =>
  weightBytes(model) - model.embedding.rows * model.embedding.columns;

const COPY_WGSL = /* wgsl */ `
@group(0) @binding(0) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4<u32>>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let step = groups.x * 256u;
  for (var i = id.x; i < arrayLength(&source); i += step) { target_[i] = source[i]; }
}
`;

async function copyBandwidth(): Promise<number> {
  const limit = 1024 ** 3;
  const opened = await openDevice({ maxBufferSize: limit, maxStorageBufferBindingSize: limit });
  const { device, adapter } = opened;
  const size = adapter.isSoftware ? 2 ** 24 : Math.min(limit / 2, device.limits.maxStorageBufferBindingSize);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [from, to] = [0, 1].map(() => device.createBuffer({ size, usage }));
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto', compute: { module: device.createShaderModule({ code: COPY_WGSL }), entryPoint: 'main' },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [from, to].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const ways: ((encoder: GPUCommandEncoder) => void)[] = [
    (encoder) => encoder.copyBufferToBuffer(from, 0, to, 0, size),
    ...[1024, 8192, 65535].map((groups) => (encoder: GPUCommandEncoder) => {
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(Math.min(groups, size / 16 / 256));
      pass.end();
    }),
  ];
  let best = 0;
  for (const way of ways) {
    for (let round = 0; round < 4; round++) best = Math.max(best, await speedOf(opened, way, size));
  }
  device.destroy();
  return best;
}

async function speedOf({ device }: OpenedDevice, way: (encoder: GPUCommandEncoder) => void, size: number) {
  const REPEATS = 10;
  const encoder = device.createCommandEncoder();
  for (let i = 0; i < REPEATS; i++) way(encoder);
  const commands = encoder.finish();
  const started = performance.now();
  device.queue.submit([commands]);
  await device.queue.onSubmittedWorkDone();
  return (2 * size * REPEATS) / ((performance.now() - started) * 1e6);
}
