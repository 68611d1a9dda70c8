/** Evidence for contracts/slashing/receiptChecks/FinishReasonCheck.tact: how an answer ended, its counts, its form. */
import { beginCell, type Cell } from '@ton/core';
import { encodeTerms, type InferenceRequest, labelSalt, requestLeaves, type Terms } from '../../protocol';
import { toCell } from '../../wrappers';
import { markedLeaf } from '../opening';

const CLAIMS = { counts: 0, prompt: 1, form: 2, token: 3 } as const;

/** The reason and the number of tokens do not fit each other or the terms. */
export const countsEvidence = (terms: Terms): Cell => beginCell().storeUint(CLAIMS.counts, 8).storeRef(toCell(encodeTerms(terms))).endCell();

/** The request has another number of tokens. */
export const promptEvidence = (request: InferenceRequest): Cell => beginCell().storeUint(CLAIMS.prompt, 8).storeRef(markedLeaf(requestLeaves(request), 0)).endCell();

/**
 * A leaf of the answer is not of its form: another header, something behind the last token, another length.
 * @param leaves of the tree that was committed to, without the 00 @param word u32 of the leaf
 */
export function formEvidence(leaves: readonly Uint8Array[], commitSalt: Uint8Array, leaf: number, word: number): Cell {
  return beginCell()
    .storeUint(CLAIMS.form, 8).storeBuffer(Buffer.from(labelSalt('response', commitSalt))).storeUint(leaf, 32).storeUint(1 + leaves[leaf].length, 16).storeUint(word, 16)
    .storeRef(markedLeaf(leaves, leaf))
    .endCell();
}

/** A token ends the answer that is not its last, or its last one does or does not end it. @param opening of disputes/receiptChecks/answerTokens.ts */
export const tokenEvidence = (opening: Cell, number: number, request: InferenceRequest): Cell =>
  beginCell().storeUint(CLAIMS.token, 8).storeUint(number, 32).storeRef(opening).storeRef(markedLeaf(requestLeaves(request), 0)).endCell();
