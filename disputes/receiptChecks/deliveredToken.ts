/** Evidence for contracts/slashing/receiptChecks/DeliveredTokenCheck.tact: the answer has another token than the trace. */
import { beginCell, type Cell } from '@ton/core';
import { labelSalt } from '../../protocol';
import { answerRow, type CommittedAnswer, type CommittedTrace, drawOf } from './answerTokens';

export function deliveredTokenEvidence(committed: CommittedAnswer, trace: CommittedTrace, number: number): Cell {
  const { isPadding, chain } = drawOf(trace, number);
  return beginCell()
    .storeUint(number, 32).storeBit(isPadding)
    .storeBuffer(Buffer.from(labelSalt('response', committed.commitSalt))).storeBuffer(Buffer.from(labelSalt('trace', trace.commitSalt)))
    .storeRef(answerRow(committed, number)).storeRef(chain)
    .endCell();
}
