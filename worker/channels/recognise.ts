import type { Address, Cell } from '@ton/core';
import { equalBytes, RefusalReason, type RefusalReasonValue } from '../../protocol';
import { channelPhase, type ChannelState, mostPayable, type NetworkPrices, parseChannel, PaymentChannel } from '../../wrappers';
import type { AccountSnapshot } from '../chain/chainClient';

/** Which channels this worker serves. */
export interface ChannelPolicy {
  networkId: number;
  /** Hash part of the provider's stake, 32 bytes. */
  stake: Uint8Array;
  payout: Address;
  /** The key that claims now, then those that it replaced: a channel may have been opened with one of them. */
  claimKeys: readonly Uint8Array[];
  /** Least seconds that the provider has for its last claim when a client closes. */
  minCloseDelay: number;
}

/** A channel that may be served, and how far. */
export interface ServableChannel {
  kind: 'servable';
  state: ChannelState;
  /** Unix seconds from which nothing is served any more: the provider keeps closeDelay for its claim. */
  servesUntil: number;
  /** nanoTON, cumulative: a voucher up to here is certain to be paid. */
  mostOwed: bigint;
}

/** A channel that is not served; the note is for the log. */
export interface RefusedChannel {
  kind: 'refused';
  reason: RefusalReasonValue;
  note: string;
}

/** An account whose rent nobody pays lives longer than this by far, whatever prices become: an ended channel is never forgotten. */
const MAX_LIFE_SECONDS = 2 * 365 * 86_400;

/**
 * Whether an account is a channel of this provider that can be served now. It is recognised by computing its address from
 * its terms with nothing claimed and the expiry ahead (design rule 2); what was claimed since, and its end, are read.
 * @param now Unix seconds of the newest block
 */
export async function recogniseChannel(
  address: Address,
  account: AccountSnapshot,
  policy: ChannelPolicy,
  prices: NetworkPrices,
  now: number,
): Promise<ServableChannel | RefusedChannel> {
  const refused = (reason: RefusalReasonValue, note: string): RefusedChannel => ({ kind: 'refused', reason, note });
  const { channelEnding, unsupportedTerms, channelExhausted } = RefusalReason;
  if (account.state !== 'active' || account.code === null || account.data === null) return refused(channelEnding, 'no channel is there');
  const state = await genuineState(address, account.code, account.data, policy);
  if (state === null) return refused(unsupportedTerms, 'not a channel of this provider');
  const { terms } = state;
  if (terms.networkId !== policy.networkId) return refused(unsupportedTerms, 'a channel of another network');
  if (!equalBytes(terms.stake.hash, policy.stake)) return refused(unsupportedTerms, 'a channel of another stake');
  if (!terms.payout.equals(policy.payout)) return refused(unsupportedTerms, 'a channel that pays somebody else');
  if (!equalBytes(terms.claimKey, policy.claimKeys[0])) return refused(unsupportedTerms, 'a channel with another claim key');
  if (terms.closeDelay < policy.minCloseDelay) return refused(unsupportedTerms, `closeDelay below ${policy.minCloseDelay} s`);
  if (channelPhase(state, now) !== 'open') return refused(channelEnding, 'the channel closes or has ended');
  if (terms.expiry > now + MAX_LIFE_SECONDS) return refused(unsupportedTerms, 'a channel that lives too long');
  const servesUntil = terms.expiry - terms.closeDelay;
  if (now >= servesUntil) return refused(channelEnding, 'the channel expires too soon');
  const mostOwed = mostPayable(state, account.balance, prices, now);
  if (mostOwed <= state.claimed) return refused(channelExhausted, 'the channel holds nothing beyond its fees');
  return { kind: 'servable', state, servesUntil, mostOwed };
}

/** What the account holds, when its address is that of a channel which began as one of this provider's. */
async function genuineState(address: Address, code: Cell, data: Cell, policy: ChannelPolicy): Promise<ChannelState | null> {
  let state: ChannelState;
  try {
    state = parseChannel(data);
  } catch {
    return null;
  }
  for (const claimKey of policy.claimKeys) {
    const opened = await PaymentChannel.fromTerms({ ...state.terms, claimKey });
    if (opened.address.equals(address) && opened.init!.code.equals(code)) return state;
  }
  return null;
}
