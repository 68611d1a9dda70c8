import type { Transaction } from '@ton/core';
import { type CaseMove, OP_OPEN_CASE, parseCaseMove } from '../wrappers';

/** The moves that a case took since it was opened, oldest first. @param transactions of its account, newest first */
export function movesOf(transactions: readonly Transaction[]): CaseMove[] {
  const moves: CaseMove[] = [];
  for (const { inMessage, description } of transactions) {
    if (inMessage?.info.type !== 'internal' || description.type !== 'generic' || description.aborted) continue;
    const { body } = inMessage;
    if (body.bits.length >= 32 && body.beginParse().preloadUint(32) === OP_OPEN_CASE) break;
    const move = parseCaseMove(body);
    if (move !== null) moves.unshift(move);
  }
  return moves;
}
