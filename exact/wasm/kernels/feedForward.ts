/** SwiGLU, narrow and wide, and the 64-wide Hadamard transform: ops 16, 16w, 17, 18. AssemblyScript. */
import { bitLength, requantizeInline, roundShift } from './scalar';
import { maximum, quantize, roundShift4 } from './vector';

/** Q15 of the sigmoid of g with 8 fraction bits; `table` is [513] u16. */
@inline
function sigmoidOf(g: i32, table: usize): i32 {
  const entry = <i32>load<u16>(table + (<usize>min<i32>(512, roundShift(abs<i32>(g), 2)) << 1));
  return g < 0 ? 32768 - entry : entry;
}

/**
 * Op 16.
 * @param gate [n] i16 with 8 fraction bits; `up` alike
 * @param sigmoid [513] u16
 * @param y [n] i32 with 16 fraction bits
 */
export function swiGlu(gate: usize, up: usize, n: i32, sigmoid: usize, y: usize): void {
  for (let j = 0; j < n; j++) {
    const g = <i32>load<i16>(gate + (<usize>j << 1));
    store<i32>(y + (<usize>j << 2), roundShift(g * sigmoidOf(g, sigmoid), 15) * <i32>load<i16>(up + (<usize>j << 1)));
  }
}

/**
 * Op 16w.
 * @param gate [n] i32 with 8 fraction bits; `up` alike
 * @param sigmoid [513] u16
 * @param y [n] i32
 * @param words gets Ma, ia, Mu, iu
 * @returns st + su: the value of y is y * 2^(st + su - 16)
 */
export function wideSwiGlu(gate: usize, up: usize, n: i32, sigmoid: usize, y: usize, words: usize): i32 {
  const bytes = <usize>n << 2;
  for (let j: usize = 0; j < bytes; j += 4) {
    const g = load<i32>(gate + j);
    store<i32>(y + j, requantizeInline(g, sigmoidOf(g, sigmoid), 15));
  }
  const st = max<i32>(0, bitLength(maximum(y, n, words)) - 15);
  const su = max<i32>(0, bitLength(maximum(up, n, words + 8)) - 15);
  for (let j: usize = 0; j < bytes; j += 16) {
    v128.store(y + j, i32x4.mul(roundShift4(v128.load(y + j), st), roundShift4(v128.load(up + j), su)));
  }
  return st + su;
}

/** Butterflies between the lanes of four elements: steps 1 and 2. */
@inline
function within(v: v128): v128 {
  v = i32x4.add(v128.shuffle<i32>(v, v, 1, 0, 3, 2), i32x4.mul(v, i32x4(1, -1, 1, -1)));
  return i32x4.add(v128.shuffle<i32>(v, v, 2, 3, 0, 1), i32x4.mul(v, i32x4(1, 1, -1, -1)));
}

/** T of op 17 for 64 elements in place: steps 1 and 2 in the lanes, 4 to 32 between vectors (16 to 128 bytes). */
function hadamard64(t: usize): void {
  for (let i: usize = 0; i < 256; i += 16) v128.store(t + i, within(v128.load(t + i)));
  for (let step: usize = 16; step < 256; step <<= 1) {
    for (let i: usize = 0; i < 256; i += 16) {
      if (i & step) continue;
      const a = v128.load(t + i);
      const b = v128.load(t + i + step);
      v128.store(t + i, i32x4.add(a, b));
      v128.store(t + i + step, i32x4.sub(a, b));
    }
  }
}

/**
 * Ops 17 and 18.
 * @param y [n] i32; `transformed` [n] i32 gets T
 * @param words gets My, iy, Mt, it
 * @param narrow [n] int8, `wide` the same as i16
 * @returns kd + pre - 16: the exponent of the int8
 */
export function downInput(y: usize, n: i32, transformed: usize, words: usize, narrow: usize, wide: usize): i32 {
  const pre = max<i32>(0, bitLength(maximum(y, n, words)) - 24);
  for (let i: usize = 0; i < <usize>n << 2; i += 16) {
    v128.store(transformed + i, roundShift4(v128.load(y + i), pre));
  }
  for (let first = 0; first < n; first += 64) hadamard64(transformed + (<usize>first << 2));
  return quantize(transformed, n, words + 8, narrow, wide) + pre - 16;
}
