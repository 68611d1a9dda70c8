/** Evidence for contracts/slashing/checks/SwiGluCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { BLOCK, SEGMENT_BYTES } from '../../exact/constants';
import type { ExactConfig } from '../../exact/config';
import type { LeafAddress } from '../../exact/leafAddress';
import { chainOf } from '../evidenceCells';
import type { LeafSource, PartSource } from '../leafSource';
import { tableChain } from '../modelEvidence';
import { PositionEvidence } from '../positionEvidence';
import { LAYER_SLOTS } from '../step';

/**
 * @param element of the leaf in dispute: a byte of `xd`; of `mlpMax` a maximum with its index, in their order
 * @param shows number of the element of t, u, y or T that shows a maximum to be wrong; for a byte of `xd` it follows
 */
export function swiGluEvidence(
  config: ExactConfig, model: PartSource, tree: LeafSource, { group, slot, leaf }: LeafAddress, element: number, shows = 0,
): Cell {
  const isRow = slot === 'xd';
  const parts = beginCell().storeUint(LAYER_SLOTS.indexOf(isRow ? 'xd' : 'mlpMax'), 8).storeUint(element, 16);
  if (!isRow) parts.storeUint(shows, 16);
  const number = isRow ? SEGMENT_BYTES * leaf + element : shows;
  // Padding follows from nothing.
  if (number >= config.ffn) return parts.endCell();
  const evidence = new PositionEvidence(config, tree);
  if (isRow) evidence.slot(group, 'mlpMax');
  const block = Math.floor(number / BLOCK);
  evidence.slot(group, 'gate', block).slot(group, 'up', block);
  return parts.storeRef(chainOf(evidence.parts)).storeRef(tableChain(model, { part: 'sigmoid' })).endCell();
}
