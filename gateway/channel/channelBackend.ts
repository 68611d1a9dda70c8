import { createHash, randomBytes } from 'node:crypto';
import {
  buildTerms, type ChannelRequest, dueFor, FinishReason, firstPiece, isExact, type PieceFrame, type RequestPayload, SEMANTICS, StreamChecker,
  Tier, type TierValue, TermsFlag, toHex, Visibility,
} from '../../protocol';
import type { AnswerEvent, CompletionBackend, ModelCard, TokenRequest } from '../backend';
import { GatewayError } from '../errors';
import type { ClientStore } from './clientStore';
import { ChannelLink, type LinkParties, receiptOf } from './link';

/** A channel that is open, the worker behind it, and what it asks for. */
export interface BoughtChannel extends LinkParties {
  /** Basechain hashes. */
  client: Uint8Array;
  stake: Uint8Array;
  tier: TierValue;
  /** 32 zero bytes unless an image is pinned. */
  imageHash: Uint8Array;
  /** nanoTON per million tokens. */
  promptPrice: bigint;
  outputPrice: bigint;
  /** Most nanoTON, cumulative, that this client signs for; the deposit, or less. */
  budget: bigint;
}

/** Seconds for which a request may be answered. */
const REQUEST_SECONDS = 600;
/** How often a request is sent whose connection was gone before anything came. */
const ATTEMPTS = 2;

/** Answers bought from one worker over one payment channel, each piece checked before the next is paid. */
export class ChannelBackend implements CompletionBackend {
  private link: Promise<ChannelLink> | null = null;
  /** Prepaid pieces of prompts whose first chunk has not come, by request. */
  private readonly prepaid = new Map<number, bigint>();
  /** What each running request may still come to. */
  private readonly mostLeft = new Map<number, bigint>();
  private readonly semantics: number;

  /** @param now Unix seconds */
  constructor(
    private readonly card: ModelCard,
    private readonly bought: BoughtChannel,
    private readonly store: ClientStore,
    private readonly now: () => number = () => Math.floor(Date.now() / 1000),
  ) {
    this.semantics = card.semantics ?? SEMANTICS;
    if (isExact(this.semantics) || bought.tier === Tier.attested) return;
    throw new GatewayError('gateway.not-exact', 'no stake stands for the answers of this model', {
      expected: 'an attested provider, or an exact model', hint: 'only an attested key may serve what nobody can compute again',
    });
  }

  models(): readonly ModelCard[] {
    return [this.card];
  }

  async *complete(asked: TokenRequest): AsyncIterable<AnswerEvent> {
    for (let attempt = 1; ; attempt++) {
      let isTaken = false;
      try {
        for await (const event of this.attempt(asked)) {
          isTaken = true;
          yield event;
        }
        return;
      } catch (error) {
        // A connection that was gone without our knowing: nothing came, and nothing is paid twice.
        const isLost = error instanceof GatewayError && error.code === 'gateway.connection-lost';
        if (isTaken || !isLost || attempt === ATTEMPTS) throw error;
      }
    }
  }

  private async *attempt(asked: TokenRequest): AsyncIterable<AnswerEvent> {
    if (asked.topLogits !== undefined) {
      throw new GatewayError('input.logprobs', 'this provider tells no logits', { hint: 'ask without logprobs' });
    }
    const { channel } = this.bought;
    const most = dueFor({ ...this.bought, fixedPrice: 0n }, asked.promptTokens.length, asked.maxTokens);
    this.requireBudget(most);
    const first = dueFor({ ...this.bought, fixedPrice: 0n }, firstPiece(asked.promptTokens.length).promptTokens, 0);
    const { seq, vouched, durable } = this.store.begin(channel, this.prepaidNano + first);
    this.mostLeft.set(seq, most);
    const request = this.request(asked, seq);
    const answer = new Answer(request, this.bought);
    let link: ChannelLink | null = null;
    try {
      this.prepaid.set(seq, first);
      await durable;
      link = await this.connected(seq);
      link.ask(request, vouched, answer);
      for (let isFirst = true; ; isFirst = false) {
        const piece = await answer.next(asked.abort, asked.enough);
        if (isFirst) yield { kind: 'start', reference: `${toHex(channel)}-${seq}` };
        if (piece === null) {
          yield this.end(asked, answer, 'enough');
          return;
        }
        const { tokens, more, finishReason } = answer.accept(piece, this.now());
        this.prepaid.delete(seq);
        this.mostLeft.set(seq, most - answer.due);
        // The last piece is paid as well: who keeps what it was given without paying is not served again.
        const paid = this.store.accept(channel, more, this.prepaidNano);
        await paid.durable;
        link.pay(paid.vouched);
        if (tokens.length > 0) yield { kind: 'tokens', tokens };
        if (finishReason !== undefined) {
          yield this.end(asked, answer, finishReason === FinishReason.stop ? 'stop' : 'length');
          return;
        }
      }
    } finally {
      this.prepaid.delete(seq);
      this.mostLeft.delete(seq);
      link?.leave(seq, answer.isOver);
    }
  }

  /**
   * Signs the last voucher, for all that was ever vouched for, so that the worker closes the channel and the rest comes back at
   * once. Nothing can be bought over it afterwards.
   */
  async finish(): Promise<void> {
    const { nextSeq, vouched } = this.store.position(this.bought.channel);
    (await this.connected(nextSeq)).payLast(vouched);
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    const link = await this.link?.catch(() => null);
    link?.close();
  }

  /** Takes on nothing that it could not pay to its end. @throws GatewayError `gateway.channel-exhausted` */
  private requireBudget(most: bigint): void {
    const { channel, budget } = this.bought;
    let committed = this.store.position(channel).owed + most;
    for (const left of this.mostLeft.values()) committed += left;
    if (committed <= budget) return;
    throw new GatewayError('gateway.channel-exhausted', 'this request could cost more than the channel may', {
      expected: `at most ${budget} nanoTON in all`,
      received: `${committed} nanoTON with what runs`,
      hint: 'top the channel up, raise the cap, or ask for fewer tokens',
    });
  }

  /** Of prompts under way: part of every voucher. */
  private get prepaidNano(): bigint {
    let sum = 0n;
    for (const piece of this.prepaid.values()) sum += piece;
    return sum;
  }

  /** The link for this number, one after another: a session seals numbers as they rise. */
  private connected(seq: number): Promise<ChannelLink> {
    const before = this.link ?? Promise.resolve(null);
    const link = before.catch(() => null).then((known) => {
      if (known?.carries(seq)) return known;
      known?.close();
      return ChannelLink.open(this.bought, seq);
    });
    this.link = link;
    return link;
  }

  /**
   * The request as the client commits to it. Response key and salt follow from the seed that the gateway drew or was given, so that
   * the same seed asks for the same answer; the terms' own salt never repeats.
   */
  private request(asked: TokenRequest, seq: number): ChannelRequest {
    const { bought } = this;
    const { seed, ...sampling } = asked.sampling;
    const derived = (label: string): Uint8Array => new Uint8Array(createHash('sha256').update(`open cocoon ${label}`).update(seed).digest());
    const payload: RequestPayload = {
      asked: {
        tier: bought.tier, visibility: Visibility.sealed, flags: TermsFlag.reproducibleSeed, semantics: this.semantics, salt: new Uint8Array(randomBytes(16)),
        modelRoot: this.card.modelRoot, maxTokens: asked.maxTokens, expiresAt: this.now() + REQUEST_SECONDS, promptPrice: bought.promptPrice,
        outputPrice: bought.outputPrice, coverage: 0n, imageHash: bought.imageHash,
      },
      request: {
        promptTokens: asked.promptTokens, sampling, stopTokens: [...new Set(asked.stopTokens)].sort((a, b) => a - b),
        nonce: Buffer.from(derived('nonce')).readBigUInt64BE(), toolsHash: new Uint8Array(32),
      },
      // A key seals one answer: fresh for every request.
      responseKey: new Uint8Array(randomBytes(32)),
      commitSalt: derived('commit salt'),
    };
    const { networkId, client, stake, workerKey } = bought;
    return { terms: buildTerms(payload, { networkId, client, stake, workerKey, price: 0n }), payload, channel: bought.channel, seq };
  }

  private end(asked: TokenRequest, answer: Answer, finishReason: 'stop' | 'length' | 'enough'): AnswerEvent {
    return {
      kind: 'end', finishReason, promptTokens: asked.promptTokens.length, completionTokens: answer.tokens, cost: String(answer.due), receipt: answer.receipt,
    };
  }
}

/** An answer on its way: pieces that came, checked one by one as they are taken. */
class Answer {
  private readonly checker: StreamChecker;
  private readonly waiting: PieceFrame[] = [];
  private failure: GatewayError | null = null;
  private wake: () => void = () => undefined;
  /** nanoTON of what was accepted. */
  due = 0n;
  isOver = false;
  /** The newest receipt that was accepted, as JSON. */
  receipt: object | undefined;

  constructor(
    private readonly request: ChannelRequest,
    { ed25519 }: LinkParties,
  ) {
    this.checker = new StreamChecker(request, ed25519);
  }

  get tokens(): number {
    return this.checker.progress.outputTokens;
  }

  piece(piece: PieceFrame): void {
    this.waiting.push(piece);
    this.wake();
  }

  failed(error: GatewayError): void {
    this.failure ??= error;
    this.wake();
  }

  /** The next piece; null when what came is enough. @throws GatewayError, or the abort's reason */
  async next(abort: AbortSignal, enough: AbortSignal): Promise<PieceFrame | null> {
    for (;;) {
      abort.throwIfAborted();
      if (enough.aborted) return null;
      const piece = this.waiting.shift();
      if (piece !== undefined) return piece;
      if (this.failure !== null) throw this.failure;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          for (const signal of [abort, enough]) signal.removeEventListener('abort', done);
          resolve();
        };
        this.wake = done;
        for (const signal of [abort, enough]) signal.addEventListener('abort', done, { once: true });
      });
    }
  }

  /** Checks a piece against all before it. @throws GatewayError `gateway.bad-answer`; nothing of it is paid */
  accept(piece: PieceFrame, now: number): { tokens: readonly number[]; more: bigint; finishReason?: number } {
    const receipt = receiptOf(this.request, piece);
    const { sealed, signature } = piece;
    const checked = this.checker.accept({ receipt, sealed, signature }, now);
    if (!checked.ok) {
      throw new GatewayError('gateway.bad-answer', 'the worker sent what its receipt does not stand for', { received: checked.fault });
    }
    const more = checked.dueNano - this.due;
    this.due = checked.dueNano;
    this.isOver = checked.finishReason !== undefined;
    this.receipt = {
      ...Object.fromEntries(Object.entries(receipt).map(([name, value]) => [name, value instanceof Uint8Array ? toHex(value) : typeof value === 'bigint' ? String(value) : value])),
      signature: toHex(signature),
    };
    return { tokens: checked.tokens, more, ...(checked.finishReason !== undefined && { finishReason: checked.finishReason }) };
  }
}
