/**
 * What a back end hands over per position: raw tensors in natural order, in the units of docs/exact-arithmetic.md
 * section 4; to the trace hasher those that are committed, to an observer all. Padding, byte order, reversal and zeros beyond the last position are the layout's
 * work (leafLayout.ts), so a back end never writes them. "words" are u32 in the order of section 5; an i32 among them
 * is its two's complement, a u64 two words, high first.
 *
 * Names of dims: d dim, H heads, G kvHeads, D headDim, f ffn, V vocab, nP = context / 256, t position.
 */

export interface EmbeddingTensors {
  /** [1] the position's input token */
  token: Uint32Array;
  /** [d] residual after the embedding, 16 fraction bits */
  h: Int32Array;
}

export interface LayerTensors {
  /** words: M, index, P_b (u64 each), ssq (u64), r, inv */
  norm1: Uint32Array;
  /** [d] */
  x1: Int8Array;
  /** [H D], [G D], [G D] outputs of op 5, 16 fraction bits */
  q: Int32Array;
  k: Int32Array;
  v: Int32Array;
  /** QK_NORM only. words: per q head, then per k head M, i, ssq (u64), r, inv */
  headNorm?: Uint32Array;
  /** QK_NORM only. [H D], [G D] after op 5n, before rotation */
  qn?: Int32Array;
  kn?: Int32Array;
  /** words: per q head M, i, M', i'; per k head the same; per v head M, i */
  headMax: Uint32Array;
  /** [H D] and one exponent per head */
  q8: Int8Array;
  qExponents: Uint8Array;
  /** [G D] and one exponent per kv head */
  k8: Int8Array;
  kExponents: Uint8Array;
  v8: Int8Array;
  vExponents: Uint8Array;
  /** words: per head mx, jx, E, jE */
  attMax: Uint32Array;
  /** [H][stride], stride = length / H >= t + 1; only the first t + 1 of each head are read */
  e: Uint16Array;
  /** words: per head Z per position block (nP), Z, Z' per block (nP), Z'; blocks beyond t's are 0 */
  attSums: Uint32Array;
  /** p'' as `e` */
  p: Uint16Array;
  /** [H][D][nP] partial sums of P.V; blocks beyond t's are 0 */
  pv: Int32Array;
  /** words: M, i */
  oMax: Uint32Array;
  /** [H D] */
  o8: Int8Array;
  /** [d] */
  h1: Int32Array;
  norm2: Uint32Array;
  x2: Int8Array;
  /** [f] each, 8 fraction bits; WIDE_SWIGLU: i32 */
  gate: Int16Array | Int32Array;
  up: Int16Array | Int32Array;
  /** words: My, iy, Mt, it; WIDE_SWIGLU: Ma, ia, Mu, iu in front */
  mlpMax: Uint32Array;
  /** [f] */
  xd: Int8Array;
  /** [d] */
  h2: Int32Array;
}

export interface HeadTensors {
  /** words as norm1 */
  norm: Uint32Array;
  x: Int8Array;
  /** [V] 16 fraction bits */
  logits: Int32Array;
  /** words: zmax, lowest index */
  max: Uint32Array;
  /** top mode only. words: z, id, w per entry of the list */
  top?: Uint32Array;
  /** full mode only. words: running sums per 64 logits, u64 each */
  sums?: Uint32Array;
  /** words: kept, W (u64), token */
  draw: Uint32Array;
}

/** What later positions read of a layer. */
export type KeyTensors = Pick<LayerTensors, 'k8' | 'kExponents' | 'v8' | 'vExponents'>;

/** What the commit tree holds of one position; `draw` (words as in HeadTensors) only where a token is sampled. */
export interface CommitTensors {
  layers: readonly KeyTensors[];
  draw?: Uint32Array;
}

/** Everything that one position computes; `head` only where a token is sampled (t >= promptTokens - 1). */
export interface PositionTensors {
  embedding: EmbeddingTensors;
  layers: LayerTensors[];
  head?: HeadTensors;
}

/** The committed part of a position. */
export const committed = ({ layers, head }: PositionTensors): CommitTensors => ({ layers, draw: head?.draw });

/** Hears every position's tensors, which are only valid during the call. */
export type PositionObserver = (tensors: PositionTensors) => void;
