/**
 * The op table: every slot of a position, in execution order, derived from the config alone (docs/exact-arithmetic.md
 * section 5). A contract derives the same table, so it is never data that a crafted model could bend (attacks.md 27).
 */
import {
  BLOCK,
  CELL_BYTES,
  MAX_LEAF_BYTES,
  ROWS_PER_DOWN_LEAF,
  SEGMENT_BYTES,
  SUM_BLOCK,
  SUMS_PER_LEAF,
  TRACE_BLOCK,
  TRACE_BLOCK_DEPTH,
  TRANSPOSED_DIMS,
} from './constants';
import { hasHeadNorm, hasWideSwiGlu, type ExactConfig } from './config';

/**
 * How a slot's leaves are cut from its tensor:
 * - `words`: `count` 32-bit words per leaf, big-endian
 * - `blocks`: flat tensor cut after every 256 elements; the last block may be shorter
 * - `row`: bytes q + 128, padded to cells, cut after every 3600 bytes
 * - `headRow`: of `heads` heads their exponent bytes, then a `row` each; `headKeyRow`: rows with each 30-byte word
 *   reversed
 * - `positions`: per head and position block 256 u16; `planes`: the same as 256 low bytes, then 256 high bytes
 * - `transposed`: V, per position block 256 bytes per dim
 */
export type SlotLayout =
  | 'words'
  | 'blocks'
  | 'row'
  | 'headRow'
  | 'headKeyRow'
  | 'positions'
  | 'planes'
  | 'transposed';

export type EmbeddingSlotName = 'token' | 'h';
export type LayerSlotName =
  | 'norm1' | 'x1' | 'q' | 'k' | 'v' | 'headNorm' | 'qn' | 'kn' | 'headMax' | 'q8' | 'k8' | 'v8' | 'vt' | 'attMax' | 'e'
  | 'attSums' | 'p' | 'pv' | 'oMax' | 'o8' | 'h1' | 'norm2' | 'x2' | 'gate' | 'up' | 'mlpMax' | 'xd' | 'downSums'
  | 'h2';
export type HeadSlotName = 'norm' | 'x' | 'logits' | 'max' | 'top' | 'sums' | 'draw';

export interface Slot<Name extends string = string> {
  name: Name;
  layout: SlotLayout;
  /** Elements of the tensor; for `words` all words of the slot, for a `row` its values without padding. */
  elements: number;
  /** Bytes of one element: 1, 2 or 4. */
  elementBytes: 1 | 2 | 4;
  leaves: number;
  /** Elements of one leaf (the last one may have fewer). */
  perLeaf: number;
}

export const blocksOf = (elements: number, size = BLOCK): number => Math.ceil(elements / size);
export const paddedRowBytes = (values: number): number => Math.ceil(values / CELL_BYTES) * CELL_BYTES;
export const segmentsOf = (values: number): number => Math.ceil(values / SEGMENT_BYTES);
/** Position blocks of 256 of the whole context. */
export const positionBlocks = (config: ExactConfig): number => config.context / BLOCK;
/** Words of a norm slot: M, index, a u64 per block, ssq as u64, r, inv. */
export const normWords = (config: ExactConfig): number => 6 + 2 * blocksOf(config.dim);
/** Words of the headNorm slot for one head: M, index, ssq as u64, r, inv. */
export const HEAD_NORM_WORDS = 6;
/** Words of the mlpMax slot. */
export const mlpMaxWords = (config: ExactConfig): number => (hasWideSwiGlu(config) ? 8 : 4);
/** Whether a row of `down` has several leaves, whose sums a position tree holds. */
export const hasDownSums = ({ ffn }: ExactConfig): boolean => segmentsOf(ffn) > 1;
/** kv heads in one leaf of k8 or v8. */
export const headsPerLeaf = ({ kvHeads, headDim }: ExactConfig): number =>
  Math.min(kvHeads, Math.floor(MAX_LEAF_BYTES / (1 + paddedRowBytes(headDim))));
/** Leaves of k8, and of v8, of one layer. */
export const keyLeaves = (config: ExactConfig): number => Math.ceil(config.kvHeads / headsPerLeaf(config));
/** Transposed leaves of one position block. */
export const transposedPerBlock = (config: ExactConfig): number => (config.kvHeads * config.headDim) / TRANSPOSED_DIMS;

const words = <N extends string>(name: N, perLeaf: number, leaves = 1): Slot<N> => ({
  name, layout: 'words', elements: perLeaf * leaves, elementBytes: 4, leaves, perLeaf,
});
const blocks = <N extends string>(name: N, elements: number, elementBytes: 2 | 4): Slot<N> => ({
  name, layout: 'blocks', elements, elementBytes, leaves: blocksOf(elements), perLeaf: BLOCK,
});
const row = <N extends string>(name: N, elements: number): Slot<N> => ({
  name, layout: 'row', elements, elementBytes: 1, leaves: segmentsOf(elements), perLeaf: SEGMENT_BYTES,
});
type HeadLayout = 'headRow' | 'headKeyRow';
const headRows = <N extends string>(
  name: N, layout: HeadLayout, heads: number, dim: number, perLeaf: number,
): Slot<N> => ({
  name, layout, elements: heads * dim, elementBytes: 1, leaves: Math.ceil(heads / perLeaf), perLeaf: perLeaf * dim,
});

/** The slots of a layer that the commit tree holds too. */
export function keySlots(config: ExactConfig): { k8: Slot<'k8'>; v8: Slot<'v8'> } {
  const { kvHeads, headDim } = config;
  const perLeaf = headsPerLeaf(config);
  return {
    k8: headRows('k8', 'headKeyRow', kvHeads, headDim, perLeaf),
    v8: headRows('v8', 'headRow', kvHeads, headDim, perLeaf),
  };
}

export function embeddingSlots(config: ExactConfig): Slot<EmbeddingSlotName>[] {
  return [words('token', 1), blocks('h', config.dim, 4)];
}

export function layerSlots(config: ExactConfig): Slot<LayerSlotName>[] {
  const { dim, heads, kvHeads, headDim, ffn } = config;
  const queryDim = heads * headDim;
  const keyDim = kvHeads * headDim;
  const nP = positionBlocks(config);
  let partialDims = headDim;
  while (4 * partialDims * nP > MAX_LEAF_BYTES) partialDims /= 2;
  const perPosition = <N extends string>(name: N, layout: 'positions' | 'planes'): Slot<N> => ({
    name, layout, elements: heads * config.context, elementBytes: 2, leaves: heads * nP, perLeaf: BLOCK,
  });
  const { k8, v8 } = keySlots(config);
  const headNorm: Slot<LayerSlotName>[] = [
    words('headNorm', HEAD_NORM_WORDS * (heads + kvHeads)), blocks('qn', queryDim, 4), blocks('kn', keyDim, 4),
  ];
  const gateBytes = hasWideSwiGlu(config) ? 4 : 2;
  return [
    words('norm1', normWords(config)),
    row('x1', dim),
    blocks('q', queryDim, 4),
    blocks('k', keyDim, 4),
    blocks('v', keyDim, 4),
    ...(hasHeadNorm(config) ? headNorm : []),
    words('headMax', 4 * heads + 6 * kvHeads),
    headRows('q8', 'headRow', heads, headDim, 1),
    k8,
    v8,
    {
      name: 'vt', layout: 'transposed', elements: keyDim * config.context, elementBytes: 1,
      leaves: nP * transposedPerBlock(config), perLeaf: TRANSPOSED_DIMS * BLOCK,
    },
    words('attMax', 4 * heads),
    perPosition('e', 'positions'),
    words('attSums', 2 * nP + 2, heads),
    perPosition('p', 'planes'),
    words('pv', partialDims * nP, queryDim / partialDims),
    words('oMax', 2),
    row('o8', queryDim),
    blocks('h1', dim, 4),
    words('norm2', normWords(config)),
    row('x2', dim),
    blocks('gate', ffn, gateBytes),
    blocks('up', ffn, gateBytes),
    words('mlpMax', mlpMaxWords(config)),
    row('xd', ffn),
    // Where a row of `down` is one leaf, its sum is proven at once.
    ...(hasDownSums(config) ? [words<LayerSlotName>('downSums', ROWS_PER_DOWN_LEAF * segmentsOf(ffn), dim / ROWS_PER_DOWN_LEAF)] : []),
    blocks('h2', dim, 4),
  ];
}

/** `top` holds at most 256 entries of 3 words; `sums` and `top` are padding leaves outside their sampling mode. */
export function headSlots(config: ExactConfig): Slot<HeadSlotName>[] {
  const sums = blocksOf(config.vocab, SUM_BLOCK);
  return [
    words('norm', normWords(config)),
    row('x', config.dim),
    blocks('logits', config.vocab, 4),
    words('max', 2),
    words('top', 3 * BLOCK),
    {
      name: 'sums', layout: 'words', elements: 2 * sums, elementBytes: 4,
      leaves: blocksOf(sums, SUMS_PER_LEAF), perLeaf: 2 * SUMS_PER_LEAF,
    },
    words('draw', 4),
  ];
}

/** Fixed depths of the two trees, bottom up (section 6). */
export interface TreeDepths {
  /** commit tree: leaves of a position, blocks, and from a leaf to traceRoot */
  commit: number;
  block: number;
  commitTotal: number;
  /** position tree: leaves of a group, groups, and from a leaf to positionRoot */
  group: number;
  token: number;
  positionTotal: number;
}

/** Leaves of one position in the commit tree: k8 and v8 of every layer, and the draw. */
export const commitLeaves = (config: ExactConfig): number => 2 * config.layers * keyLeaves(config) + 1;

export function treeDepths(config: ExactConfig): TreeDepths {
  const leavesOf = (slots: Slot[]) => slots.reduce((sum, slot) => sum + slot.leaves, 0);
  const groups = [embeddingSlots(config), layerSlots(config), headSlots(config)];
  const group = depthFor(Math.max(...groups.map(leavesOf)), 3);
  const token = depthFor(config.layers + 2, 3);
  const commit = depthFor(commitLeaves(config), 3);
  let block = depthFor(config.context / TRACE_BLOCK);
  while ((commit + TRACE_BLOCK_DEPTH + block) % 3 !== 0) block++;
  return {
    commit, block, commitTotal: commit + TRACE_BLOCK_DEPTH + block, group, token, positionTotal: group + token,
  };
}

/** The smallest multiple of `step` that is the depth of a tree of `leaves` leaves. */
export function depthFor(leaves: number, step = 1): number {
  let depth = 0;
  while (2 ** depth < leaves) depth += step;
  return depth;
}
