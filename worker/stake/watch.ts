import { Address } from '@ton/core';
import { equalBytes } from '../../protocol';
import { sleep } from '../chain/chainClient';
import { recogniseEscrow } from '../jobs/escrowCheck';
import type { JobContext } from '../jobs/process';
import { unixTime } from '../jobs/settle';
import { readNews } from './history';
import { queryOf, type StakeQuery } from './queries';

export interface WatchOptions {
  context: JobContext;
  pollSeconds: number;
  signal: AbortSignal;
  /** Whether there is room for another job. */
  hasRoom(): boolean;
  /** A genuine job for this key. */
  onJob(address: string): void;
}

/** How many accounts are looked at together. */
const AT_ONCE = 8;

/**
 * Follows the questions to the worker's own stake. Whoever had it answered fine may be a job; whether it is one its
 * account says. A question costs its sender more than it costs this worker, and leaves nothing behind unless it is a
 * job.
 */
export class StakeWatch {
  private readonly stake: Address;
  /** Questions that were looked at while the cursor could not move. */
  private readonly seen = new Set<bigint>();
  private hadGap = false;

  constructor(private readonly options: WatchOptions) {
    this.stake = new Address(0, Buffer.from(options.context.stake));
  }

  /** Runs until the signal; an API that is away is waited for. */
  async run(): Promise<void> {
    const { signal, context } = this.options;
    let isAway = false;
    while (!signal.aborted) {
      try {
        await this.look();
        isAway = false;
      } catch (error) {
        if (signal.aborted) return;
        const code = (error as { code?: unknown }).code ?? (error as Error).name;
        if (!isAway) context.log.warn({ code }, "the stake's history cannot be read now");
        isAway = true;
      }
      await this.pause();
    }
  }

  /** Between looks, for room, or for an API that is behind. */
  private pause(): Promise<void> {
    return sleep(this.options.pollSeconds * 1_000, this.options.signal);
  }

  /** Looks at everything new; afterwards the jobs in it are durable, and so is how far it looked. */
  async look(): Promise<void> {
    const { context } = this.options;
    const { store, chain, policy } = context;
    const name = this.stake.toRawString();
    const oldest = unixTime() - policy.maxSeconds;
    const { found, cursor, hasGap } = await readNews(
      (address, limit, from) => chain.getPage(address, limit, from),
      this.stake,
      store.cursors.get(name),
      oldest,
      queryOf,
    );
    if (hasGap && !this.hadGap) context.log.warn("the API leaves out transactions of the stake");
    this.hadGap = hasGap;
    const fresh = found.filter(({ value, lt }) => !this.seen.has(lt) && this.isForUs(value));
    for (let start = 0; start < fresh.length; start += AT_ONCE) {
      const together = fresh.slice(start, start + AT_ONCE);
      await Promise.all(together.map(({ value }) => this.consider(value)));
      if (this.options.signal.aborted) return;
      together.forEach(({ lt }) => this.seen.add(lt));
    }
    if (cursor === null) return;
    store.cursors.set(name, cursor);
    this.seen.clear();
  }

  private isForUs({ terms }: StakeQuery): boolean {
    const { policy, stake } = this.options.context;
    return (
      terms.networkId === policy.networkId &&
      equalBytes(terms.workerKey, policy.workerKey) &&
      equalBytes(terms.stake, stake) &&
      terms.expiresAt > unixTime()
    );
  }

  private async consider({ sender, time }: StakeQuery): Promise<void> {
    const { context, hasRoom, onJob, signal } = this.options;
    const name = sender.toRawString();
    if (context.store.get(name) === null && !(await this.isJob(sender, time))) return;
    while (!hasRoom()) {
      if (signal.aborted) return;
      await this.pause();
    }
    const { job, added } = context.store.add(name, unixTime());
    if (added) context.log.info({ job: name }, 'job found at the stake');
    if (job.settledAt === null) onJob(name);
  }

  private async isJob(sender: Address, time: number): Promise<boolean> {
    const { context, signal } = this.options;
    for (;;) {
      const account = await context.chain.getAccount(sender);
      // What a question came from was there before it: an API that does not show it yet is behind.
      if (account.state === 'absent' && account.apiTime < time && !signal.aborted) {
        await this.pause();
        continue;
      }
      if (account.state !== 'active') return false;
      const { escrowCodes, policy, stake } = context;
      const job = recogniseEscrow(sender, account, escrowCodes, policy, stake);
      return job.kind === 'accepted' && job.checked !== null;
    }
  }
}
