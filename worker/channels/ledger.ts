/** How long a piece waits for its payment; a client that pays later asks again. */
const PATIENCE_MILLIS = 120_000;

/** Thrown where a client that owes a piece went away, gave up, or did not pay in time. */
export class Unpaid extends Error {}

/**
 * What one channel owes and has vouched for, shared by all that is served over it. Pieces leave one after another, each only
 * when all before it are paid: however many requests run at a time, at most one piece of one of them is unpaid.
 */
export class ChannelLedger {
  private last: Promise<void> = Promise.resolve();
  private wakers: (() => void)[] = [];
  private beforeLast: bigint;

  /**
   * @param owedNano of all receipts of the channel so far
   * @param vouchedNano of the newest voucher
   */
  constructor(
    private owedNano: bigint,
    private vouchedNano: bigint,
    private readonly patienceMillis = PATIENCE_MILLIS,
  ) {
    this.beforeLast = owedNano < vouchedNano ? owedNano : vouchedNano;
  }

  get owed(): bigint {
    return this.owedNano;
  }

  /** What was owed before the last piece left, which may still be on its way to a client that pays for it when it comes. */
  get owedBeforeLast(): bigint {
    return this.beforeLast;
  }

  get vouched(): bigint {
    return this.vouchedNano;
  }

  /** Notes a voucher that is durable. */
  vouch(amountNano: bigint): void {
    if (amountNano <= this.vouchedNano) return;
    this.vouchedNano = amountNano;
    for (const wake of this.wakers.splice(0)) wake();
  }

  /**
   * Runs `deliver`, which answers what the channel owes after it as the store has it, when everything delivered before and
   * `prepaidNano` beyond that are vouched for, and no other piece is under way.
   * @throws Unpaid when the signal aborts first, or nobody pays in time
   */
  async release(prepaidNano: bigint, deliver: () => Promise<bigint>, signal: AbortSignal): Promise<void> {
    const before = this.last;
    let done = (): void => undefined;
    this.last = new Promise((resolve) => (done = resolve));
    try {
      await before;
      const until = performance.now() + this.patienceMillis;
      while (this.vouchedNano < this.owedNano + prepaidNano) await this.paid(signal, until - performance.now());
      if (signal.aborted) throw new Unpaid();
      const owed = await deliver();
      if (owed > this.owedNano) this.beforeLast = this.owedNano;
      this.owedNano = owed;
    } finally {
      done();
    }
  }

  /** Resolves at the next voucher. @throws Unpaid */
  private paid(signal: AbortSignal, millis: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted || millis <= 0) return reject(new Unpaid());
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        this.wakers = this.wakers.filter((other) => other !== wake);
      };
      const wake = (): void => {
        leave();
        resolve();
      };
      const giveUp = (): void => {
        leave();
        reject(new Unpaid());
      };
      const timer = setTimeout(giveUp, millis).unref();
      signal.addEventListener('abort', giveUp, { once: true });
      this.wakers.push(wake);
    });
  }
}
