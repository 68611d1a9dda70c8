import { Address, Cell } from '@ton/core';
import { join } from 'node:path';
import { CocoonError } from '../../protocol';
import { channelPhase, mostPayable, packCloseChannel, parseChannel, PaymentChannel, type PaymentChannelTerms } from '../../wrappers';
import type { ChannelOnChain } from '../../gateway/market/channelLife';
import type { ChannelAccounts, OwnChannel } from '../../gateway/market/channelKeeper';
import type { MarketChannel } from '../../gateway/market/offer';
import { sleep, type ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadOrCreateKey } from '../../worker/keys/keyFile';
import type { ChosenWorker } from '../client/chooseWorker';
import type { ClientOptions } from '../client/create';
import { loadWallet } from '../client/wallet';
import { formatTon } from '../output';
import { ChannelFiles, type ChannelFile } from './channelFiles';
import { OrderedWallet } from './orderedWallet';

/** How long a new channel lives. */
const LIFE_SECONDS = 30 * 86_400;
/** A channel that is served for less is not worth starting with. */
const LEAST_SECONDS = 3_600;
const ARRIVAL_SECONDS = 120;
const POLL_MILLIS = 500;
/** nanoTON for the gas of a close; what is left of it comes back. */
const CLOSE_VALUE = 10_000_000n;

/** The payment channels of one client: opened, topped up and closed from its wallet. */
export class ClientChannels implements ChannelAccounts {
  private readonly files: ChannelFiles;
  private readonly secret: Uint8Array;
  private readonly wallet: OrderedWallet;
  private readonly client: Address;

  /** @param deposit nanoTON of a new channel; @param most channels that may hold money at a time */
  constructor(
    private readonly options: ClientOptions,
    private readonly deposit: bigint,
    private readonly most: number,
  ) {
    const { settings, chain, passphrase } = options;
    const wallet = loadWallet(settings.dataFolder, settings.networkId, passphrase);
    this.client = wallet.address;
    this.wallet = new OrderedWallet(chain, wallet, POLL_MILLIS);
    this.secret = loadOrCreateKey(join(settings.dataFolder, 'keys', 'channel-ed25519.json'), 'channel-ed25519', passphrase);
    this.files = new ChannelFiles(join(settings.dataFolder, 'channels'));
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

  /** @throws ChainStateError `chain.low-balance`, `chain.timeout`; ChainApiError */
  async topUp(channel: MarketChannel, nano: bigint): Promise<void> {
    const file = this.fileOf(channel.address);
    const address = addressOf(channel.address);
    this.options.progress(`${formatTon(nano)} more go into channel ${address.toRawString()}`);
    const { budget } = channel;
    await this.wallet.send({ to: address, value: nano, body: Cell.EMPTY });
    channel.budget = await this.arrival(address, file.terms, (now) => now > budget);
  }

  list(): OwnChannel[] {
    return this.files.list().map(({ name, terms, finishedAt }) => ({
      address: Buffer.from(name, 'hex'), stake: new Uint8Array(terms.stake.hash), openedAt: terms.expiry - LIFE_SECONDS, finishedAt,
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
    await this.wallet.send({ to: addressOf(address), value: CLOSE_VALUE, body: packCloseChannel() });
  }

  forget({ address }: OwnChannel): void {
    this.files.forget(Buffer.from(address).toString('hex'));
  }

  private fileOf(address: Uint8Array): ChannelFile {
    const name = Buffer.from(address).toString('hex');
    const file = this.files.list().find((each) => each.name === name);
    if (file === undefined) throw new CocoonError('gateway.unknown-channel', 'this channel is not one of this client', { received: `0:${name}` });
    return file;
  }

  private termsWith({ url, descriptor, provider }: ChosenWorker): Omit<PaymentChannelTerms, 'expiry'> {
    const offer = descriptor.channels;
    if (offer === undefined || provider === null) {
      throw new ChainStateError('chain.no-channels', 'this worker is not paid through channels', { received: url, hint: 'choose another one: cocoon provider list' });
    }
    return {
      networkId: this.options.settings.networkId, client: this.client, clientKey: nodeEd25519.publicKey(this.secret), stake: provider.stake,
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
      const budget = await this.budgetOf(address, terms, wanted.claimKey);
      if (budget === null) continue;
      this.options.progress(`channel ${address.toRawString()} of an earlier run: ${formatTon(budget)} in all`);
      return this.channel(address, budget);
    }
    return null;
  }

  private async open(wanted: Omit<PaymentChannelTerms, 'expiry'>): Promise<MarketChannel> {
    const { apiTime } = await this.options.chain.getAccount(this.client);
    const terms = { ...wanted, expiry: apiTime + LIFE_SECONDS };
    const { address, init } = await PaymentChannel.fromTerms(terms);
    const name = address.hash.toString('hex');
    this.files.add(name, terms);
    await this.wallet.send({ to: address, value: this.deposit, body: Cell.EMPTY, init: init! }).catch((error: unknown) => {
      // Whatever else failed: the money may be on its way.
      if (error instanceof ChainStateError && error.code === 'chain.low-balance') this.files.forget(name);
      throw error;
    });
    this.options.progress(`${formatTon(this.deposit)} go into channel ${address.toRawString()}`);
    return this.channel(address, await this.arrival(address, terms, () => true));
  }

  private channel(address: Address, budget: bigint): MarketChannel {
    const sign = (hash: Uint8Array): Uint8Array => nodeEd25519.sign(hash, this.secret);
    return { address: new Uint8Array(address.hash), client: new Uint8Array(this.client.hash), clientKey: nodeEd25519.publicKey(this.secret), sign, budget };
  }

  /** Waits until the chain shows an open channel with a budget that is enough. */
  private async arrival(address: Address, terms: PaymentChannelTerms, isEnough: (budget: bigint) => boolean): Promise<bigint> {
    const begun = await apiTimeOf(this.options.chain, this.client);
    for (;;) {
      const budget = await this.budgetOf(address, terms);
      if (budget !== null && isEnough(budget)) return budget;
      if ((await apiTimeOf(this.options.chain, this.client)) > begun + ARRIVAL_SECONDS) {
        throw new ChainStateError('chain.timeout', 'the money was not seen in the channel', {
          received: address.toRawString(), hint: 'it is found when it arrives: look with cocoon gateway channels',
        });
      }
      await sleep(POLL_MILLIS);
    }
  }

  /** What claims can take from an open channel; null when it is not open, or not for long, or its claims need another key. */
  private async budgetOf(address: Address, terms: PaymentChannelTerms, claimKey?: Uint8Array): Promise<bigint | null> {
    const account = await this.options.chain.getAccount(address);
    if (account.state !== 'active' || account.data === null) return null;
    const state = parseChannel(account.data);
    if (channelPhase(state, account.apiTime) !== 'open') return null;
    if (claimKey !== undefined && Buffer.compare(state.terms.claimKey, claimKey) !== 0) return null;
    if (account.apiTime + LEAST_SECONDS > terms.expiry - terms.closeDelay) return null;
    const budget = mostPayable(state, account.balance, await this.options.chain.networkPrices(), account.apiTime);
    return budget > state.claimed ? budget : null;
  }
}

const addressOf = (hash: Uint8Array): Address => new Address(0, Buffer.from(hash));
const apiTimeOf = async (chain: ChainClient, address: Address): Promise<number> => (await chain.getAccount(address)).apiTime;
