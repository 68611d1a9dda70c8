import { type TierValue, toHex } from '../../protocol';
import type { ChannelBackend } from '../channel/channelBackend';
import { GatewayError } from '../errors';
import type { Market, MarketChannel, Offer } from './offer';

/** A channel and the back end that buys over it. */
export interface Counter {
  channel: MarketChannel;
  backend: ChannelBackend;
  /** nanoTON that are owed over it so far. */
  owed(): bigint;
}

export interface SellerOptions {
  market: Market;
  /** What buys over a channel that is open. */
  open: (offer: Offer, channel: MarketChannel) => Counter;
  /** The tier that was asked for; no provider of another one is ever asked (attacks 55). */
  tier: TierValue;
  /** nanoTON that a channel is filled up to. */
  deposit: bigint;
  /** Unix seconds. */
  now: () => number;
}

/** A channel with less of its deposit than one part in so many is filled up while it is used. */
const LOW_PART = 4n;

/** A channel that was asked for, and the offer that its back end buys under. */
interface Opening {
  offer: Offer;
  counter: Promise<Counter>;
}

/** One provider: its offer, and the channel with it once something is bought. */
export class Seller {
  private opening: Opening | null = null;
  private filling: Promise<boolean> | null = null;
  /** Answers under way. */
  running = 0;
  /** Unix seconds. */
  lastUsed: number;
  /** Whether the last look at the market had it; nothing new is bought otherwise. */
  isOffered = true;
  /** The channel over which is bought; null before it is open. */
  channel: MarketChannel | null = null;

  constructor(
    private newest: Offer,
    private readonly options: SellerOptions,
  ) {
    this.lastUsed = options.now();
  }

  /** What the next answer is bought under: the newest offer, or while answers are under way the one that they began with. */
  get offer(): Offer {
    return this.running > 0 && this.opening !== null ? this.opening.offer : this.newest;
  }

  /** Whether a channel with it was asked for. */
  get hasChannel(): boolean {
    return this.opening !== null;
  }

  /** Takes what the provider offers now: another key or address of its worker, other prices. It holds once no answer is under way; the channel stays. */
  update(offer: Offer): void {
    this.newest = offer;
    this.isOffered = true;
    this.renew();
  }

  /** Runs `work` with the open channel, which is opened first if need be. One that is about to end is not used again. */
  async *use<T>(work: (counter: Counter) => AsyncIterable<T>): AsyncIterable<T> {
    this.running++;
    try {
      const counter = await this.opened();
      try {
        yield* work(counter);
      } catch (error) {
        if (isEnding(error)) await this.leave(counter.channel);
        throw error;
      }
    } finally {
      this.running--;
      this.lastUsed = this.options.now();
      this.renew();
    }
  }

  /** Fills the channel up when it runs low, beside whatever goes on; true once there is more to pay with: in it, or in the next one where it is about to end. */
  async fillUp(atLeast = 0n): Promise<boolean> {
    const counter = await this.opening?.counter;
    if (counter === undefined) return false;
    const { channel, owed } = counter;
    const left = channel.budget - owed();
    const { deposit, market } = this.options;
    if (atLeast === 0n && left * LOW_PART >= deposit) return false;
    this.filling ??= market
      .topUp(channel, deposit > left + atLeast ? deposit - left : atLeast)
      .then(() => true, async (error: unknown) => {
        if (!isEnding(error)) throw error;
        await this.leave(channel);
        return true;
      })
      .finally(() => (this.filling = null));
    return this.filling;
  }

  /** The last voucher: the provider is asked to close. Nothing is bought over the channel afterwards. */
  async finish(): Promise<void> {
    const counter = await this.opening?.counter;
    if (counter === undefined) return;
    await counter.backend.finish();
    await this.leave(counter.channel);
  }

  /** Ends the connection; the channel stays open on chain. */
  async close(): Promise<void> {
    const counter = await this.opening?.counter.catch(() => null);
    await counter?.backend.close();
  }

  /** The open channel; opens it if need be. @throws CocoonError */
  opened(): Promise<Counter> {
    const { market, open } = this.options;
    const offer = this.newest;
    if (this.opening === null) {
      this.begin(offer, market.channelWith(offer).then((channel) => {
        this.channel = channel;
        return open(offer, channel);
      }));
    }
    return this.opening!.counter;
  }

  /** Nothing more over this channel: the next answer opens another one, unless that was done already. */
  private async leave(channel: MarketChannel): Promise<void> {
    const { opening } = this;
    if (opening === null || this.channel !== channel) return;
    this.opening = null;
    this.channel = null;
    await (await opening.counter).backend.close();
  }

  /** Takes up the newest offer when nobody needs the one before it. */
  private renew(): void {
    const { opening, newest } = this;
    if (opening === null || this.running > 0 || opening.offer === newest || offerKey(opening.offer) === offerKey(newest)) return;
    this.begin(newest, opening.counter.then(async ({ channel, backend }) => {
      await backend.close();
      return this.options.open(newest, channel);
    }));
  }

  /** What could not be opened is tried again next time. */
  private begin(offer: Offer, counter: Promise<Counter>): void {
    this.opening = { offer, counter };
    counter.catch(() => {
      if (this.opening?.counter === counter) this.opening = null;
    });
  }
}

const isEnding = (error: unknown): boolean => error instanceof GatewayError && error.code === 'gateway.channel-ending';

const offerKey = (offer: Offer): string =>
  JSON.stringify(Object.entries(offer).map(([name, value]) => [name, value instanceof Uint8Array ? toHex(value) : String(value)]));

/** How long a list of offers counts, and how soon it is read again when nobody answers, seconds. */
const FRESH_SECONDS = 600;
const AGAIN_SECONDS = 15;

/** The providers of a market, looked up again from time to time. */
export class SellerBook {
  private readonly sellers = new Map<string, Seller>();
  private seenAt = -Infinity;
  private look: Promise<void> | null = null;

  constructor(
    private readonly options: SellerOptions,
    /** Hears when a look at the market failed while the old list still serves. */
    private readonly onFailure: (error: unknown) => void,
  ) {}

  /** All providers that are known. @param fresh look again unless that was just done: nobody answered @throws CocoonError at the first look alone */
  async all(fresh = false): Promise<Seller[]> {
    const age = this.options.now() - this.seenAt;
    if (this.seenAt === -Infinity) await this.refresh();
    else if (fresh && age >= AGAIN_SECONDS) await this.refresh().catch(this.onFailure);
    else if (age >= FRESH_SECONDS) this.refresh().catch(this.onFailure);
    return this.offered;
  }

  /** What can be bought from now, as far as it is known. */
  get offers(): Offer[] {
    return this.offered.map(({ offer }) => offer);
  }

  /** Answers under way. */
  get running(): number {
    let sum = 0;
    for (const seller of this.sellers.values()) sum += seller.running;
    return sum;
  }

  /** The seller of a stake that was ever in the list. */
  withStake(stake: Uint8Array): Seller | undefined {
    return this.sellers.get(toHex(stake));
  }

  async close(): Promise<void> {
    await Promise.all([...this.sellers.values()].map((seller) => seller.close()));
  }

  private get offered(): Seller[] {
    return [...this.sellers.values()].filter(({ isOffered }) => isOffered);
  }

  private refresh(): Promise<void> {
    this.look ??= this.read().finally(() => (this.look = null));
    return this.look;
  }

  private async read(): Promise<void> {
    const offers = await this.options.market.offers();
    requireTier(offers, this.options.tier);
    this.seenAt = this.options.now();
    const offered = new Set<string>();
    for (const offer of offers) {
      const name = toHex(offer.stake);
      offered.add(name);
      const known = this.sellers.get(name);
      if (known === undefined) this.sellers.set(name, new Seller(offer, this.options));
      else known.update(offer);
    }
    for (const [name, seller] of this.sellers) {
      if (!offered.has(name)) seller.isOffered = false;
      if (!seller.isOffered && !seller.hasChannel) this.sellers.delete(name);
    }
  }
}

/** @throws GatewayError `gateway.other-tier`: whoever lists the market must not lower what protects a prompt */
function requireTier(offers: readonly Offer[], tier: TierValue): void {
  const other = offers.find((offer) => offer.tier !== tier);
  if (other === undefined) return;
  throw new GatewayError('gateway.other-tier', 'the market offers a tier that was not asked for', { expected: `tier ${tier}`, received: `tier ${other.tier}` });
}
