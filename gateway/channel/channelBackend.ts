import { dueFor, encodePayload, FinishReason, firstPiece, isExact, MAX_SEALED_BYTES, Tier, toHex } from '../../protocol';
import type { TokenLogits } from '../../exact';
import { generationOf } from '../../worker/jobs/request';
import type { AnswerEvent, CompletionBackend, ModelCard, TokenRequest } from '../backend';
import { GatewayError } from '../errors';
import { Answer, type ReadPiece } from './answer';
import type { ClientStore } from './clientStore';
import type { AnswerObserver } from './delivered';
import { Greeting } from './greeting';
import type { ChannelLink } from './link';
import type { FollowedAnswer, LogitsHere } from './logitsHere';
import { ChannelMoney } from './money';
import { type BoughtChannel, orderOf, payloadOf, semanticsOf } from './order';

/** What seals a request takes beside its payload, and padding. */
const MOST_PAYLOAD_BYTES = MAX_SEALED_BYTES - 256;
/** Pieces of an answer that was given up, whatever they cost: on their way already, one of them perhaps begun in the meantime. */
const MOST_LATE_PIECES = 2;
/** How long the last piece of an answer may wait for the next request, whose voucher pays for it too. */
const SETTLE_MILLIS = 50;
/** How often a request is sent whose connection was gone before anything came. */
const ATTEMPTS = 2;

/** An answer of which something came: `first`, or null when that is enough. */
interface Begun {
  link: ChannelLink;
  answer: Answer;
  first: ReadPiece | null;
  /** The same answer, computed here for its logits; null where none are wanted. */
  followed: FollowedAnswer | null;
}

/** Answers bought from one worker over one payment channel, each piece checked before the next is paid. */
export class ChannelBackend implements CompletionBackend {
  private readonly money: ChannelMoney;
  private readonly greeting: Greeting;
  /** When a last piece is paid that no request has paid for by then. */
  private settling: NodeJS.Timeout | null = null;
  /** What the worker's key signed and does not hold: it gets nothing more. */
  private distrust: Error | null = null;

  /** @param now Unix seconds */
  constructor(
    private readonly card: ModelCard,
    private readonly bought: BoughtChannel,
    private readonly store: ClientStore,
    private readonly now: () => number = () => Math.floor(Date.now() / 1000),
    private readonly observer?: AnswerObserver,
    /** Of an exact model that is here; without it no logits are told. */
    private readonly logitsHere?: LogitsHere,
  ) {
    this.money = new ChannelMoney(bought, store);
    this.greeting = new Greeting(bought, store, this.money);
    if (isExact(semanticsOf(card)) || bought.tier === Tier.attested) return;
    throw new GatewayError('gateway.not-exact', 'no stake stands for the answers of this model', {
      expected: 'an attested provider, or an exact model', hint: 'only an attested key may serve what nobody can compute again',
    });
  }

  /** Requests under way. */
  get running(): number {
    return this.money.running;
  }

  models(): readonly ModelCard[] {
    return [this.card];
  }

  async *complete(asked: TokenRequest): AsyncIterable<AnswerEvent> {
    const { link, answer, first, followed } = await this.begun(asked);
    try {
      yield { kind: 'start', reference: `${toHex(this.bought.channel)}-${answer.request.seq}` };
      for (let piece = first; piece !== null; piece = await answer.next()) {
        const { tokens, finishReason, receipt } = piece;
        const logits = await this.logitsOf(answer, tokens, followed, asked.abort);
        if (tokens.length > 0) yield { kind: 'tokens', tokens, receipt, ...logits };
        if (finishReason === undefined) continue;
        yield this.end(asked, answer, finishReason === FinishReason.stop ? 'stop' : 'length');
        return;
      }
      yield this.end(asked, answer, 'enough');
    } finally {
      this.over(asked, answer, link);
      void followed?.end();
    }
  }

  private follow({ topLogits }: TokenRequest, { request: { payload, channel, seq, terms } }: Answer): FollowedAnswer | null {
    if (topLogits === undefined) return null;
    return this.logitsHere!.follow(generationOf(payload, channel, seq, terms.requestCommit), topLogits);
  }

  private async logitsOf(answer: Answer, tokens: readonly number[], followed: FollowedAnswer | null, abort: AbortSignal): Promise<{ logits?: TokenLogits[] }> {
    if (followed === null) return {};
    try {
      return { logits: await followed.next(tokens, abort) };
    } catch (error) {
      answer.isContradicted = error instanceof GatewayError && error.code === 'gateway.other-tokens';
      throw error;
    }
  }

  /** Asks, once more where the connection was gone without our knowing: nothing came, and nothing is paid twice. */
  private async begun(asked: TokenRequest): Promise<Begun> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt(asked);
      } catch (error) {
        const isLost = error instanceof GatewayError && error.code === 'gateway.connection-lost';
        if (!isLost || attempt === ATTEMPTS) throw error;
      }
    }
  }

  private async attempt(asked: TokenRequest): Promise<Begun> {
    asked.abort.throwIfAborted();
    if (this.distrust !== null) throw this.distrust;
    if (asked.topLogits !== undefined && this.logitsHere === undefined) {
      throw new GatewayError('input.logprobs', 'nobody tells the logits of this model', { hint: 'ask without logprobs' });
    }
    const { money } = this;
    const { length } = asked.promptTokens;
    const payload = payloadOf(asked, this.bought, this.card, this.now());
    const encoded = encodePayload(payload);
    if (encoded.length > MOST_PAYLOAD_BYTES) {
      throw new GatewayError('input.prompt-too-long', 'the prompt does not fit a request', {
        expected: `at most ${MOST_PAYLOAD_BYTES} bytes`, received: `${encoded.length} bytes for ${length} tokens`,
      });
    }
    const most = dueFor(money.prices, length, asked.maxTokens);
    const { seq, durable } = money.begin(dueFor(money.prices, firstPiece(length).promptTokens, 0), most);
    let link: ChannelLink | null = null;
    let followed: FollowedAnswer | null = null;
    const answer = new Answer(
      orderOf(payload, this.bought, seq), asked, this.bought, this.now,
      (of, more) => this.pay(of, link!, more, most - of.due),
      (of) => this.failed(of, link),
    );
    try {
      await durable;
      const opened = await this.greeting.connected(seq);
      // The store was an old copy, and is not any more.
      if (seq < opened.welcome.nextSeq) throw new GatewayError('gateway.connection-lost', 'the worker knows another request of this number', { received: `request ${seq}` });
      // Given up before the worker heard of it, or it is gone: it costs nothing.
      asked.abort.throwIfAborted();
      opened.requireOpen();
      const amount = money.toAsk();
      this.keepSettling(false);
      opened.ask(answer.request, encoded, amount, answer);
      link = opened;
      followed = this.follow(asked, answer);
      return { link, answer, first: await answer.next(), followed };
    } catch (error) {
      this.over(asked, answer, link);
      void followed?.end();
      throw error;
    }
  }

  /** Nothing more is read of an answer. */
  private over(asked: TokenRequest, answer: Answer, link: ChannelLink | null): void {
    answer.unlink();
    this.leave(link, answer, asked.abort.aborted);
    if (answer.pieces.length > 0 || answer.rejected !== undefined) this.observer?.(answer.delivered(asked));
  }

  /**
   * Notes what a piece costs and what is prepaid from now on, then pays: the last piece too, or nothing more would be served. That one
   * may wait for the next request where nothing else waits for it: a stream of requests has a voucher each, not two.
   */
  private async pay(answer: Answer, link: ChannelLink, moreNano: bigint, mostLeft: bigint): Promise<void> {
    const { seq } = answer.request;
    const voucher = this.money.accept(answer, moreNano, mostLeft);
    if (voucher === null) return this.keepSettling(true);
    const isTooLate = voucher.isLeft && ++answer.late > MOST_LATE_PIECES && voucher.isBeyond;
    await voucher.durable;
    this.send(link, voucher.vouched);
    if (!voucher.isLeft) return;
    if (answer.isOver) link.leave(seq, true);
    else if (isTooLate) link.close();
  }

  private keepSettling(isDue: boolean): void {
    if (this.settling !== null) clearTimeout(this.settling);
    // What cannot be written down is said to the next request.
    this.settling = isDue ? setTimeout(() => void this.settle().catch(() => undefined), SETTLE_MILLIS) : null;
  }

  /** Pays a last piece that waits. */
  private async settle(): Promise<void> {
    if (this.settling === null) return;
    this.keepSettling(false);
    const { vouched, durable } = this.money.noted();
    await durable;
    this.send(await this.greeting.newest(), vouched);
  }

  private send(link: ChannelLink | null, vouched: bigint): void {
    if (link === null || link.isLost) return;
    this.money.sending(vouched);
    link.pay(vouched);
  }

  /**
   * Nobody reads the answer any more. What was on its way is paid all the same, and the piece of the prompt that may be being
   * read stays prepaid, until the worker says in the next greeting whether it counts it.
   */
  private leave(link: ChannelLink | null, answer: Answer, isAborted: boolean): void {
    const { seq } = answer.request;
    if (link === null) return this.money.takeBack(seq);
    if (answer.failure !== null || answer.isOver) {
      this.money.forget(seq);
      link.leave(seq, answer.isOver);
      return;
    }
    if (isAborted || this.money.hasPrepaid(seq)) this.greeting.doubt();
    this.money.leave(seq);
    link.giveUp(seq);
  }

  /**
   * Nothing more comes of a request. A piece of its prompt that was prepaid and is not counted in the next greeting pays for what comes then. Whoever
   * changes what is passed on is left, and a date that is refused leaves a chunk unpaid: the next connection begins with what the worker counts.
   */
  private failed({ request: { seq }, failure }: Answer, link: ChannelLink | null): void {
    // The worker may count what came after it was given up.
    if (this.money.hasLeft(seq)) this.greeting.doubt();
    this.money.forget(seq);
    const code = failure instanceof GatewayError ? failure.code : '';
    if (code === 'gateway.bad-answer') this.distrust = failure;
    // What ends the connection is no word about this request, even if the worker signed it.
    if (!isLastWord(code) || link?.isLost) this.store.lose(this.bought.channel);
    if (/^gateway\.(tampered|bad-date|bad-worker)$/.test(code)) link?.close();
  }

  /**
   * Signs the last voucher, for all that was ever vouched for, so that the worker closes the channel and the rest comes back at
   * once. Nothing can be bought over it afterwards.
   */
  async finish(): Promise<void> {
    const link = await this.greeting.connected(this.store.position(this.bought.channel).nextSeq);
    this.keepSettling(false);
    const { vouched, durable } = this.money.noted();
    await durable;
    link.payLast(vouched);
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    await this.settle().catch(() => undefined);
    (await this.greeting.newest())?.close();
  }

  private end(asked: TokenRequest, answer: Answer, finishReason: 'stop' | 'length' | 'enough'): AnswerEvent {
    return {
      kind: 'end', finishReason, promptTokens: asked.promptTokens.length, completionTokens: answer.tokens, cost: String(answer.due),
      receipts: answer.receipt === undefined ? [] : [answer.receipt],
    };
  }
}

/** Whether an error is the worker's signed word that nothing more comes of a request, or ends all trust. */
const isLastWord = (code: string): boolean => /^gateway\.(refused|overloaded|channel-ending|bad-answer)$/.test(code);
