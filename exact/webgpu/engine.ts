/** The webgpu back end: a scheduler over the runner of one device. */
import type { ExactConfig } from '../config';
import type { Engine, Generation, Job } from '../engine';
import { Scheduler } from '../scheduler';
import type { PositionObserver } from '../tensors';
import type { OpenedDevice } from './adapter';
import { WebGpuDeviceError, WebGpuDeviceLostError } from './errors';
import type { Runner } from './runner';

export interface WebGpuEngine extends Engine {
  readonly backend: 'webgpu';
  readonly adapterDescription: OpenedDevice['adapter'];
  /** Memory of all buffers on the device. */
  readonly deviceBytes: number;
  /** Dispatches by kernel since the engine was created. */
  dispatchCounts(): Record<string, number>;
}

export class DeviceEngine implements WebGpuEngine {
  readonly backend = 'webgpu';
  /** They stay on the device; only what the trace commits is read back. */
  readonly givesLogits = false;
  readonly adapter: string;
  private readonly scheduler: Scheduler;
  private closed = false;

  constructor(
    config: ExactConfig,
    private readonly opened: OpenedDevice,
    private readonly ownsDevice: boolean,
    private readonly runner: Runner,
    observe?: PositionObserver,
  ) {
    const { device, isSoftware } = opened.adapter;
    this.adapter = isSoftware ? `${device} (simulated GPU on the CPU)` : device;
    this.scheduler = new Scheduler(config, runner, {
      observe, lost: (cause) => lostError('the GPU did not finish a step', cause.message, cause),
    });
    opened.device.addEventListener('uncapturederror', (event) => {
      const { message } = (event as GPUUncapturedErrorEvent).error;
      this.scheduler.fail(new WebGpuDeviceError('engine.webgpu.error', 'WebGPU refused a command', { received: message }));
    });
    void opened.device.lost.then(({ reason, message }) => {
      const received = `${reason} ${message}`.trim();
      this.scheduler.fail(this.closed ? closedError() : lostError('the GPU device was lost', received));
    });
  }

  get adapterDescription(): OpenedDevice['adapter'] {
    return this.opened.adapter;
  }

  get deviceBytes(): number {
    return this.runner.deviceBytes;
  }

  dispatchCounts(): Record<string, number> {
    return Object.fromEntries(this.runner.counts);
  }

  generate(job: Job): Promise<Generation> {
    return this.scheduler.generate(job);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.scheduler.fail(closedError());
    this.runner.destroy();
    if (this.ownsDevice) this.opened.device.destroy();
    await this.scheduler.idle();
  }
}

const closedError = () => new WebGpuDeviceLostError('engine.webgpu.closed', 'the engine was closed', {
  hint: 'create a new engine',
});

const lostError = (message: string, received: string, cause?: unknown) => new WebGpuDeviceLostError(
  'engine.webgpu.lost', message, {
    received, hint: 'create a new engine; if it happens again, check the driver and the memory of the GPU', cause,
  });
