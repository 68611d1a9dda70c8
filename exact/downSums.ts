/**
 * Partial sums of `down`: a row of it is too much for one proof, so the position tree holds what each of its leaves adds
 * (docs/exact-arithmetic.md section 5). They follow from `xd` and the model, so no back end computes them.
 */
import { SEGMENT_BYTES, ZERO_BYTE } from './constants';
import type { Matrix } from './modelFile';
import { segmentsOf } from './opTable';

/** @param xd [columns] @returns [rows][leaves of a row] sums of weight * byte of xd's row, each below 2^27 */
export function downSums({ rows, columns, weights }: Matrix, xd: Int8Array): Int32Array {
  const pieces = segmentsOf(columns);
  const sums = new Int32Array(rows * pieces);
  for (let row = 0; row < rows; row++) {
    for (let piece = 0; piece < pieces; piece++) {
      const end = Math.min(columns, SEGMENT_BYTES * (piece + 1));
      let sum = 0;
      for (let i = SEGMENT_BYTES * piece; i < end; i++) sum = (sum + weights[row * columns + i] * (xd[i] + ZERO_BYTE)) | 0;
      sums[row * pieces + piece] = sum;
    }
  }
  return sums;
}
