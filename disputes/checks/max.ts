/** Evidence for contracts/slashing/checks/MaxCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { TokenEvidence, type TokenSource } from '../tokenEvidence';

/** @param id whose logit shows the maximum or its index to be wrong */
export function maxEvidence(source: TokenSource, id: number): Cell {
  return beginCell().storeUint(id, 32).storeRef(new TokenEvidence(source).logits(id).chain).endCell();
}
