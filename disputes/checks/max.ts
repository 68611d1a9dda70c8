/** Evidence for contracts/slashing/checks/MaxCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { chainOf, leafCells } from '../evidenceCells';
import { TokenEvidence, type TokenSource } from '../tokenEvidence';

/** @param id whose logit shows the maximum or its index to be wrong */
export function maxEvidence(source: TokenSource, disputed: Uint8Array, id: number): Cell {
  return beginCell().storeUint(id, 32).storeRef(chainOf(leafCells(disputed))).storeRef(new TokenEvidence(source).logits(id).chain).endCell();
}
