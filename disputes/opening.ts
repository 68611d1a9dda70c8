/** What a case is opened with, and what it is then about (contracts/slashing/opening.tact). */
import type { Cell } from '@ton/core';
import { encodeConfig } from '../exact/config';
import type { ExactModel, ModelProver } from '../exact';
import { sha256 } from '../exact/merkle';
import {
  concatBytes, encodeReceipt, labelSalt, type Receipt, type RequestPayload, requestLeaves, requestRoot, samplingSeed, type Terms, TermsFlag, treeSiblings,
} from '../protocol';
import { type CaseSubject, type ModelRoots, type RequestOpening, toCell } from '../wrappers';
import { chainOf, leafCells, pathCells } from './evidenceCells';
import { encodeJob, type StepJob } from './step';

/** An answer that can be challenged: its receipt is final and exact. */
export interface Challenged {
  terms: Terms;
  payload: RequestPayload;
  receipt: Receipt;
}

/** A leaf of the tree over a request or an answer, with its way up. */
export const markedLeaf = (leaves: readonly Uint8Array[], index: number): Cell =>
  chainOf([...leafCells(concatBytes(Uint8Array.of(0), leaves[index])), ...pathCells(treeSiblings(leaves, index))]);

/** Shows the request's header, and nothing of the prompt but its root. */
export const requestOpening = ({ request, commitSalt }: RequestPayload): RequestOpening => ({
  labelSalt: labelSalt('request', commitSalt), header: markedLeaf(requestLeaves(request), 0),
});

export const modelRoots = (model: ExactModel, prover: ModelProver): ModelRoots => ({
  config: encodeConfig(model.config), rowsRoot: prover.part({ part: 'config' }).path[0], tablesRoot: prover.part({ part: 'tokenizer' }).path[0],
  tokenizer: sha256(model.tokenizer.section),
});

/** nanoTON that the answer costs at most. */
const priceOf = ({ fixedPrice, promptPrice, outputPrice, maxTokens }: Terms, promptTokens: number): bigint =>
  fixedPrice + (promptPrice * BigInt(promptTokens) + outputPrice * BigInt(maxTokens)) / 1_000_000n;

export function stepJob({ terms, payload: { request }, receipt }: Challenged): StepJob {
  const place = terms.flags & TermsFlag.reproducibleSeed ? undefined : { escrow: receipt.escrow, seq: receipt.seq };
  return {
    promptTokens: receipt.promptTokens, outputTokens: receipt.outputTokens, requestRoot: requestRoot(request),
    sampling: { ...request.sampling, seed: samplingSeed(terms.requestCommit, place) },
  };
}

export const caseSubject = (challenged: Challenged, model: ModelRoots): CaseSubject => ({ ...judgedSubject(challenged), ...model });

/** What a case is about, but for its model. */
export function judgedSubject(challenged: Challenged): Omit<CaseSubject, keyof ModelRoots> {
  const { terms, payload, receipt } = challenged;
  return {
    networkId: terms.networkId, workerKey: terms.workerKey, traceCommit: receipt.traceCommit,
    promptTokens: receipt.promptTokens, outputTokens: receipt.outputTokens, job: encodeJob(stepJob(challenged)),
    judged: {
      client: terms.client, escrow: receipt.escrow, seq: receipt.seq, price: priceOf(terms, payload.request.promptTokens.length), receipt: toCell(encodeReceipt(receipt)),
    },
  };
}
