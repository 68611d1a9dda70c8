import { Address, type Cell } from '@ton/core';
import {
  buildTerms,
  checkAnswer,
  decodePayload,
  FinishReason,
  receiptHash,
  type Receipt,
  type RequestPayload,
  type Terms,
} from '../../protocol';
import type { LoadedEngine } from '../../worker/engine';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { generationOf } from '../../worker/jobs/request';
import { receiptOfDelivery } from '../../worker/jobs/shownReceipt';
import { compareAnswer, partsOf } from '../../gateway/audit/compare';
import { VerificationError } from '../errors';
import type { JobFile } from './jobFile';

/** An answer whose receipt holds in every point that needs no computation. */
export interface OpenedAnswer {
  tokens: number[];
  finishReason: 'stop' | 'length';
  receipt: Receipt;
  /** Lowercase hex. */
  receiptHash: string;
  /** 64 bytes, over the receipt. */
  signature: Uint8Array;
}

/** The client's own view of a job: its terms and request, rebuilt from the job file. */
export function ownTerms(job: JobFile): { terms: Terms; payload: RequestPayload; escrow: Uint8Array } {
  const payload = decodePayload(bytes(job.payload));
  const terms = buildTerms(payload, {
    networkId: job.networkId,
    client: bytes(job.escrow.client),
    stake: bytes(job.stake),
    workerKey: bytes(job.escrow.workerKey),
    price: BigInt(job.escrow.priceNano),
  });
  return { terms, payload, escrow: new Uint8Array(Address.parse(job.address).hash) };
}

/** The receipt that a delivery signs, as the job's own terms complete it, and the bytes beside it. */
export const readDelivery = (job: JobFile, body: Cell): { receipt: Receipt; signature: Uint8Array; output: Uint8Array } =>
  receiptOfDelivery(body, {
    networkId: job.networkId, termsHash: bytes(job.escrow.termsHash), escrow: new Uint8Array(Address.parse(job.address).hash), dueNano: BigInt(job.escrow.priceNano),
  });

/**
 * Opens an answer with the keys of the job file and checks it against the client's own terms.
 * @param body body of the message that delivered
 * @param deliveredAt Unix seconds
 * @throws VerificationError `verification.<fault>`, named as in protocol/answer.ts
 */
export function openAnswer(job: JobFile, body: Cell, deliveredAt: number): OpenedAnswer {
  const expected = ownTerms(job);
  const { receipt, signature, output } = readDelivery(job, body);
  const checked = checkAnswer(expected, { receipt, signature, output, deliveredAt }, nodeEd25519);
  if (!checked.ok) {
    throw new VerificationError(`verification.${checked.fault}`, 'the receipt of the answer does not hold', {
      received: checked.fault,
      hint: `cocoon challenge ${job.address}: the receipt is evidence`,
    });
  }
  return {
    tokens: [...checked.answer.tokens],
    finishReason: checked.answer.finishReason === FinishReason.stop ? 'stop' : 'length',
    receipt,
    receiptHash: Buffer.from(receiptHash(receipt)).toString('hex'),
    signature,
  };
}

/**
 * Computes the request again and compares tokens, finish reason, response commitment and trace commitment.
 * @returns what differs, or null when all of it is equal bit for bit
 */
export async function compareRerun(job: JobFile, answer: OpenedAnswer, engine: LoadedEngine): Promise<string | null> {
  const { payload, escrow } = ownTerms(job);
  const result = await engine.generate(generationOf(payload, escrow));
  const { commitSalt, request } = payload;
  const { responseCommit, traceCommit } = answer.receipt;
  const signed = { tokens: answer.tokens, finishReason: FinishReason[answer.finishReason], responseCommit, traceCommit };
  return compareAnswer(signed, partsOf(result, commitSalt), { promptTokens: request.promptTokens.length, commitSalt })?.part ?? null;
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
