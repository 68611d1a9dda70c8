/** What opening, looking at and ending channels have in common. */
import type { ChannelTerms, PageConfig, Reading } from '../types';
import { friendlyAddress } from '../chain';
import { walletError } from '../wallet/errors';
import type { PageWallet } from '../wallet/pageWallet';
import type { ChannelRecord, ChannelStore } from './store';

/** What the chain shows of a channel. */
export interface ChannelOnChain {
  /** As at the opening, but for the claim key, which is the one in force. */
  terms: ChannelTerms;
  claimed: bigint;
  endsAt: number;
  balance: bigint;
  /** Time of the older of the blocks that it was read from. */
  asOf: number;
}

/** Two APIs of the chain (chain/pair.ts). */
export interface ChannelPair {
  /** null: nothing is there. */
  channel(address: string): Promise<Reading<ChannelOnChain | null>>;
  channelsOf(wallet: string): Promise<{ channels: readonly SeenChannel[]; complete: boolean }>;
}

export interface SeenChannel {
  address: string;
  /** As at its opening. */
  terms: ChannelTerms;
  now: Reading<ChannelOnChain | null>;
}

export interface LifeParts {
  store: ChannelStore;
  pair: ChannelPair;
  wallet: PageWallet;
  config: Pick<PageConfig, 'network' | 'networkId'>;
  /** Unix seconds. */
  now: () => number;
  sleep?: (millis: number) => Promise<void>;
}

/** How long a request waits in the wallet, seconds. */
export const ASK_SECONDS = 300;
/** How long money that left a wallet is waited for, seconds. */
export const ARRIVAL_SECONDS = 120;
const POLL_MILLIS = 2_000;
/** For so long after its wallet was asked, a channel that two APIs do not show may be there: both may be late. Seconds. */
const YOUNG_SECONDS = 600;

export const pause = ({ sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis)) }: LifeParts): Promise<void> => sleep(POLL_MILLIS);

/** A channel as wallets take it: what does not fit comes back. */
export const addressOf = (address: string, { network }: Pick<PageConfig, 'network'>): string =>
  friendlyAddress(address, { bounceable: true, testOnly: network !== 'mainnet' });

/** The account of the wallet, on this page's network. @throws PageError `wallet.notConnected`, `wallet.network`, `wallet.otherWallet` */
export function payerOf({ wallet, config }: LifeParts, client?: string): string {
  const account = wallet.account();
  if (account === null) throw walletError('wallet.notConnected');
  if (account.network !== String(config.networkId)) throw walletError('wallet.network', { expected: String(config.networkId), received: account.network });
  if (client !== undefined && account.address !== client) throw walletError('wallet.otherWallet', { wallet: addressOf(client, config) });
  return account.address;
}

/** What both APIs say. @throws PageError `wallet.disagree`, `wallet.silentApis` */
export function agreed<T>(reading: Reading<T>, what: string): T {
  if (reading.agreement === 'both') return reading.value;
  throw whyNot(reading, what);
}

export const whyNot = (reading: Reading<unknown>, what: string): Error =>
  walletError(reading.agreement === 'none' && reading.says[0]?.said !== reading.says[1]?.said ? 'wallet.disagree' : 'wallet.silentApis', { what });

export const phaseOnChain = ({ endsAt, terms }: ChannelOnChain, now: number): 'open' | 'closing' | 'ended' =>
  now >= endsAt ? 'ended' : endsAt < terms.expiry ? 'closing' : 'open';

/** Notes what both APIs showed. */
export function noted(store: ChannelStore, address: string, seen: ChannelOnChain, now: number): Promise<ChannelRecord> {
  const { claimed, balance } = seen;
  return store.change(address, (record) => ({ ...record, intent: phaseOnChain(seen, now), funds: String(claimed + balance), claimed: String(claimed) }));
}

/** Whether a channel is over when both APIs show nothing. */
export const isGone = ({ intent, openedAt, finishedAt }: ChannelRecord, now: number): boolean =>
  intent !== 'asked' && intent !== 'declined' && (finishedAt !== null || now >= openedAt + YOUNG_SECONDS);

/**
 * Looks at a channel of this browser, and notes what both APIs agree on.
 * @returns what is on disk then, and what was read
 * @throws PageError `wallet.unknownChannel`, `wallet.storage`
 */
export async function refresh({ store, pair, now }: Pick<LifeParts, 'store' | 'pair' | 'now'>, address: string): Promise<{ record: ChannelRecord; reading: Reading<ChannelOnChain | null> }> {
  const reading = await pair.channel(address);
  if (reading.agreement === 'both' && reading.value !== null) return { record: await noted(store, address, reading.value, now()), reading };
  // Nothing waits where nothing is.
  const record = await store.change(address, (known) => (reading.agreement === 'both' && isGone(known, now()) ? { ...known, intent: 'ended', funds: known.claimed } : known));
  return { record, reading };
}
