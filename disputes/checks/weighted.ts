/** Evidence for contracts/slashing/checks/WeightedCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { BLOCK, SEGMENT_BYTES, TRANSPOSED_DIMS } from '../../exact/constants';
import type { ExactConfig } from '../../exact/config';
import type { LeafAddress } from '../../exact/leafAddress';
import { layerSlots, positionBlocks, transposedPerBlock } from '../../exact/opTable';
import { AttentionEvidence, kvHeadOf, type AttentionSource } from '../cacheEvidence';
import { chainOf } from '../evidenceCells';
import { LAYER_SLOTS } from '../step';

/** Slots that the check judges. */
export type WeightedSlot = 'vt' | 'pv' | 'oMax' | 'o8';

/** @param element of the leaf in dispute: a byte of `vt` or `o8`, a word of `pv`; of `oMax` the element of o that shows it to be wrong */
export function weightedEvidence(source: AttentionSource, { group, slot, leaf }: LeafAddress, element: number): Cell {
  const name = slot as WeightedSlot;
  const parts = beginCell().storeUint(LAYER_SLOTS.indexOf(name), 8).storeUint(element, 16);
  const evidence = new AttentionEvidence(source, group);
  const shown = LEAVES[name](source, evidence, leaf, element);
  return shown ? parts.storeRef(chainOf(evidence.parts)).endCell() : parts.endCell();
}

/** Adds the leaves that an element follows from; false for one that needs none. */
type Show = (source: AttentionSource, evidence: AttentionEvidence, leaf: number, element: number) => boolean;

const LEAVES: Record<WeightedSlot, Show> = {
  vt: ({ config, t }, evidence, leaf, element) => {
    const perBlock = transposedPerBlock(config);
    const position = BLOCK * Math.floor(leaf / perBlock) + (element % BLOCK);
    if (position > t) return false;
    const dim = (leaf % perBlock) * TRANSPOSED_DIMS + Math.floor(element / BLOCK);
    evidence.cached('v8', Math.floor(dim / config.headDim), position);
    return true;
  },
  pv: ({ config, t }, evidence, leaf, element) => {
    const blocks = positionBlocks(config);
    const block = element % blocks;
    if (BLOCK * block > t) return false;
    const dim = leaf * partialDims(config) + Math.floor(element / blocks);
    const head = Math.floor(dim / config.headDim);
    const column = kvHeadOf(config, head) * config.headDim + (dim % config.headDim);
    evidence.slot('p', head * blocks + block).slot('vt', block * transposedPerBlock(config) + Math.floor(column / TRANSPOSED_DIMS));
    return true;
  },
  oMax: ({ config }, evidence, _, element) => output(config, evidence, element),
  o8: ({ config }, evidence, leaf, element) => {
    const number = SEGMENT_BYTES * leaf + element;
    if (number >= config.heads * config.headDim) return false;
    output(config, evidence, number);
    evidence.slot('oMax');
    return true;
  },
};

/** What an element of o follows from. */
function output(config: ExactConfig, evidence: AttentionEvidence, number: number): boolean {
  evidence.slot('pv', Math.floor(number / partialDims(config))).slot('attSums', Math.floor(number / config.headDim)).slot('attMax');
  return true;
}

/** Dims whose partial sums share a leaf. */
const partialDims = (config: ExactConfig): number => layerSlots(config).find(({ name }) => name === 'pv')!.perLeaf / positionBlocks(config);
