/**
 * Where a leaf stands in the trace tree (docs/exact-arithmetic.md sections 5, 6, 10). Every one of the 2^total leaf
 * indices has exactly one address: what the op table leaves over in a group is the slot `unused`, and its leaves are
 * padding leaves. So whatever a dispute descends to has a name.
 */
import type { ExactConfig } from './config';
import { TRACE_BLOCK, TRACE_BLOCK_DEPTH } from './constants';
import { ProofError } from './errors';
import { embeddingSlots, headSlots, layerSlots, traceDepths, type Slot } from './opTable';

export interface LeafAddress {
  /** 0 .. 2^blockDepth - 1 */
  block: number;
  /** position in the block, 0..31 */
  position: number;
  /** 0 embedding, 1..layers, layers + 1 head; up to 2^tokenDepth - 1 */
  group: number;
  /** name of the op table, or `unused` */
  slot: string;
  /** leaf of the slot, from 0 */
  leaf: number;
}

export const UNUSED = 'unused';

/** A slot and the index of its first leaf in the group; `slot` is undefined for what the op table leaves over. */
export interface PlacedSlot {
  name: string;
  slot?: Slot;
  first: number;
  leaves: number;
}

/** All 2^groupDepth leaves of a group, slot by slot; a group that the model has not is one `unused` slot. */
export function placedSlots(config: ExactConfig, group: number): PlacedSlot[] {
  const placed: PlacedSlot[] = [];
  let first = 0;
  for (const slot of slotsOf(config, group)) {
    placed.push({ name: slot.name, slot, first, leaves: slot.leaves });
    first += slot.leaves;
  }
  const rest = 2 ** traceDepths(config).group - first;
  if (rest > 0) placed.push({ name: UNUSED, first, leaves: rest });
  return placed;
}

function slotsOf(config: ExactConfig, group: number): Slot[] {
  if (group === 0) return embeddingSlots(config);
  if (group <= config.layers) return layerSlots(config);
  return group === config.layers + 1 ? headSlots(config) : [];
}

/** Position in the sequence. */
export const positionOf = ({ block, position }: Pick<LeafAddress, 'block' | 'position'>): number =>
  TRACE_BLOCK * block + position;

/**
 * The slot of an address.
 * @param code first part of the error's code: `input.leaf` where a user asks, else `verification.proof`
 * @throws ProofError `<code>.block`, `.position`, `.group`, `.slot`, `.leaf`
 */
export function slotAt(config: ExactConfig, address: LeafAddress, code = 'verification.proof'): PlacedSlot {
  const { block, token } = traceDepths(config);
  const below = (field: 'block' | 'position' | 'group' | 'leaf', limit: number) => {
    const value = address[field];
    if (Number.isInteger(value) && value >= 0 && value < limit) return;
    throw new ProofError(`${code}.${field}`, `the trace has no such ${field}`, {
      expected: `0..${limit - 1}`,
      received: String(value),
    });
  };
  below('block', 2 ** block);
  below('position', TRACE_BLOCK);
  below('group', 2 ** token);
  const slots = placedSlots(config, address.group);
  const placed = slots.find(({ name }) => name === address.slot);
  if (placed === undefined) {
    throw new ProofError(`${code}.slot`, `group ${address.group} has no such slot`, {
      expected: slots.map(({ name }) => name).join(', '),
      received: JSON.stringify(address.slot),
    });
  }
  below('leaf', placed.leaves);
  return placed;
}

/** Index of a leaf in the trace, from the left: block, position, group, leaf of the group, high bits first. */
export function leafIndex(config: ExactConfig, address: LeafAddress, code?: string): number {
  const { first } = slotAt(config, address, code);
  const { group, token } = traceDepths(config);
  return (positionOf(address) * 2 ** token + address.group) * 2 ** group + first + address.leaf;
}

/** The address of a leaf index: what a descent has found. @throws ProofError `verification.proof.index` */
export function addressAt(config: ExactConfig, index: number): LeafAddress {
  const { group: groupDepth, token, total } = traceDepths(config);
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** total) {
    throw new ProofError('verification.proof.index', 'the trace has no such leaf', {
      expected: `0..2^${total} - 1`,
      received: String(index),
    });
  }
  const inGroup = index % 2 ** groupDepth;
  const groups = Math.floor(index / 2 ** groupDepth);
  const group = groups % 2 ** token;
  const t = Math.floor(groups / 2 ** token);
  const placed = placedSlots(config, group).find(({ first, leaves }) => inGroup < first + leaves);
  if (placed === undefined) throw new RangeError('a group has a leaf without a slot');
  return {
    block: t >> TRACE_BLOCK_DEPTH,
    position: t % TRACE_BLOCK,
    group,
    slot: placed.name,
    leaf: inGroup - placed.first,
  };
}
