import { GenerationAbortedError, KvMemoryError } from '../../exact';
import {
  type Cancel, type ChannelFrame, decodeFrame, dueFor, encodeFrame, equalBytes, firstPiece, type Hello, helloHash, NO_VOUCHER, ProtocolError, refusalHash,
  RefusalReason, type RefusalReasonValue, RequestOpener, type RequestFrame, type SignedAmount, voucherHash,
} from '../../protocol';
import { ChainApiError, ChannelError } from '../errors';
import type { ServedModel } from '../engine';
import { nodeEd25519 } from '../keys/ed25519';
import type { Logger } from '../log';
import type { Admission } from '../operation/admission';
import { EngineBusy } from '../operation/engineQueue';
import type { RequestOutcome, WorkerMetrics } from '../operation/metrics';
import type { ChannelDesk, OpenChannel, RunningRequest } from './desk';
import { Unpaid } from './ledger';
import type { ChannelPolicy, RefusedChannel } from './recognise';
import { type OpenedChannelRequest, openChannelRequest, type ServingTerms } from './request';
import { type Serving, serveRequest } from './serve';

/** What a conversation needs; the same for all. */
export interface ConversationContext extends Serving {
  desk: ChannelDesk;
  policy: ChannelPolicy;
  serving: ServingTerms;
  model: ServedModel;
  log: Logger;
  /** Who may ask now, and whose turn it is at the engine. */
  admission: Admission;
  metrics?: Pick<WorkerMetrics, 'begun' | 'refused'>;
  /** Aborts when the worker drains: what runs is finished, nothing is begun. */
  draining: AbortSignal;
}

/** The transport: one binary message a frame. */
export interface FrameChannel {
  /** IP address of the other side. */
  sender: string;
  send(frame: Uint8Array): void;
  /** Ends the connection; the text says why, to people. */
  close(code: string, text: string): void;
}

/** Seconds after which an overloaded worker may be asked again, and one that stops: it may come back. */
const RETRY_SECONDS = 2;
/** Before a channel is said to hold too little it is looked at anew, so that a top-up counts at once; no more often than this. */
const MONEY_LOOK_SECONDS = 2;
const DRAINING_SECONDS = 10;
const NO_TERMS = new Uint8Array(32);

/**
 * One connection of a client, from hello to its end (docs/channel-protocol.md). Frames are handled in the order in which they
 * come; requests run beside them.
 */
export class ChannelConversation {
  private inbox: Promise<void> = Promise.resolve();
  private session: { channel: OpenChannel; opener: RequestOpener } | null = null;
  private readonly running = new Map<number, RunningRequest>();
  /** Their places, and that of a request that is being looked at. */
  private readonly places = new Map<number, () => void>();
  private isOver = false;

  constructor(
    private readonly context: ConversationContext,
    private readonly peer: FrameChannel,
  ) {}

  /** Takes one message of the transport. Never rejects: what goes wrong is answered, or ends the connection. */
  receive(bytes: Uint8Array): Promise<void> {
    this.inbox = this.inbox.then(async () => {
      if (this.isOver) return;
      try {
        await this.handle(decodeFrame(bytes));
      } catch (error) {
        this.fail(error);
      }
    });
    return this.inbox;
  }

  /** Whether the client has something that it has not paid for yet. */
  get isOwed(): boolean {
    const ledger = this.session?.channel.ledger;
    return !this.isOver && ledger !== undefined && ledger.counted > ledger.vouched;
  }

  /** The connection is gone: what runs is stopped, and taken up when the client asks for it again. */
  end(): void {
    this.isOver = true;
    for (const { abort } of this.running.values()) abort.abort();
  }

  private fail(error: unknown): void {
    this.end();
    if (error instanceof ProtocolError) return this.peer.close(error.code, error.message);
    this.context.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a conversation failed');
    this.peer.close('FAILED', 'the worker failed; its log says why');
  }

  private async handle(frame: ChannelFrame): Promise<void> {
    if (frame.kind === 'hello') return this.hello(frame);
    if (this.session === null) throw new ProtocolError('HELLO_FIRST', 'A connection begins with hello', { received: frame.kind });
    switch (frame.kind) {
      case 'request':
        return this.admit(frame, this.session);
      case 'payment':
        return this.payment(frame, this.session.channel);
      case 'cancel':
        return this.cancel(frame, this.session.channel);
      default:
        throw new ProtocolError('UNEXPECTED_FRAME', 'A client does not send this', { received: frame.kind });
    }
  }

  /** The channel as the chain shows it; null while the chain's API does not answer, which ends nothing that runs. */
  private async find(address: Uint8Array, viewSeconds?: number): Promise<OpenChannel | RefusedChannel | null> {
    try {
      return await this.context.desk.find(address, viewSeconds);
    } catch (error) {
      if (!(error instanceof ChainApiError)) throw error;
      this.context.log.warn({ channel: hex(address), error: error.message }, 'the channel could not be looked at');
      return null;
    }
  }

  /** Opens a session, or the next one of this connection. */
  private async hello(frame: Hello): Promise<void> {
    const { context } = this;
    if (frame.networkId !== context.policy.networkId || !equalBytes(frame.workerKey, context.serving.workerKey)) {
      return this.refuse(0, NO_TERMS, frame.channel, RefusalReason.unsupportedTerms, 0);
    }
    if (this.session !== null && !equalBytes(this.session.channel.address, frame.channel)) {
      throw new ProtocolError('OTHER_CHANNEL', 'A connection is about one channel', { hint: 'open another connection' });
    }
    const { sender } = this.peer;
    const wait = context.admission.sender(sender) || (context.desk.has(frame.channel) ? 0 : context.admission.stranger(sender));
    if (wait > 0) return this.refuse(0, NO_TERMS, frame.channel, RefusalReason.overloaded, wait);
    const channel = await this.find(frame.channel);
    if (channel === null) return this.refuse(0, NO_TERMS, frame.channel, RefusalReason.overloaded, RETRY_SECONDS);
    if ('kind' in channel) {
      context.log.info({ channel: hex(frame.channel), note: channel.note }, 'channel refused');
      return this.refuse(0, NO_TERMS, frame.channel, channel.reason, 0);
    }
    if (!nodeEd25519.verify(helloHash(frame, frame.enc), frame.signature, channel.view.state.terms.clientKey)) {
      return this.refuse(0, NO_TERMS, frame.channel, RefusalReason.notTheClient, 0);
    }
    const opener = await RequestOpener.accept(frame.enc, context.keys.sealingSecret, frame);
    this.session = { channel, opener };
    const { lastSeq = 0, voucher = null } = context.store.read.channel(frame.channel) ?? {};
    if (frame.firstSeq > lastSeq) await this.stopElsewhere(channel);
    const newest = voucher === null ? NO_VOUCHER : { ...voucher, amount: voucher.amountNano };
    this.peer.send(encodeFrame({ kind: 'welcome', nextSeq: lastSeq + 1, owed: channel.ledger.countedWithout(this.running.keys()), voucher: newest }));
  }

  /**
   * A client that begins anew hears nothing any more over its other connections, even if they seem to stand: what they went on to
   * deliver would be owed and never paid. A hello that is replayed begins nothing anew.
   */
  private async stopElsewhere({ running }: OpenChannel): Promise<void> {
    const elsewhere = [...running].filter(([seq, { abort }]) => this.running.get(seq)?.abort !== abort).map(([, request]) => request);
    for (const { abort } of elsewhere) abort.abort();
    await Promise.all(elsewhere.map(({ over }) => over));
  }

  /** Before anything of a request costs more than its frame: whether there is a place for it. */
  private async admit(frame: RequestFrame, session: { opener: RequestOpener; channel: OpenChannel }): Promise<void> {
    const { seq, termsHash } = frame;
    const { address } = session.channel;
    if (this.running.has(seq)) return this.refuse(seq, termsHash, address, RefusalReason.conflictingRequest, 0);
    const admitted = this.context.admission.enter(address, this.peer.sender);
    if ('retryAfter' in admitted) return this.refuse(seq, termsHash, address, RefusalReason.overloaded, admitted.retryAfter);
    this.places.set(seq, admitted.leave);
    try {
      await this.request(frame, session);
    } finally {
      if (!this.running.has(seq)) this.leave(seq);
    }
  }

  private leave(seq: number): void {
    this.places.get(seq)?.();
    this.places.delete(seq);
  }

  private async request(frame: RequestFrame, { opener, channel: known }: { opener: RequestOpener; channel: OpenChannel }): Promise<void> {
    const { context } = this;
    const refuse = (reason: RefusalReasonValue, retryAfter = 0): void => this.refuse(frame.seq, frame.termsHash, known.address, reason, retryAfter);
    const channel = await this.find(known.address);
    if (channel === null) return refuse(RefusalReason.overloaded, RETRY_SECONDS);
    if ('kind' in channel) return refuse(channel.reason);
    const place = { channel: channel.address, terms: channel.view.state.terms, seq: frame.seq, termsHash: frame.termsHash };
    const result = openChannelRequest(frame.sealed, opener, place, context.serving, context.model, context.now());
    if (result.kind === 'refused') return refuse(result.reason);
    const begun = context.store.read.request(channel.address, frame.seq);
    if (begun === null && context.draining.aborted) return refuse(RefusalReason.draining, DRAINING_SECONDS);
    // Paid before anything is computed, unless something was before.
    const prepaid = begun === null || begun.dueNano === 0n ? prepaidOf(result.opened) : 0n;
    const refusal = await this.judge(channel, async (seen) =>
      (await this.vouch(frame.voucher, seen)) ?? this.cover(result.opened, seen, begun?.dueNano ?? 0n, prepaid));
    if (refusal !== null) return refuse(refusal, refusal === RefusalReason.overloaded ? RETRY_SECONDS : 0);
    // Nobody is there any more who could stop it.
    if (this.isOver) return;
    channel.ledger.expect(frame.seq, prepaid);
    const abort = new AbortController();
    // Asked again over a new connection: the old one is as good as gone.
    const before = channel.running.get(frame.seq);
    before?.abort.abort();
    const over = (before?.over ?? Promise.resolve()).then(() => this.serve(result.opened, frame, channel, abort));
    channel.running.set(frame.seq, { abort, over });
    this.running.set(frame.seq, { abort, over });
  }

  /** Asks about a channel's money, once more after a new look at the chain where it seems to hold too little. */
  private async judge(channel: OpenChannel, ask: (seen: OpenChannel) => Promise<RefusalReasonValue | null>): Promise<RefusalReasonValue | null> {
    const refusal = await ask(channel);
    const now = this.context.now();
    if (refusal !== RefusalReason.channelExhausted || now - channel.lookedForMoneyAt < MONEY_LOOK_SECONDS) return refusal;
    channel.lookedForMoneyAt = now;
    const seen = await this.find(channel.address, 0);
    if (seen === null) return RefusalReason.overloaded;
    return 'kind' in seen ? seen.reason : ask(seen);
  }

  private async serve(opened: OpenedChannelRequest, frame: RequestFrame, channel: OpenChannel, abort: AbortController): Promise<void> {
    const { context } = this;
    const refuse = (reason: RefusalReasonValue, retryAfter = 0): void => (
      this.refuse(frame.seq, frame.termsHash, channel.address, reason, retryAfter)
    );
    const timer = context.metrics?.begun();
    let outcome: RequestOutcome = 'failed';
    const send = ({ bytes }: { bytes: Uint8Array }): void => {
      timer?.piece();
      this.send(bytes);
    };
    try {
      const engine = context.admission.queue.engineFor(hex(channel.address), context.engine);
      await serveRequest({ ...context, engine }, channel.ledger, opened, send, abort.signal);
      outcome = 'served';
    } catch (error) {
      // Whatever came of it when it was given up, nothing is said of it any more.
      if (abort.signal.aborted || error instanceof Unpaid || error instanceof GenerationAbortedError) {
        outcome = 'left';
        // Still there, and did not pay in time.
        if (!abort.signal.aborted) refuse(RefusalReason.voucherTooLow);
        return;
      }
      if (error instanceof EngineBusy) {
        outcome = 'overloaded';
        return refuse(RefusalReason.overloaded, RETRY_SECONDS);
      }
      if (error instanceof ChannelError) {
        return refuse(error.code === 'channel.seq-taken' ? RefusalReason.conflictingRequest : RefusalReason.wrongSequence);
      }
      const isTooLong = error instanceof KvMemoryError;
      if (!isTooLong) context.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a request failed');
      refuse(isTooLong ? RefusalReason.tooLong : RefusalReason.failed);
      // Nothing is signed for it any more; a request that stays open is never removed.
      await context.store.end(channel.address, frame.seq, context.now()).catch((cause: unknown) => context.log.error({ error: String(cause) }, 'a request could not be ended'));
    } finally {
      channel.ledger.expectNoMore(frame.seq);
      timer?.ended(outcome);
      this.running.delete(frame.seq);
      this.leave(frame.seq);
      if (channel.running.get(frame.seq)?.abort === abort) channel.running.delete(frame.seq);
    }
  }

  private async payment(voucher: SignedAmount, channel: OpenChannel): Promise<void> {
    const refusal = await this.judge(channel, (seen) => this.vouch(voucher, seen));
    if (refusal !== null) this.refuse(0, NO_TERMS, channel.address, refusal, 0);
  }

  /** Gives up a request of this connection for good; what was delivered of it stays due. */
  private async cancel({ seq }: Cancel, { address }: OpenChannel): Promise<void> {
    const { store, now } = this.context;
    const running = this.running.get(seq);
    if (running === undefined) return;
    running.abort.abort();
    // A piece that is being signed, or the request's beginning, is on its way to the disk.
    await running.over;
    if (store.read.request(address, seq) !== null) await store.end(address, seq, now());
  }

  /** Keeps a voucher that is genuine and certain to be paid; null when it is. */
  private async vouch({ amount, final, signature }: SignedAmount, channel: OpenChannel): Promise<RefusalReasonValue | null> {
    const { address, ledger, view } = channel;
    const { terms } = view.state;
    const hash = voucherHash({ networkId: terms.networkId, channel: address, final, amount });
    if (!nodeEd25519.verify(hash, signature, terms.clientKey)) return RefusalReason.badVoucher;
    if (channel.isClosing) return RefusalReason.channelEnding;
    if (amount > view.mostOwed) return RefusalReason.channelExhausted;
    const kept = this.context.store.keepVoucher(address, { amountNano: amount, final, signature });
    // It counts at once: what is signed because of it is committed with it or after it, and sent when both are on disk.
    if (!final) kept.catch((error: unknown) => this.fail(error));
    else channel.isClosing = (await kept).voucher.final;
    ledger.vouch(amount);
    return null;
  }

  /** Whether the newest voucher prepays a new request, and the channel holds all that it can come to. */
  private cover({ request, job }: OpenedChannelRequest, { ledger, view }: OpenChannel, begunNano: bigint, prepaid: bigint): RefusalReasonValue | null {
    const { terms, seq } = request;
    const most = dueFor(terms, job.promptTokens.length, job.maxTokens) - begunNano;
    if (ledger.counted + most > view.mostOwed) return RefusalReason.channelExhausted;
    // A piece that crosses this request on the wire is paid for in a moment; until then nothing is computed.
    return ledger.covers(seq, prepaid) ? null : RefusalReason.voucherTooLow;
  }

  private refuse(seq: number, termsHash: Uint8Array, channel: Uint8Array, reason: RefusalReasonValue, retryAfter: number): void {
    const { policy, keys, metrics } = this.context;
    metrics?.refused(reason);
    const hash = refusalHash({ networkId: policy.networkId, termsHash, escrow: channel, seq, reason, retryAfter });
    const signature = nodeEd25519.sign(hash, keys.signingSecret);
    this.send(encodeFrame({ kind: 'refusal', seq, termsHash, reason, retryAfter, signature }));
  }

  private send(frame: Uint8Array): void {
    if (!this.isOver) this.peer.send(frame);
  }
}

/** Price of the first piece of a request's prompt, nanoTON. */
const prepaidOf = ({ request, job }: OpenedChannelRequest): bigint => dueFor(request.terms, firstPiece(job.promptTokens.length).promptTokens, 0);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
