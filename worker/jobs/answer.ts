import {
  declineHash,
  encodeReceiptClaims,
  FinishReason,
  prepareAnswer,
  receiptHash,
  type Decline,
  type RequestPayload,
  type Terms,
} from '../../protocol';
import { toCell, type JobDelivery } from '../../wrappers';
import type { Answered } from '../engine';
import { nodeEd25519 } from '../keys/ed25519';

/**
 * Seals an answer under the client's response key and signs its receipt. A pure function of its arguments: after a
 * crash the same arguments give the same bytes.
 * @param escrow basechain hash of the job
 * @param issuedAt Unix seconds
 */
export function signAnswer(
  terms: Terms,
  payload: RequestPayload,
  escrow: Uint8Array,
  result: Answered,
  issuedAt: number,
  signingSecret: Uint8Array,
): { delivery: JobDelivery; receiptHash: Uint8Array } {
  const answer = {
    finishReason: FinishReason[result.finishReason],
    tokens: result.tokens,
    traceRoot: result.traceRoot,
  };
  const { receipt, output } = prepareAnswer(terms, payload, escrow, answer, issuedAt);
  const hash = receiptHash(receipt);
  const delivery = {
    signature: nodeEd25519.sign(hash, signingSecret),
    finishReason: receipt.finishReason,
    issuedAt,
    claims: toCell(encodeReceiptClaims(receipt)),
    output,
  };
  return { delivery, receiptHash: hash };
}

/** Signature of a decline. */
export function signDecline(decline: Decline, signingSecret: Uint8Array): Uint8Array {
  return nodeEd25519.sign(declineHash(decline), signingSecret);
}
