import {
  CHUNK_TOKENS, decodeFrame, decodeResponse, encodeFrame, FinishReason, type MadePiece, openResponse, payableBeyond, preparePiece, receiptHash,
  termsHash,
} from '../../protocol';
import type { Answered, ServedEngine } from '../engine';
import { nodeEd25519 } from '../jobs/answer';
import type { WorkerKeys } from '../keys/workerKeys';
import type { ChannelLedger } from './ledger';
import type { OpenedChannelRequest } from './request';
import type { ChannelStore } from './store/channelStore';
import type { MadeReceipt, StoredReceipt } from './store/records';

/** What serving a request needs. */
export interface Serving {
  store: ChannelStore;
  keys: WorkerKeys;
  engine: ServedEngine;
  /** Unix seconds. */
  now: () => number;
}

/**
 * Serves one request, chunk by chunk, each only when all before it is vouched for. What was signed for it earlier, before a
 * crash or a lost connection, is sent again as it is; the same bits are computed again and it goes on from there. An engine
 * that cannot repeat itself is asked to go on behind the tokens that were signed.
 * @param send takes stored bytes alone: what a crash could forget is never sent
 * @throws Unpaid, GenerationAbortedError when the signal aborts; ChannelError when another request has this number
 */
export async function serveRequest(
  serving: Serving,
  ledger: ChannelLedger,
  { request, job }: OpenedChannelRequest,
  send: (piece: StoredReceipt) => void,
  signal: AbortSignal,
): Promise<void> {
  const { store, engine, now } = serving;
  const { channel, seq, terms } = request;
  const begun = await store.begin(channel, { seq, termsHash: termsHash(terms) }, now());
  for (const piece of begun.receipts) send(piece);
  if (begun.endedAt !== null) return;

  const promptTokens = job.promptTokens.length;
  let due = begun.dueNano;
  const left = new AbortController();
  const stop = AbortSignal.any([signal, left.signal]);
  const answered = engine.cannotRepeat === true ? answeredTokens(request, begun.receipts) : [];
  const chunks = new ChunkSource(answered);
  const prepaid = begun.receipts.length === 0 ? payableBeyond(terms, { promptTokens: 0, outputTokens: 0 }, promptTokens) : 0n;
  // Nothing is computed before its prompt is paid.
  await ledger.release(prepaid, async () => ledger.owed, stop);
  const generation = engine.generate({ ...job, answered, signal: stop, onToken: (token) => chunks.push(token) });
  generation.then(
    (result) => chunks.end(result),
    (error: unknown) => chunks.fail(error),
  );
  try {
    for (let index = 0, isLast = false; !isLast; index++) {
      const made = await chunks.next(index, promptTokens);
      isLast = made.finishReason !== undefined;
      if (index < begun.receipts.length) continue;
      const covered = payableBeyond(terms, { promptTokens, outputTokens: index * CHUNK_TOKENS }, promptTokens) - due;
      const deliver = async (): Promise<bigint> => {
        const piece = await store.signOnce(channel, seq, index, () => signPiece(serving, request, made), now());
        send(piece);
        due = piece.dueNano;
        // From the store: the same piece may have been delivered over another connection.
        return store.read.balance(channel).dueNano;
      };
      await ledger.release(index === 0 ? prepaid : covered, deliver, stop);
    }
  } finally {
    left.abort();
  }
}

function signPiece({ keys, now }: Serving, request: OpenedChannelRequest['request'], made: MadePiece): MadeReceipt {
  const { receipt, sealed } = preparePiece(request, made, now());
  const { sealedHash: _, networkId: __, termsHash: ___, escrow: ____, ...shown } = receipt;
  const signature = nodeEd25519.sign(receiptHash(receipt), keys.signingSecret);
  return { bytes: encodeFrame({ kind: 'piece', ...shown, signature, sealed }), dueNano: receipt.dueNano, final: receipt.final };
}

/** The answer as far as it was signed, from what was sent of it. */
function answeredTokens({ terms, payload }: OpenedChannelRequest['request'], receipts: readonly StoredReceipt[]): number[] {
  return receipts.flatMap(({ bytes }) => {
    const piece = decodeFrame(bytes);
    if (piece.kind !== 'piece') throw new Error('the store holds something else than pieces');
    const { index, final, sealed } = piece;
    return decodeResponse(openResponse(sealed, payload.responseKey, termsHash(terms), { index, final })).tokens;
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

  /** Chunk `index`, as soon as it is known whether it is the last. */
  async next(index: number, promptTokens: number): Promise<MadePiece> {
    const whole = (index + 1) * CHUNK_TOKENS;
    while (this.tokens.length <= whole && this.result === null) {
      if (this.failure !== null) throw this.failure;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    const length = Math.min(whole, this.tokens.length);
    const piece: MadePiece = { index, promptTokens, tokens: this.tokens.slice(0, length), fresh: length - index * CHUNK_TOKENS };
    if (this.result === null || this.tokens.length > length) return piece;
    const finishReason = this.result.finishReason === 'stop' ? FinishReason.stop : FinishReason.length;
    // The engine tells the root of the trace at its end: the final receipt commits to all of it.
    return { ...piece, finishReason, traceRoot: this.result.traceRoot };
  }
}
