import { Address, Cell } from '@ton/core';
import { join } from 'node:path';
import { CocoonError, toHex } from '../../protocol';
import { channelPhase, CLOSE_VALUE, mostPayable, packCloseChannel, parseChannel, PaymentChannel, type PaymentChannelTerms } from '../../wrappers';
import { GatewayError } from '../../gateway';
import { type ChannelOnChain, WORTH_COLLECTING } from '../../gateway/market/channelLife';
import type { ChannelAccounts, OwnChannel } from '../../gateway/market/channelKeeper';
import type { MarketChannel } from '../../gateway/market/offer';
import { sleep } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadOrCreateKey } from '../../worker/keys/keyFile';
import type { ChosenWorker } from '../client/chooseWorker';
import type { ClientOptions } from '../client/create';
import { loadWallet } from '../client/wallet';
import { formatTon } from '../output';
import { ChannelFiles, type ChannelFile } from './channelFiles';
import { OrderedWallet } from '../client/orderedWallet';

/** nanoTON: rent and the fees of claims keep 0.006 TON back, and of a channel with less than that nothing can be bought, and hardly anything comes back. */
export const LEAST_DEPOSIT = 20_000_000n;
/** How long a new channel lives. */
const LIFE_SECONDS = 30 * 86_400;
/** A channel that is served for less is not worth starting with. */
const LEAST_SECONDS = 3_600;
const ARRIVAL_SECONDS = 120;
/** Money that was sent and not seen may still come for so long: nothing is sent again meanwhile. */
const ON_THE_WAY_SECONDS = 600;
const POLL_MILLIS = 500;

/** The client's wallet and the key of its vouchers. */
interface Owner {
  client: Address;
  wallet: OrderedWallet;
  secret: Uint8Array;
}

/** The payment channels of one client: opened, topped up and closed from its wallet. */
export class ClientChannels implements ChannelAccounts {
  private readonly files: ChannelFiles;
  private known: Owner | null = null;
  /** Money that went into a channel and was not seen there: the budget that shows that it came, and until when it may. */
  private readonly onTheWay = new Map<string, { atLeast: bigint; until: number }>();

  /** Nothing is written before something is bought. @param deposit nanoTON of a new channel; @param most channels that may hold money at a time */
  constructor(
    private readonly options: ClientOptions,
    private readonly deposit: bigint,
    private readonly most: number,
  ) {
    this.files = new ChannelFiles(join(options.settings.dataFolder, 'channels'), (path, error) => options.progress(`${path} cannot be read, its channel is left alone: ${String(error)}`));
  }

  /** Created with the first use. */
  private get owner(): Owner {
    const { settings, chain, passphrase } = this.options;
    if (this.known === null) {
      const wallet = loadWallet(settings.dataFolder, settings.networkId, passphrase);
      const secret = loadOrCreateKey(join(settings.dataFolder, 'keys', 'channel-ed25519.json'), 'channel-ed25519', passphrase);
      this.known = { client: wallet.address, wallet: new OrderedWallet(chain, wallet, POLL_MILLIS), secret };
    }
    return this.known;
  }

  /**
   * A channel with this worker's provider: one that is open already, or a new one. Its terms are on disk before the money leaves.
   * @throws ChainStateError `chain.no-channels`, `chain.too-many-channels`, `chain.low-balance`, `chain.timeout`; ChainApiError
   */
  async channelWith(worker: ChosenWorker): Promise<MarketChannel> {
    const wanted = this.termsWith(worker);
    const known = await this.openedBefore(wanted);
    if (known !== null) return known;
    const { length } = this.files.list().filter(({ finishedAt }) => finishedAt === null);
    if (length >= this.most) {
      throw new ChainStateError('chain.too-many-channels', 'as many channels hold money as may', {
        expected: `at most ${this.most}`, received: `${length} and another one`, hint: 'raise --channels, or wait until an unused one is closed',
      });
    }
    return this.open(wanted);
  }

  /**
   * Looks first: what was sent before counts, and is waited for while it may still come.
   * @throws ChainStateError `chain.low-balance`, `chain.timeout`; GatewayError `gateway.channel-ending`; ChainApiError
   */
  async topUp(channel: MarketChannel, nano: bigint): Promise<void> {
    const { name, terms } = this.fileOf(channel.address);
    const address = addressOf(channel.address);
    const wanted = channel.budget + nano;
    const sent = this.onTheWay.get(name);
    const there = await this.fundsOf(address, terms);
    if (there === null) {
      throw new GatewayError('gateway.channel-ending', 'no more money goes into this channel', { expected: 'one that is open for a while', received: address.toRawString() });
    }
    const isMissing = sent !== undefined && there.budget < sent.atLeast && there.apiTime < sent.until;
    const budget = isMissing ? await this.arrival(address, terms, sent.atLeast) : there.budget;
    this.onTheWay.delete(name);
    if (budget > channel.budget) channel.budget = budget;
    const missing = wanted - channel.budget;
    if (missing <= 0n || (sent !== undefined && missing < WORTH_COLLECTING)) return;
    this.options.progress(`${formatTon(missing)} more go into channel ${address.toRawString()}`);
    // The budget rises a little by itself, as the rent for the time that is left gets less.
    const atLeast = channel.budget + missing / 2n;
    this.onTheWay.set(name, { atLeast, until: there.apiTime + ON_THE_WAY_SECONDS });
    await this.owner.wallet.send({ to: address, value: missing, body: Cell.EMPTY }).catch((error: unknown) => {
      if (isLowBalance(error)) this.onTheWay.delete(name);
      throw error;
    });
    channel.budget = await this.arrival(address, terms, atLeast);
    this.onTheWay.delete(name);
  }

  list(): OwnChannel[] {
    return this.files.list().map(({ name, terms, finishedAt }) => ({
      address: Buffer.from(name, 'hex'), stake: new Uint8Array(terms.stake.hash), openedAt: openedAt(terms), finishedAt,
    }));
  }

  async look({ address }: OwnChannel): Promise<ChannelOnChain> {
    const { terms } = this.fileOf(address);
    const { expiry, closeDelay } = terms;
    const { state, balance, data, apiTime } = await this.options.chain.getAccount(addressOf(address));
    const phase = state !== 'active' || data === null ? 'absent' : channelPhase(parseChannel(data), apiTime);
    return { phase, balance, servedUntil: expiry - closeDelay, expiry };
  }

  retire({ address }: OwnChannel): void {
    this.files.finish(this.fileOf(address));
  }

  async close({ address }: OwnChannel): Promise<void> {
    const { terms } = this.fileOf(address);
    const { client, wallet } = this.owner;
    if (!terms.client.equals(client)) {
      throw new CocoonError('gateway.other-wallet', 'this channel was opened from another wallet, and only that one can close it', {
        expected: terms.client.toRawString(), received: client.toRawString(), hint: 'put the key file of that wallet back into the data folder',
      });
    }
    await wallet.send({ to: addressOf(address), value: CLOSE_VALUE, body: packCloseChannel() });
  }

  forget({ address }: OwnChannel): void {
    this.files.forget(toHex(address));
  }

  private fileOf(address: Uint8Array): ChannelFile {
    const name = toHex(address);
    const file = this.files.list().find((each) => each.name === name);
    if (file === undefined) throw new CocoonError('gateway.unknown-channel', 'this channel is not one of this client', { received: `0:${name}` });
    return file;
  }

  private termsWith({ url, descriptor, provider }: ChosenWorker): Omit<PaymentChannelTerms, 'expiry'> {
    const offer = descriptor.channels;
    if (offer === undefined || provider === null) {
      throw new ChainStateError('chain.no-channels', 'this worker is not paid through channels', { received: url, hint: 'choose another one: cocoon provider list' });
    }
    const { client, secret } = this.owner;
    return {
      networkId: this.options.settings.networkId, client, clientKey: nodeEd25519.publicKey(secret), stake: provider.stake,
      payout: new Address(0, Buffer.from(descriptor.payout, 'hex')), claimKey: new Uint8Array(Buffer.from(offer.claimKey, 'hex')),
      closeDelay: offer.minCloseDelay,
    };
  }

  /** One of the channels on disk that is with this provider and still open, or null. Its claim key may have been replaced since it was opened. */
  private async openedBefore(wanted: Omit<PaymentChannelTerms, 'expiry'>): Promise<MarketChannel | null> {
    for (const { terms, finishedAt } of this.files.list()) {
      const isWithIt = terms.stake.equals(wanted.stake) && terms.payout.equals(wanted.payout) && terms.client.equals(wanted.client);
      const isOurs = terms.networkId === wanted.networkId && Buffer.compare(terms.clientKey, wanted.clientKey) === 0;
      if (finishedAt !== null || !isWithIt || !isOurs || terms.closeDelay < wanted.closeDelay) continue;
      const { address } = await PaymentChannel.fromTerms(terms);
      const budget = (await this.isOnTheWay(address, terms)) ? await this.arrival(address, terms) : await this.leftFor(address, terms, wanted.claimKey);
      if (budget === null) continue;
      this.options.progress(`channel ${address.toRawString()} of an earlier run: ${formatTon(budget)} in all`);
      return this.channel(address, budget);
    }
    return null;
  }

  private async open(wanted: Omit<PaymentChannelTerms, 'expiry'>): Promise<MarketChannel> {
    const { wallet, client } = this.owner;
    const { apiTime } = await this.options.chain.getAccount(client);
    const terms = { ...wanted, expiry: apiTime + LIFE_SECONDS };
    const { address, init } = await PaymentChannel.fromTerms(terms);
    const name = address.hash.toString('hex');
    this.files.add(name, terms);
    await wallet.send({ to: address, value: this.deposit, body: Cell.EMPTY, init: init! }).catch((error: unknown) => {
      // Whatever else failed: the money may be on its way.
      if (isLowBalance(error)) this.files.forget(name);
      throw error;
    });
    this.options.progress(`${formatTon(this.deposit)} go into channel ${address.toRawString()}`);
    return this.channel(address, await this.arrival(address, terms));
  }

  private channel(address: Address, budget: bigint): MarketChannel {
    const { client, secret } = this.owner;
    const sign = (hash: Uint8Array): Uint8Array => nodeEd25519.sign(hash, secret);
    return { address: new Uint8Array(address.hash), client: new Uint8Array(client.hash), clientKey: nodeEd25519.publicKey(secret), sign, budget };
  }

  /** Waits until the chain shows an open channel with such a budget. @throws ChainStateError `chain.timeout` */
  private async arrival(address: Address, terms: PaymentChannelTerms, atLeast = 1n): Promise<bigint> {
    const { chain } = this.options;
    const begun = (await chain.getAccount(address)).apiTime;
    for (;;) {
      const funds = await this.fundsOf(address, terms);
      if (funds !== null && funds.budget >= atLeast) return funds.budget;
      if ((await chain.getAccount(address)).apiTime > begun + ARRIVAL_SECONDS) {
        throw new ChainStateError('chain.timeout', 'the money was not seen in the channel', {
          received: address.toRawString(), hint: 'it is found when it arrives: look with cocoon gateway channels',
        });
      }
      await sleep(POLL_MILLIS);
    }
  }

  /** Whether a channel's first money was sent a while ago, and nothing is there yet. */
  private async isOnTheWay(address: Address, terms: PaymentChannelTerms): Promise<boolean> {
    const { state, apiTime } = await this.options.chain.getAccount(address);
    return state === 'absent' && apiTime < openedAt(terms) + ON_THE_WAY_SECONDS;
  }

  /** What claims can take from a channel; null when it has nothing left, or its claims need another key. */
  private async leftFor(address: Address, terms: PaymentChannelTerms, claimKey: Uint8Array): Promise<bigint | null> {
    const funds = await this.fundsOf(address, terms);
    return funds !== null && funds.budget > funds.claimed && Buffer.compare(funds.claimKey, claimKey) === 0 ? funds.budget : null;
  }

  /** What claims can take from an open channel, nanoTON, cumulative; null when it is not open, or not for long. */
  private async fundsOf(address: Address, terms: PaymentChannelTerms): Promise<{ budget: bigint; claimed: bigint; claimKey: Uint8Array; apiTime: number } | null> {
    const { state, data, balance, apiTime } = await this.options.chain.getAccount(address);
    if (state !== 'active' || data === null) return null;
    const channel = parseChannel(data);
    if (channelPhase(channel, apiTime) !== 'open' || apiTime + LEAST_SECONDS > terms.expiry - terms.closeDelay) return null;
    const budget = mostPayable(channel, balance, await this.options.chain.networkPrices(), apiTime);
    return { budget, claimed: channel.claimed, claimKey: channel.terms.claimKey, apiTime };
  }
}

const openedAt = ({ expiry }: PaymentChannelTerms): number => expiry - LIFE_SECONDS;
const isLowBalance = (error: unknown): boolean => error instanceof ChainStateError && error.code === 'chain.low-balance';
const addressOf = (hash: Uint8Array): Address => new Address(0, Buffer.from(hash));
