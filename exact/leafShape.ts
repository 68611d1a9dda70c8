/**
 * What config and op table say about a leaf's bytes without any trace: their length, or that no leaf belongs there
 * (docs/exact-arithmetic.md sections 5, 10). What the table cannot know are the lengths of prompt and answer and the
 * sampling mode; a verifier that knows the job passes its shape, and nothing is left open.
 */
import { BLOCK, MAX_TOP_K, SEGMENT_BYTES } from './constants';
import type { ExactConfig } from './config';
import { positionOf, slotAt, type LeafAddress, type PlacedSlot, type Tree } from './leafAddress';
import { paddedRowBytes, positionBlocks, segmentsOf, transposedPerBlock, type Slot } from './opTable';

/** What a request and its receipt say about the shape of a trace. */
export interface JobShape {
  promptTokens: number;
  outputTokens: number;
  /** sampling.t and sampling.topK of section 7 */
  t: number;
  topK: number;
}

/** Bytes of one `top` entry: z, id, w. */
const TOP_ENTRY = 12;

export interface LeafShape {
  /** a padding leaf can stand here */
  padding: boolean;
  /** lengths in bytes that a leaf can have here; empty where only a padding leaf can stand */
  lengths: { from: number; to: number; step: number } | undefined;
}

const NEVER: LeafShape = { padding: true, lengths: undefined };
const exactly = (bytes: number) => ({ from: bytes, to: bytes, step: 1 });

/**
 * Which bytes can stand at an address.
 * @param job leaves nothing open when given; without it an absent position, head group, `top` or `sums` may be padding
 * @throws ProofError `<code>.block`, `.position`, `.group`, `.slot`, `.leaf` for an address that the tree has not
 */
export function leafShape(
  config: ExactConfig, tree: Tree, address: LeafAddress, job?: JobShape, code?: string,
): LeafShape {
  const placed = slotAt(config, tree, address, code);
  const t = positionOf(address);
  const { slot } = placed;
  if (slot === undefined || t >= config.context || isBeyond(config, slot, address.leaf, t)) return NEVER;
  const head = address.group === config.layers + 1;
  if (job === undefined) {
    // Position 0 is in every trace; only its head group can be absent.
    return { padding: t > 0 || head, lengths: lengthsOf(config, placed, address.leaf) };
  }
  if (t >= job.promptTokens + job.outputTokens - 1 || (head && t < job.promptTokens - 1)) return NEVER;
  if (slot.name === 'top') {
    if (job.t === 0 || job.topK === 0) return NEVER;
    return { padding: false, lengths: exactly(TOP_ENTRY * Math.min(job.topK, config.vocab)) };
  }
  if (slot.name === 'sums' && (job.t === 0 || job.topK !== 0)) return NEVER;
  return { padding: false, lengths: lengthsOf(config, placed, address.leaf) };
}

/** The position block of an `e`, `p` or `vt` begins after t. */
function isBeyond(config: ExactConfig, { layout }: Slot, leaf: number, t: number): boolean {
  if (layout === 'transposed') return BLOCK * Math.floor(leaf / transposedPerBlock(config)) > t;
  return (layout === 'positions' || layout === 'planes') && BLOCK * (leaf % positionBlocks(config)) > t;
}

function lengthsOf(config: ExactConfig, { slot }: PlacedSlot, leaf: number): LeafShape['lengths'] {
  if (slot === undefined) return undefined;
  if (slot.name === 'top') {
    return { from: TOP_ENTRY, to: TOP_ENTRY * Math.min(MAX_TOP_K, config.vocab), step: TOP_ENTRY };
  }
  return exactly(leafBytes(config, slot, leaf));
}

/** Bytes of one leaf of any slot but `top`. */
export function leafBytes({ headDim }: ExactConfig, slot: Slot, leaf: number): number {
  const elements = Math.min(slot.perLeaf, slot.elements - leaf * slot.perLeaf);
  switch (slot.layout) {
    case 'row':
      return segmentBytes(slot.elements, leaf);
    case 'headRow':
    case 'headKeyRow':
      return (elements / headDim) * (1 + paddedRowBytes(headDim));
    case 'positions':
    case 'planes':
      return 2 * BLOCK;
    case 'transposed':
      return slot.perLeaf;
    default:
      return slot.elementBytes * elements;
  }
}

/** Bytes of piece `segment` of a padded row of `values`. */
export function segmentBytes(values: number, segment: number): number {
  const last = segmentsOf(values) - 1;
  return segment < last ? SEGMENT_BYTES : paddedRowBytes(values) - last * SEGMENT_BYTES;
}

/** In words, for errors. */
export function describeShape({ padding, lengths }: LeafShape): string {
  if (lengths === undefined) return 'a padding leaf';
  const { from, to, step } = lengths;
  const bytes = from === to ? `${from} bytes` : `${from} to ${to} bytes, a multiple of ${step}`;
  return padding ? `${bytes}, or a padding leaf` : bytes;
}

/** Whether bytes, or null for a padding leaf, can stand where this shape is. */
export function fits({ padding, lengths }: LeafShape, bytes: Uint8Array | null): boolean {
  if (bytes === null) return padding;
  const n = bytes.length;
  return lengths !== undefined && n >= lengths.from && n <= lengths.to && (n - lengths.from) % lengths.step === 0;
}
