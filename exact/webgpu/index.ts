/**
 * The webgpu back end. All arithmetic of a position, from the embedding to the drawn token, runs in WGSL on the
 * device; the host moves bytes, hashes the trace, and hashes the seed of a draw.
 */
import type { ExactModel } from '../modelFile';
import type { PositionObserver } from '../tensors';
import { gpuChoice, openDevice, type OpenedDevice } from './adapter';
import { chooseKernels, trialRows } from './choose';
import { DeviceEngine, type WebGpuEngine } from './engine';
import { Runner, type RunnerOptions } from './runner';

export { openDevice, gpuChoice, type AdapterDescription, type GpuChoice, type OpenedDevice } from './adapter';
export { WebGpuDeviceError, WebGpuDeviceLostError, WebGpuUnavailableError } from './errors';
export { SLOT_KERNELS } from './kernels';
export type { WebGpuEngine } from './engine';

export interface WebGpuEngineOptions {
  /** A device to use and not to destroy; default: opened by `openDevice` and destroyed by `close`. */
  device?: OpenedDevice;
  /** Where COCOON_GPU leaves the choice: a real GPU or none. */
  realGpu?: boolean;
  /** Kernel variants and sizes; default: chosen by adapter, model and self-test. The bits never depend on them. */
  runner?: Partial<RunnerOptions>;
  /** Hears every position's tensors during generation; one position at a time then. */
  observe?: PositionObserver;
}

/**
 * What a software adapter is given: one lane per reduction, since it pays dearly for barriers; few columns, which save
 * it dispatches.
 */
const SOFTWARE = {
  lanes: 1, linearKernel: 'linearByThread', manyColumns: Infinity, columns: 8, stepsAhead: 2, sleeps: true,
} as const satisfies Partial<RunnerOptions>;
const GPU = {
  lanes: 128, manyColumns: 4, columns: 64, stepsAhead: 4, sleeps: false,
} as const satisfies Partial<RunnerOptions>;
/** Lanes of a workgroup that goes through a long row, where the device has them. */
const LONG_LANES = 512;
/** Shards of a device that can bind more than WebGPU's least. */
const LARGE_SHARD = 1024 * 1024 * 1024;

/**
 * Uploads the model and compiles the kernels.
 * Throws WebGpuUnavailableError without an adapter, WebGpuDeviceError when the model does not fit.
 */
export async function createWebGpuEngine(model: ExactModel, options: WebGpuEngineOptions = {}): Promise<WebGpuEngine> {
  const { config } = model;
  const cachePositions = options.runner?.cachePositions ?? config.context;
  const choice = gpuChoice();
  const opened = options.device ?? (await openDevice({
    maxStorageBufferBindingSize: LARGE_SHARD, maxBufferSize: LARGE_SHARD,
    maxComputeInvocationsPerWorkgroup: LONG_LANES, maxComputeWorkgroupSizeX: LONG_LANES,
  }, options.realGpu && choice === 'auto' ? 'native' : choice));
  const { device, adapter, hasPackedDot, subgroupSize } = opened;
  const { maxStorageBufferBindingSize, maxBufferSize, maxComputeInvocationsPerWorkgroup } = device.limits;
  try {
    const shader = { lanes: GPU.lanes, packedDot: hasPackedDot, subgroups: subgroupSize > 0 };
    const bindingBytes = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const variants = adapter.isSoftware ? SOFTWARE : {
      ...GPU,
      longLanes: Math.min(LONG_LANES, maxComputeInvocationsPerWorkgroup),
      ...(options.runner?.linearKernel === undefined && await chooseKernels(opened, shader, trialRows(config, bindingBytes))),
    };
    const runner = await Runner.create(device, model, {
      ...shader,
      ...variants,
      subgroupSize,
      shardBytes: Math.min(bindingBytes, LARGE_SHARD),
      cachePositions,
      keepLayers: options.observe !== undefined,
      ...options.runner,
    } as RunnerOptions);
    return new DeviceEngine(config, opened, options.device === undefined, runner, options.observe);
  } catch (error) {
    if (!options.device) device.destroy();
    throw error;
  }
}
