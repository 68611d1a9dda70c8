import { toHex } from '../../protocol';
import type { Logger } from '../../worker/log';
import { type ChannelOnChain, type LifeRules, nextStep, type NextStep } from './channelLife';
import type { Seller, SellerBook } from './seller';

/** A channel that this client opened and that may hold money. */
export interface OwnChannel {
  /** Basechain hashes. */
  address: Uint8Array;
  stake: Uint8Array;
  /** Unix seconds. */
  openedAt: number;
  /** When its last voucher was signed; null while it is in use. */
  finishedAt: number | null;
}

/** The client's channels on disk and on chain, and its wallet. */
export interface ChannelAccounts {
  list(): OwnChannel[];
  look(channel: OwnChannel): Promise<ChannelOnChain>;
  /** Notes, on disk, that nothing is bought over it any more. */
  retire(channel: OwnChannel): void;
  /** Closes from the client's wallet: starts the end, or fetches what is left after it. */
  close(channel: OwnChannel): Promise<void>;
  forget(channel: OwnChannel): void;
}

export interface KeeperOptions {
  accounts: ChannelAccounts;
  sellers: SellerBook;
  rules: LifeRules;
  log: Logger;
  /** Unix seconds. */
  now: () => number;
}

/** Sees to it that no money stays in a channel that nobody uses. */
export class ChannelKeeper {
  private readonly startedAt: number;

  constructor(private readonly options: KeeperOptions) {
    this.startedAt = options.now();
  }

  /** Looks at every channel once and does what is next. Failures are logged, and the step is tried again in the next round. */
  async round(): Promise<void> {
    const { accounts, log } = this.options;
    for (const channel of accounts.list()) {
      try {
        const step = await this.next(channel);
        if (step === 'keep') continue;
        log.info({ channel: toHex(channel.address), step }, 'a channel is ended');
        await this.take(step, channel);
      } catch (error) {
        this.warn(channel, error);
      }
    }
  }

  private async next(channel: OwnChannel): Promise<NextStep> {
    const { accounts, rules, now } = this.options;
    const seller = this.sellerOf(channel);
    if (seller !== undefined && seller.running > 0) return 'keep';
    // Nothing is known of the time before this start but when it was opened.
    const use = { ...channel, lastUsed: seller?.lastUsed ?? Math.max(channel.openedAt, this.startedAt) };
    return nextStep(await accounts.look(channel), use, rules, now());
  }

  private async take(step: Exclude<NextStep, 'keep'>, channel: OwnChannel): Promise<void> {
    const { accounts } = this.options;
    switch (step) {
      case 'finish':
        await this.finish(channel);
        return;
      case 'close':
      case 'collect':
        return accounts.close(channel);
      case 'forget':
        return accounts.forget(channel);
    }
  }

  /** Whoever buys over it now. */
  private sellerOf({ stake, address }: OwnChannel): Seller | undefined {
    const seller = this.options.sellers.withStake(stake);
    return seller?.channel !== null && seller?.channel !== undefined && Buffer.compare(seller.channel.address, address) === 0 ? seller : undefined;
  }

  /** Ends every channel that was used, for whoever stops for good: those whose provider was asked to close, and those that the wallet began to close. */
  async finishAll(): Promise<{ asked: OwnChannel[]; closing: OwnChannel[] }> {
    const { accounts } = this.options;
    const asked: OwnChannel[] = [];
    const closing: OwnChannel[] = [];
    for (const channel of accounts.list()) {
      if (channel.finishedAt !== null || this.sellerOf(channel) === undefined) continue;
      if (await this.finish(channel)) asked.push(channel);
      else if (await accounts.close(channel).then(() => true, (error: unknown) => this.warn(channel, error))) closing.push(channel);
    }
    return { asked, closing };
  }

  private warn({ address }: OwnChannel, error: unknown): false {
    this.options.log.warn({ channel: toHex(address), error: String(error) }, 'a channel could not be tended');
    return false;
  }

  /** Whether the provider could be asked to close. */
  private async finish(channel: OwnChannel): Promise<boolean> {
    const { accounts, log } = this.options;
    // On disk first: a channel with a last voucher is never bought over again.
    accounts.retire(channel);
    const seller = this.sellerOf(channel);
    if (seller === undefined) return false;
    try {
      await seller.finish();
      return true;
    } catch (error) {
      log.info({ error: String(error) }, 'the provider could not be asked to close');
      return false;
    }
  }
}
