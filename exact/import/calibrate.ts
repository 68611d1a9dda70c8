/** The ranges that a float model's activations have on calibration text: what the preparation of its weights needs. */
import { refuse } from './architecture';
import { FloatForward } from './floatForward';
import { Rotation } from './rotation';
import type { Weights } from './weights';

/** Largest absolute values over the calibration tokens. */
export interface LayerRanges {
  gate: number;
  /** per channel, [ffn] */
  up: Float64Array;
  /** of the input of `down`, [ffn] */
  down: Float64Array;
  /** [kvHeads * headDim] */
  value: Float64Array;
  /** after RoPE */
  key: Float64Array;
  /** after RoPE, [heads * headDim] */
  query: Float64Array;
}

/** The residual has 16 fraction bits in 32 bits; calibration text may use half of that. */
const RESIDUAL_LIMIT = 16384;
/** Keeps ratios of ranges finite where a channel is always 0. */
const SMALLEST = 1e-6;

export interface CalibrationOptions {
  /** token ids of texts, each at most the model's context */
  sequences: readonly (readonly number[])[];
  /** the turn that the residual will get */
  rotation: Rotation;
  onLayer?: (layer: number) => void;
  signal?: AbortSignal;
}

/** Runs the model in floats over the texts. @throws ModelImportError `model.import.residual`, GenerationAbortedError */
export async function calibrate(weights: Weights, options: CalibrationOptions): Promise<LayerRanges[]> {
  const { dim, ffn, heads, kvHeads, headDim, layers } = weights.architecture;
  const forward = new FloatForward(weights, options.sequences, options.signal);
  const ranges: LayerRanges[] = [];
  for (let l = 0; l < layers; l++) {
    const seen = await forward.layer(l);
    demandResidual(seen.residual, dim, options.rotation, l);
    ranges.push({
      gate: seen.gate.reduce((max, x) => Math.max(max, Math.abs(x)), 0),
      up: columnMaxima(seen.up, ffn),
      down: columnMaxima(seen.down, ffn),
      value: columnMaxima(seen.value, kvHeads * headDim),
      key: columnMaxima(seen.key, kvHeads * headDim),
      query: columnMaxima(seen.query, heads * headDim),
    });
    options.onLayer?.(l);
  }
  return ranges;
}

/** Largest absolute value of every column of a matrix of this width. */
export function columnMaxima(matrix: Float32Array | Float64Array, columns: number): Float64Array {
  const out = new Float64Array(columns).fill(SMALLEST);
  for (let at = 0; at < matrix.length; at += columns) {
    for (let i = 0; i < columns; i++) out[i] = Math.max(out[i], Math.abs(matrix[at + i]));
  }
  return out;
}

function demandResidual(residual: Float32Array, dim: number, rotation: Rotation, layer: number): void {
  for (let at = 0; at < residual.length; at += dim) {
    const row = Float64Array.from(residual.subarray(at, at + dim));
    rotation.turn(row);
    const max = row.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
    if (max <= RESIDUAL_LIMIT) continue;
    const where = `the residual behind layer ${layer} leaves the range of the integers`;
    refuse('residual', where, `at most ${RESIDUAL_LIMIT} on calibration text`, max.toPrecision(4));
  }
}
