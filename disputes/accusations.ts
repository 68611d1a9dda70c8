/** Evidence that may show a receipt to be a lie by itself, what reveals least first. Whether it does a check says (disputes/refute.ts). */
import type { Cell } from '@ton/core';
import type { ExactConfig } from '../exact/config';
import { encodeByteChain, equalBytes, FinishReason, opens, OUTPUT_INLINE_BYTES, responseRoot, type ResponsePlaintext } from '../protocol';
import { toCell } from '../wrappers';
import type { ReceiptCheckName } from './checkTree';
import type { CommitSource } from './leafSource';
import type { Challenged } from './opening';
import { committedToken, drawnToken } from './receiptChecks/answerTokens';
import { deliveredTokenEvidence } from './receiptChecks/deliveredToken';
import { countsEvidence, promptEvidence, tokenEvidence } from './receiptChecks/finishReason';
import { sealedFormEvidence, sealedTagEvidence, sealedWordEvidence } from './receiptChecks/misSealed';

/** What came with a receipt. */
export interface Delivery {
  /** The bytes that it signs: of a channel those of its last piece. */
  output: Uint8Array;
  /** The whole answer, where all of it could be read. */
  opened: ResponsePlaintext | null;
  /** Tokens before those of `output`. */
  before: number;
}

export interface Accusation {
  check: ReceiptCheckName;
  evidence: () => Cell;
}

/** What a challenger knows besides: tokens and trace of his own computation, where the receipt commits to that trace. */
export interface SharedTrace {
  tokens: readonly number[];
  commit: CommitSource;
}

/** Words of 32 bits in front of an answer's tokens. */
const HEADER_WORDS = 16;

export function receiptAccusations(config: ExactConfig, { terms, payload, receipt }: Challenged, { output, opened, before }: Delivery, trace: SharedTrace | null): Accusation[] {
  const { request, commitSalt, responseKey } = payload;
  const ends: Accusation[] = [
    { check: 'FinishReasonCheck', evidence: () => countsEvidence(terms) },
    { check: 'FinishReasonCheck', evidence: () => promptEvidence(request) },
  ];
  const committed = opened !== null && opens(receipt.responseCommit, 'response', commitSalt, responseRoot(opened)) ? { answer: opened, commitSalt } : null;
  const shared = trace && { config, commit: trace.commit, promptTokens: receipt.promptTokens, commitSalt };
  const tokens = committed?.answer.tokens ?? trace?.tokens ?? [];
  const open = (number: number): Cell => (committed === null ? drawnToken(shared!, number) : committedToken(committed, number));

  const stops = new Set(request.stopTokens);
  const last = receipt.outputTokens - 1;
  const early = tokens.findIndex((token, i) => i < last && stops.has(token));
  if (early >= 0) ends.push({ check: 'FinishReasonCheck', evidence: () => tokenEvidence(open(early), early, request) });
  if (last in tokens && stops.has(tokens[last]) !== (receipt.finishReason === FinishReason.stop)) {
    ends.push({ check: 'FinishReasonCheck', evidence: () => tokenEvidence(open(last), last, request) });
  }
  if (committed !== null && trace !== null) {
    const other = committed.answer.tokens.findIndex((token, i) => token !== trace.tokens[i]);
    if (other >= 0) ends.push({ check: 'DeliveredTokenCheck', evidence: () => deliveredTokenEvidence(committed, shared!, other) });
  }
  // Bytes that are the answer to which the receipt commits were sealed right.
  if (committed !== null || output.length === 0) return ends;
  const sealed = { terms, output: toCell(encodeByteChain(output, OUTPUT_INLINE_BYTES)), responseKey };
  if (!equalBytes(sealed.output.hash(), receipt.sealedHash)) return ends;
  const words = Math.floor(output.length / 4);
  return [
    ...ends,
    { check: 'MisSealedCheck', evidence: () => sealedFormEvidence(sealed) },
    { check: 'MisSealedCheck', evidence: () => sealedTagEvidence(sealed) },
    ...Array.from({ length: words }, (_, word): Accusation => ({
      check: 'MisSealedCheck',
      evidence: () => {
        const number = before + word - HEADER_WORDS;
        if (word < HEADER_WORDS || number > last) return sealedWordEvidence(sealed, word);
        if (shared === null) throw new RangeError('this token is not known');
        return sealedWordEvidence(sealed, word, drawnToken(shared, number));
      },
    })),
  ];
}
