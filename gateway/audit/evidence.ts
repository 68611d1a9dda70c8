import { Cell } from '@ton/core';
import { z } from 'zod';
import {
  buildChannelRequest, type ChannelRequest, CocoonError, decodeFrame, decodePayload, decodeTerms, encodeFrame, encodePayload, encodeTerms, equalBytes,
  type PieceFrame, type Receipt, receiptOf, type Terms, termsHash, toHex,
} from '../../protocol';
import { fromCell, toCell } from '../../wrappers';
import type { DeliveredAnswer } from '../channel/delivered';
import type { ComputedParts, Difference } from './compare';

/** Evidence that does not hold, codes `verification.evidence.<reason>`. */
export class EvidenceError extends CocoonError {}

const hex = z.string().regex(/^([0-9a-f]{2})*$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();

const answered = {
  version: z.literal(1),
  /** As the answer's header said: channel and number. */
  reference: z.string(),
  /** Unix seconds. */
  foundAt: count,
  /** Basechain hashes. */
  stake: hash,
  channel: hash,
  seq: count,
  /** Bag of cells of the Terms (docs/schema.tlb), whose hash every receipt names. */
  terms: hex,
  /** The plain request (docs/protocol.md): prompt, sampling, salts and response key. */
  payload: hex,
  /** Frames of the pieces that were accepted, as they came (docs/channel-protocol.md): receipt, signature and sealed bytes. */
  pieces: z.array(hex),
};
const difference = z.discriminatedUnion('part', [
  z.strictObject({ part: z.literal('answer'), index: count, chunk: count, position: count, block: count }),
  z.strictObject({ part: z.literal('finish reason') }),
  z.strictObject({ part: z.literal('response commitment') }),
  z.strictObject({ part: z.literal('trace') }),
]);
const computed = z.strictObject({
  by: z.string(), tokens: z.array(count), finishReason: count, responseCommit: hash.nullable(), traceCommit: hash.nullable(),
});

/** docs/gateway.md, Evidence. */
export const evidenceSchema = z.discriminatedUnion('kind', [
  /** What was signed is not what the request gives. One run: not confirmed yet. */
  z.strictObject({ kind: z.literal('wrong-answer'), ...answered, difference, computed: z.array(computed).min(1) }),
  /** A piece whose receipt contradicts itself, its bytes, its terms or the pieces before it. */
  z.strictObject({ kind: z.literal('signed-fault'), ...answered, rejected: hex, fault: z.string() }),
  /** A piece whose receipt contradicts that of another piece. */
  z.strictObject({ kind: z.literal('two-receipts'), ...answered, rejected: hex }),
]);
export type Evidence = z.infer<typeof evidenceSchema>;
export type WrongAnswer = Extract<Evidence, { kind: 'wrong-answer' }>;
/** One run. */
export type ComputedRun = z.infer<typeof computed>;

/** A receipt with its signature and the bytes that it stands for. */
export interface SignedPiece {
  receipt: Receipt;
  signature: Uint8Array;
  sealed: Uint8Array;
}

/** What the evidence is about, in the words of protocol/. */
export interface OpenedEvidence {
  request: ChannelRequest;
  pieces: SignedPiece[];
  rejected: SignedPiece | null;
}

export const referenceOf = ({ channel, seq }: Pick<ChannelRequest, 'channel' | 'seq'>): string => `${toHex(channel)}-${seq}`;

type Answered = Pick<Evidence, 'version' | 'reference' | 'foundAt' | 'stake' | 'channel' | 'seq' | 'terms' | 'payload' | 'pieces'>;

/** All that is the same in every kind. */
function answeredOf({ request, pieces }: DeliveredAnswer, foundAt: number): Answered {
  const { terms, payload, channel, seq } = request;
  return {
    version: 1, reference: referenceOf(request), foundAt, stake: toHex(terms.stake), channel: toHex(channel), seq,
    terms: termsHex(terms), payload: toHex(encodePayload(payload)), pieces: pieces.map(frameHex),
  };
}

export const wrongAnswer = (answer: DeliveredAnswer, foundAt: number, found: Difference, run: ComputedRun): WrongAnswer => ({
  kind: 'wrong-answer', ...answeredOf(answer, foundAt), difference: found, computed: [run],
});

/** @param kind what the rejected piece is @throws TypeError for an answer without one */
export function rejectedPiece(answer: DeliveredAnswer, foundAt: number, kind: 'signed-fault' | 'two-receipts'): Evidence {
  const { piece, fault } = answer.rejected!;
  const shared = { ...answeredOf(answer, foundAt), rejected: frameHex(piece) };
  return kind === 'signed-fault' ? { kind, ...shared, fault } : { kind, ...shared };
}

export const runOf = (by: string, { tokens, finishReason, responseCommit, traceCommit }: ComputedParts): ComputedRun => ({
  by, tokens: [...tokens], finishReason, responseCommit: responseCommit && toHex(responseCommit), traceCommit: traceCommit && toHex(traceCommit),
});

export const partsOfRun = ({ tokens, finishReason, responseCommit, traceCommit }: ComputedRun): ComputedParts => ({
  tokens, finishReason, responseCommit: responseCommit === null ? null : bytes(responseCommit), traceCommit: traceCommit === null ? null : bytes(traceCommit),
});

/** The document of a file. @throws EvidenceError `verification.evidence.format` */
export function parseEvidence(text: string): Evidence {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new EvidenceError('verification.evidence.format', 'this is no evidence', { expected: 'a JSON document', cause });
  }
  const parsed = evidenceSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new EvidenceError('verification.evidence.format', 'this is no evidence', {
    expected: 'version 1 of docs/gateway.md', received: parsed.error.issues.map(({ path }) => path.join('.') || 'root').join(', ').slice(0, 200),
  });
}

/**
 * Terms, request and pieces of a document, which say of themselves that they belong together; no signature is checked.
 * @throws EvidenceError `verification.evidence.terms` when the request is not the one of the terms, `.pieces` when they are none of this answer
 */
export function openEvidence(evidence: Evidence): OpenedEvidence {
  const request = requestOf(evidence);
  if (evidence.reference !== referenceOf(request)) {
    throw new EvidenceError('verification.evidence.terms', 'the reference is of another answer', { expected: referenceOf(request), received: evidence.reference.slice(0, 100) });
  }
  const open = (frame: string): SignedPiece => {
    const piece = pieceFrame(frame);
    if (piece.seq !== evidence.seq) throw new EvidenceError('verification.evidence.pieces', 'a piece is of another answer', { expected: `number ${evidence.seq}`, received: `number ${piece.seq}` });
    return { receipt: receiptOf(request, piece), signature: piece.signature, sealed: piece.sealed };
  };
  return { request, pieces: evidence.pieces.map(open), rejected: evidence.kind === 'wrong-answer' ? null : open(evidence.rejected) };
}

function requestOf({ terms: boc, payload: plain, channel, seq, stake }: Evidence): ChannelRequest {
  const refuse = (received: string, cause?: unknown): EvidenceError =>
    new EvidenceError('verification.evidence.terms', 'terms and request do not belong together', { expected: 'the terms that follow from the request', received, cause });
  try {
    const terms = decodeTerms(fromCell(Cell.fromHex(boc)));
    // A bag of cells may say the same in several ways: with and without a checksum, or with bytes behind it.
    if (termsHex(terms) !== boc) throw refuse('another text of the same terms');
    const payload = decodePayload(bytes(plain));
    const { networkId, client, stake: named, workerKey, fixedPrice } = terms;
    const request = buildChannelRequest(payload, { networkId, client, stake: named, workerKey, price: fixedPrice }, { channel: bytes(channel), seq });
    if (!equalBytes(request.termsHash, termsHash(terms))) throw refuse('other terms');
    if (toHex(named) !== stake) throw refuse('the terms of another stake');
    return request;
  } catch (cause) {
    if (cause instanceof EvidenceError) throw cause;
    throw refuse('unreadable', cause);
  }
}

function pieceFrame(frame: string): PieceFrame {
  try {
    const piece = decodeFrame(bytes(frame));
    if (piece.kind === 'piece') return piece;
  } catch (cause) {
    throw new EvidenceError('verification.evidence.pieces', 'a piece is unreadable', { cause });
  }
  throw new EvidenceError('verification.evidence.pieces', 'a frame is no piece');
}

const termsHex = (terms: Terms): string => toCell(encodeTerms(terms)).toBoc().toString('hex');
const frameHex = (piece: PieceFrame): string => toHex(encodeFrame(piece));
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
