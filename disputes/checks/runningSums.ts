/** Evidence for contracts/slashing/checks/RunningSumsCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { SUM_BLOCK, SUMS_PER_LEAF } from '../../exact/constants';
import type { LeafAddress } from '../../exact/leafAddress';
import { TokenEvidence, samplingTable, type TokenSource } from '../tokenEvidence';

/** @param element of the leaf in dispute */
export function runningSumsEvidence(source: TokenSource, { leaf }: LeafAddress, element: number): Cell {
  const number = SUMS_PER_LEAF * leaf + element;
  const evidence = new TokenEvidence(source).logits(SUM_BLOCK * number).slot('max');
  if (element === 0 && leaf > 0) evidence.sum(number - 1);
  return beginCell()
    .storeUint(element, 16)
    .storeRef(evidence.chain).storeRef(samplingTable(source.model))
    .endCell();
}
