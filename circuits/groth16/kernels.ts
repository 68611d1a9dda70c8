/** The compiled kernels (kernels/*.ts, AssemblyScript): loading, and what the host may call. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProverError } from './errors';

/** Written by `npm run build`. */
const KERNELS_FILE = join(__dirname, '../../build/zk/groth16.wasm');

const PAGE_BYTES = 65536;
/** Addresses have 32 bits. */
const MAX_BYTES = 2 ** 32;

export type KernelName =
  | 'addP' | 'addR' | 'firstOffCurve1' | 'firstOffCurve2' | 'forget' | 'invertP' | 'invertTwo' | 'isZeroP' | 'joinWindows1' | 'joinWindows2'
  | 'minusP' | 'minusR' | 'mulP' | 'mulR' | 'mulTwo' | 'multiplyAll' | 'multiplyBase1' | 'multiplyBase2' | 'multiplyRows' | 'plusP' | 'plusR'
  | 'prepare' | 'quotientScalars' | 'readCoordinates' | 'readScalars' | 'shiftValues' | 'squareTwo' | 'subP' | 'subR' | 'toCoefficients'
  | 'toValues' | 'windowBytes1' | 'windowBytes2' | 'windowSum1' | 'windowSum2' | 'workspaceBytes' | 'writeCoordinates' | 'writeDigits'
  | 'writeMultiples1' | 'writeMultiples2' | 'writePowers';

/** Parameters are addresses (bytes) and 32-bit integers, in the order that kernels/ documents. */
export type Kernels = Record<KernelName, (...parameters: number[]) => number>;

let compiled: WebAssembly.Module | undefined;

/** @throws ProverError `prover.not-built`, `prover.unsupported` */
export function compiledKernels(): WebAssembly.Module {
  if (compiled) return compiled;
  if (!existsSync(KERNELS_FILE)) throw new ProverError('prover.not-built', 'the kernels of the prover are not built', { hint: 'npm run build' });
  try {
    compiled = new WebAssembly.Module(readFileSync(KERNELS_FILE));
  } catch (cause) {
    throw new ProverError('prover.unsupported', 'the kernels of the prover do not compile here', {
      expected: 'WebAssembly with SIMD and threads', received: (cause as Error).message, cause,
    });
  }
  return compiled;
}

/** A zeroed memory that threads share, and that never grows. @throws ProverError `prover.memory` */
export function sharedMemory(bytes: number): WebAssembly.Memory {
  const refuse = (received: string, cause?: unknown) =>
    new ProverError('prover.memory', 'the key does not fit a WebAssembly memory', { expected: `at most ${MAX_BYTES} bytes, and as much free memory`, received, cause });
  if (bytes > MAX_BYTES) throw refuse(`${bytes} bytes`);
  const pages = Math.ceil(bytes / PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw refuse(`${bytes} bytes: ${(cause as Error).message}`, cause);
  }
}

/** The kernels over a memory. */
export const instantiate = (module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels =>
  new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
