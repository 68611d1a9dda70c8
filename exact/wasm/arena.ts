/** Shapes of everything that lies in the one memory, and the arena that gives them addresses. */
import { hasHeadNorm, hasWideSwiGlu, type ExactConfig } from '../config';
import { MAX_TOP_K, SUM_BLOCK } from '../constants';
import { HEAD_NORM_WORDS, mlpMaxWords, normWords, positionBlocks } from '../opTable';

/** Low addresses stay free, so that no region has address 0. */
const FIRST = 1024;
/** Vectors are loaded 16 bytes at a time. */
const ALIGNMENT = 16;

const TYPES = {
  i8: Int8Array, u8: Uint8Array, i16: Int16Array, u16: Uint16Array, i32: Int32Array, u32: Uint32Array,
};
type TypeName = keyof typeof TYPES;
type View<T extends TypeName> = InstanceType<(typeof TYPES)[T]>;

/** A typed range that is not placed yet. */
export type Shape = readonly [type: TypeName, length: number];
type Shapes = Record<string, Shape>;
export type Addresses<S extends Shapes> = { readonly [Name in keyof S]: number };
export type Views<S extends Shapes> = { readonly [Name in keyof S]: View<S[Name][0]> };

/** Hands out addresses; a region's end is padded to 16 bytes, so regions of whole vectors lie next to each other. */
export class Arena {
  private next = FIRST;

  get bytes(): number {
    return this.next;
  }

  take(bytes: number): number {
    const at = this.next;
    this.next = at + Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return at;
  }

  place<S extends Shapes>(shapes: S): Addresses<S> {
    const placed = Object.entries(shapes).map(([name, [type, length]]) =>
      [name, this.take(length * TYPES[type].BYTES_PER_ELEMENT)]);
    return Object.fromEntries(placed);
  }
}

/** Typed arrays over placed shapes. @param shift bytes to add to every address */
export function viewsOf<S extends Shapes>(
  memory: ArrayBufferLike, shapes: S, addresses: Addresses<S>, shift = 0,
): Views<S> {
  const views = Object.entries(shapes).map(([name, [type, length]]) =>
    [name, new TYPES[type](memory as ArrayBuffer, addresses[name] + shift, length)]);
  return Object.fromEntries(views);
}

/**
 * Tensors of a layer and column (tensors.ts), but for those of attention and the committed ones; q, k, v and gate, up
 * are one range each for the stacked matrices.
 */
export function layerShapes(config: ExactConfig) {
  const { dim, heads, kvHeads, headDim, ffn } = config;
  const queryDim = heads * headDim;
  const keyDim = kvHeads * headDim;
  const normed = hasHeadNorm(config) ? 1 : 0;
  const gateType: 'i32' | 'i16' = hasWideSwiGlu(config) ? 'i32' : 'i16';
  return {
    norm1: ['u32', normWords(config)], x1: ['i8', dim],
    q: ['i32', queryDim], k: ['i32', keyDim], v: ['i32', keyDim],
    headNorm: ['u32', normed * HEAD_NORM_WORDS * (heads + kvHeads)],
    qn: ['i32', normed * queryDim], kn: ['i32', normed * keyDim],
    headMax: ['u32', 4 * heads + 6 * kvHeads],
    q8: ['i8', queryDim], qExponents: ['u8', heads],
    oMax: ['u32', 2], o8: ['i8', queryDim], h1: ['i32', dim],
    norm2: ['u32', normWords(config)], x2: ['i8', dim],
    gate: [gateType, ffn], up: [gateType, ffn],
    mlpMax: ['u32', mlpMaxWords(config)], xd: ['i8', ffn], h2: ['i32', dim],
  } as const satisfies Shapes;
}

/** Tensors of attention, of so many heads. */
export function attentionShapes({ headDim, context }: ExactConfig, heads: number) {
  const nP = positionBlocks({ context } as ExactConfig);
  return {
    attMax: ['u32', 4 * heads], e: ['u16', heads * context], attSums: ['u32', heads * (2 * nP + 2)],
    p: ['u16', heads * context], pv: ['i32', heads * headDim * nP],
  } as const satisfies Shapes;
}

/** What a layer and column commit. */
export function committedShapes({ kvHeads, headDim }: ExactConfig) {
  const keyDim = kvHeads * headDim;
  return {
    k8: ['i8', keyDim], kExponents: ['u8', kvHeads], v8: ['i8', keyDim], vExponents: ['u8', kvHeads],
  } as const satisfies Shapes;
}

/** Tensors of embedding and head of a column, but for the draw. */
export function endShapes(config: ExactConfig) {
  const { dim, vocab } = config;
  return {
    h: ['i32', dim], norm: ['u32', normWords(config)], x: ['i8', dim], logits: ['i32', vocab], max: ['u32', 2],
    top: ['u32', 3 * Math.min(MAX_TOP_K, vocab)], sums: ['u32', 2 * Math.ceil(vocab / SUM_BLOCK)],
  } as const satisfies Shapes;
}

export const drawShapes = { draw: ['u32', 4] } as const satisfies Shapes;

/** What every layer of a column reuses: widened activations with their shift, and what is no tensor of the trace. */
export function scratchShapes({ dim, heads, headDim, ffn }: ExactConfig) {
  const queryDim = heads * headDim;
  return {
    wide: ['i16', Math.max(dim, queryDim, ffn)], shift: ['i32', 1], queries: ['i16', queryDim],
    rotated: ['i32', headDim], o: ['i32', queryDim], y: ['i32', ffn], transformed: ['i32', ffn],
  } as const satisfies Shapes;
}

/** Keys and values of a layer, one kv head after the other, with their exponents. */
export function cacheShapes({ kvHeads, headDim }: ExactConfig, cachePositions: number) {
  const positions = kvHeads * cachePositions;
  return {
    keys: ['i8', positions * headDim], keyExponents: ['u8', positions],
    values: ['i8', positions * headDim], valueExponents: ['u8', positions],
  } as const satisfies Shapes;
}
