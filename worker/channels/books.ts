import { toHex } from '../../protocol';
import type { ChannelStore } from './store/channelStore';

/** Money of all channels, nanoTON. */
export interface BookTotals {
  channels: number;
  /** Asked for by receipts. */
  owedNano: bigint;
  /** Promised by the newest vouchers. */
  vouchedNano: bigint;
  /** Paid by the chain. */
  claimedNano: bigint;
  /** Vouched for and not paid yet, of channels that have not ended. */
  unclaimedNano: bigint;
  /** Vouched for and never claimed, of channels that have ended. */
  lostNano: bigint;
  /** Until the first channel with unclaimed money ends; Infinity when no end is known. */
  secondsToEnd: number;
}

/** What all channels come to: their money from the store, their ends as the claimer saw them on chain. */
export class ChannelBooks {
  /** Unix seconds by channel; 0 for one that is gone. */
  private readonly ends = new Map<string, number>();

  /** @param now Unix seconds */
  constructor(
    private readonly store: ChannelStore,
    private readonly now: () => number,
  ) {}

  /** Notes it, durably where it is news. @param endsAt Unix seconds, null for a channel that is not there any more @throws StorageError */
  async noteEnd(address: Uint8Array, endsAt: number | null): Promise<void> {
    const name = toHex(address);
    const end = endsAt ?? 0;
    if (this.ends.get(name) === end) return;
    this.ends.set(name, end);
    await this.store.noteEnd(address, end);
  }

  /** @throws StorageError */
  totals(): BookTotals {
    const totals: BookTotals = {
      channels: 0, owedNano: 0n, vouchedNano: 0n, claimedNano: 0n, unclaimedNano: 0n, lostNano: 0n, secondsToEnd: Infinity,
    };
    const now = this.now();
    for (const { address, dueNano, voucher, settledNano } of this.store.read.channels()) {
      const vouched = voucher?.amountNano ?? 0n;
      const open = vouched > settledNano ? vouched - settledNano : 0n;
      const endsAt = this.ends.get(toHex(address));
      totals.channels++;
      totals.owedNano += dueNano;
      totals.vouchedNano += vouched;
      totals.claimedNano += settledNano;
      if (endsAt !== undefined && endsAt <= now) totals.lostNano += open;
      else totals.unclaimedNano += open;
      if (open > 0n && endsAt !== undefined && endsAt > now) totals.secondsToEnd = Math.min(totals.secondsToEnd, endsAt - now);
    }
    return totals;
  }
}
