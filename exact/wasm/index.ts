/** The wasm back end: all arithmetic in WebAssembly SIMD on the CPU. */
export { createWasmEngine, type PositionObserver } from './engine';
export { WasmClosedError, WasmUnavailableError } from './errors';
