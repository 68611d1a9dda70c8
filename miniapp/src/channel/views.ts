import type { ChannelPhase, ChannelView } from '../types';
import { WORTH_COLLECTING } from './budget';
import { type ChannelOnChain, phaseOnChain } from './life';
import type { ChannelRecord } from './store';

/**
 * A channel of this browser.
 * @param seen what both APIs show now; null where they show nothing, or do not agree: then what was noted last counts
 */
export function viewOf(record: ChannelRecord, seen: ChannelOnChain | null, now: number, hasKey: boolean): ChannelView {
  const { address, terms, intent, finishedAt } = record;
  const claimed = seen?.claimed ?? BigInt(record.claimed);
  const funds = seen === null ? BigInt(record.funds) : seen.claimed + seen.balance;
  const vouched = BigInt(record.vouched);
  const signed = vouched > claimed ? vouched : claimed;
  const phase = phaseOf(record, seen, now);
  // What has ended owes nobody anything any more, and what is not worth its fee waits for nobody.
  const refundable = phase !== 'ended' ? funds - signed : funds - claimed < WORTH_COLLECTING ? 0n : funds - claimed;
  return {
    address, stake: terms.stake, phase, deposit: funds > 0n ? funds : BigInt(record.deposit), claimed, signed, refundable: refundable > 0n ? refundable : 0n,
    expiry: terms.expiry, endsAt: seen?.endsAt ?? (intent === 'closing' && finishedAt !== null ? Math.min(terms.expiry, finishedAt + terms.closeDelay) : terms.expiry), hasKey,
  };
}

/** A channel whose key is not here: what was signed is not known. */
export function viewOfSeen(address: string, seen: ChannelOnChain, now: number): ChannelView {
  const { terms, claimed, balance, endsAt } = seen;
  return {
    address, stake: terms.stake, phase: phaseOnChain(seen, now), deposit: claimed + balance, claimed, signed: claimed, refundable: balance, expiry: terms.expiry, endsAt,
    hasKey: false,
  };
}

function phaseOf({ intent, finishedAt }: ChannelRecord, seen: ChannelOnChain | null, now: number): ChannelPhase {
  const phase = seen !== null ? phaseOnChain(seen, now) : intent === 'asked' || intent === 'declined' ? 'opening' : intent;
  return phase === 'open' && finishedAt !== null ? 'ending' : phase;
}
