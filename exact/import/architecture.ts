/** What a float model is, whatever file it comes from: shape, parts and the tensors that it must have. */
import { ModelImportError } from '../errors';

export type Family = 'llama' | 'qwen2' | 'qwen3';

export interface Architecture {
  family: Family;
  layers: number;
  dim: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  ffn: number;
  vocab: number;
  /** positions that the model was made for */
  maxContext: number;
  /** of every RMSNorm */
  epsilon: number;
  /** query, key and value have a bias (Qwen2) */
  biases: boolean;
  /** every head of query and key is normed (Qwen3) */
  headNorms: boolean;
  /** the head is the embedding */
  tied: boolean;
  /** [headDim / 2] radians per position that RoPE turns each pair by */
  frequencies: Float64Array;
}

/** A tensor's shape; a vector is one row. */
export interface Shape {
  rows: number;
  columns: number;
}

/** Matrices of a layer in the order of the exact model file. */
export const LAYER_MATRICES = ['query', 'key', 'value', 'output', 'gate', 'up', 'down'] as const;
export type LayerMatrixName = (typeof LAYER_MATRICES)[number];

/** Every tensor that a model of this shape has and no other, by the names that exact/import uses. */
export function tensorShapes(model: Architecture): Map<string, Shape> {
  const { dim, ffn, vocab, headDim } = model;
  const queryDim = model.heads * headDim;
  const keyDim = model.kvHeads * headDim;
  const shapes = new Map<string, Shape>();
  const add = (name: string, rows: number, columns: number) => void shapes.set(name, { rows, columns });
  add('embedding', vocab, dim);
  for (let l = 0; l < model.layers; l++) {
    const layer = (name: string, rows: number, columns: number) => add(`layers.${l}.${name}`, rows, columns);
    layer('attentionNorm', 1, dim);
    layer('query', queryDim, dim);
    layer('key', keyDim, dim);
    layer('value', keyDim, dim);
    if (model.biases) {
      layer('queryBias', 1, queryDim);
      layer('keyBias', 1, keyDim);
      layer('valueBias', 1, keyDim);
    }
    if (model.headNorms) {
      layer('queryNorm', 1, headDim);
      layer('keyNorm', 1, headDim);
    }
    layer('output', dim, queryDim);
    layer('mlpNorm', 1, dim);
    layer('gate', ffn, dim);
    layer('up', ffn, dim);
    layer('down', dim, ffn);
  }
  add('norm', 1, dim);
  if (!model.tied) add('head', vocab, dim);
  return shapes;
}

/** `model.import.<what>`: the model is not one that can be imported. */
export function refuse(
  what: string, message: string, expected?: string, received?: string, hint?: string, cause?: unknown,
): never {
  throw new ModelImportError(`model.import.${what}`, message, { expected, received, hint, cause });
}
