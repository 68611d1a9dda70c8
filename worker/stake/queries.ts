import type { Address, Cell, Transaction } from '@ton/core';
import { decodeTerms, type Terms } from '../../protocol';
import { fromCell, KEY_STATUS, OP_KEY_STATUS, parseKeyQuery } from '../../wrappers';

/** A question that a stake answered fine: whoever asked it may be a job for one of its keys. */
export interface StakeQuery {
  /** Who asked: a CheckedJobEscrow, or anybody who pretends to be one. */
  sender: Address;
  terms: Terms;
  /** When the stake answered, Unix seconds. */
  time: number;
}

/**
 * The question of a stake's transaction, null for every other one and for a question that it did not answer fine. What
 * is in it was written by a stranger.
 */
export function queryOf({ inMessage, outMessages, now }: Transaction): StakeQuery | null {
  if (inMessage?.info.type !== 'internal' || inMessage.info.bounced) return null;
  const sender = inMessage.info.src;
  if (sender.workChain !== 0) return null;
  const query = parseKeyQuery(inMessage.body);
  if (query === null) return null;
  const isFine = [...outMessages.values()].some(
    ({ info, body }) => info.type === 'internal' && info.dest.equals(sender) && statusOf(body) === KEY_STATUS.fine,
  );
  const terms = isFine ? termsOf(query.terms) : null;
  return terms === null ? null : { sender, terms, time: now };
}

function statusOf(body: Cell): number | null {
  const slice = body.beginParse();
  return slice.remainingBits === 40 && slice.loadUint(32) === OP_KEY_STATUS ? slice.loadUint(8) : null;
}

/** A stake reads only what it needs of the terms: whatever hangs below them makes them no terms. */
function termsOf(cell: Cell): Terms | null {
  try {
    return decodeTerms(fromCell(cell));
  } catch {
    return null;
  }
}
