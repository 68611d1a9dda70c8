import { Address } from '@ton/core';
import { toHex } from '../../protocol';
import { packChannel } from '../../wrappers';
import type { ChainClient } from '../chain/chainClient';
import { ChannelLedger } from './ledger';
import { type ChannelPolicy, recogniseChannel, type RefusedChannel, type ServableChannel } from './recognise';
import type { ChannelStore } from './store/channelStore';

/** A channel over which somebody is being served. */
export interface OpenChannel {
  address: Uint8Array;
  ledger: ChannelLedger;
  /** As the chain showed it when it was last looked at. */
  view: ServableChannel;
  /** The client signed a final voucher: nothing is served beyond it, whatever the chain shows yet. */
  isClosing: boolean;
  /** Requests that run, over whichever connection; the newest that asks for one takes it over. */
  running: Map<number, AbortController>;
}

/** What the desk reads from the chain. */
export type ChannelChain = Pick<ChainClient, 'getAccount' | 'networkPrices'>;

export interface DeskOptions {
  chain: ChannelChain;
  store: ChannelStore;
  policy: ChannelPolicy;
  /** Unix seconds. */
  now: () => number;
  /** Seconds for which a look at a channel counts; a client's close is noticed within them. */
  viewSeconds: number;
}

/** Most channels that are kept in memory; the longest unused one goes first. */
const MAX_OPEN = 4_096;

/** Knows the channels that are served: one ledger each, whoever is connected, and a look at the chain that is not too old. */
export class ChannelDesk {
  private readonly open = new Map<string, { channel: OpenChannel; seenAt: number }>();
  private readonly looks = new Map<string, Promise<OpenChannel | RefusedChannel>>();

  constructor(private readonly options: DeskOptions) {}

  /** Whether this channel is served: finding it needs at most a look each `viewSeconds`. */
  has(address: Uint8Array): boolean {
    return this.open.has(toHex(address));
  }

  /** The channel, looked at again when the last look is too old. @throws ChainApiError, StorageError */
  find(address: Uint8Array): Promise<OpenChannel | RefusedChannel> {
    const name = toHex(address);
    const known = this.open.get(name);
    if (known !== undefined && this.options.now() - known.seenAt < this.options.viewSeconds) return Promise.resolve(known.channel);
    let look = this.looks.get(name);
    if (look === undefined) {
      look = this.look(address, name).finally(() => this.looks.delete(name));
      this.looks.set(name, look);
    }
    return look;
  }

  private async look(address: Uint8Array, name: string): Promise<OpenChannel | RefusedChannel> {
    const { chain, store, policy, now } = this.options;
    const account = new Address(0, Buffer.from(address));
    const [snapshot, prices] = await Promise.all([chain.getAccount(account), chain.networkPrices()]);
    const view = await recogniseChannel(account, snapshot, policy, prices, Math.max(now(), snapshot.apiTime));
    if (view.kind === 'refused') {
      this.open.delete(name);
      return view;
    }
    const known = this.open.get(name)?.channel;
    const channel = known ?? (await this.opened(store, address, view));
    channel.view = view;
    this.open.delete(name);
    if (this.open.size >= MAX_OPEN) this.open.delete(this.open.keys().next().value!);
    this.open.set(name, { channel, seenAt: now() });
    return channel;
  }

  private async opened(store: ChannelStore, address: Uint8Array, view: ServableChannel): Promise<OpenChannel> {
    const terms = packChannel({ ...view.state.terms, claimKey: this.options.policy.claimKeys[0] }).toBoc();
    const record = store.read.channel(address) ?? (await store.addChannel(address, terms, this.options.now()));
    const ledger = new ChannelLedger(record.dueNano, record.voucher?.amountNano ?? 0n);
    return { address, view, ledger, isClosing: record.voucher?.final ?? false, running: new Map() };
  }
}
