/** A memory of its own with the kernels over it, for tests of single kernels. */
import { Arena } from '../../exact/wasm/arena';
import { compiledKernels, instantiate, sharedMemory, type Kernels } from '../../exact/wasm/kernels';

type Values = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

const BYTES = 1 << 20;
const UNTOUCHED = 0x55;

export class KernelBench {
  readonly kernels: Kernels;
  private readonly memory: ArrayBufferLike;
  private arena = new Arena();

  constructor() {
    const memory = sharedMemory(BYTES);
    this.kernels = instantiate(compiledKernels(), memory);
    this.memory = memory.buffer;
  }

  /** Forgets all addresses; what lies there is no longer 0. */
  clear(): void {
    this.arena = new Arena();
    new Uint8Array(this.memory).fill(UNTOUCHED);
  }

  put(values: Values): number {
    const at = this.arena.take(values.byteLength);
    if (this.arena.bytes > BYTES) throw new RangeError('the bench is too small');
    new Uint8Array(this.memory, at).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return at;
  }

  room(bytes: number): number {
    return this.put(new Uint8Array(bytes).fill(UNTOUCHED));
  }

  i8 = (at: number, length: number): Int8Array => new Int8Array(this.memory, at, length).slice();
  i16 = (at: number, length: number): Int16Array => new Int16Array(this.memory, at, length).slice();
  u16 = (at: number, length: number): Uint16Array => new Uint16Array(this.memory, at, length).slice();
  i32 = (at: number, length: number): Int32Array => new Int32Array(this.memory, at, length).slice();
  words = (at: number, length: number): number[] => [...new Uint32Array(this.memory, at, length)];
}
