/** Evidence for contracts/slashing/checks/TopCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { TokenEvidence, samplingTable, type TokenSource } from '../tokenEvidence';

/**
 * That an entry does not stand there.
 * @param id whose logit shows it: the entry's own, if it has another logit; one that belongs between the entry and the one before it; any, if the
 * entry is not behind the one before it or has an id that the model has not
 */
export function topPlaceEvidence(source: TokenSource, entry: number, id: number): Cell {
  return beginCell()
    .storeUint(entry, 16).storeBit(false).storeUint(id, 32)
    .storeRef(new TokenEvidence(source).logits(id).chain)
    .endCell();
}

/** That the weight of an entry is not that of its logit. */
export function topWeightEvidence(source: TokenSource, entry: number): Cell {
  return beginCell()
    .storeUint(entry, 16).storeBit(true)
    .storeRef(new TokenEvidence(source).slot('max').chain).storeRef(samplingTable(source.model))
    .endCell();
}
