import { BackendUnavailableError } from '../errors';

/** The kernels or their memory cannot be had here; codes are `engine.wasm.<reason>`. */
export class WasmUnavailableError extends BackendUnavailableError {}

/** The engine was closed; code `engine.wasm.closed`. */
export class WasmClosedError extends BackendUnavailableError {}

/** A thread ended by itself; code `engine.wasm.thread`. */
export class WasmThreadError extends BackendUnavailableError {}
