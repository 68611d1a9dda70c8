import { LOOPBACK, senderKey } from '../http/sender';

/** Most announced accounts that were not yet seen to be paid jobs, of all senders and of one. */
export const MAX_UNPAID = 256;
export const MAX_UNPAID_PER_SENDER = 32;

/**
 * Bounds what strangers get for nothing. An announcement costs its sender one HTTP request and the worker a minute of
 * looks at the chain, so unpaid ones have places of their own, of which one sender can hold a few only; a job leaves
 * its place once its escrow was read. Loopback counts in total only: a reverse proxy there has limits of its own.
 */
export class UnpaidIntake {
  private readonly senders = new Map<string, string>();

  constructor(
    private readonly limit = MAX_UNPAID,
    private readonly limitPerSender = MAX_UNPAID_PER_SENDER,
  ) {}

  get size(): number {
    return this.senders.size;
  }

  /** Takes a place for the job `name`, or returns false when there is none for this sender. */
  admit(name: string, sender: string): boolean {
    if (this.senders.has(name)) return true;
    const key = senderKey(sender);
    let held = 0;
    for (const other of this.senders.values()) if (other === key) held++;
    if (this.senders.size >= this.limit || (key !== LOOPBACK && held >= this.limitPerSender)) return false;
    this.senders.set(name, key);
    return true;
  }

  /** Frees the place of a job that turned out to be paid, or not to be one. */
  release(name: string): void {
    this.senders.delete(name);
  }
}
