/** Tokens of an answer as a receipt's commitments hold them (contracts/slashing/receiptFacts.tact). */
import { beginCell, type Cell } from '@ton/core';
import type { ExactConfig } from '../../exact/config';
import { BLOCK, TRACE_BLOCK } from '../../exact/constants';
import { labelSalt, responseLeaves, type ResponsePlaintext } from '../../protocol';
import { chainOf, leafCells, pathCells } from '../evidenceCells';
import type { CommitSource } from '../leafSource';
import { markedLeaf } from '../opening';

/** An answer that was committed to under the client's salt of 32 bytes. */
export interface CommittedAnswer {
  answer: ResponsePlaintext;
  commitSalt: Uint8Array;
}

/** A trace that was committed to under it. */
export interface CommittedTrace {
  config: ExactConfig;
  commit: CommitSource;
  promptTokens: number;
  commitSalt: Uint8Array;
}

/** The row of the answer that has a token, with its way up. */
export const answerRow = ({ answer }: CommittedAnswer, number: number): Cell => markedLeaf(responseLeaves(answer), 1 + Math.floor(number / BLOCK));

/** The `draw` of a token with its way up; where the trace has padding its way alone. */
export function drawOf({ config, commit, promptTokens }: CommittedTrace, number: number): { isPadding: boolean; chain: Cell } {
  const t = promptTokens - 1 + number;
  const { bytes, path } = commit.leaf({ block: Math.floor(t / TRACE_BLOCK), position: t % TRACE_BLOCK, group: config.layers + 1, slot: 'draw', leaf: 0 });
  return { isPadding: bytes === null, chain: chainOf([...leafCells(bytes ?? new Uint8Array(0)), ...pathCells(path)]) };
}

/** TokenOpening of a token that was committed to. */
export const committedToken = (committed: CommittedAnswer, number: number): Cell =>
  beginCell().storeBit(false).storeBit(false).storeBuffer(Buffer.from(labelSalt('response', committed.commitSalt))).storeRef(answerRow(committed, number)).endCell();

/** TokenOpening of a token that the trace drew. */
export function drawnToken(trace: CommittedTrace, number: number): Cell {
  const { isPadding, chain } = drawOf(trace, number);
  return beginCell().storeBit(true).storeBit(isPadding).storeBuffer(Buffer.from(labelSalt('trace', trace.commitSalt))).storeRef(chain).endCell();
}
