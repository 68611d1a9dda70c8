/**
 * Where a leaf stands in its tree (docs/exact-arithmetic.md sections 5, 6, 10). Every leaf index has exactly one
 * address: what no slot takes is the slot `unused`, and its leaves are padding leaves. So whatever a dispute descends
 * to has a name.
 */
import type { ExactConfig } from './config';
import { TRACE_BLOCK, TRACE_BLOCK_DEPTH } from './constants';
import { ProofError } from './errors';
import {
  embeddingSlots, headSlots, keyLeaves, keySlots, layerSlots, treeDepths, type Slot,
} from './opTable';

/** The commit tree, whose root is in the receipt, or the position tree of one position. */
export type Tree = 'commit' | 'inner';

export interface LeafAddress {
  /** 0 .. 2^blockDepth - 1 */
  block: number;
  /** position in the block, 0..31 */
  position: number;
  /** 0 embedding, 1..layers, layers + 1 head; up to 2^tokenDepth - 1 */
  group: number;
  /** name of the op table, or `unused`; in the commit tree k8, v8, draw or `unused` */
  slot: string;
  /** leaf of the slot, from 0 */
  leaf: number;
}

export const UNUSED = 'unused';

/** A slot and the index of its first leaf; `slot` is undefined for what no slot takes. */
export interface PlacedSlot {
  name: string;
  slot?: Slot;
  /** in the group; in the commit tree, in the position */
  first: number;
  leaves: number;
}

/** Levels from a leaf to the root. */
export function treeLevels(config: ExactConfig, tree: Tree): number {
  const { commitTotal, positionTotal } = treeDepths(config);
  return tree === 'commit' ? commitTotal : positionTotal;
}

/** All slots of a group: in the position tree every leaf has one, and a group that the model has not is `unused`. */
export function placedSlots(config: ExactConfig, tree: Tree, group: number): PlacedSlot[] {
  return tree === 'commit' ? commitSlots(config, group) : innerSlots(config, group);
}

function innerSlots(config: ExactConfig, group: number): PlacedSlot[] {
  const placed: PlacedSlot[] = [];
  let first = 0;
  for (const slot of slotsOf(config, group)) {
    placed.push({ name: slot.name, slot, first, leaves: slot.leaves });
    first += slot.leaves;
  }
  const rest = 2 ** treeDepths(config).group - first;
  if (rest > 0) placed.push({ name: UNUSED, first, leaves: rest });
  return placed;
}

function slotsOf(config: ExactConfig, group: number): Slot[] {
  if (group === 0) return embeddingSlots(config);
  if (group <= config.layers) return layerSlots(config);
  return group === config.layers + 1 ? headSlots(config) : [];
}

function commitSlots(config: ExactConfig, group: number): PlacedSlot[] {
  const leaves = keyLeaves(config);
  if (group >= 1 && group <= config.layers) {
    const { k8, v8 } = keySlots(config);
    const first = 2 * (group - 1) * leaves;
    return [{ name: 'k8', slot: k8, first, leaves }, { name: 'v8', slot: v8, first: first + leaves, leaves }];
  }
  if (group !== config.layers + 1) return [];
  const first = 2 * config.layers * leaves;
  const draw = headSlots(config).find(({ name }) => name === 'draw');
  const rest = 2 ** treeDepths(config).commit - first - 1;
  const placed: PlacedSlot[] = [{ name: 'draw', slot: draw, first, leaves: 1 }];
  return rest > 0 ? [...placed, { name: UNUSED, first: first + 1, leaves: rest }] : placed;
}

/** Position in the sequence. */
export const positionOf = ({ block, position }: Pick<LeafAddress, 'block' | 'position'>): number =>
  TRACE_BLOCK * block + position;

/**
 * The slot of an address.
 * @param code first part of the error's code: `input.leaf` where a user asks, else `verification.proof`
 * @throws ProofError `<code>.block`, `.position`, `.group`, `.slot`, `.leaf`
 */
export function slotAt(
  config: ExactConfig, tree: Tree, address: LeafAddress, code = 'verification.proof',
): PlacedSlot {
  const { block, token } = treeDepths(config);
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
  const slots = placedSlots(config, tree, address.group);
  const placed = slots.find(({ name }) => name === address.slot);
  if (placed === undefined) {
    throw new ProofError(`${code}.slot`, `group ${address.group} has no such slot in this tree`, {
      expected: slots.map(({ name }) => name).join(', ') || 'a group that has slots',
      received: JSON.stringify(address.slot),
    });
  }
  below('leaf', placed.leaves);
  return placed;
}

/** Index of a leaf in its tree, from the left (section 6). Errors as `slotAt`. */
export function leafIndex(config: ExactConfig, tree: Tree, address: LeafAddress, code?: string): number {
  const { first } = slotAt(config, tree, address, code);
  const { group, commit } = treeDepths(config);
  const head = tree === 'commit' ? positionOf(address) * 2 ** commit : address.group * 2 ** group;
  return head + first + address.leaf;
}

/** The address of an index of the commit tree: what a descent has found. @throws ProofError `verification.proof.index` */
export function commitAddressAt(config: ExactConfig, index: number): LeafAddress {
  const inTree = demandIndex(config, 'commit', index);
  const { commit } = treeDepths(config);
  const inPosition = inTree % 2 ** commit;
  const group = Math.min(Math.floor(inPosition / (2 * keyLeaves(config))), config.layers) + 1;
  return addressOf(config, 'commit', Math.floor(inTree / 2 ** commit), group, inPosition);
}

/** The address of an index of the position tree of t. @throws ProofError `verification.proof.index` */
export function innerAddressAt(config: ExactConfig, t: number, index: number): LeafAddress {
  const inTree = demandIndex(config, 'inner', index);
  const { group } = treeDepths(config);
  return addressOf(config, 'inner', t, Math.floor(inTree / 2 ** group), inTree % 2 ** group);
}

function demandIndex(config: ExactConfig, tree: Tree, index: number): number {
  const levels = treeLevels(config, tree);
  if (Number.isInteger(index) && index >= 0 && index < 2 ** levels) return index;
  throw new ProofError('verification.proof.index', 'the tree has no such leaf', {
    expected: `0..2^${levels} - 1`,
    received: String(index),
  });
}

function addressOf(config: ExactConfig, tree: Tree, t: number, group: number, at: number): LeafAddress {
  const placed = placedSlots(config, tree, group).find(({ first, leaves }) => at < first + leaves);
  if (placed === undefined) throw new RangeError('a group has a leaf without a slot');
  const { name: slot, first } = placed;
  return { block: t >> TRACE_BLOCK_DEPTH, position: t % TRACE_BLOCK, group, slot, leaf: at - first };
}
