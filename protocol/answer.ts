import { equalBytes } from './bytes';
import { byteChainHash, OUTPUT_INLINE_BYTES } from './byteChain';
import { commit, opens, responseRoot } from './commitments';
import { FinishReason, isExact, Visibility } from './constants';
import type { RequestPayload } from './payload';
import { type Receipt, receiptHash } from './receipt';
import { decodeResponse, encodeResponse, type ResponsePlaintext } from './response';
import { openResponse, sealResponse } from './sealing';
import { type Ed25519, portableEd25519 } from './signing';
import { type Terms, termsHash } from './terms';

/** What a worker computed for a job. */
export interface ComputedAnswer extends ResponsePlaintext {
  /** Root of the trace over all 32-token blocks, 32 bytes; undefined for engines without exact tokens. */
  traceRoot?: Uint8Array;
}

export interface SignedAnswer {
  receipt: Receipt;
  /** The bytes that go on chain: sealed, or plain for a public job. */
  output: Uint8Array;
}

/** The hash that a receipt signs for an output. */
export function outputHash(output: Uint8Array): Uint8Array {
  return byteChainHash(output, OUTPUT_INLINE_BYTES);
}

/** Seals an answer and fills its receipt; signing is the caller's, after which not a byte may change. */
export function prepareAnswer(
  terms: Terms,
  payload: RequestPayload,
  escrow: Uint8Array,
  answer: ComputedAnswer,
  issuedAt: number,
): SignedAnswer {
  const hash = termsHash(terms);
  const plaintext = encodeResponse(answer);
  const output =
    terms.visibility === Visibility.public ? plaintext : sealResponse(plaintext, payload.responseKey, hash);
  const receipt: Receipt = {
    networkId: terms.networkId,
    termsHash: hash,
    escrow,
    seq: 0,
    index: 0,
    final: true,
    finishReason: answer.finishReason,
    issuedAt,
    dueNano: terms.fixedPrice,
    sealedHash: outputHash(output),
    responseCommit: commit('response', payload.commitSalt, responseRoot(answer)),
    traceCommit: answer.traceRoot ? commit('trace', payload.commitSalt, answer.traceRoot) : new Uint8Array(32),
    promptTokens: payload.request.promptTokens.length,
    outputTokens: answer.tokens.length,
  };
  return { receipt, output };
}

/** Why an answer does not verify; each names one rule. */
export type AnswerFault =
  | 'other-network'
  | 'other-escrow'
  | 'other-terms'
  | 'not-a-final-job-receipt'
  | 'other-price'
  | 'bad-date'
  | 'bad-signature'
  | 'output-not-signed'
  | 'unreadable'
  | 'response-not-committed'
  | 'trace-not-committed'
  | 'unexpected-trace'
  | 'wrong-prompt-count'
  | 'wrong-output-count'
  | 'wrong-finish-reason'
  | 'not-stopped'
  | 'too-many-tokens';

export type CheckedAnswer = { ok: true; answer: ResponsePlaintext } | { ok: false; fault: AnswerFault };

/** Receipts further from the time of delivery are refused, seconds (attacks 15). */
export const MAX_RECEIPT_SKEW_SECONDS = 600;

/**
 * Opens an answer and checks all that can be checked without running the job again: signature, every field of the
 * receipt against the client's own terms, the sealed bytes, the commitment, counts and finish reason (attacks 8).
 * @param deliveredAt Unix seconds of the delivering transaction
 */
export function checkAnswer(
  expected: { terms: Terms; payload: RequestPayload; escrow: Uint8Array },
  delivered: { receipt: Receipt; signature: Uint8Array; output: Uint8Array; deliveredAt: number },
  ed25519: Ed25519 = portableEd25519,
): CheckedAnswer {
  const { terms, payload } = expected;
  const { receipt } = delivered;
  const hash = termsHash(terms);
  const fault = (reason: AnswerFault): CheckedAnswer => ({ ok: false, fault: reason });
  if (receipt.networkId !== terms.networkId) return fault('other-network');
  if (!equalBytes(receipt.escrow, expected.escrow)) return fault('other-escrow');
  if (!equalBytes(receipt.termsHash, hash)) return fault('other-terms');
  if (receipt.seq !== 0 || receipt.index !== 0 || !receipt.final) return fault('not-a-final-job-receipt');
  if (receipt.dueNano !== terms.fixedPrice) return fault('other-price');
  if (Math.abs(receipt.issuedAt - delivered.deliveredAt) > MAX_RECEIPT_SKEW_SECONDS) return fault('bad-date');
  if (!ed25519.verify(receiptHash(receipt), delivered.signature, terms.workerKey)) return fault('bad-signature');
  if (!equalBytes(receipt.sealedHash, outputHash(delivered.output))) return fault('output-not-signed');
  let answer: ResponsePlaintext;
  try {
    const isPublic = terms.visibility === Visibility.public;
    answer = decodeResponse(isPublic ? delivered.output : openResponse(delivered.output, payload.responseKey, hash));
  } catch {
    return fault('unreadable');
  }
  if (!opens(receipt.responseCommit, 'response', payload.commitSalt, responseRoot(answer)))
    return fault('response-not-committed');
  const hasTrace = receipt.traceCommit.some((byte) => byte !== 0);
  if (hasTrace !== isExact(terms.semantics)) return fault(hasTrace ? 'unexpected-trace' : 'trace-not-committed');
  if (receipt.promptTokens !== payload.request.promptTokens.length) return fault('wrong-prompt-count');
  if (receipt.outputTokens !== answer.tokens.length) return fault('wrong-output-count');
  if (receipt.finishReason !== answer.finishReason) return fault('wrong-finish-reason');
  return checkFinish(terms, payload, answer) ?? { ok: true, answer };
}

function checkFinish(terms: Terms, payload: RequestPayload, answer: ResponsePlaintext): CheckedAnswer | null {
  const stops = new Set(payload.request.stopTokens);
  const { tokens, finishReason } = answer;
  if (tokens.length > terms.maxTokens) return { ok: false, fault: 'too-many-tokens' };
  if (tokens.slice(0, -1).some((token) => stops.has(token))) return { ok: false, fault: 'not-stopped' };
  const endsWithStop = tokens.length > 0 && stops.has(tokens[tokens.length - 1]);
  if (finishReason === FinishReason.stop && endsWithStop) return null;
  if (finishReason === FinishReason.length && !endsWithStop && tokens.length === terms.maxTokens) return null;
  return { ok: false, fault: 'wrong-finish-reason' };
}
