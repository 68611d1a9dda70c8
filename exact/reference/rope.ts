/** Rotary position embedding (op 6) of one head, halves paired as in Llama: element j with j + headDim / 2. */
import { bitLength, maximum, powerOfTwo, roundShift, saturate32 } from './arithmetic';

/**
 * Rotates y[from, from + headDim) in place.
 * @param y i32 with 16 fraction bits
 * @param cos [headDim / 2] Q14 of this position; `sin` alike
 * @returns M and index of the head before the rotation
 */
export function rotate(
  y: Int32Array,
  from: number,
  headDim: number,
  cos: Int16Array,
  sin: Int16Array,
): { max: number; index: number } {
  const before = maximum(y, from, from + headDim);
  const s = Math.max(0, bitLength(before.max) - 15);
  const scale = powerOfTwo(s);
  const half = headDim / 2;
  for (let j = from; j < from + half; j++) {
    const a = roundShift(y[j], s);
    const b = roundShift(y[j + half], s);
    const c = cos[j - from];
    const n = sin[j - from];
    y[j] = saturate32(roundShift(a * c - b * n, 14) * scale);
    y[j + half] = saturate32(roundShift(b * c + a * n, 14) * scale);
  }
  return before;
}
