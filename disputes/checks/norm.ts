/** Evidence for contracts/slashing/checks/NormCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import type { ExactConfig } from '../../exact/config';
import { BLOCK, SEGMENT_BYTES } from '../../exact/constants';
import type { LeafAddress } from '../../exact/leafAddress';
import { chainOf } from '../evidenceCells';
import type { LeafSource } from '../leafSource';
import { PositionEvidence } from '../positionEvidence';
import { HEAD_SLOTS, LAYER_SLOTS } from '../step';

/** Elements of a norm's leaf: the maximum with its index, then the sums of squares of the blocks. */
export const normElements = ({ dim }: ExactConfig) => {
  const blocks = Math.ceil(dim / BLOCK);
  return { largest: 0, squares: (block: number) => 1 + block, ssq: blocks + 1, r: blocks + 2, inv: blocks + 3 };
};

/**
 * @param element byte of a row in its leaf, or one of `normElements`
 * @param shows number of the residual that shows a wrong maximum
 */
export function normEvidence(
  config: ExactConfig, tree: LeafSource, { group, slot, leaf }: LeafAddress, element: number, shows = 0,
): Cell {
  const isRow = slot.startsWith('x');
  const isHead = group > config.layers;
  const parts = beginCell().storeUint((isHead ? HEAD_SLOTS : LAYER_SLOTS).indexOf(slot as never), 8).storeUint(element, 16);
  const { largest, ssq } = normElements(config);
  if (!isRow && element === largest) parts.storeUint(shows, 16);
  const number = isRow ? SEGMENT_BYTES * leaf + element : element === largest ? shows : BLOCK * (element - 1);
  if (isRow ? number >= config.dim : element >= ssq) return parts.endCell();
  const evidence = new PositionEvidence(config, tree);
  if (isRow) evidence.slot(group, slot.replace('x', 'norm'));
  evidence.residual(group, slot.endsWith('2'), Math.floor(number / BLOCK));
  return parts.storeRef(chainOf(evidence.parts)).endCell();
}
