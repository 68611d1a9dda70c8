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
  | 'addBiases' | 'argmax' | 'downInput' | 'drawFull' | 'drawTop' | 'embed' | 'integerSquareRoot' | 'linear' | 'norm' | 'normHeads'
  | 'plainHeads'
  | 'quantize' | 'remember' | 'requantize' | 'rotate' | 'rotatedHeads' | 'roundedShift' | 'score' | 'scores' | 'swiGlu'
  | 'weigh' | 'wideSwiGlu';
export type Kernels = Record<KernelName, Kernel>;

let compiled: WebAssembly.Module | undefined;

/** @throws WasmUnavailableError `engine.wasm.missing`, `engine.wasm.simd` */
function compile(): WebAssembly.Module {
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
      expected: 'WebAssembly with SIMD', received: (cause as Error).message, cause,
    });
  }
  return compiled;
}

/**
 * Kernels over a zeroed memory of their own, which never grows.
 * @param bytes how much they need
 * @throws WasmUnavailableError `engine.wasm.memory`, and as `compile`
 */
export function instantiate(bytes: number): { kernels: Kernels; memory: ArrayBuffer } {
  const module = compile();
  const refuse = (received: string, cause?: unknown) => new WasmUnavailableError(
    'engine.wasm.memory', 'the model does not fit a WebAssembly memory', {
      expected: `at most ${MAX_BYTES} bytes, and as much free memory`, received,
      hint: 'take a smaller model or another back end', cause,
    });
  if (bytes > MAX_BYTES) throw refuse(`${bytes} bytes`);
  const pages = Math.ceil(bytes / PAGE_BYTES);
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    return { kernels: exports as unknown as Kernels, memory: memory.buffer };
  } catch (cause) {
    if (cause instanceof RangeError) throw refuse(`${bytes} bytes: ${cause.message}`, cause);
    throw cause;
  }
}
