import { Address, Cell } from '@ton/core';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { channelPhase, claimFee, packChannel, parseChannel, PaymentChannel, type PaymentChannelTerms } from '../../wrappers';
import { sleep, type ChainClient } from '../../worker/chain/chainClient';
import { ensurePrivateFolder, writePrivateFile } from '../../worker/dataFolder';
import { ChainStateError } from '../../worker/errors';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadOrCreateKey } from '../../worker/keys/keyFile';
import { formatTon } from '../output';
import type { ChosenWorker } from './chooseWorker';
import type { ClientOptions } from './create';
import { loadWallet, signTransfer } from './wallet';

/** How long a new channel lives. */
const LIFE_SECONDS = 30 * 86_400;
/** A channel that ends sooner is not worth starting with. */
const LEAST_SECONDS = 3_600;
const ARRIVAL_SECONDS = 60;
const POLL_MILLIS = 500;

/** A channel of this client that is open on chain. */
export interface ClientChannel {
  address: Address;
  terms: PaymentChannelTerms;
  /** Signs vouchers and sessions. */
  sign: (hash: Uint8Array) => Uint8Array;
  /** nanoTON, cumulative, that claims can take from it; fees are kept back. */
  budget: bigint;
}

/**
 * A channel with this worker's provider: one that an earlier run opened, or a new one with this deposit. Its terms are on disk before
 * the money leaves.
 * @throws ChainStateError `chain.no-channels`, `chain.low-balance`, `chain.timeout`; ChainApiError
 */
export async function channelWith(options: ClientOptions, worker: ChosenWorker, deposit: bigint): Promise<ClientChannel> {
  const { settings, passphrase, progress } = options;
  const offer = worker.descriptor.channels;
  if (offer === undefined || worker.provider === null) {
    throw new ChainStateError('chain.no-channels', 'this worker is not paid through channels', {
      received: worker.url,
      hint: 'choose another one: cocoon provider list',
    });
  }
  const secret = loadOrCreateKey(join(settings.dataFolder, 'keys', 'channel-ed25519.json'), 'channel-ed25519', passphrase);
  const wanted = {
    networkId: settings.networkId,
    client: loadWallet(settings.dataFolder, settings.networkId, passphrase).address,
    clientKey: nodeEd25519.publicKey(secret),
    stake: worker.provider.stake,
    payout: new Address(0, Buffer.from(worker.descriptor.payout, 'hex')),
    claimKey: new Uint8Array(Buffer.from(offer.claimKey, 'hex')),
    closeDelay: offer.minCloseDelay,
  };
  const sign = (hash: Uint8Array): Uint8Array => nodeEd25519.sign(hash, secret);
  const known = await openedBefore(options, wanted);
  if (known !== null) {
    progress(`channel ${known.address.toRawString()} of an earlier run: ${formatTon(known.budget)} in all`);
    return { ...known, sign };
  }
  return { ...(await open(options, wanted, deposit)), sign };
}

type Wanted = Omit<PaymentChannelTerms, 'expiry'>;
type Opened = Omit<ClientChannel, 'sign'>;

const folderOf = ({ settings }: ClientOptions): string => join(settings.dataFolder, 'channels');

/** One of the channels on disk that is with this provider and still open, or null. */
async function openedBefore(options: ClientOptions, wanted: Wanted): Promise<Opened | null> {
  const folder = folderOf(options);
  if (!existsSync(folder)) return null;
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.boc')).sort()) {
    const { terms } = parseChannel(Cell.fromBoc(readFileSync(join(folder, file)))[0]);
    if (!packChannel({ ...wanted, expiry: terms.expiry }).equals(packChannel(terms))) continue;
    const channel = await PaymentChannel.fromTerms(terms);
    const budget = await budgetOf(options.chain, channel.address, terms);
    if (budget !== null) return { address: channel.address, terms, budget };
  }
  return null;
}

/** What claims can take from an open channel; null when it is not open, or not for long. */
async function budgetOf(chain: ChainClient, address: Address, terms: PaymentChannelTerms): Promise<bigint | null> {
  const account = await chain.getAccount(address);
  if (account.state !== 'active' || account.data === null) return null;
  const state = parseChannel(account.data);
  if (channelPhase(state, account.apiTime) !== 'open') return null;
  if (account.apiTime + LEAST_SECONDS > terms.expiry - terms.closeDelay) return null;
  const fees = 3n * claimFee(await chain.networkPrices());
  return account.balance > fees ? state.claimed + account.balance - fees : null;
}

async function open(options: ClientOptions, wanted: Wanted, deposit: bigint): Promise<Opened> {
  const { settings, chain, passphrase, progress } = options;
  const wallet = loadWallet(settings.dataFolder, settings.networkId, passphrase);
  const { apiTime } = await chain.getAccount(wallet.address);
  const terms = { ...wanted, expiry: apiTime + LIFE_SECONDS };
  const channel = await PaymentChannel.fromTerms(terms);
  ensurePrivateFolder(folderOf(options));
  writePrivateFile(join(folderOf(options), `${channel.address.hash.toString('hex')}.boc`), packChannel(terms).toBoc());
  const validUntil = apiTime + ARRIVAL_SECONDS;
  await chain.sendExternal(await signTransfer(chain, wallet, { to: channel.address, value: deposit, body: Cell.EMPTY, init: channel.init, validUntil }));
  progress(`${formatTon(deposit)} go into channel ${channel.address.toRawString()}`);
  for (;;) {
    const budget = await budgetOf(chain, channel.address, terms);
    if (budget !== null) return { address: channel.address, terms, budget };
    if ((await chain.getAccount(wallet.address)).apiTime > validUntil + ARRIVAL_SECONDS) {
      throw new ChainStateError('chain.timeout', 'the channel was not seen on chain', {
        received: channel.address.toRawString(),
        hint: 'start again: a channel that did open is found',
      });
    }
    await sleep(POLL_MILLIS);
  }
}
