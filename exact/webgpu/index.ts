/**
 * The webgpu back end. All arithmetic of a position, from the embedding to the drawn token, runs in WGSL on the
 * device; the host moves bytes, hashes the trace, and hashes the seed of a draw.
 */
import { demandPlainModel } from '../engine';
import type { ExactModel } from '../modelFile';
import { openDevice, type OpenedDevice } from './adapter';
import { Generator, type PositionObserver, type WebGpuEngine } from './engine';
import { largestBuffer, Runner, type RunnerOptions } from './runner';

export { openDevice, gpuChoice, type AdapterDescription, type GpuChoice, type OpenedDevice } from './adapter';
export { WebGpuDeviceError, WebGpuDeviceLostError, WebGpuUnavailableError } from './errors';
export { SLOT_KERNELS } from './kernels';
export type { PositionObserver, WebGpuEngine } from './engine';

export interface WebGpuEngineOptions {
  /** A device to use and not to destroy; default: opened by `openDevice` and destroyed by `close`. */
  device?: OpenedDevice;
  /** Kernel variants; default: chosen by adapter. The bits never depend on it. */
  kernels?: Partial<RunnerOptions>;
  /** Hears every position's tensors during generation. */
  observe?: PositionObserver;
}

/** Lanes that share a reduction: a software adapter pays dearly for barriers, a GPU wants many lanes. */
const SOFTWARE_LANES = 1;
const GPU_LANES = 256;

/**
 * Uploads the model and compiles the kernels.
 * Throws BackendUnavailableError for a model with flags or biases, WebGpuUnavailableError without an adapter,
 * WebGpuDeviceError when the model does not fit.
 */
export async function createWebGpuEngine(model: ExactModel, options: WebGpuEngineOptions = {}): Promise<WebGpuEngine> {
  demandPlainModel(model, 'webgpu');
  const need = largestBuffer(model.config);
  const opened = options.device ?? (await openDevice({ maxStorageBufferBindingSize: need, maxBufferSize: need }));
  const { isSoftware } = opened.adapter;
  try {
    const runner = await Runner.create(opened.device, model, {
      lanes: isSoftware ? SOFTWARE_LANES : GPU_LANES,
      packedDot: opened.hasPackedDot,
      linearKernel: isSoftware ? 'linearByThread' : 'linearByGroup',
      sleeps: isSoftware,
      ...options.kernels,
    });
    return new Generator(model.config, opened, options.device === undefined, runner, options.observe);
  } catch (error) {
    if (!options.device) opened.device.destroy();
    throw error;
  }
}
