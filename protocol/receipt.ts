import { equalBytes } from './bytes';
import { CellReader, CellWriter, cellHash, type PlainCell } from './cells';
import { TAG_WORKER_STATEMENT } from './constants';
import { ProtocolError } from './protocolError';

/** What every statement of a worker begins with: which network, which terms, which escrow. */
export interface StatementHeader {
  networkId: number;
  termsHash: Uint8Array;
  /** Basechain hash of the job or channel. */
  escrow: Uint8Array;
}

/**
 * The worker's word on an answer: proof for the user, claim for the payment, evidence for slashing (docs/protocol.md).
 * A job has seq 0, index 0, final.
 */
export interface Receipt extends StatementHeader {
  /** Request number within the escrow. */
  seq: number;
  /** Chunk number within the answer; each receipt commits to the answer from its start to here. */
  index: number;
  final: boolean;
  /** uint3, FinishReason. */
  finishReason: number;
  /** Unix seconds. */
  issuedAt: number;
  /** nanoTON due for this seq so far. */
  dueNano: bigint;
  /** Hash of the output as cells (byte chain with 24 inline bytes). */
  sealedHash: Uint8Array;
  responseCommit: Uint8Array;
  traceCommit: Uint8Array;
  promptTokens: number;
  outputTokens: number;
}

/** A worker gives a job back; the client gets everything. */
export interface Decline extends StatementHeader {
  /** uint8, DeclineReason. */
  reason: number;
}

export function statementWriter(statement: StatementHeader): CellWriter {
  return new CellWriter()
    .uint('tag', TAG_WORKER_STATEMENT, 32)
    .int32('networkId', statement.networkId)
    .fixedBytes('termsHash', statement.termsHash, 32)
    .basechainAddress('escrow', statement.escrow);
}

export function readStatementHeader(reader: CellReader): StatementHeader {
  reader.tag(TAG_WORKER_STATEMENT);
  return { networkId: reader.int32(), termsHash: reader.fixedBytes(32), escrow: reader.basechainAddress() };
}

function claimsWriter(receipt: Receipt): CellWriter {
  return new CellWriter()
    .fixedBytes('sealedHash', receipt.sealedHash, 32)
    .fixedBytes('responseCommit', receipt.responseCommit, 32)
    .fixedBytes('traceCommit', receipt.traceCommit, 32)
    .uint('promptTokens', receipt.promptTokens, 32)
    .uint('outputTokens', receipt.outputTokens, 32);
}

/** The receipt's second cell, which a delivery carries whole: 832 bits. */
export const encodeReceiptClaims = (receipt: Receipt): PlainCell => claimsWriter(receipt).cell();

/** 755 bits and the claims. */
function receiptWriter(receipt: Receipt): CellWriter {
  return statementWriter(receipt)
    .uint('seq', receipt.seq, 32)
    .uint('index', receipt.index, 32)
    .uint('final', receipt.final ? 1 : 0, 1)
    .uint('reserved', 0, 4)
    .uint('finishReason', receipt.finishReason, 3)
    .uint('issuedAt', receipt.issuedAt, 32)
    .uint('dueNano', receipt.dueNano, 64)
    .ref(claimsWriter(receipt));
}

export const encodeReceipt = (receipt: Receipt): PlainCell => receiptWriter(receipt).cell();

/** @throws ProtocolError WRONG_TAG, MALFORMED_CELL, RESERVED_BITS */
export function decodeReceipt(cell: PlainCell): Receipt {
  const root = new CellReader('Receipt', cell);
  const statement = readStatementHeader(root);
  const seq = root.number(32);
  const index = root.number(32);
  const final = root.number(1) === 1;
  if (root.number(4) !== 0) {
    throw new ProtocolError('RESERVED_BITS', 'Reserved bits of a Receipt are set', { expected: '0' });
  }
  const rest = { finishReason: root.number(3), issuedAt: root.number(32), dueNano: root.uint(64) };
  const claims = root.ref('Receipt claims');
  const receipt: Receipt = {
    ...statement,
    seq,
    index,
    final,
    ...rest,
    sealedHash: claims.fixedBytes(32),
    responseCommit: claims.fixedBytes(32),
    traceCommit: claims.fixedBytes(32),
    promptTokens: claims.number(32),
    outputTokens: claims.number(32),
  };
  root.end();
  claims.end();
  return receipt;
}

export const receiptHash = (receipt: Receipt): Uint8Array => receiptWriter(receipt).hash();

/** 595 bits, no references: no receipt has this form. */
export function encodeDecline(decline: Decline): PlainCell {
  return statementWriter(decline).uint('reason', decline.reason, 8).cell();
}

export function decodeDecline(cell: PlainCell): Decline {
  const root = new CellReader('Decline', cell);
  const decline = { ...readStatementHeader(root), reason: root.number(8) };
  root.end();
  return decline;
}

export function declineHash(decline: Decline): Uint8Array {
  return cellHash(encodeDecline(decline));
}

/**
 * Two receipts of one key conflict when they agree in (network, escrow, seq, index) and differ in anything but issuedAt,
 * or when one goes on after another that is final (attacks 1). Streaming, retries and re-sent bytes never conflict.
 */
export function receiptsConflict(a: Receipt, b: Receipt): boolean {
  if (a.networkId !== b.networkId || !equalBytes(a.escrow, b.escrow) || a.seq !== b.seq) return false;
  if (a.index === b.index) return !equalBytes(receiptHash({ ...a, issuedAt: 0 }), receiptHash({ ...b, issuedAt: 0 }));
  return a.index < b.index ? a.final : b.final;
}
