/** SwiGLU, narrow and wide, and the 64-wide Hadamard transform in front of `down` (ops 16, 16w, 17, 18). */
import { bitLength, int8Exponent, maximum, requantize, roundShift, toInt8 } from './arithmetic';
import { WIDE_BITS, type Activation } from './linear';

const WIDTH = 64;

/** Op 16: y = gate * sigmoid(gate) * up, 16 fraction bits; gate and up are i16 with 8. */
export function swiGlu(gate: Int16Array, up: Int16Array, sigmoid: Uint16Array): Int32Array {
  const y = new Int32Array(gate.length);
  for (let j = 0; j < gate.length; j++) y[j] = roundShift(gate[j] * sigmoidOf(gate[j], sigmoid), 15) * up[j];
  return y;
}

/** Q15 of the sigmoid of g, i32 with 8 fraction bits. */
function sigmoidOf(g: number, sigmoid: Uint16Array): number {
  const half = sigmoid[Math.min(512, roundShift(Math.abs(g), 2))];
  return g < 0 ? 32768 - half : half;
}

/**
 * Op 16w: the same of i32, both factors cut to 15 bits by their largest element.
 * @returns y, its value being y * 2^(shift - 16), and the first words of the mlpMax slot
 */
export function wideSwiGlu(
  gate: Int32Array, up: Int32Array, sigmoid: Uint16Array,
): { y: Int32Array; shift: number; words: number[] } {
  const t = gate.map((g) => requantize(g, sigmoidOf(g, sigmoid), 15));
  const a = maximum(t);
  const u = maximum(up);
  const st = Math.max(0, bitLength(a.max) - 15);
  const su = Math.max(0, bitLength(u.max) - 15);
  const y = t.map((value, j) => roundShift(value, st) * roundShift(up[j], su)); // |y| <= 2^30
  return { y, shift: st + su, words: [a.max, a.index, u.max, u.index] };
}

/** T[i] = sum_j (-1)^popcount(i AND j) y[j] per 64 elements, in place, by six rounds of butterflies. */
export function hadamard64(y: Int32Array): void {
  for (let first = 0; first < y.length; first += WIDTH) {
    for (let step = 1; step < WIDTH; step *= 2) {
      for (let i = first; i < first + WIDTH; i++) {
        if ((i - first) & step) continue;
        const a = y[i];
        const b = y[i + step];
        y[i] = a + b;
        y[i + step] = a - b;
      }
    }
  }
}

/**
 * Ops 17 and 18: the int8 input of `down`, and the last words of the mlpMax slot.
 * @param shift the value of y is y * 2^(shift - 16)
 */
export function downInput(y: Int32Array, shift = 0): { x: Activation; words: Uint32Array } {
  const before = maximum(y);
  const pre = Math.max(0, bitLength(before.max) - 24);
  const transformed = y.map((value) => roundShift(value, pre));
  hadamard64(transformed);
  const after = maximum(transformed);
  const k = int8Exponent(after.max);
  const values = new Int8Array(y.length);
  toInt8(transformed, k, values);
  return {
    x: { values, exponent: k + pre + shift - WIDE_BITS },
    words: Uint32Array.of(before.max, before.index, after.max, after.index),
  };
}
