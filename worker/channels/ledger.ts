import { ended } from '../operation/wait';

/** How long a piece waits for its payment; a client that pays later asks again. */
const PATIENCE_MILLIS = 120_000;

/** Thrown where a client that owes a piece went away, gave up, or did not pay in time. */
export class Unpaid extends Error {}

/** Pieces of prompts that are remembered by the requests that were given up; of more, the sum alone. */
const MAX_LEFT = 256;

/** How long a piece may be on its way to whoever pays for it. */
const CROSSING_MILLIS = 10_000;

/**
 * What one channel owes and has vouched for, shared by all that is served over it. Of the prompts nothing is read that is not
 * prepaid; chunks leave one after another, each only when all that counts is paid: however many requests run at a time, at most one
 * chunk of one of them is unpaid.
 */
export class ChannelLedger {
  /** Resolves when those who deliver or wait for it are done; null when there is nobody. */
  private last: Promise<void> | null = null;
  private readonly wakers = new Set<() => void>();
  /** Prices of pieces of prompts whose reading was begun and that no receipt covers yet, by request that runs. */
  private readonly begun = new Map<number, bigint>();
  /** Of requests that were admitted and have not begun yet. */
  private readonly expected = new Map<number, bigint>();
  /** The same of requests that were given up: else whoever cancels and asks again had prompts read for nothing. */
  private readonly left = new Map<number, bigint>();
  private leftNano = 0n;
  /** When the last piece left, performance.now(). */
  private deliveredAt: number;

  /**
   * @param owedNano of all receipts of the channel so far
   * @param vouchedNano of the newest voucher
   */
  constructor(
    private owedNano: bigint,
    private vouchedNano: bigint,
    private readonly patienceMillis = PATIENCE_MILLIS,
  ) {
    this.deliveredAt = owedNano > vouchedNano ? performance.now() : -Infinity;
  }

  /** All receipts of the channel, and the pieces of prompts that were begun. */
  get counted(): bigint {
    let sum = this.owedNano + this.leftNano;
    for (const piece of this.begun.values()) sum += piece;
    return sum;
  }

  /** All that counts, but for the pieces of prompts of requests that run and whose client counts them itself. */
  countedWithout(seqs: Iterable<number>): bigint {
    let sum = this.counted;
    for (const seq of seqs) sum -= this.begun.get(seq) ?? 0n;
    return sum;
  }

  get vouched(): bigint {
    return this.vouchedNano;
  }

  /** Notes a voucher that is durable. */
  vouch(amountNano: bigint): void {
    if (amountNano <= this.vouchedNano) return;
    this.vouchedNano = amountNano;
    for (const wake of [...this.wakers]) wake();
  }

  /**
   * Whether a request may be admitted: all that counts and the first piece of its prompt are vouched for, or may be in a moment. What left
   * just now crosses requests on the wire; and since every voucher holds the prepaid pieces of requests that are still on their way, more
   * than one piece may have left on the strength of them.
   */
  covers(seq: number, pieceNano: bigint): boolean {
    let wanted = this.beyond(seq, pieceNano);
    for (const [other, piece] of this.expected) if (other !== seq) wanted += piece;
    return this.vouchedNano >= wanted || performance.now() - this.deliveredAt < CROSSING_MILLIS;
  }

  /** A request was admitted whose first piece is prepaid: until it begins or ends, no other is admitted for the same voucher. */
  expect(seq: number, pieceNano: bigint): void {
    if (pieceNano > 0n) this.expected.set(seq, pieceNano);
  }

  /** It ended, or begins. */
  expectNoMore(seq: number): void {
    this.expected.delete(seq);
  }

  /** Resolves when all that counts and a piece of a prompt are vouched for; the piece counts from then on. @throws Unpaid when the signal aborts first, or nobody pays in time */
  async prepay(seq: number, pieceNano: bigint, signal: AbortSignal): Promise<void> {
    const until = performance.now() + this.patienceMillis;
    while (this.vouchedNano < this.beyond(seq, pieceNano)) await this.paid(signal, until);
    if (signal.aborted) throw new Unpaid();
    this.expectNoMore(seq);
    if (pieceNano === 0n) return;
    this.forget(seq);
    this.begun.set(seq, pieceNano);
  }

  /** The piece that was begun is not read to its end, through no fault of the client. */
  forget(seq: number): void {
    this.begun.delete(seq);
    this.leftNano -= this.left.get(seq) ?? 0n;
    this.left.delete(seq);
  }

  /** The request is given up: the piece of its prompt that was begun counts on. */
  leave(seq: number): void {
    const piece = this.begun.get(seq);
    if (piece === undefined) return;
    this.begun.delete(seq);
    this.left.set(seq, piece);
    this.leftNano += piece;
    if (this.left.size > MAX_LEFT) this.left.delete(this.left.keys().next().value!);
  }

  /**
   * Runs `deliver` for the receipt of a piece that was prepaid; it answers what all receipts of the channel come to after it, as
   * the store has it. @throws Unpaid when the signal aborts first
   */
  acknowledge(seq: number, deliver: () => Promise<bigint>, signal: AbortSignal): Promise<void> {
    return this.inTurn(async () => this.note(seq, await deliver()), signal);
  }

  /** Runs `deliver` for a chunk, as soon as all that counts is vouched for. @throws Unpaid when the signal aborts first, or nobody pays in time */
  release(seq: number, deliver: () => Promise<bigint>, signal: AbortSignal): Promise<void> {
    return this.inTurn(async () => {
      const until = performance.now() + this.patienceMillis;
      while (this.vouchedNano < this.counted) await this.paid(signal, until);
      if (signal.aborted) throw new Unpaid();
      this.note(seq, await deliver());
    }, signal);
  }

  private beyond(seq: number, pieceNano: bigint): bigint {
    return this.counted - (this.begun.get(seq) ?? this.left.get(seq) ?? 0n) + pieceNano;
  }

  private note(seq: number, owedNano: bigint): void {
    this.forget(seq);
    this.owedNano = owedNano;
    this.deliveredAt = performance.now();
  }

  private async inTurn(turn: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const before = this.last;
    let resolved = (): void => undefined;
    const mine = new Promise<void>((resolve) => (resolved = resolve));
    this.last = mine;
    const done = (): void => {
      if (this.last === mine) this.last = null;
      resolved();
    };
    try {
      if (before !== null) await ended(before, signal);
      if (signal.aborted) throw new Unpaid();
      await turn();
    } finally {
      // Whoever leaves before its turn lets nobody pass those before it.
      if (before === null) done();
      else void before.then(done);
    }
  }

  /** Resolves at the next voucher. @throws Unpaid */
  private paid(signal: AbortSignal, until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        this.wakers.delete(wake);
      };
      const wake = (): void => {
        leave();
        resolve();
      };
      const giveUp = (): void => {
        leave();
        reject(new Unpaid());
      };
      const timer = setTimeout(giveUp, Math.max(0, until - performance.now())).unref();
      if (signal.aborted) return giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
      this.wakers.add(wake);
    });
  }
}
