/** Evidence for contracts/slashing/checks/DownCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { BLOCK, ROWS_PER_DOWN_LEAF } from '../../exact/constants';
import type { ExactConfig } from '../../exact/config';
import type { LeafAddress } from '../../exact/leafAddress';
import { segmentsOf } from '../../exact/opTable';
import { chainOf } from '../evidenceCells';
import type { LeafSource, PartSource } from '../leafSource';
import { rowCells } from '../modelEvidence';
import { PositionEvidence } from '../positionEvidence';
import { LAYER_SLOTS } from '../step';

/** @param element of the leaf in dispute: a sum of `downSums`, an element of `h2` */
export function downEvidence(
  config: ExactConfig, model: PartSource, tree: LeafSource, { group, slot, leaf }: LeafAddress, element: number,
): Cell {
  const pieces = segmentsOf(config.ffn);
  const evidence = new PositionEvidence(config, tree);
  const isSum = slot === 'downSums';
  const [row, piece] = isSum ? [ROWS_PER_DOWN_LEAF * leaf + Math.floor(element / pieces), element % pieces] : [BLOCK * leaf + element, 0];
  if (isSum) evidence.slot(group, 'xd', piece);
  else evidence.slot(group, 'mlpMax').slot(group, 'downSums', Math.floor(row / ROWS_PER_DOWN_LEAF)).residual(group, true, leaf);
  const weights = rowCells(model, { part: 'row', matrix: `layers.${group - 1}.down`, row, leaf: piece });
  return beginCell()
    .storeUint(LAYER_SLOTS.indexOf(isSum ? 'downSums' : 'h2'), 8).storeUint(element, 16)
    .storeRef(chainOf(weights)).storeRef(chainOf(evidence.parts))
    .endCell();
}
