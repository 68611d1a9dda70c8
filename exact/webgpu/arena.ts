/**
 * Word offsets of every tensor of a position in the arena (shaders/common.ts). What the trace commits stands in front,
 * in one piece: [head][embedding, layers][position blocks]; a readback copies from `head.start` or `body.start` to the
 * end of the last block reached. Working memory that nobody commits stands behind.
 */
import type { ExactConfig } from '../config';
import { BLOCK, MAX_TOP_K, SUM_BLOCK } from '../constants';
import { blocksOf, normWords, positionBlocks } from '../opTable';

export interface LayerArena {
  norm1: number;
  x1: number;
  /** q, k, v one after the other */
  qkv: number;
  headMax: number;
  /** packed int8 of q, k, v heads */
  int8: number;
  /** one word per head of q, k, v */
  exponents: number;
  attMax: number;
  /** per head Z, Z', R, shift */
  totals: number;
  oMax: number;
  o8: number;
  h1: number;
  norm2: number;
  x2: number;
  /** packed i16 pairs */
  gate: number;
  up: number;
  mlpMax: number;
  xd: number;
  h2: number;
  /** this layer's chunk in position block 0 */
  chunk: number;
}

export interface Arena {
  words: number;
  head: {
    start: number; norm: number; x: number; logits: number; max: number; top: number; sums: number; draw: number;
  };
  body: { start: number; h: number; layers: LayerArena[] };
  /** First word of position block 0, and words per block over all layers. */
  blocks: number;
  blockStride: number;
  /** Never read back. */
  scratch: {
    exponents: { norm: number; attention: number; mlp: number };
    attention: number;
    gates: number;
    mlp: number;
    weights: number;
    blockSums: number;
    found: number;
  };
}

export function layOutArena(config: ExactConfig): Arena {
  const { dim, heads, kvHeads, headDim, ffn, vocab, layers } = config;
  const queryDim = heads * headDim;
  const keyDim = kvHeads * headDim;
  const sums = blocksOf(vocab, SUM_BLOCK);
  let next = 0;
  const take = (words: number) => (next += words) - words;
  const normTensor = () => take(normWords(config));

  const head = {
    start: next, norm: normTensor(), x: take(dim / 4), logits: take(vocab), max: take(2), top: take(3 * MAX_TOP_K),
    sums: take(2 * sums), draw: take(4),
  };
  const body = { start: next, h: take(dim), layers: [] as LayerArena[] };
  for (let layer = 0; layer < layers; layer++) {
    body.layers.push({
      norm1: normTensor(), x1: take(dim / 4), qkv: take(queryDim + 2 * keyDim), headMax: take(4 * heads + 6 * kvHeads),
      int8: take((queryDim + 2 * keyDim) / 4), exponents: take(heads + 2 * kvHeads), attMax: take(4 * heads),
      totals: take(4 * heads), oMax: take(2), o8: take(queryDim / 4), h1: take(dim), norm2: normTensor(),
      x2: take(dim / 4),
      gate: take(ffn / 2), up: take(ffn / 2), mlpMax: take(4), xd: take(ffn / 4), h2: take(dim), chunk: 0,
    });
  }
  const chunkWords = heads * BLOCK + queryDim + 2 * heads;
  const blocks = next;
  body.layers.forEach((layer, i) => (layer.chunk = blocks + i * chunkWords));
  const blockStride = layers * chunkWords;
  take(positionBlocks(config) * blockStride);
  const scratch = {
    exponents: { norm: take(1), attention: take(1), mlp: take(1) },
    attention: take(queryDim), gates: take(2 * ffn), mlp: take(ffn), weights: take(vocab), blockSums: take(sums),
    found: take(2 * MAX_TOP_K),
  };
  return { words: next, head, body, blocks, blockStride, scratch };
}

/** First and end word of what position t commits. */
export function committedRange(arena: Arena, t: number, withHead: boolean): [number, number] {
  const start = withHead ? arena.head.start : arena.body.start;
  return [start, arena.blocks + (Math.floor(t / BLOCK) + 1) * arena.blockStride];
}
