import { GenerationAbortedError } from '../../exact';
import {
  type Cancel, type ChannelFrame, decodeFrame, dueFor, encodeFrame, equalBytes, firstPiece, type Hello, helloHash, ProtocolError, refusalHash,
  RefusalReason, type RefusalReasonValue, RequestOpener, type RequestFrame, type SignedAmount, voucherHash,
} from '../../protocol';
import { ChainApiError, ChannelError } from '../errors';
import type { ServedModel } from '../engine';
import { nodeEd25519 } from '../jobs/answer';
import type { Logger } from '../log';
import type { ChannelDesk, OpenChannel } from './desk';
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
  /** Most requests of one connection that run at a time. */
  maxRunning: number;
  /** Aborts when the worker drains: what runs is finished, nothing is begun. */
  draining: AbortSignal;
}

/** The transport: one binary message a frame. */
export interface FrameChannel {
  send(frame: Uint8Array): void;
  /** Ends the connection; the text says why, to people. */
  close(code: string, text: string): void;
}

/** Seconds after which an overloaded worker may be asked again. */
const RETRY_SECONDS = 2;
const NO_TERMS = new Uint8Array(32);

/**
 * One connection of a client, from hello to its end (docs/channel-protocol.md). Frames are handled in the order in which they
 * come; requests run beside them.
 */
export class ChannelConversation {
  private inbox: Promise<void> = Promise.resolve();
  private session: { channel: OpenChannel; opener: RequestOpener } | null = null;
  private readonly running = new Map<number, AbortController>();
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

  /** The connection is gone: what runs is stopped, and taken up when the client asks for it again. */
  end(): void {
    this.isOver = true;
    for (const request of this.running.values()) request.abort();
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
        return this.request(frame, this.session);
      case 'payment':
        return this.payment(frame, this.session.channel);
      case 'cancel':
        return this.cancel(frame, this.session.channel);
      default:
        throw new ProtocolError('UNEXPECTED_FRAME', 'A client does not send this', { received: frame.kind });
    }
  }

  /** The channel as the chain shows it; null while the chain's API does not answer, which ends nothing that runs. */
  private async find(address: Uint8Array): Promise<OpenChannel | RefusedChannel | null> {
    try {
      return await this.context.desk.find(address);
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
    const { owed, vouched } = channel.ledger;
    const record = context.store.read.channel(frame.channel);
    this.peer.send(encodeFrame({ kind: 'welcome', nextSeq: (record?.lastSeq ?? 0) + 1, owed, vouched }));
  }

  private async request(frame: RequestFrame, { opener, channel: known }: { opener: RequestOpener; channel: OpenChannel }): Promise<void> {
    const { context } = this;
    const refuse = (reason: RefusalReasonValue, retryAfter = 0): void => this.refuse(frame.seq, frame.termsHash, known.address, reason, retryAfter);
    if (this.running.has(frame.seq)) return refuse(RefusalReason.conflictingRequest);
    if (this.running.size >= context.maxRunning) return refuse(RefusalReason.overloaded, RETRY_SECONDS);
    const channel = await this.find(known.address);
    if (channel === null) return refuse(RefusalReason.overloaded, RETRY_SECONDS);
    if ('kind' in channel) return refuse(channel.reason);
    const place = { channel: channel.address, terms: channel.view.state.terms, seq: frame.seq, termsHash: frame.termsHash };
    const result = openChannelRequest(frame.sealed, opener, place, context.serving, context.model, context.now());
    if (result.kind === 'refused') return refuse(result.reason);
    const begun = context.store.read.request(channel.address, frame.seq);
    if (begun === null && context.draining.aborted) return refuse(RefusalReason.draining, RETRY_SECONDS);
    const refusal = (await this.vouch(frame.voucher, channel)) ?? this.cover(result.opened, channel, begun?.dueNano ?? null);
    if (refusal !== null) return refuse(refusal);
    const abort = new AbortController();
    // Asked again over a new connection: the old one is as good as gone.
    channel.running.get(frame.seq)?.abort();
    channel.running.set(frame.seq, abort);
    this.running.set(frame.seq, abort);
    void this.serve(result.opened, frame, channel, abort);
  }

  private async serve(opened: OpenedChannelRequest, frame: RequestFrame, channel: OpenChannel, abort: AbortController): Promise<void> {
    const { context } = this;
    const refuse = (reason: RefusalReasonValue): void => this.refuse(frame.seq, frame.termsHash, channel.address, reason, 0);
    try {
      await serveRequest(context, channel.ledger, opened, ({ bytes }) => this.send(bytes), abort.signal);
    } catch (error) {
      if (error instanceof Unpaid || error instanceof GenerationAbortedError) return;
      if (error instanceof ChannelError) {
        return refuse(error.code === 'channel.seq-taken' ? RefusalReason.conflictingRequest : RefusalReason.wrongSequence);
      }
      context.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a request failed');
      refuse(RefusalReason.failed);
    } finally {
      this.running.delete(frame.seq);
      if (channel.running.get(frame.seq) === abort) channel.running.delete(frame.seq);
    }
  }

  private async payment(voucher: SignedAmount, channel: OpenChannel): Promise<void> {
    const refusal = await this.vouch(voucher, channel);
    if (refusal !== null) this.refuse(0, NO_TERMS, channel.address, refusal, 0);
  }

  /** Gives up a request of this connection for good; what was delivered of it stays due. */
  private async cancel({ seq }: Cancel, { address }: OpenChannel): Promise<void> {
    const { store, now } = this.context;
    const running = this.running.get(seq);
    if (running === undefined) return;
    running.abort();
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
    const { voucher } = await this.context.store.keepVoucher(address, { amountNano: amount, final, signature });
    channel.isClosing = voucher.final;
    ledger.vouch(voucher.amountNano);
    return null;
  }

  /** Whether the newest voucher prepays a new request, and the channel holds all that it can come to. */
  private cover({ request, job }: OpenedChannelRequest, { ledger, view }: OpenChannel, begunDue: bigint | null): RefusalReasonValue | null {
    const { terms } = request;
    const most = dueFor(terms, job.promptTokens.length, job.maxTokens) - (begunDue ?? 0n);
    if (ledger.owed + most > view.mostOwed) return RefusalReason.channelExhausted;
    const prepaid = begunDue === null || begunDue === 0n ? dueFor(terms, firstPiece(job.promptTokens.length).promptTokens, 0) : 0n;
    // A piece that crosses this request on the wire is paid for in a moment; until then nothing is computed.
    return ledger.vouched < ledger.owedBeforeLast + prepaid ? RefusalReason.voucherTooLow : null;
  }

  private refuse(seq: number, termsHash: Uint8Array, channel: Uint8Array, reason: RefusalReasonValue, retryAfter: number): void {
    const { policy, keys } = this.context;
    const hash = refusalHash({ networkId: policy.networkId, termsHash, escrow: channel, seq, reason, retryAfter });
    const signature = nodeEd25519.sign(hash, keys.signingSecret);
    this.send(encodeFrame({ kind: 'refusal', seq, termsHash, reason, retryAfter, signature }));
  }

  private send(frame: Uint8Array): void {
    if (!this.isOver) this.peer.send(frame);
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
