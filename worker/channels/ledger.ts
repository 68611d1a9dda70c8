/** Thrown where a client that owes a piece went away or gave up. */
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
   * @throws Unpaid when the signal aborts first
   */
  async release(prepaidNano: bigint, deliver: () => Promise<bigint>, signal: AbortSignal): Promise<void> {
    const before = this.last;
    let done = (): void => undefined;
    this.last = new Promise((resolve) => (done = resolve));
    try {
      await before;
      while (this.vouchedNano < this.owedNano + prepaidNano) await this.paid(signal);
      if (signal.aborted) throw new Unpaid();
      const owed = await deliver();
      if (owed > this.owedNano) this.beforeLast = this.owedNano;
      this.owedNano = owed;
    } finally {
      done();
    }
  }

  private paid(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new Unpaid());
      const abort = (): void => reject(new Unpaid());
      signal.addEventListener('abort', abort, { once: true });
      this.wakers.push(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
    });
  }
}
