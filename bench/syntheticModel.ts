/** Models of a given shape with random weights, for measurements: speed does not depend on what weights say. */
import { loadModel, type ExactModel } from '../exact';
import type { Matrix } from '../exact/modelFile';

const SHAPES = {
  '110m': { layers: 12, dim: 768, heads: 12, kvHeads: 12, headDim: 64, ffn: 2048, vocab: 32000, context: 1024 },
  '1b': { layers: 16, dim: 2048, heads: 32, kvHeads: 8, headDim: 64, ffn: 8192, vocab: 128256, context: 4096 },
  '8b': { layers: 32, dim: 4096, heads: 32, kvHeads: 8, headDim: 128, ffn: 14336, vocab: 128256, context: 4096 },
} as const;

/** Shapes of Llama-3.2-1B and Llama-3.1-8B, and of the small model that is compared with llama.cpp. */
export type SyntheticSize = keyof typeof SHAPES;
export const SYNTHETIC_SIZES = Object.keys(SHAPES) as SyntheticSize[];

/** Weights that two matrices have in common are the same memory; so 8B weights need 0.6 GB here. */
const OFFSETS = 65536;

/**
 * @param base file whose tables and tokenizer are taken; its root names nothing here
 * @returns a model that the back ends run like any other
 */
export function syntheticModel(size: SyntheticSize, base: string): ExactModel {
  const shape = SHAPES[size];
  const { tables, ...rest } = loadModel(base);
  const { layers, dim, heads, kvHeads, headDim, ffn, vocab, context } = shape;
  const config = { ...rest.config, ...shape, flags: 0, epsTerm: Math.floor(dim * 1e-5 * 2 ** 32) };
  const pool = randomWeights(Math.max(vocab, ffn) * dim + OFFSETS);
  let matrices = 0;
  const matrix = (name: string, rows: number, columns: number, gain: number): Matrix => {
    const at = (++matrices * 4096) % OFFSETS;
    return {
      name, rows, columns, weights: pool.subarray(at, at + rows * columns),
      multipliers: new Uint16Array(rows).fill(40000), shifts: new Uint8Array(rows).fill(21 + gain),
    };
  };
  const half = (width: number) => Math.round(Math.log2(width) / 2);
  const layer = () => ({
    query: matrix('query', heads * headDim, dim, 0), key: matrix('key', kvHeads * headDim, dim, 0),
    value: matrix('value', kvHeads * headDim, dim, half(dim)),
    output: matrix('output', dim, heads * headDim, 1 + half(heads * headDim)),
    gate: matrix('gate', ffn, dim, 0), up: matrix('up', ffn, dim, 0), down: matrix('down', dim, ffn, 1 + half(ffn)),
  });
  const turn = (of: (x: number) => number) => {
    const values = new Int16Array((context * headDim) / 2);
    for (let i = 0; i < values.length; i++) {
      const angle = Math.floor(i / (headDim / 2)) * 10000 ** (-(2 * (i % (headDim / 2))) / headDim);
      values[i] = Math.round(16384 * of(angle));
    }
    return values;
  };
  return {
    ...rest, config, tables: { ...tables, cos: turn(Math.cos), sin: turn(Math.sin) },
    embedding: matrix('embedding', vocab, dim, 1), layers: Array.from({ length: layers }, layer),
    head: matrix('head', vocab, dim, 0),
  };
}

/** Bytes of all int8 weights. */
export const weightBytes = ({ embedding, layers, head }: ExactModel): number =>
  [embedding, head, ...layers.flatMap((layer) => Object.values(layer) as Matrix[])]
    .reduce((sum, { rows, columns }) => sum + rows * columns, 0);

/** -127..127, the same numbers everywhere. */
function randomWeights(length: number): Int8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = 12345;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state ^ (state >>> 13);
  }
  const weights = new Int8Array(words.buffer, 0, length);
  for (let i = 0; i < length; i++) if (weights[i] === -128) weights[i] = 127;
  return weights;
}
