import { CocoonError } from '../../protocol/errors';
import { BackendUnavailableError } from '../errors';

/** No usable WebGPU adapter; `received` lists what was tried. Code `engine.webgpu.unavailable`. */
export class WebGpuUnavailableError extends BackendUnavailableError {}

/**
 * The device was lost or its engine closed while a generation needed it. Code `engine.webgpu.lost` or
 * `engine.webgpu.closed`.
 */
export class WebGpuDeviceLostError extends CocoonError {}

/** WebGPU refused a shader, a buffer or a command, or the model does not fit. Codes `engine.webgpu.<reason>`. */
export class WebGpuDeviceError extends CocoonError {}
