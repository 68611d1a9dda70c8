/** Evidence for contracts/slashing/checks/HeadRowCheck.tact. */
import type { Cell } from '@ton/core';
import type { LeafAddress } from '../../exact/leafAddress';
import { headsPerLeaf, paddedRowBytes } from '../../exact/opTable';
import { AttentionHeadEvidence, type AttentionHeadSource } from '../attentionHeads';
import { LAYER_SLOTS } from '../step';

/** Slots that the check judges. */
export type HeadRowSlot = 'q8' | 'k8' | 'v8';

/** Bytes of a word of a row; in `k8` they stand from last to first. */
const WORD = 30;

/** @param byte of the leaf in dispute */
export function headRowEvidence(source: AttentionHeadSource, { group, slot, leaf }: LeafAddress, byte: number): Cell {
  const { config } = source;
  const name = slot as HeadRowSlot;
  const perLeaf = name === 'q8' ? 1 : headsPerLeaf(config);
  const row = paddedRowBytes(config.headDim);
  const heads = name === 'q8' ? 1 : Math.min(perLeaf, config.kvHeads - perLeaf * leaf);
  const number = LAYER_SLOTS.indexOf(name);
  const evidence = new AttentionHeadEvidence(source, group);
  // Exponent bytes stand in front of the rows.
  if (byte < heads) return evidence.slot('headMax').cell(number, [byte]);
  const place = (byte - heads) % row;
  const j = name === 'k8' ? place - 2 * (place % WORD) + WORD - 1 : place;
  if (j >= config.headDim) return evidence.cell(number, [byte]);
  evidence.slot('headMax').head(name === 'q8' ? 'q' : name === 'k8' ? 'k' : 'v', perLeaf * leaf + Math.floor((byte - heads) / row));
  return (name === 'v8' ? evidence : evidence.rope()).cell(number, [byte]);
}
