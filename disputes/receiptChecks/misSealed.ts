/** Evidence for contracts/slashing/receiptChecks/MisSealedCheck.tact: the signed bytes are not the answer. */
import { beginCell, type Cell } from '@ton/core';
import { encodeTerms, type Terms } from '../../protocol';
import { toCell } from '../../wrappers';

const CLAIMS = { form: 0, word: 1, tag: 2 } as const;

/** What a receipt signed: its terms, and the output as cells, of which sealedHash is the hash. */
export interface Sealed {
  terms: Terms;
  output: Cell;
  /** Of 32 bytes; zeros of a public job. Whoever sees it can read the whole answer. */
  responseKey: Uint8Array;
}

/** The output is no byte chain of the length that its answer has. */
export const sealedFormEvidence = ({ terms, output }: Sealed): Cell =>
  beginCell().storeUint(CLAIMS.form, 8).storeRef(toCell(encodeTerms(terms))).storeRef(output).endCell();

/**
 * A u32 of the opened bytes is not that of the answer.
 * @param word from the header's first; tokens begin with word 16
 * @param token of disputes/receiptChecks/answerTokens.ts; none for the header and for padding
 */
export function sealedWordEvidence({ terms, output, responseKey }: Sealed, word: number, token?: Cell): Cell {
  const evidence = beginCell().storeUint(CLAIMS.word, 8).storeUint(word, 32).storeBuffer(Buffer.from(responseKey)).storeRef(toCell(encodeTerms(terms))).storeRef(output);
  return (token === undefined ? evidence : evidence.storeRef(token)).endCell();
}

/** The tag behind the sealed bytes is not theirs. */
export const sealedTagEvidence = ({ terms, output, responseKey }: Sealed): Cell =>
  beginCell().storeUint(CLAIMS.tag, 8).storeBuffer(Buffer.from(responseKey)).storeRef(toCell(encodeTerms(terms))).storeRef(output).endCell();
