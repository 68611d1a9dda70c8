/**
 * Word offsets of every tensor of a column (one position of one sequence) in its stretch of the arena
 * (shaders/common.ts). What the trace commits stands in front, in one piece: the draw, then per layer k8, v8 and their
 * exponents. The rest is either kept per layer, for an observer who wants the position tree, or shared by all layers.
 */
import { hasHeadNorm, hasWideSwiGlu, type ExactConfig } from '../config';
import { BLOCK, MAX_TOP_K, SUM_BLOCK } from '../constants';
import { blocksOf, HEAD_NORM_WORDS, mlpMaxWords, normWords } from '../opTable';
import { MLP_CHANNELS } from './shaders/mlp';

export interface LayerArena {
  /** packed int8 of the heads of k, then of v */
  committed: number;
  /** one word per head of k, then of v */
  committedExponents: number;
  norm1: number;
  x1: number;
  /** q, k, v one after the other */
  qkv: number;
  headNorm: number;
  /** q, k after the head norm */
  normed: number;
  headMax: number;
  /** packed int8 of the heads of q */
  q8: number;
  /** one word per head of q */
  exponents: number;
  attMax: number;
  /** per head Z, Z', R, shift */
  totals: number;
  oMax: number;
  o8: number;
  h1: number;
  norm2: number;
  x2: number;
  /** packed i16 pairs, or i32 in a wide model */
  gate: number;
  up: number;
  mlpMax: number;
  xd: number;
  h2: number;
  /** position block 0; block b stands b * blockStride behind it */
  chunk: number;
}

export interface Arena {
  /** Words of a column. */
  words: number;
  /** Words in front that the trace commits. */
  committedWords: number;
  draw: number;
  h: number;
  layers: LayerArena[];
  head: { norm: number; x: number; logits: number; max: number; top: number; sums: number };
  blockStride: number;
  /** Never read back. */
  scratch: {
    exponents: { norm: number; attention: number; mlp: number };
    attention: number;
    gates: number;
    mlp: number;
    /** one partial maximum (value, index) per MLP_CHANNELS channels */
    partials: { t: number; up: number; y: number; mixed: number };
    before: number;
    shift: number;
    weights: number;
    blockSums: number;
    found: number;
  };
}

/** @param positions longest sequence; @param keepLayers every layer has tensors of its own */
export function layOutArena(config: ExactConfig, positions: number, keepLayers: boolean): Arena {
  const { dim, heads, kvHeads, headDim, ffn, vocab, layers } = config;
  const queryDim = heads * headDim;
  const keyDim = kvHeads * headDim;
  const sums = blocksOf(vocab, SUM_BLOCK);
  const gateWords = hasWideSwiGlu(config) ? ffn : ffn / 2;
  const normed = hasHeadNorm(config);
  const chunkWords = heads * BLOCK + queryDim + 2 * heads;
  const blocks = blocksOf(positions);
  let next = 0;
  const take = (words: number) => (next += words) - words;
  const normTensor = () => take(normWords(config));

  const draw = take(4);
  const committed = Array.from({ length: layers }, () => ({
    committed: take((2 * keyDim) / 4), committedExponents: take(2 * kvHeads),
  }));
  const committedWords = next;
  take(-next & 3);
  const h = take(dim);
  // Residuals change places between layers: a layer reads its predecessor's h2 while it writes its own.
  const own = () => ({
    norm1: normTensor(), x1: take(dim / 4), qkv: take(queryDim + 2 * keyDim),
    headNorm: take(normed ? HEAD_NORM_WORDS * (heads + kvHeads) : 0), normed: take(normed ? queryDim + keyDim : 0),
    headMax: take(4 * heads + 6 * kvHeads), q8: take(queryDim / 4), exponents: take(heads), attMax: take(4 * heads),
    totals: take(4 * heads), oMax: take(2), o8: take(queryDim / 4), h1: take(dim), norm2: normTensor(),
    x2: take(dim / 4), gate: take(gateWords), up: take(gateWords), mlpMax: take(mlpMaxWords(config)),
    xd: take(ffn / 4), h2: take(dim), chunk: take(blocks * chunkWords),
  });
  const shared = keepLayers ? undefined : own();
  const layerArenas = committed.map((front): LayerArena => ({ ...front, ...(shared ?? own()) }));
  const head = {
    norm: normTensor(), x: take(dim / 4), logits: take(vocab), max: take(2), top: take(3 * MAX_TOP_K),
    sums: take(2 * sums),
  };
  const partial = () => take(2 * blocksOf(ffn, MLP_CHANNELS));
  const scratch = {
    exponents: { norm: take(1), attention: take(1), mlp: take(1) },
    attention: take(queryDim), gates: take(2 * ffn), mlp: take(ffn),
    partials: { t: partial(), up: partial(), y: partial(), mixed: partial() },
    before: take(1), shift: take(1), weights: take(vocab), blockSums: take(sums), found: take(2 * MAX_TOP_K),
  };
  take(-next & 63); // columns begin on whole lines of memory
  return { words: next, committedWords, draw, h, layers: layerArenas, head, blockStride: chunkWords, scratch };
}
