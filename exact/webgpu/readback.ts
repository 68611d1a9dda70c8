/** Views of a column's tensors in the bytes read back from the arena. Moves and splits words; computes nothing. */
import { hasHeadNorm, hasWideSwiGlu, type ExactConfig } from '../config';
import { BLOCK, SUM_BLOCK } from '../constants';
import type { Sampling } from '../engine';
import { blocksOf, HEAD_NORM_WORDS, mlpMaxWords, normWords, positionBlocks } from '../opTable';
import type { CommitTensors, HeadTensors, KeyTensors, LayerTensors, PositionTensors } from '../tensors';
import type { Arena, LayerArena } from './arena';

/** Reads tensors at arena offsets from a column's words. */
class View {
  /** @param first byte of the column in `bytes` */
  constructor(private readonly bytes: ArrayBuffer, private readonly first: number) {}

  u32 = (at: number, length: number) => new Uint32Array(this.bytes, this.first + 4 * at, length);
  i32 = (at: number, length: number) => new Int32Array(this.bytes, this.first + 4 * at, length);
  i16 = (at: number, length: number) => new Int16Array(this.bytes, this.first + 4 * at, length);
  i8 = (at: number, length: number) => new Int8Array(this.bytes, this.first + 4 * at, length);
  u16 = (at: number, length: number) => new Uint16Array(this.bytes, this.first + 4 * at, length);
}

/** What a column commits. @param words of a column in `bytes`; @param draws whether it drew a token */
export function readCommitted(
  config: ExactConfig, arena: Arena, bytes: ArrayBuffer, words: number, column: number, draws: boolean,
): CommitTensors {
  const view = new View(bytes, 4 * words * column);
  return {
    layers: arena.layers.map((layer) => readKeys(config, layer, view)),
    draw: draws ? view.u32(arena.draw, 4) : undefined,
  };
}

function readKeys({ kvHeads, headDim }: ExactConfig, a: LayerArena, view: View): KeyTensors {
  const keyDim = kvHeads * headDim;
  const exponents = Uint8Array.from(view.u32(a.committedExponents, 2 * kvHeads));
  return {
    k8: view.i8(a.committed, keyDim),
    kExponents: exponents.subarray(0, kvHeads),
    v8: view.i8(a.committed + keyDim / 4, keyDim),
    vExponents: exponents.subarray(kvHeads),
  };
}

/**
 * All tensors of a column whose layers were kept. They are views into `bytes` where the layout allows it.
 * @param sampling given where the position drew a token
 */
export function readPosition(
  config: ExactConfig, arena: Arena, bytes: ArrayBuffer, t: number, token: number, sampling?: Sampling,
): PositionTensors {
  const view = new View(bytes, 0);
  return {
    embedding: { token: Uint32Array.of(token), h: view.i32(arena.h, config.dim) },
    layers: arena.layers.map((layer) => readLayer(config, arena, layer, view, t)),
    head: sampling && readHead(config, arena, view, sampling),
  };
}

function readLayer(config: ExactConfig, arena: Arena, a: LayerArena, view: View, t: number): LayerTensors {
  const { dim, heads, kvHeads, headDim, ffn } = config;
  const queryDim = heads * headDim;
  const keyDim = kvHeads * headDim;
  const wide = hasWideSwiGlu(config);
  const gates = (at: number) => (wide ? view.i32(at, ffn) : view.i16(at, ffn));
  const norm = (at: number) => view.u32(at, normWords(config));
  return {
    norm1: norm(a.norm1),
    x1: view.i8(a.x1, dim),
    q: view.i32(a.qkv, queryDim),
    k: view.i32(a.qkv + queryDim, keyDim),
    v: view.i32(a.qkv + queryDim + keyDim, keyDim),
    ...(hasHeadNorm(config) && {
      headNorm: view.u32(a.headNorm, HEAD_NORM_WORDS * (heads + kvHeads)),
      qn: view.i32(a.normed, queryDim),
      kn: view.i32(a.normed + queryDim, keyDim),
    }),
    headMax: view.u32(a.headMax, 4 * heads + 6 * kvHeads),
    q8: view.i8(a.q8, queryDim),
    qExponents: Uint8Array.from(view.u32(a.exponents, heads)),
    ...readKeys(config, a, view),
    attMax: view.u32(a.attMax, 4 * heads),
    ...readChunks(config, arena, a, view, t),
    oMax: view.u32(a.oMax, 2),
    o8: view.i8(a.o8, queryDim),
    h1: view.i32(a.h1, dim),
    norm2: norm(a.norm2),
    x2: view.i8(a.x2, dim),
    gate: gates(a.gate),
    up: gates(a.up),
    mlpMax: view.u32(a.mlpMax, mlpMaxWords(config)),
    xd: view.i8(a.xd, ffn),
    h2: view.i32(a.h2, dim),
  };
}

/** The position blocks reached so far, turned from block-major to head-major. */
function readChunks(config: ExactConfig, arena: Arena, a: LayerArena, view: View, t: number) {
  const { heads, headDim } = config;
  const queryDim = heads * headDim;
  const allBlocks = positionBlocks(config);
  const reached = blocksOf(t + 1);
  const stride = reached * BLOCK;
  const e = new Uint16Array(heads * stride);
  const p = new Uint16Array(heads * stride);
  const pv = new Int32Array(queryDim * allBlocks);
  const attSums = new Uint32Array(heads * (2 * allBlocks + 2));
  const totals = view.u32(a.totals, 4 * heads);
  for (let block = 0; block < reached; block++) {
    const chunk = a.chunk + block * arena.blockStride;
    const words = view.u16(chunk, 2 * heads * BLOCK);
    for (let head = 0; head < heads; head++) {
      let from = 2 * head * BLOCK;
      const to = head * stride + block * BLOCK;
      for (let j = to; j < to + BLOCK; j++) {
        e[j] = words[from++];
        p[j] = words[from++];
      }
    }
    const partial = view.i32(chunk + heads * BLOCK, queryDim);
    for (let i = 0; i < queryDim; i++) pv[i * allBlocks + block] = partial[i];
    const sums = view.u32(chunk + heads * BLOCK + queryDim, 2 * heads);
    for (let head = 0; head < heads; head++) {
      const at = head * (2 * allBlocks + 2);
      attSums[at + block] = sums[head];
      attSums[at + allBlocks + 1 + block] = sums[heads + head];
    }
  }
  for (let head = 0; head < heads; head++) {
    const at = head * (2 * allBlocks + 2);
    attSums[at + allBlocks] = totals[4 * head];
    attSums[at + 2 * allBlocks + 1] = totals[4 * head + 1];
  }
  return { e, p, pv, attSums };
}

function readHead(config: ExactConfig, arena: Arena, view: View, { t, topK }: Sampling): HeadTensors {
  const { head } = arena;
  const { vocab, dim } = config;
  const isTop = topK > 0;
  return {
    norm: view.u32(head.norm, normWords(config)),
    x: view.i8(head.x, dim),
    logits: view.i32(head.logits, vocab),
    max: view.u32(head.max, 2),
    top: isTop ? view.u32(head.top, 3 * Math.min(topK, vocab)) : undefined,
    sums: t > 0 && !isTop ? view.u32(head.sums, 2 * blocksOf(vocab, SUM_BLOCK)) : undefined,
    draw: view.u32(arena.draw, 4),
  };
}
