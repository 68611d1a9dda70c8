/** Matrix times int8 activation, plus a bias where the matrix has one (op 4). */
import type { Matrix } from '../modelFile';
import { requantize, saturate32 } from './arithmetic';

/** An int8 vector: real value = values[i] * 2^exponent. */
export interface Activation {
  values: Int8Array;
  exponent: number;
}

/** Fraction bits of outputs. */
export const WIDE_BITS = 16;
export const GATE_BITS = 8;

/**
 * @param x [columns]
 * @param fractionBits of the result
 * @returns [rows] i32
 */
export function linear(matrix: Matrix, x: Activation, fractionBits: number): Int32Array {
  const { rows, columns, weights, multipliers, shifts, biases } = matrix;
  const { values, exponent } = x;
  const y = new Int32Array(rows);
  for (let row = 0, at = 0; row < rows; row++, at += columns) {
    const sum = dot(weights, at, values, columns);
    y[row] = requantize(sum, multipliers[row], shifts[row] - exponent - fractionBits);
    if (biases) y[row] = saturate32(y[row] + biases[row]);
  }
  return y;
}

/** Sum of weights[at + i] * values[i]; below 2^29, so four partial sums in any order give the same i32. */
function dot(weights: Int8Array, at: number, values: Int8Array, columns: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < columns; i += 4) { // columns are a multiple of 16
    a = (a + weights[at + i] * values[i]) | 0;
    b = (b + weights[at + i + 1] * values[i + 1]) | 0;
    c = (c + weights[at + i + 2] * values[i + 2]) | 0;
    d = (d + weights[at + i + 3] * values[i + 3]) | 0;
  }
  return a + b + c + d;
}
