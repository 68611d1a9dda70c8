import { Address } from '@ton/core';
import { toHex } from '../../protocol';
import { packChannel } from '../../wrappers';
import type { ChainClient } from '../chain/chainClient';
import { ChainApiError } from '../errors';
import { ChannelLedger } from './ledger';
import { type ChannelPolicy, recogniseChannel, type RefusedChannel, type ServableChannel } from './recognise';
import type { ChannelStore } from './store/channelStore';

/** A request that is being served. `over` resolves soon after it was aborted, whatever the engine does. */
export interface RunningRequest {
  abort: AbortController;
  over: Promise<void>;
}

/** A channel over which somebody is being served. */
export interface OpenChannel {
  address: Uint8Array;
  ledger: ChannelLedger;
  /** As the chain showed it when it was last looked at. */
  view: ServableChannel;
  /** Unix seconds of the chain at that look. */
  seenTime: number;
  /** Why that look does not let it be served. */
  refused: RefusedChannel | null;
  /** The client signed a final voucher: nothing is served beyond it, whatever the chain shows yet. */
  isClosing: boolean;
  /** Requests that run, over whichever connection; the newest that asks for one takes it over, when the one before has let go. */
  running: Map<number, RunningRequest>;
  /** When it was looked at because it seemed to hold too little, Unix seconds. */
  lookedForMoneyAt: number;
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

/** Most looks that are remembered; the oldest one goes first. */
const MAX_OPEN = 4_096;
/** An API whose newest block is further from our clock shows nothing that anything is begun on: it stands still, or lies, or our clock is wrong. */
const MAX_APART_SECONDS = 900;

/** Knows the channels that are served: one ledger each, whoever is connected, and a look at the chain that is not too old. */
export class ChannelDesk {
  private readonly open = new Map<string, { channel: OpenChannel; seenAt: number }>();
  private readonly looks = new Map<string, Promise<OpenChannel | RefusedChannel>>();
  /**
   * Every channel that somebody still holds, refused or forgotten as its look may be: a second ledger for it would not hear of vouchers that
   * come to the first, and each of the two would have a chunk out unpaid.
   */
  private readonly held = new Map<string, WeakRef<OpenChannel>>();
  private readonly letGo = new FinalizationRegistry<string>((name) => {
    if (this.held.get(name)?.deref() === undefined) this.held.delete(name);
  });

  constructor(private readonly options: DeskOptions) {}

  /** Whether this channel is served: finding it needs at most a look each `viewSeconds`. */
  has(address: Uint8Array): boolean {
    return this.open.has(toHex(address));
  }

  /** The channel, looked at again when the last look is older than so many seconds. @throws ChainApiError, StorageError */
  find(address: Uint8Array, viewSeconds = this.options.viewSeconds): Promise<OpenChannel | RefusedChannel> {
    const name = toHex(address);
    const known = this.open.get(name);
    if (known !== undefined && this.options.now() - known.seenAt < viewSeconds) return Promise.resolve(known.channel);
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
    requireClose(snapshot.apiTime, now());
    const known = this.held.get(name)?.deref();
    // Of several servers behind one API some lag: what was seen already is not taken back.
    const isOlder = known !== undefined && snapshot.apiTime < known.seenTime;
    const seen = isOlder ? known.refused ?? known.view : await recogniseChannel(account, snapshot, policy, prices, Math.max(now(), snapshot.apiTime));
    if (known !== undefined && !isOlder) Object.assign(known, { seenTime: snapshot.apiTime, refused: seen.kind === 'refused' ? seen : null });
    if (seen.kind === 'refused') {
      this.open.delete(name);
      return seen;
    }
    const channel = known ?? (await this.opened(store, address, seen, snapshot.apiTime));
    channel.view = seen;
    this.open.delete(name);
    if (this.open.size >= MAX_OPEN) this.open.delete(this.open.keys().next().value!);
    this.open.set(name, { channel, seenAt: now() });
    return channel;
  }

  private async opened(store: ChannelStore, address: Uint8Array, view: ServableChannel, seenTime: number): Promise<OpenChannel> {
    const terms = packChannel({ ...view.state.terms, claimKey: this.options.policy.claimKeys[0] }).toBoc();
    const record = store.read.channel(address) ?? (await store.addChannel(address, terms, this.options.now()));
    const ledger = new ChannelLedger(record.dueNano, record.voucher?.amountNano ?? 0n);
    const channel: OpenChannel = { address, view, ledger, seenTime, refused: null, isClosing: record.voucher?.final ?? false, running: new Map(), lookedForMoneyAt: 0 };
    const name = toHex(address);
    this.held.set(name, new WeakRef(channel));
    this.letGo.register(channel, name);
    return channel;
  }
}

/** @throws ChainApiError `network.clock` */
function requireClose(apiTime: number, now: number): void {
  if (Math.abs(apiTime - now) <= MAX_APART_SECONDS) return;
  throw new ChainApiError('network.clock', 'the newest block of the API is too far from our clock', {
    expected: `within ${MAX_APART_SECONDS} s of ${now}`, received: String(apiTime), hint: 'set the clock of this machine, or choose another --api',
  });
}
