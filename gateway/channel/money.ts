import { CHUNK_TOKENS, dueFor, type Prices } from '../../protocol';
import { GatewayError } from '../errors';
import type { Answer } from './answer';
import type { ClientStore, NotedVoucher } from './clientStore';
import type { BoughtChannel } from './order';

/** What is to be sent for a piece that was accepted. */
export interface PieceVoucher extends NotedVoucher {
  /** Its request was given up. */
  isLeft: boolean;
  /** More is owed than a worker that keeps to the protocol delivers before it hears of that. */
  isBeyond: boolean;
}

/** What one channel's requests owe, have prepaid and may still come to. Amounts are nanoTON. */
export class ChannelMoney {
  /** Pieces of prompts that are prepaid and not acknowledged, by request. */
  private readonly prepaid = new Map<number, bigint>();
  /** What each request that runs may still come to. */
  private readonly mostLeft = new Map<number, bigint>();
  /** Requests that were given up and of which something may still come, and the newest voucher at that time. */
  private readonly left = new Map<number, bigint>();
  /** No voucher above it has left, or is about to. */
  private signed: bigint;

  constructor(
    private readonly bought: BoughtChannel,
    private readonly store: ClientStore,
  ) {
    this.signed = store.position(bought.channel).vouched;
  }

  get prices(): Prices {
    const { promptPrice, outputPrice } = this.bought;
    return { promptPrice, outputPrice, fixedPrice: 0n };
  }

  /** Requests under way. */
  get running(): number {
    return this.mostLeft.size;
  }

  /** Price of one chunk: no worker that keeps to the protocol is owed more beyond the vouchers. */
  private get chunkNano(): bigint {
    return dueFor(this.prices, 0, CHUNK_TOKENS);
  }

  /** Of prompts under way: part of every voucher. */
  private get prepaidNano(): bigint {
    let sum = 0n;
    for (const piece of this.prepaid.values()) sum += piece;
    return sum;
  }

  /**
   * The next request, and the voucher that prepays the first piece of its prompt. Takes on nothing that it could not pay to its end.
   * @throws GatewayError `gateway.channel-exhausted`
   */
  begin(first: bigint, most: bigint): NotedVoucher & { seq: number } {
    this.requireBudget(most);
    const begun = this.store.begin(this.bought.channel, this.prepaidNano + first);
    this.prepaid.set(begun.seq, first);
    this.mostLeft.set(begun.seq, most);
    return begun;
  }

  /** The voucher that goes with a request whose beginning is on disk. What was noted since for other requests may not be, so it is not in it. */
  toAsk(): bigint {
    const amount = this.store.durableVoucher(this.bought.channel);
    this.sending(amount);
    return amount;
  }

  /** A voucher leaves now, over a connection that is open. */
  sending(amount: bigint): void {
    this.signed = larger(this.signed, amount);
    this.store.send(this.bought.channel, amount);
  }

  /**
   * Notes what a piece costs and what is prepaid from now on. @param mostLeft what its request may still come to
   * @returns null where the voucher may wait for the next request: it is a last piece, and nothing else waits for it
   */
  accept(answer: Answer, moreNano: bigint, mostLeft: bigint): PieceVoucher | null {
    const { channel } = this.bought;
    const { request: { seq }, ahead, isOver } = answer;
    const isLeft = this.left.has(seq);
    this.prepaid.delete(seq);
    // A piece that is acknowledged while the request is given up: the next one may have been begun before the worker hears of it.
    if (ahead > 0n) this.prepaid.set(seq, ahead);
    if (!isLeft) this.mostLeft.set(seq, mostLeft);
    // Before the worker hears that it is given up, it delivers what the vouchers until then cover, and a chunk.
    const mostOwed = (this.left.get(seq) ?? 0n) + this.chunkNano;
    if (isOver) this.forget(seq);
    if (isOver && !isLeft && this.running === 0) {
      this.store.acceptLater(channel, moreNano, this.prepaidNano);
      return null;
    }
    const noted = this.store.accept(channel, moreNano, this.prepaidNano);
    this.signed = larger(this.signed, noted.vouched);
    return { ...noted, isLeft, isBeyond: isLeft && this.store.position(channel).owed > mostOwed };
  }

  /** All that was noted so far. */
  noted(): NotedVoucher {
    const noted = this.store.noted(this.bought.channel);
    this.signed = larger(this.signed, noted.vouched);
    return noted;
  }

  /** A request was never asked: nobody has a voucher that pays for it. */
  takeBack(seq: number): void {
    const { channel } = this.bought;
    this.forget(seq);
    this.store.takeBack(channel, larger(this.signed, this.store.position(channel).owed + this.prepaidNano));
  }

  /** A request is given up: what was on its way comes all the same, and the piece of its prompt that may be being read stays prepaid. */
  leave(seq: number): void {
    this.left.set(seq, this.store.position(this.bought.channel).vouched);
    this.mostLeft.delete(seq);
  }

  /** Nothing more comes of a request. */
  forget(seq: number): void {
    for (const known of [this.prepaid, this.mostLeft, this.left]) known.delete(seq);
  }

  hasPrepaid(seq: number): boolean {
    return this.prepaid.has(seq);
  }

  hasLeft(seq: number): boolean {
    return this.left.has(seq);
  }

  /**
   * What the worker says in a greeting that is owed. After a lost connection, or a lost process, it may count what this client never saw: a
   * chunk on its way, a piece of a prompt that was being read. It is believed up to the newest voucher that left, which it could claim whatever it
   * says, and one chunk beyond where a request was lost since it was believed the last time: else each connection that it ends would earn it a chunk,
   * or what was noted for the request that is about to be asked.
   * @param shown voucher of the greeting, which our key signed
   * @throws GatewayError `gateway.bad-worker`
   */
  async believe(welcomeOwed: bigint, shown: bigint): Promise<void> {
    const { channel } = this.bought;
    this.sending(shown);
    const { owed } = this.store.position(channel);
    const most = larger(owed, this.store.sentVoucher(channel) + (this.store.takeLoss(channel) ? this.chunkNano : 0n));
    if (welcomeOwed > most) {
      throw new GatewayError('gateway.bad-worker', 'the worker says that more is owed than it can have delivered', {
        expected: `at most ${most} nanoTON`, received: String(welcomeOwed), hint: 'close the channel, and open one with another provider',
      });
    }
    if (welcomeOwed <= owed) return;
    const noted = this.store.accept(channel, welcomeOwed - owed, this.prepaidNano);
    await noted.durable;
  }

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
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
