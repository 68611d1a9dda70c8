/** The compiled kernels (kernels/*.ts, AssemblyScript): loading, and what the host may call. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WasmUnavailableError } from './errors';

/** Written by `npm run build`. */
export const KERNELS_FILE = join(__dirname, '../../build/exact/kernels.wasm');

const PAGE_BYTES = 65536;
/** Addresses have 32 bits. */
const MAX_BYTES = 2 ** 32;

/** Parameters are addresses (bytes) and 32-bit integers, in the order that kernels/ documents. */
type Kernel = (...parameters: number[]) => number;

export type KernelName =
  | 'addBiases' | 'argmax' | 'downInput' | 'drawFull' | 'drawTop' | 'embed' | 'integerSquareRoot' | 'linear' | 'meet'
  | 'norm' | 'normHeads' | 'plainHeads' | 'quantize' | 'remember' | 'requantize' | 'rotate' | 'rotatedHeads' | 'roundedShift' | 'score' | 'scores' | 'swiGlu'
  | 'weigh' | 'wideSwiGlu';
export type Kernels = Record<KernelName, Kernel>;

let compiled: WebAssembly.Module | undefined;

/** @throws WasmUnavailableError `engine.wasm.missing`, `engine.wasm.simd` */
export function compiledKernels(): WebAssembly.Module {
  if (compiled) return compiled;
  if (!existsSync(KERNELS_FILE)) {
    throw new WasmUnavailableError('engine.wasm.missing', 'the WebAssembly kernels are not built', {
      hint: 'npm run build',
    });
  }
  try {
    compiled = new WebAssembly.Module(readFileSync(KERNELS_FILE));
  } catch (cause) {
    throw new WasmUnavailableError('engine.wasm.simd', 'the WebAssembly kernels do not compile here', {
      expected: 'WebAssembly with SIMD and threads', received: (cause as Error).message, cause,
    });
  }
  return compiled;
}

/**
 * A zeroed memory that threads share, and that never grows.
 * @throws WasmUnavailableError `engine.wasm.memory`
 */
export function sharedMemory(bytes: number): WebAssembly.Memory {
  const refuse = (received: string, cause?: unknown) => new WasmUnavailableError(
    'engine.wasm.memory', 'the model does not fit a WebAssembly memory', {
      expected: `at most ${MAX_BYTES} bytes, and as much free memory`, received,
      hint: 'take a smaller model or cache, or another back end', cause,
    });
  if (bytes > MAX_BYTES) throw refuse(`${bytes} bytes`);
  const pages = Math.ceil(bytes / PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    if (cause instanceof RangeError) throw refuse(`${bytes} bytes: ${cause.message}`, cause);
    throw cause;
  }
}

/** The kernels over a memory. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}
