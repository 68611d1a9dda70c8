import { equalBytes } from '../bytes';
import { commit, opens, responseRoot } from '../commitments';
import { FinishReason, isExact } from '../constants';
import { outputHash } from '../answer';
import { buildTerms, type JobContext, type RequestPayload } from '../payload';
import { type Receipt, receiptHash } from '../receipt';
import { decodeResponse, encodeResponse } from '../response';
import { openResponse, PADDING_BLOCK, sealResponse } from '../sealing';
import { type Ed25519, portableEd25519 } from '../signing';
import { type Terms, termsHash } from '../terms';
import type { PieceFrame } from './frames';
import { CHUNK_TOKENS, dueFor, type Progress, PROMPT_PIECE_TOKENS } from './pricing';

/** One request of a channel, as both sides know it. */
export interface ChannelRequest {
  terms: Terms;
  payload: RequestPayload;
  /** Basechain hash of the channel. */
  channel: Uint8Array;
  /** Number of the request in the channel. */
  seq: number;
  /** Of its terms; every receipt repeats it. */
  termsHash: Uint8Array;
}

/** A request under the terms that follow from its payload. */
export function buildChannelRequest(payload: RequestPayload, context: JobContext, { channel, seq }: Pick<ChannelRequest, 'channel' | 'seq'>): ChannelRequest {
  const terms = buildTerms(payload, context);
  return { terms, payload, channel, seq, termsHash: termsHash(terms) };
}

/** What a worker made since its last piece: a part of the prompt was read, or tokens were made. */
export interface MadePiece {
  index: number;
  promptTokens: number;
  /** The whole answer so far. */
  tokens: readonly number[];
  /** How many of them are new in this piece. */
  fresh: number;
  /** Set on the last piece. */
  finishReason?: number;
  /** Root of the trace over all blocks so far, 32 bytes; undefined for engines without exact tokens. */
  traceRoot?: Uint8Array;
}

/** A piece of an answer as it is sent: the new tokens sealed, and the worker's receipt for all so far. */
export interface SealedPiece {
  receipt: Receipt;
  sealed: Uint8Array;
}

/** Seals the new tokens and fills the receipt; signing is the caller's, after which not a byte may change. */
export function preparePiece(request: ChannelRequest, made: MadePiece, issuedAt: number): SealedPiece {
  const { terms, payload, termsHash: hash } = request;
  const final = made.finishReason !== undefined;
  const finishReason = made.finishReason ?? FinishReason.cancelled;
  const plaintext = encodeResponse({ finishReason, tokens: made.tokens.slice(made.tokens.length - made.fresh) });
  const sealed = sealResponse(plaintext, payload.responseKey, hash, { index: made.index, final });
  const receipt: Receipt = {
    networkId: terms.networkId,
    termsHash: hash,
    escrow: request.channel,
    seq: request.seq,
    index: made.index,
    final,
    finishReason,
    issuedAt,
    dueNano: dueFor(terms, made.promptTokens, made.tokens.length),
    sealedHash: outputHash(sealed),
    responseCommit: commit('response', payload.commitSalt, responseRoot({ finishReason, tokens: made.tokens })),
    traceCommit: made.traceRoot ? commit('trace', payload.commitSalt, made.traceRoot) : new Uint8Array(32),
    promptTokens: made.promptTokens,
    outputTokens: made.tokens.length,
  };
  return { receipt, sealed };
}

/** The receipt of a piece as it came: what it says, and what both sides know. */
export function receiptOf({ terms, channel, termsHash: hash }: ChannelRequest, { kind: _, signature: __, sealed, ...shown }: PieceFrame): Receipt {
  return { ...shown, networkId: terms.networkId, termsHash: hash, escrow: channel, sealedHash: outputHash(sealed) };
}

/** Why a piece is not what was paid for; each names one rule. */
export type PieceFault =
  | 'after-the-end'
  | 'malformed'
  | 'other-network'
  | 'other-channel'
  | 'other-terms'
  | 'other-request'
  | 'out-of-order'
  | 'bad-date'
  | 'bad-signature'
  | 'wrong-due'
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

export type CheckedPiece =
  | { ok: true; tokens: readonly number[]; dueNano: bigint; finishReason?: number }
  | { ok: false; fault: PieceFault };

/** Receipts of a stream are refused when their date is further from the clock than this, seconds (attacks 15). */
export const MAX_STREAM_SKEW_SECONDS = 120;

/** What a worker's signature stands behind: such a fault is evidence, any other may be somebody else's doing. */
const SIGNED_FAULTS: ReadonlySet<PieceFault> = new Set([
  'unreadable', 'response-not-committed', 'trace-not-committed', 'unexpected-trace', 'wrong-due', 'wrong-prompt-count', 'wrong-output-count', 'wrong-finish-reason', 'not-stopped',
  'too-many-tokens',
]);

/** Whether a worker's signature stands behind a piece with this fault. */
export const isSignedFault = (fault: PieceFault): boolean => SIGNED_FAULTS.has(fault);

/** Every piece of up to 32 tokens fills one block. */
const PIECE_BYTES = PADDING_BLOCK;

/**
 * The client's check of an answer that arrives in pieces, each against all before it. A piece that came before may come again,
 * byte for byte. After a fault that the worker signed the stream is over: what was accepted until then is what is paid.
 */
export class StreamChecker {
  private readonly tokens: number[] = [];
  private readonly accepted: Uint8Array[] = [];
  private read = 0;
  private isOver = false;
  private readonly stops: ReadonlySet<number>;

  constructor(
    private readonly request: ChannelRequest,
    private readonly ed25519: Ed25519 = portableEd25519,
  ) {
    this.stops = new Set(request.payload.request.stopTokens);
  }

  /** What was accepted so far; nothing beyond it is paid. */
  get progress(): Progress {
    return { promptTokens: this.read, outputTokens: this.tokens.length };
  }

  get answer(): readonly number[] {
    return this.tokens;
  }

  /** @param receivedAt Unix seconds */
  accept(piece: SealedPiece & { signature: Uint8Array }, receivedAt: number): CheckedPiece {
    let checked: CheckedPiece;
    try {
      checked = this.repeated(piece) ?? (this.isOver ? { ok: false, fault: 'after-the-end' } : this.check(piece, receivedAt));
    } catch {
      // Fields that no receipt can hold.
      checked = { ok: false, fault: 'malformed' };
    }
    if (checked.ok ? piece.receipt.final : SIGNED_FAULTS.has(checked.fault)) this.isOver = true;
    return checked;
  }

  /** A piece that was accepted and comes again after a lost connection: nothing new, and nothing wrong. */
  private repeated({ receipt }: SealedPiece): CheckedPiece | null {
    const known = this.accepted[receipt.index];
    if (known === undefined || !equalBytes(known, receiptHash(receipt))) return null;
    return { ok: true, tokens: [], dueNano: receipt.dueNano, ...(receipt.final ? { finishReason: receipt.finishReason } : {}) };
  }

  private check({ receipt, sealed, signature }: SealedPiece & { signature: Uint8Array }, receivedAt: number): CheckedPiece {
    const { terms, payload, channel, seq, termsHash: hash } = this.request;
    const fault = (reason: PieceFault): CheckedPiece => ({ ok: false, fault: reason });
    if (receipt.networkId !== terms.networkId) return fault('other-network');
    if (!equalBytes(receipt.escrow, channel)) return fault('other-channel');
    if (!equalBytes(receipt.termsHash, hash)) return fault('other-terms');
    if (receipt.seq !== seq) return fault('other-request');
    if (receipt.index !== this.accepted.length) return fault('out-of-order');
    if (Math.abs(receipt.issuedAt - receivedAt) > MAX_STREAM_SKEW_SECONDS) return fault('bad-date');
    if (sealed.length !== PIECE_BYTES || !equalBytes(receipt.sealedHash, outputHash(sealed))) return fault('output-not-signed');
    const signed = receiptHash(receipt);
    if (!this.ed25519.verify(signed, signature, terms.workerKey)) return fault('bad-signature');
    let fresh: { finishReason: number; tokens: readonly number[] };
    try {
      fresh = decodeResponse(openResponse(sealed, payload.responseKey, hash, { index: receipt.index, final: receipt.final }));
    } catch {
      return fault('unreadable');
    }
    const tokens = [...this.tokens, ...fresh.tokens];
    const { finishReason } = receipt;
    if (!opens(receipt.responseCommit, 'response', payload.commitSalt, responseRoot({ finishReason, tokens }))) return fault('response-not-committed');
    if (fresh.finishReason !== finishReason) return fault('wrong-finish-reason');
    const wrong = this.wrongProgress(receipt, fresh.tokens.length) ?? this.wrongEnd(receipt, tokens);
    if (wrong !== null) return fault(wrong);
    if (receipt.dueNano !== dueFor(terms, receipt.promptTokens, receipt.outputTokens)) return fault('wrong-due');
    const hasTrace = receipt.traceCommit.some((byte) => byte !== 0);
    if (receipt.final && !hasTrace && isExact(terms.semantics)) return fault('trace-not-committed');
    if (hasTrace && !isExact(terms.semantics)) return fault('unexpected-trace');
    this.tokens.push(...fresh.tokens);
    this.read = receipt.promptTokens;
    this.accepted.push(signed);
    return { ok: true, tokens: fresh.tokens, dueNano: receipt.dueNano, ...(receipt.final ? { finishReason } : {}) };
  }

  /** The prompt is read piece by piece, then the answer comes in whole chunks, only the last of which may be shorter. */
  private wrongProgress(receipt: Receipt, fresh: number): PieceFault | null {
    const length = this.request.payload.request.promptTokens.length;
    const read = Math.min(length, this.read + PROMPT_PIECE_TOKENS);
    if (receipt.promptTokens !== read) return 'wrong-prompt-count';
    if (receipt.outputTokens !== this.tokens.length + fresh) return 'wrong-output-count';
    if (read < length && (fresh > 0 || receipt.final)) return 'wrong-prompt-count';
    const isWhole = fresh === CHUNK_TOKENS || (receipt.final && fresh >= 1 && fresh < CHUNK_TOKENS);
    return read < length || isWhole ? null : 'wrong-output-count';
  }

  private wrongEnd({ final, finishReason }: Receipt, tokens: readonly number[]): PieceFault | null {
    const { maxTokens } = this.request.terms;
    if (tokens.length > maxTokens) return 'too-many-tokens';
    const body = final ? tokens.slice(0, -1) : tokens;
    if (body.some((token) => this.stops.has(token))) return 'not-stopped';
    // A piece that fills maxTokens is the last: nothing could follow it.
    if (!final) return finishReason === FinishReason.cancelled && tokens.length < maxTokens ? null : 'wrong-finish-reason';
    const endsWithStop = tokens.length > 0 && this.stops.has(tokens[tokens.length - 1]);
    if (finishReason === FinishReason.stop && endsWithStop) return null;
    if (finishReason === FinishReason.length && !endsWithStop && tokens.length === maxTokens) return null;
    return 'wrong-finish-reason';
  }
}
