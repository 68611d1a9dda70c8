/** Ending channels, and finding those whose key was lost. */
import type { ChannelTerms, ChannelView } from '../types';
import { channelInit, closeChannelBody } from '../chain';
import { walletError } from '../wallet/errors';
import { CLOSE_VALUE, WORTH_COLLECTING } from './budget';
import { loadKey } from './keys';
import { addressOf, agreed, ARRIVAL_SECONDS, ASK_SECONDS, type ChannelOnChain, isGone, type LifeParts, noted, pause, payerOf, phaseOnChain, refresh, type SeenChannel } from './life';
import type { ChannelRecord } from './store';
import { viewOf, viewOfSeen } from './views';
import { isRefusal, watch } from './watch';

/** Time for a provider that has the last voucher to claim; until then no wallet is needed. */
export const CLAIM_SECONDS = 600;
/** A channel that no API shows after so long never got its money. */
const FORGET_SECONDS = 86_400;

/**
 * Ends a channel without the wallet: the provider gets the last voucher and claims it, which pays back the rest.
 * @param finish hands the voucher of `Purse.final` to the provider
 * @param waitSeconds for the claim; what has not come by then may come later
 * @returns the channel as it is then
 */
export async function endByVoucher(parts: LifeParts, address: string, finish: () => Promise<void>, waitSeconds = 60): Promise<ChannelView> {
  await finish();
  const until = parts.now() + waitSeconds;
  for (;;) {
    const { record, reading } = await refresh(parts, address);
    const seen = reading.agreement === 'both' ? reading.value : null;
    if (record.intent === 'ended' || parts.now() >= until) return viewOf(record, seen, parts.now(), true);
    await pause(parts);
  }
}

/**
 * Asks the wallet to begin the end of a channel, or to fetch what is left of one that has ended: with its key or without. Resolves when both APIs show
 * what the wallet did.
 * @param channel its address, and its terms as at the opening, which this computes again
 * @throws PageError `wallet.otherAddress`, `wallet.stillOpen`, `wallet.disagree`, `wallet.silentApis`, what `payerOf` throws: the wallet was not asked;
 * what PageWallet.send throws; `wallet.notSeen`
 */
export async function endByWallet(parts: LifeParts, { address, terms }: { address: string; terms: ChannelTerms }): Promise<ChannelView> {
  const { store, pair, wallet, config, now } = parts;
  if (channelInit(terms).address !== address) throw walletError('wallet.otherAddress');
  payerOf(parts, terms.client);
  const name = addressOf(address, config);
  const before = agreed(await pair.channel(address), name);
  if (before === null || isEmpty(before)) return remembered(parts, address, terms, before);
  // By the chain's time: a message that comes before the end fetches nothing.
  const phase = phaseOnChain(before, before.asOf);
  if (phase === 'closing') throw walletError('wallet.stillOpen');
  // Nothing is bought over it from here on, in whatever tab, unless the wallet says no.
  const known = await store.get(address);
  const finish = async (finishedAt: number | null): Promise<unknown> => known !== null && store.change(address, (record) => ({ ...record, finishedAt }));
  const askedAt = now();
  await finish(known?.finishedAt ?? askedAt);
  const answer = wallet.send([{ address: name, amount: CLOSE_VALUE, payload: closeChannelBody() }], askedAt + ASK_SECONDS);
  const isDone = (seen: ChannelOnChain | null): seen is ChannelOnChain | null =>
    seen === null || (phase === 'open' ? phaseOnChain(seen, seen.asOf) !== 'open' : isEmpty(seen));
  try {
    return await remembered(parts, address, terms, await watch(parts, address, isDone, askedAt + ASK_SECONDS + ARRIVAL_SECONDS, answer));
  } catch (error) {
    if (isRefusal(error)) await finish(known?.finishedAt ?? null);
    throw error;
  }
}

/** Channels of the connected wallet that the chain shows, that hold money, and whose key is not in this browser. */
export async function recoverable(parts: LifeParts): Promise<{ channels: (ChannelView & { terms: ChannelTerms })[]; complete: boolean }> {
  const { store, pair, now } = parts;
  const { channels, complete } = await pair.channelsOf(payerOf(parts));
  const lost: (ChannelView & { terms: ChannelTerms })[] = [];
  for (const seen of channels) if (await isLost(parts, seen)) lost.push({ ...viewOfSeen(seen.address, agreedOrNull(seen)!, now()), terms: seen.terms });
  return { channels: lost, complete };

  async function isLost({ config }: LifeParts, seen: SeenChannel): Promise<boolean> {
    const there = agreedOrNull(seen);
    if (there === null || there.balance < WORTH_COLLECTING || seen.terms.networkId !== config.networkId) return false;
    return (await store.get(seen.address)) === null || (await loadKey(store.database, seen.terms.clientKey)) === null;
  }
}

/** Looks at all channels of this browser, and forgets those that are over and empty, or never got their money. Newest first. */
export async function tend(parts: Pick<LifeParts, 'store' | 'pair' | 'now'>): Promise<ChannelView[]> {
  const { store, now } = parts;
  const views: ChannelView[] = [];
  for (const { address } of (await store.list()).sort((a, b) => b.openedAt - a.openedAt)) {
    const { record, reading } = await refresh(parts, address);
    const seen = reading.agreement === 'both' ? reading.value : null;
    if (reading.agreement === 'both' && isOver(record, seen, now())) await store.forget(record);
    else if (record.intent !== 'declined') views.push(viewOf(record, seen, now(), (await loadKey(store.database, record.terms.clientKey)) !== null));
  }
  return views;
}

function isOver(record: ChannelRecord, seen: ChannelOnChain | null, now: number): boolean {
  const { intent, openedAt, terms } = record;
  if (intent === 'asked' || intent === 'declined') return now > Math.min(terms.expiry, openedAt + FORGET_SECONDS);
  return seen === null ? isGone(record, now) : isEmpty(seen);
}

/** Ended, and not worth the fee of fetching the rest. */
const isEmpty = (seen: ChannelOnChain): boolean => phaseOnChain(seen, seen.asOf) === 'ended' && seen.balance < WORTH_COLLECTING;

const agreedOrNull = ({ now }: SeenChannel): ChannelOnChain | null => (now.agreement === 'both' ? now.value : null);

async function remembered({ store, now }: LifeParts, address: string, terms: ChannelTerms, seen: ChannelOnChain | null): Promise<ChannelView> {
  const gone = { terms, claimed: 0n, endsAt: 0, balance: 0n, asOf: now() };
  const record = await store.get(address);
  if (record === null) return viewOfSeen(address, seen ?? gone, now());
  const next = seen === null ? await store.change(address, (known) => ({ ...known, intent: 'ended' })) : await noted(store, address, seen, now());
  return viewOf(next, seen ?? gone, now(), (await loadKey(store.database, terms.clientKey)) !== null);
}
