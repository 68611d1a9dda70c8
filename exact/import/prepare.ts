/**
 * Float rows ready to be quantised. Every step leaves the float function unchanged: norm gains go into the next matrix,
 * the head gets a matrix of its own, factors per channel move between pairs of matrices (folds.ts), the residual's basis
 * is turned (rotation.ts), columns of `down` are transformed by H64 / 64, and the constants that the integer arithmetic
 * leaves out go into the weights: sqrt(dim), and log2(e) / sqrt(headDim) in the queries.
 */
import type { LayerMatrixName } from './architecture';
import type { Folds } from './folds';
import { hadamard, type Rotation } from './rotation';
import type { Weights } from './weights';

export interface PreparedRow {
  weights: Float64Array;
  bias: number;
}

const HADAMARD = 64;
/** Floats of weights in memory at once, for matrices that are prepared row by row. */
const BLOCK_FLOATS = 2 ** 20;
/** Columns that are turned together, so that each line of memory is used whole. */
const TURN_COLUMNS = 16;

/** Rows of the embedding. */
export function embeddingRows(weights: Weights, rotation: Rotation): Generator<PreparedRow> {
  return inputRows(weights, 'embedding', rotation, undefined, () => 1);
}

/** Rows of the head, which reads the last norm. */
export function headRows(weights: Weights, rotation: Rotation): Generator<PreparedRow> {
  const { tied, dim } = weights.architecture;
  const root = Math.sqrt(dim);
  return inputRows(weights, tied ? 'embedding' : 'head', rotation, weights.all('norm'), () => root);
}

/** Rows of one matrix of a layer. */
export function layerRows(
  weights: Weights, layer: number, matrix: LayerMatrixName, folds: Folds, rotation: Rotation,
): Generator<PreparedRow> {
  const { heads, kvHeads, headDim, headNorms, dim } = weights.architecture;
  const name = `layers.${layer}.${matrix}`;
  const root = Math.sqrt(dim);
  const group = heads / kvHeads;
  // The kv head and channel that a query's row or a column of `output` belongs to.
  const shared = (i: number) => Math.floor(i / headDim / group) * headDim + (i % headDim);
  const attention = () => weights.all(`layers.${layer}.attentionNorm`);
  const mlp = () => weights.all(`layers.${layer}.mlpNorm`);
  const read = (norm: Float32Array, factor: (row: number) => number) =>
    inputRows(weights, name, rotation, norm, (row) => root * factor(row), factor);
  switch (matrix) {
    case 'query': {
      const scale = Math.LOG2E / Math.sqrt(headDim);
      return read(attention(), headNorms ? () => 1 : (row) => scale * folds.key[shared(row)]);
    }
    case 'key':
      return read(attention(), headNorms ? () => 1 : (row) => 1 / folds.key[row]);
    case 'value':
      return read(attention(), (row) => 1 / folds.value[row]);
    case 'gate':
      return read(mlp(), () => 1);
    case 'up':
      return read(mlp(), (row) => 1 / folds.up[row]);
    case 'output':
      return outputRows(weights, name, rotation, (column) => folds.value[shared(column)], false);
    case 'down':
      return outputRows(weights, name, rotation, (column) => folds.up[column], true);
  }
}

/** Gains of the head norms of a layer, with the constants that rows of query and key have otherwise. */
export function headGains(weights: Weights, layer: number, folds: Folds): { query: Float64Array; key: Float64Array } {
  const root = Math.sqrt(weights.architecture.headDim);
  const gains = (part: string) => Float64Array.from(weights.all(`layers.${layer}.${part}`));
  return {
    query: gains('queryNorm').map((gain, i) => gain * Math.LOG2E * folds.key[i]),
    key: gains('keyNorm').map((gain, i) => (gain * root) / folds.key[i]),
  };
}

/** A matrix that reads the residual: row by row. A bias gets its row's factor without the norm's sqrt(dim). */
function* inputRows(
  weights: Weights, name: string, rotation: Rotation, gains: Float32Array | undefined,
  factor: (row: number) => number, biasFactor?: (row: number) => number,
): Generator<PreparedRow> {
  const { rows, columns } = weights.shape(name);
  const biased = weights.architecture.biases && /(query|key|value)$/.test(name);
  const bias = biased ? weights.all(`${name}Bias`) : undefined;
  const perBlock = Math.max(1, Math.floor(BLOCK_FLOATS / columns));
  for (let from = 0; from < rows; from += perBlock) {
    const count = Math.min(perBlock, rows - from);
    const block = weights.rows(name, from, count);
    for (let i = 0; i < count; i++) {
      const out = Float64Array.from(block.subarray(i * columns, (i + 1) * columns));
      const scale = factor(from + i);
      for (let c = 0; c < columns; c++) out[c] *= scale * (gains ? gains[c] : 1);
      rotation.turn(out);
      yield { weights: out, bias: bias && biasFactor ? bias[from + i] * biasFactor(from + i) : 0 };
    }
  }
}

/** A matrix that writes the residual: the turn mixes its rows, so it is prepared as a whole, in 32-bit floats. */
function* outputRows(
  weights: Weights, name: string, rotation: Rotation, factor: (column: number) => number, transformed: boolean,
): Generator<PreparedRow> {
  const { rows, columns } = weights.shape(name);
  const matrix = weights.all(name);
  const factors = Float64Array.from({ length: columns }, (_, column) => factor(column));
  const row = new Float64Array(columns);
  for (let at = 0; at < matrix.length; at += columns) {
    for (let c = 0; c < columns; c++) row[c] = matrix[at + c] * factors[c];
    if (transformed) {
      for (let c = 0; c < columns; c += HADAMARD) hadamard(row, c, HADAMARD);
      for (let c = 0; c < columns; c++) row[c] /= HADAMARD;
    }
    matrix.set(row, at);
  }
  turnColumns(matrix, rows, columns, rotation);
  for (let at = 0; at < matrix.length; at += columns) {
    yield { weights: Float64Array.from(matrix.subarray(at, at + columns)), bias: 0 };
  }
}

function turnColumns(matrix: Float32Array, rows: number, columns: number, rotation: Rotation): void {
  const block = new Float64Array(TURN_COLUMNS * rows);
  for (let from = 0; from < columns; from += TURN_COLUMNS) {
    const count = Math.min(TURN_COLUMNS, columns - from);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < count; c++) block[c * rows + r] = matrix[r * columns + from + c];
    }
    for (let c = 0; c < count; c++) rotation.turn(block.subarray(c * rows, (c + 1) * rows));
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < count; c++) matrix[r * columns + from + c] = block[c * rows + r];
    }
  }
}

