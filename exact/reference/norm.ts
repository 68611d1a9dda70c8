/** RMSNorm without gain (ops 2 and 3): the gain and sqrt(dim) are folded into the next matrix. */
import { BLOCK } from '../constants';
import { bitLength, clamp8, integerSquareRoot, maximum, powerOfTwo, roundShift, u64Words } from './arithmetic';
import type { Activation } from './linear';

/**
 * @param h [dim] residual, i32 with 16 fraction bits
 * @param epsTerm floor(dim * epsilon * 2^32)
 * @returns the int8 activation of h / |h|, and the words of the norm slot
 */
export function normalize(h: Int32Array, epsTerm: number): { x: Activation; words: Uint32Array } {
  const { max, index } = maximum(h);
  const k1 = normShift(max);
  const g = h.map((value) => roundShift(value, k1)); // |g| <= 2^15

  const words: number[] = [max, index];
  let squares = Math.floor(epsTerm * powerOfTwo(-2 * k1));
  for (let first = 0; first < h.length; first += BLOCK) {
    let partial = 0;
    for (const value of g.subarray(first, first + BLOCK)) partial += value * value;
    squares += partial;
    words.push(...u64Words(partial));
  }

  const { z, r, inverse } = inverseNorm(squares);
  words.push(...u64Words(squares), r, inverse);

  const k = Math.max(0, bitLength(roundShift(max, k1) * inverse) - 7);
  const values = Int8Array.from(g, (value) => clamp8(roundShift(value * inverse, k)));
  return { x: { values, exponent: k - 30 - z }, words: Uint32Array.from(words) };
}

/** k1: how far values of this largest absolute value are shifted so that their squares fit. */
export const normShift = (max: number): number => Math.max(0, bitLength(max) - 15);

/**
 * The scalars of op 2 from the sum of squares, 1 <= squares < 2^44: S = squares * 2^(-2z) lies in [2^30, 2^32), so its
 * root r has exactly 16 bits, and inverse = floor(2^30 / r).
 */
export function inverseNorm(squares: number): { z: number; r: number; inverse: number } {
  const z = Math.ceil(bitLength(squares) / 2) - 16;
  const r = integerSquareRoot(Math.floor(squares * powerOfTwo(-2 * z)));
  return { z, r, inverse: Math.floor(1073741824 / r) };
}
