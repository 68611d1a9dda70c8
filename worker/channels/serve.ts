import {
  CHUNK_TOKENS, decodeFrame, decodeResponse, encodeFrame, FinishReason, type MadePiece, openResponse, payableBeyond, preparePiece,
  PROMPT_PIECE_TOKENS, receiptHash,
} from '../../protocol';
import type { RequestVault } from '../cases/vault';
import { crashPoint } from '../crash';
import type { Answered, ServedEngine } from '../engine';
import { ChannelError } from '../errors';
import { nodeEd25519 } from '../keys/ed25519';
import type { WorkerKeys } from '../keys/workerKeys';
import { abortWith } from '../operation/wait';
import { type ChannelLedger, Unpaid } from './ledger';
import type { OpenedChannelRequest } from './request';
import type { ChannelStore } from './store/channelStore';
import type { MadeReceipt, StoredReceipt } from './store/records';
import type { BegunRequest, RequestStart } from './store/requestTable';

/** What serving a request needs. */
export interface Serving {
  store: ChannelStore;
  keys: WorkerKeys;
  engine: ServedEngine;
  /** Set for a worker whose answers can be challenged. */
  vault?: RequestVault;
  /** Unix seconds. */
  now: () => number;
}

/**
 * Serves one request, piece by piece: a piece of the prompt is read only when it is prepaid and acknowledged when it was read, a
 * chunk leaves only when all before it is vouched for. What was signed earlier, before a crash or a lost connection, is sent
 * again as it is; the same bits are computed again and it goes on from there. An engine that cannot repeat itself is asked to go on
 * behind the tokens that were signed. When the signal aborts it ends at once, whatever the engine does: what that still makes is dropped.
 * @param send takes stored bytes alone: what a crash could forget is never sent
 * @throws Unpaid, GenerationAbortedError when the signal aborts; ChannelError when another request has this number, or this one was given up
 */
export async function serveRequest(
  serving: Serving,
  ledger: ChannelLedger,
  { request, job }: OpenedChannelRequest,
  send: (piece: StoredReceipt) => void,
  signal: AbortSignal,
): Promise<void> {
  const { store, engine, vault, now } = serving;
  const { channel, seq, terms } = request;
  const kept = vault?.seal(request.payload, { escrow: channel, seq });
  const { begun, durable } = await beginRequest(store, channel, { seq, termsHash: request.termsHash, request: kept }, now());
  for (const piece of begun.receipts) send(piece);
  if (begun.receipts.at(-1)?.final === true) return;
  if (begun.endedAt !== null) throw new ChannelError('channel.request-ended', 'this request was given up', { received: `seq ${seq}` });

  const promptTokens = job.promptTokens.length;
  /** Receipts before that of the first chunk: of all pieces of the prompt but the last. */
  const acknowledged = Math.ceil(promptTokens / PROMPT_PIECE_TOKENS) - 1;
  let next = begun.receipts.length;
  let due = begun.dueNano;
  const left = abortWith(signal);
  const stop = left.signal;
  const deliver = async (made: MadePiece): Promise<bigint> => {
    const piece = await store.signOnce(channel, seq, made.index, () => signPiece(serving, request, made), now());
    send(piece);
    crashPoint('pieceSent');
    next = made.index + 1;
    due = piece.dueNano;
    // As the store has it: the same piece may have been delivered over another connection.
    return piece.channelDueNano;
  };
  const prepay = (): Promise<void> => {
    const read = { promptTokens: next * PROMPT_PIECE_TOKENS, outputTokens: 0 };
    return ledger.prepay(seq, next <= acknowledged ? payableBeyond(terms, read, promptTokens) - due : 0n, stop);
  };
  const promptLimit = async (computed: number): Promise<number> => {
    if (computed > next * PROMPT_PIECE_TOKENS) {
      await ledger.acknowledge(seq, () => deliver({ index: next, promptTokens: computed, tokens: [], fresh: 0 }), stop);
      await prepay();
    }
    return (next + 1) * PROMPT_PIECE_TOKENS;
  };
  /** The engine has nothing more to do. */
  let isComputed = true;
  try {
    await prepay();
    const answered = engine.cannotRepeat === true ? answeredTokens(request, begun.receipts) : [];
    const chunks = new ChunkSource(answered);
    if (stop.aborted) throw new Unpaid();
    stop.addEventListener('abort', () => chunks.fail(SERVED), { once: true });
    durable.catch((error: unknown) => chunks.fail(error));
    const generation = engine.generate({ ...job, answered, signal: stop, promptLimit, onToken: (token) => chunks.push(token) });
    isComputed = false;
    generation.then(
      (result) => {
        isComputed = true;
        chunks.end(result);
      },
      (error: unknown) => {
        isComputed = true;
        chunks.fail(error);
      },
    );
    for (let chunk = 0, isLast = false; !isLast; chunk++) {
      const made = await chunks.next(chunk, { index: acknowledged + chunk, promptTokens });
      isLast = made.finishReason !== undefined;
      if (made.index > next) throw new Error('the engine read a prompt without leave');
      if (made.index === next) await ledger.release(seq, () => deliver(made), stop);
    }
  } catch (error) {
    if (signal.aborted) ledger.leave(seq);
    else ledger.forget(seq);
    throw error;
  } finally {
    if (!isComputed) left.abort(SERVED);
    left.unlink();
  }
}

/**
 * A new request may be computed as soon as it is committed: its first receipt is a later commit of the same log, and leaves when both are on
 * disk. What was signed for one that was begun before is sent again at once, so that waits for the disk.
 */
async function beginRequest(store: ChannelStore, channel: Uint8Array, start: RequestStart, now: number): Promise<{ begun: BegunRequest; durable: Promise<unknown> }> {
  let durable!: Promise<BegunRequest>;
  const committed = new Promise<BegunRequest>((resolve, reject) => {
    durable = store.begin(channel, start, now, resolve);
    durable.then(resolve, reject);
  });
  const begun = await committed;
  return { begun: begun.isNew ? begun : await durable, durable };
}

/** Why an engine stops whose answer nobody waits for. */
const SERVED = new Unpaid();

function signPiece({ keys, now }: Serving, request: OpenedChannelRequest['request'], made: MadePiece): MadeReceipt {
  crashPoint('pieceToSign');
  const { receipt, sealed } = preparePiece(request, made, now());
  const { sealedHash: _, networkId: __, termsHash: ___, escrow: ____, ...shown } = receipt;
  const signature = nodeEd25519.sign(receiptHash(receipt), keys.signingSecret);
  crashPoint('pieceSigned');
  return { bytes: encodeFrame({ kind: 'piece', ...shown, signature, sealed }), dueNano: receipt.dueNano, final: receipt.final };
}

/** The answer as far as it was signed, from what was sent of it. */
function answeredTokens({ termsHash, payload }: OpenedChannelRequest['request'], receipts: readonly StoredReceipt[]): number[] {
  return receipts.flatMap(({ bytes }) => {
    const piece = decodeFrame(bytes);
    if (piece.kind !== 'piece') throw new Error('the store holds something else than pieces');
    const { index, final, sealed } = piece;
    return decodeResponse(openResponse(sealed, payload.responseKey, termsHash, { index, final })).tokens;
  });
}

/** Tokens of a running generation, in chunks. */
class ChunkSource {
  private readonly tokens: number[];
  private result: Answered | null = null;
  private failure: unknown = null;
  private wake: () => void = () => undefined;

  /** @param answered tokens that were given before */
  constructor(answered: readonly number[]) {
    this.tokens = [...answered];
  }

  push(token: number): void {
    this.tokens.push(token);
    this.wake();
  }

  end(result: Answered): void {
    this.result = result;
    this.wake();
  }

  fail(error: unknown): void {
    this.failure = error ?? new Error('the engine failed');
    this.wake();
  }

  /** A chunk, as soon as it is known whether it is the last. */
  async next(chunk: number, place: Pick<MadePiece, 'index' | 'promptTokens'>): Promise<MadePiece> {
    const whole = (chunk + 1) * CHUNK_TOKENS;
    while (this.tokens.length <= whole && this.result === null) {
      if (this.failure !== null) throw this.failure;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    const length = Math.min(whole, this.tokens.length);
    const piece: MadePiece = { ...place, tokens: this.tokens.slice(0, length), fresh: length - chunk * CHUNK_TOKENS };
    if (this.result === null || this.tokens.length > length) return piece;
    const finishReason = this.result.finishReason === 'stop' ? FinishReason.stop : FinishReason.length;
    // The engine tells the root of the trace at its end: the final receipt commits to all of it.
    return { ...piece, finishReason, traceRoot: this.result.traceRoot };
  }
}
