import { CHUNK_TOKENS, dueFor, encodePayload, FinishReason, firstPiece, isExact, MAX_SEALED_BYTES, type Prices, Tier, toHex } from '../../protocol';
import type { AnswerEvent, CompletionBackend, ModelCard, TokenRequest } from '../backend';
import { GatewayError } from '../errors';
import { Answer, type ReadPiece } from './answer';
import type { ClientStore } from './clientStore';
import type { AnswerObserver } from './delivered';
import { ChannelLink } from './link';
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
}

/** Answers bought from one worker over one payment channel, each piece checked before the next is paid. */
export class ChannelBackend implements CompletionBackend {
  private link: Promise<ChannelLink> | null = null;
  /** Pieces of prompts that are prepaid and not acknowledged, by request. */
  private readonly prepaid = new Map<number, bigint>();
  /** What each request that runs may still come to. */
  private readonly mostLeft = new Map<number, bigint>();
  /** Requests that were given up and of which something may still come, and the newest voucher at that time, nanoTON. */
  private readonly left = new Map<number, bigint>();
  /** A voucher that is on disk and covers what was owed when the connection began. */
  private assured = 0n;
  /** No voucher above it has left. */
  private signed: bigint;
  /** A request was given up in silence: what it waited for may be lost, and the worker may wait for it to be paid. */
  private isUnsure = false;
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
  ) {
    this.signed = store.position(bought.channel).vouched;
    if (isExact(semanticsOf(card)) || bought.tier === Tier.attested) return;
    throw new GatewayError('gateway.not-exact', 'no stake stands for the answers of this model', {
      expected: 'an attested provider, or an exact model', hint: 'only an attested key may serve what nobody can compute again',
    });
  }

  private get prices(): Prices {
    const { promptPrice, outputPrice } = this.bought;
    return { promptPrice, outputPrice, fixedPrice: 0n };
  }

  /** Price of one chunk: no worker that keeps to the protocol is owed more beyond the vouchers. */
  private get chunkNano(): bigint {
    return dueFor(this.prices, 0, CHUNK_TOKENS);
  }

  /** Requests under way. */
  get running(): number {
    return this.mostLeft.size;
  }

  models(): readonly ModelCard[] {
    return [this.card];
  }

  async *complete(asked: TokenRequest): AsyncIterable<AnswerEvent> {
    const { link, answer, first } = await this.begun(asked);
    try {
      yield { kind: 'start', reference: `${toHex(this.bought.channel)}-${answer.request.seq}` };
      for (let piece = first; piece !== null; piece = await answer.next()) {
        const { tokens, finishReason, receipt } = piece;
        if (tokens.length > 0) yield { kind: 'tokens', tokens, receipt };
        if (finishReason === undefined) continue;
        yield this.end(asked, answer, finishReason === FinishReason.stop ? 'stop' : 'length');
        return;
      }
      yield this.end(asked, answer, 'enough');
    } finally {
      this.over(asked, answer, link);
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
    if (asked.topLogits !== undefined) {
      throw new GatewayError('input.logprobs', 'this provider tells no logits', { hint: 'ask without logprobs' });
    }
    const { channel } = this.bought;
    const { prices } = this;
    const { length } = asked.promptTokens;
    const payload = payloadOf(asked, this.bought, this.card, this.now());
    const encoded = encodePayload(payload);
    if (encoded.length > MOST_PAYLOAD_BYTES) {
      throw new GatewayError('input.prompt-too-long', 'the prompt does not fit a request', {
        expected: `at most ${MOST_PAYLOAD_BYTES} bytes`, received: `${encoded.length} bytes for ${length} tokens`,
      });
    }
    const most = dueFor(prices, length, asked.maxTokens);
    this.requireBudget(most);
    const first = dueFor(prices, firstPiece(length).promptTokens, 0);
    const { seq, vouched, durable } = this.store.begin(channel, this.prepaidNano + first);
    this.prepaid.set(seq, first);
    this.mostLeft.set(seq, most);
    let link: ChannelLink | null = null;
    const answer = new Answer(
      orderOf(payload, this.bought, seq), asked, this.bought, this.now,
      (of, more) => this.pay(of, link!, more, most - of.due),
      (of) => this.failed(of, link),
    );
    try {
      await durable;
      const opened = await this.connected(seq);
      // The store was an old copy, and is not any more.
      if (seq < opened.welcome.nextSeq) throw new GatewayError('gateway.connection-lost', 'the worker knows another request of this number', { received: `request ${seq}` });
      // Given up before the worker heard of it: it costs nothing.
      asked.abort.throwIfAborted();
      const noted = this.store.position(channel).vouched;
      const amount = larger(vouched, this.assured);
      // What was noted for others may have been taken back.
      this.signed = larger(this.signed, amount < noted ? amount : noted);
      this.keepSettling(false);
      opened.ask(answer.request, encoded, this.signed, answer);
      link = opened;
      return { link, answer, first: await answer.next() };
    } catch (error) {
      this.over(asked, answer, link);
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
    const { ahead } = answer;
    const isLeft = this.left.has(seq);
    this.prepaid.delete(seq);
    // A piece that is acknowledged while the request is given up: the next one may have been begun before the worker hears of it.
    if (ahead > 0n) this.prepaid.set(seq, ahead);
    if (!isLeft) this.mostLeft.set(seq, mostLeft);
    // Before the worker hears that it is given up, it delivers what the vouchers until then cover, and a chunk.
    const mostOwed = (this.left.get(seq) ?? 0n) + this.chunkNano;
    if (answer.isOver) this.forget(seq);
    if (answer.isOver && !isLeft && this.mostLeft.size === 0) {
      this.store.acceptLater(this.bought.channel, moreNano, this.prepaidNano);
      return this.keepSettling(true);
    }
    const { vouched, durable } = this.store.accept(this.bought.channel, moreNano, this.prepaidNano);
    this.signed = larger(this.signed, vouched);
    const isTooLate = isLeft && ++answer.late > MOST_LATE_PIECES && this.store.position(this.bought.channel).owed > mostOwed;
    await durable;
    link.pay(vouched);
    if (!isLeft) return;
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
    const { vouched, durable } = this.store.noted(this.bought.channel);
    this.signed = larger(this.signed, vouched);
    await durable;
    (await this.link)?.pay(vouched);
  }

  /**
   * Nobody reads the answer any more. What was on its way is paid all the same, and the piece of the prompt that may be being
   * read stays prepaid, until the worker says in the next greeting whether it counts it.
   */
  private leave(link: ChannelLink | null, answer: Answer, isAborted: boolean): void {
    const { seq } = answer.request;
    const { channel } = this.bought;
    if (link === null) {
      // Never asked: nobody has a voucher that pays for it.
      this.forget(seq);
      this.store.takeBack(channel, larger(this.signed, this.store.position(channel).owed + this.prepaidNano));
      return;
    }
    if (answer.failure !== null || answer.isOver) {
      this.forget(seq);
      link.leave(seq, answer.isOver);
      return;
    }
    if (isAborted || this.prepaid.has(seq)) this.isUnsure = true;
    this.left.set(seq, this.store.position(channel).vouched);
    this.mostLeft.delete(seq);
    link.giveUp(seq);
  }

  /**
   * Nothing more comes of a request. A piece of its prompt that was prepaid and is not counted in the next greeting pays for what comes then. Whoever
   * changes what is passed on is left, and a date that is refused leaves a chunk unpaid: the next connection begins with what the worker counts.
   */
  private failed({ request: { seq }, failure }: Answer, link: ChannelLink | null): void {
    // The worker may count what came after it was given up.
    if (this.left.has(seq)) this.isUnsure = true;
    this.forget(seq);
    const code = failure instanceof GatewayError ? failure.code : '';
    if (code === 'gateway.bad-answer') this.distrust = failure;
    // What ends the connection is no word about this request, even if the worker signed it.
    if (!isLastWord(code) || link?.isLost) this.store.lose(this.bought.channel);
    if (/^gateway\.(tampered|bad-date|bad-worker)$/.test(code)) link?.close();
  }

  private forget(seq: number): void {
    for (const known of [this.prepaid, this.mostLeft, this.left]) known.delete(seq);
  }

  /**
   * Signs the last voucher, for all that was ever vouched for, so that the worker closes the channel and the rest comes back at
   * once. Nothing can be bought over it afterwards.
   */
  async finish(): Promise<void> {
    const { channel } = this.bought;
    const link = await this.connected(this.store.position(channel).nextSeq);
    this.keepSettling(false);
    const { vouched, durable } = this.store.noted(channel);
    this.signed = larger(this.signed, vouched);
    await durable;
    link.payLast(vouched);
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    await this.settle().catch(() => undefined);
    const link = await this.link?.catch(() => null);
    link?.close();
  }

  /** Takes on nothing that it could not pay to its end. @throws GatewayError `gateway.channel-exhausted` */
  private requireBudget(most: bigint): void {
    const { channel, budget } = this.bought;
    const { owed } = this.store.position(channel);
    let committed = owed + most;
    for (const left of this.mostLeft.values()) committed += left;
    // Of all that were given up together comes what the vouchers until then cover, and a chunk.
    if (this.left.size > 0) committed += [...this.left.values()].reduce(larger, owed) - owed + this.chunkNano;
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
    const link = before.catch(() => null).then(async (known) => {
      if (known !== null && !known.isLost) {
        if (this.isUnsure || !known.carries(seq)) await this.greetAgain(known, seq);
        return known;
      }
      this.isUnsure = false;
      const opened = await ChannelLink.open(this.bought, seq);
      await this.believe(opened);
      return opened;
    });
    this.link = link;
    return link;
  }

  /** The next session over the same connection; the welcome comes behind all that was on its way. */
  private async greetAgain(link: ChannelLink, seq: number): Promise<void> {
    const wasUnsure = this.isUnsure;
    this.isUnsure = false;
    const silent = await link.renew(seq);
    if (!wasUnsure) return;
    for (const of of silent) {
      this.forget(of);
      link.leave(of, true);
      this.store.lose(this.bought.channel);
    }
    await this.believe(link);
  }

  /**
   * After a lost connection, or a lost process, the worker may count what this client never saw: a chunk on its way, a piece of a prompt
   * that was being read. It is believed up to the newest voucher, which it could claim whatever it says, and one chunk beyond where a
   * request was lost since it was believed the last time: else each connection that it ends would earn it a chunk. An old copy of the store
   * learns from it what this client signed and which numbers it used.
   */
  private async believe(link: ChannelLink): Promise<void> {
    const { channel } = this.bought;
    const { welcome } = link;
    try {
      await this.store.catchUp(channel, welcome.nextSeq, link.shownVoucher);
    } catch (error) {
      link.close();
      throw error;
    }
    this.signed = larger(this.signed, link.shownVoucher);
    const { owed, vouched } = this.store.position(channel);
    const most = vouched + (this.store.takeLoss(channel) ? this.chunkNano : 0n);
    if (welcome.owed > most) {
      link.close();
      throw new GatewayError('gateway.bad-worker', 'the worker says that more is owed than it can have delivered', {
        expected: `at most ${most} nanoTON`, received: String(welcome.owed), hint: 'close the channel, and open one with another provider',
      });
    }
    if (welcome.owed <= owed) return;
    const noted = this.store.accept(channel, welcome.owed - owed, this.prepaidNano);
    await noted.durable;
    this.assured = noted.vouched;
  }

  private end(asked: TokenRequest, answer: Answer, finishReason: 'stop' | 'length' | 'enough'): AnswerEvent {
    return {
      kind: 'end', finishReason, promptTokens: asked.promptTokens.length, completionTokens: answer.tokens, cost: String(answer.due),
      receipts: answer.receipt === undefined ? [] : [answer.receipt],
    };
  }
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Whether an error is the worker's signed word that nothing more comes of a request, or ends all trust. */
const isLastWord = (code: string): boolean => /^gateway\.(refused|overloaded|channel-ending|bad-answer)$/.test(code);
