/**
 * Norm of every head of q and k, with gains (op 5n; Qwen3, where it stands before the rotation). sqrt(headDim) and the
 * scale of the scores are folded into the gains.
 */
import type { ExactConfig } from '../config';
import type { HeadGains } from '../tables';
import { maximum, powerOfTwo, roundShift, saturate32, u64Words } from './arithmetic';
import { inverseNorm, normShift } from './norm';

/** epsTerm of one head: the epsilon of the model over headDim instead of dim values. */
export const headEpsTerm = ({ epsTerm, headDim, dim }: ExactConfig): number =>
  Math.max(1, Math.floor((epsTerm * headDim) / dim));

/**
 * Norms every head of y [heads headDim] in place, i32 with 16 fraction bits.
 * @returns words of the headNorm slot: per head M, index, ssq (u64), r, inv
 */
export function normHeads(y: Int32Array, headDim: number, { shift, gains }: HeadGains, eps: number): number[] {
  const words: number[] = [];
  for (let from = 0; from < y.length; from += headDim) {
    const { max, index } = maximum(y, from, from + headDim);
    const k1 = normShift(max);
    const g = y.subarray(from, from + headDim).map((value) => roundShift(value, k1)); // |g| <= 2^15
    const squares = g.reduce((sum, value) => sum + value * value, Math.floor(eps * powerOfTwo(-2 * k1))); // < 2^38
    const { z, r, inverse } = inverseNorm(squares);
    words.push(max, index, ...u64Words(squares), r, inverse);
    const down = z + shift - 1; // -16..17
    g.forEach((value, i) => {
      const product = roundShift(value * inverse, 15) * gains[i]; // |product| <= 2^30
      y[from + i] = down >= 0 ? roundShift(product, down) : saturate32(product * powerOfTwo(-down));
    });
  }
  return words;
}
