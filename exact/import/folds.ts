/**
 * Factors per channel that move between two matrices, so that activations and weights on both sides quantise equally
 * well (the idea of SmoothQuant, Xiao et al. 2023, on pairs where it costs nothing at run time).
 */
import type { Architecture } from './architecture';
import { columnMaxima, type LayerRanges } from './calibrate';
import type { Weights } from './weights';

/** up rows and value rows, or key rows, are divided by them; the partner's columns or rows are multiplied. */
export interface Folds {
  /** up -> down, [ffn] */
  up: Float64Array;
  /** value -> output, [kvHeads * headDim] */
  value: Float64Array;
  /** key -> query, [kvHeads * headDim], or [headDim] on the gains of head norms; a RoPE pair shares its factor */
  key: Float64Array;
}

/** Share of the activations' range that goes over to `down`; 0.75 measured best (shared by all models). */
const UP_DOWN_EXPONENT = 0.75;
const BLOCK_ROWS = 256;

export function layerFolds(weights: Weights, layer: number, ranges: LayerRanges): Folds {
  const { heads, kvHeads, headDim } = weights.architecture;
  const downMax = weightColumns(weights, `layers.${layer}.down`);
  const outputMax = weightColumns(weights, `layers.${layer}.output`);
  const up = ranges.down.map((max, i) => max ** UP_DOWN_EXPONENT / downMax[i] ** (1 - UP_DOWN_EXPONENT));
  const group = heads / kvHeads;
  const value = ranges.value.map((max, i) => {
    const [kv, channel] = [Math.floor(i / headDim), i % headDim];
    let largest = 0;
    for (let g = 0; g < group; g++) largest = Math.max(largest, outputMax[(kv * group + g) * headDim + channel]);
    return Math.sqrt(max / largest);
  });
  return { up: centred(up), value: centred(value), key: keyFolds(weights.architecture, ranges) };
}

/** Square roots of the ratio of a RoPE pair's ranges in key and query. */
function keyFolds({ heads, kvHeads, headDim, headNorms }: Architecture, { key, query }: LayerRanges): Float64Array {
  const half = headDim / 2;
  const pairMax = (of: Float64Array, from: number, to: number, pair: number) => {
    let max = 0;
    for (let head = from; head < to; head++) {
      max = Math.max(max, of[head * headDim + pair], of[head * headDim + pair + half]);
    }
    return max;
  };
  // Head norms have one gain for all heads of a layer.
  const groups = headNorms ? 1 : kvHeads;
  const out = new Float64Array(groups * headDim);
  for (let g = 0; g < groups; g++) {
    const range = (count: number): [number, number] => [(g * count) / groups, ((g + 1) * count) / groups];
    const ratios = Float64Array.from({ length: half }, (_, pair) =>
      Math.sqrt(pairMax(key, ...range(kvHeads), pair) / pairMax(query, ...range(heads), pair)));
    const factors = centred(ratios);
    out.set(factors, g * headDim);
    out.set(factors, g * headDim + half);
  }
  return out;
}

/** The factors over their geometric mean. */
function centred(factors: Float64Array): Float64Array {
  const mean = Math.exp(factors.reduce((sum, factor) => sum + Math.log(factor), 0) / factors.length);
  return factors.map((factor) => factor / mean);
}

/** Largest absolute value of every column of a stored matrix, a few rows at a time. */
function weightColumns(weights: Weights, name: string): Float64Array {
  const { rows, columns } = weights.shape(name);
  const max = new Float64Array(columns);
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    const block = columnMaxima(weights.rows(name, from, Math.min(BLOCK_ROWS, rows - from)), columns);
    block.forEach((x, i) => void (max[i] = Math.max(max[i], x)));
  }
  return max;
}
