/** Opening a channel: its address is computed here, its intent is on disk, and then the wallet is asked once. */
import { tonText } from '../tonText';
import type { ChannelTerms, Offer } from '../types';
import { channelInit, openedTerms } from '../chain';
import { PageError } from '../pageError';
import { walletError } from '../wallet/errors';
import { LEAST_DEPOSIT } from './budget';
import { createKey, loadKey } from './keys';
import { addressOf, ARRIVAL_SECONDS, ASK_SECONDS, type LifeParts, noted, payerOf, whyNot } from './life';
import type { ChannelRecord, ChannelStore } from './store';
import { isRefusal, watch } from './watch';

/** How long a new channel lives. */
const LIFE_SECONDS = 30 * 86_400;
/** With more, most of the channel's life would be the provider's time to claim. */
const MOST_CLOSE_DELAY = 15 * 86_400;
const HASH = /^[0-9a-f]{64}$/;

/** What the wallet was asked for may come for so long: its request ends, and its message arrives. */
const OPENING_SECONDS = ASK_SECONDS + ARRIVAL_SECONDS;

/**
 * Opens a channel with a provider, or tops up the one whose money was asked for and was not seen: the same address, whatever the wallet did with the first
 * request. Resolves when both APIs show it.
 * @param deposit nanoTON
 * @throws PageError `wallet.badOffer`, `wallet.smallDeposit`, `wallet.noEd25519`, `wallet.otherAddress`, what `payerOf` throws: the wallet was not asked;
 * what PageWallet.send throws; `wallet.notSeen`, `wallet.disagree`, `wallet.silentApis`: it may come still, see `resumeOpening`
 */
export async function openChannel(parts: LifeParts, offer: Offer, deposit: bigint): Promise<ChannelRecord> {
  checkOffer(offer);
  if (deposit < LEAST_DEPOSIT) throw walletError('wallet.smallDeposit', { deposit: tonText(deposit), least: tonText(LEAST_DEPOSIT) });
  const client = payerOf(parts);
  const { store } = parts;
  const release = await store.exclusively(`open:${client}:${offer.stake}`);
  try {
    const known = await openingWith(parts, client, offer);
    if (known !== null && (await isThere(parts, known))) return (await store.get(known.address))!;
    if (known !== null) initOf(known.terms, known.address);
    const terms = known?.terms ?? { ...termsOf(parts, client, offer), clientKey: (await createKey(store.database)).publicKey };
    return await pay(parts, terms, deposit);
  } finally {
    release();
  }
}

/**
 * Waits for money that was asked for before the page was closed. The wallet is not asked.
 * @returns null when it is not there, and cannot come by what was asked
 * @throws PageError `wallet.otherAddress`, `wallet.unknownChannel`, `wallet.disagree`, `wallet.silentApis`
 */
export async function resumeOpening(parts: LifeParts, address: string): Promise<ChannelRecord | null> {
  const record = await parts.store.get(address);
  if (record === null) throw walletError('wallet.unknownChannel', { address });
  initOf(record.terms, address);
  try {
    return await arrival(parts, record, record.openedAt + OPENING_SECONDS);
  } catch (error) {
    if (error instanceof PageError && error.code === 'wallet.notSeen') return null;
    throw error;
  }
}

/** Asks the wallet for what opens a channel with these terms, and for nothing else. */
async function pay(parts: LifeParts, terms: ChannelTerms, deposit: bigint): Promise<ChannelRecord> {
  const { store, wallet, config, now } = parts;
  const { address, stateInit } = channelInit(terms);
  initOf(terms, address);
  const askedAt = now();
  await store.add({
    address, terms, intent: 'asked', openedAt: askedAt, asked: 0, deposit: '0', funds: '0', claimed: '0', nextSeq: 1, vouched: '0', owed: '0', running: false,
    lost: false, finishedAt: null,
  });
  const record = await store.change(address, (known) => ({ ...known, intent: 'asked', openedAt: askedAt, asked: known.asked + 1, deposit: String(deposit) }));
  const answer = wallet.send([{ address: addressOf(address, config), amount: deposit, stateInit }], askedAt + ASK_SECONDS);
  // Whatever the wallet says or does not say: the chain knows.
  return arrival(parts, record, askedAt + OPENING_SECONDS, answer);
}

/** Until both APIs show the channel. @param answer of the wallet */
async function arrival(parts: LifeParts, { address }: ChannelRecord, until: number, answer?: Promise<unknown>): Promise<ChannelRecord> {
  const { store, now } = parts;
  try {
    return await noted(store, address, await watch(parts, address, (seen) => seen !== null, until, answer), now());
  } catch (error) {
    if (isRefusal(error)) await store.change(address, (known) => ({ ...known, intent: 'declined' }));
    throw error;
  }
}

async function isThere({ pair, store, now }: LifeParts, { address }: ChannelRecord): Promise<boolean> {
  const reading = await pair.channel(address);
  // One that only one of them shows may be there: nothing is paid on top of it.
  if (reading.agreement !== 'both') throw whyNot(reading, address);
  if (reading.value === null) return false;
  await noted(store, address, reading.value, now());
  return true;
}

/** The channel that this wallet was asked to open with this provider, where its money was not seen yet. */
async function openingWith({ store, config, now }: LifeParts, client: string, offer: Offer): Promise<ChannelRecord | null> {
  for (const record of await store.list()) {
    const { terms, intent, finishedAt } = record;
    const isWithIt = terms.client === client && terms.stake === offer.stake && terms.payout === offer.payout && terms.claimKey === offer.claimKey;
    const isFine = terms.networkId === config.networkId && terms.closeDelay === offer.closeDelay && now() + LIFE_SECONDS / 2 < terms.expiry;
    const isWaiting = (intent === 'asked' || intent === 'declined') && finishedAt === null;
    if (isWithIt && isFine && isWaiting && (await loadKey(store.database, terms.clientKey)) !== null) return record;
  }
  return null;
}

const termsOf = ({ config, now }: LifeParts, client: string, { stake, payout, claimKey, closeDelay }: Offer): Omit<ChannelTerms, 'clientKey'> =>
  ({ networkId: config.networkId, client, stake, payout, claimKey, closeDelay, expiry: now() + LIFE_SECONDS });

/** @throws PageError `wallet.badOffer` */
function checkOffer(offer: Offer): void {
  const bad = (['stake', 'payout', 'claimKey'] as const).find((name) => !HASH.test(offer[name]) || /^0+$/.test(offer[name]));
  if (bad !== undefined) throw walletError('wallet.badOffer', { what: bad });
  const { closeDelay } = offer;
  if (!Number.isInteger(closeDelay) || closeDelay < 1 || closeDelay > MOST_CLOSE_DELAY) throw walletError('wallet.badOffer', { what: `closeDelay ${closeDelay}` });
}

/** The terms, the bytes that the wallet gets and the address belong together. @throws PageError `wallet.otherAddress` */
function initOf(terms: ChannelTerms, address: string): void {
  const { address: computed, stateInit } = channelInit(terms);
  const inside = openedTerms(stateInit);
  const isSame = inside !== null && (Object.keys(inside) as (keyof ChannelTerms)[]).every((name) => inside[name] === terms[name]);
  if (computed !== address || !isSame) throw walletError('wallet.otherAddress');
}

/** Records of channels whose money may still come, newest first. */
export const openings = async (store: ChannelStore): Promise<ChannelRecord[]> =>
  (await store.list()).filter(({ intent }) => intent === 'asked').sort((a, b) => b.openedAt - a.openedAt);
