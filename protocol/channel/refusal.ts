import { CellReader, type PlainCell, cellHash } from '../cells';
import { readStatementHeader, type StatementHeader, statementWriter } from '../receipt';

/** Why a worker does not serve a request, or stops serving one. */
export const RefusalReason = {
  /** The voucher is not signed by the channel's client key, or is of another channel or network. */
  badVoucher: 1,
  /** The voucher covers less than what was delivered and the next piece of the prompt. */
  voucherTooLow: 2,
  /** The channel holds too little for this request. */
  channelExhausted: 3,
  /** The channel ends too soon, is closing, or is not on chain. */
  channelEnding: 4,
  /** The number of the request is not above all before it. */
  wrongSequence: 5,
  /** Another request was begun under this number. */
  conflictingRequest: 6,
  /** The request cannot be opened, or is not what its terms commit to. */
  unreadableRequest: 7,
  /** Model, tier, semantics, prices or sampling that this worker does not serve. */
  unsupportedTerms: 8,
  /** Prompt and answer do not fit the model or the worker's memory. */
  tooLong: 9,
  /** Busy; try again after retryAfter. */
  overloaded: 10,
  /** The worker stops for a while. */
  draining: 11,
  /** The engine failed; nothing more is due. */
  failed: 12,
  /** A session that the channel's client key did not sign. */
  notTheClient: 13,
} as const;
export type RefusalReasonValue = (typeof RefusalReason)[keyof typeof RefusalReason];

/** The worker's signed word that it goes no further with a request; what was delivered before stays due. */
export interface Refusal extends StatementHeader {
  seq: number;
  /** uint8, RefusalReason. */
  reason: number;
  /** Seconds after which the client may try again; 0 for never. */
  retryAfter: number;
}

/** 659 bits, no references: neither a receipt nor a decline has this form. */
export function encodeRefusal(refusal: Refusal): PlainCell {
  return statementWriter(refusal)
    .uint('seq', refusal.seq, 32)
    .uint('reason', refusal.reason, 8)
    .uint('retryAfter', refusal.retryAfter, 32)
    .cell();
}

export function decodeRefusal(cell: PlainCell): Refusal {
  const root = new CellReader('Refusal', cell);
  const refusal = { ...readStatementHeader(root), seq: root.number(32), reason: root.number(8), retryAfter: root.number(32) };
  root.end();
  return refusal;
}

export const refusalHash = (refusal: Refusal): Uint8Array => cellHash(encodeRefusal(refusal));
