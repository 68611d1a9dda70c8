/** The wasm back end: all arithmetic in WebAssembly SIMD on the CPU. */
export { createWasmEngine, type WasmEngineOptions } from './engine';
export { WasmClosedError, WasmThreadError, WasmUnavailableError } from './errors';
