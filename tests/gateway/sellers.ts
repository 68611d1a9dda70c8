/** Providers for the tests of a market: real workers behind real sockets, with what can go wrong with them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { ChannelBackend } from '../../gateway/channel/channelBackend';
import { ClientStore } from '../../gateway/channel/clientStore';
import { LogitsHere } from '../../gateway/channel/logitsHere';
import type { ModelCard } from '../../gateway';
import { boughtChannel } from '../../gateway/market/boughtChannel';
import { Allowance, type SpendingCaps } from '../../gateway/market/allowance';
import { Experience } from '../../gateway/market/experience';
import { MarketBackend } from '../../gateway/market/marketBackend';
import type { Market, MarketChannel, Offer } from '../../gateway/market/offer';
import { type Counter, SellerBook } from '../../gateway/market/seller';
import { Tier } from '../../protocol';
import type { LoadedEngine } from '../../worker/engine';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { NOW, PRICES, WorkerWorld } from '../worker/channels/conversationWorld';
import type { Loaded } from '../worker/channels/suite';
import { cardOf, serve, STAKE } from './bought';

/** A provider of the market. */
export interface TestProvider {
  world: WorkerWorld;
  offer: Offer;
  channel: MarketChannel;
  /** Requests that its engine was given. */
  engineCalls: number;
  /** Ends its endpoint and every connection; nothing listens any more. */
  stop(): void;
}

export interface ProviderChanges {
  /** Divides its prices. */
  cheaper?: bigint;
  /** Wraps the engine. */
  engine?: (engine: LoadedEngine, provider: () => TestProvider) => LoadedEngine;
  budget?: bigint;
  offer?: Partial<Offer>;
}

export class TestMarket implements Market {
  readonly folder = mkdtempSync(join(tmpdir(), 'cocoon-market-'));
  readonly providers: TestProvider[] = [];
  /** Last bytes of the stakes that an audit found lying. */
  readonly liars = new Set<number>();
  readonly topUps: { address: Uint8Array; nano: bigint }[] = [];
  now = NOW;
  /** What a look at the market fails with. */
  failure: Error | null = null;
  store!: ClientStore;
  experience!: Experience;
  sellers!: SellerBook;
  backend!: MarketBackend;
  card!: ModelCard;

  constructor(private readonly loaded: Loaded) {}

  async add(changes: ProviderChanges = {}): Promise<TestProvider> {
    const { model, engine } = this.loaded;
    const index = this.providers.length;
    let provider: TestProvider;
    const counted: LoadedEngine = {
      ...engine, generate: (job) => {
        provider.engineCalls++;
        return engine.generate(job);
      },
    };
    const world = await WorkerWorld.create(model, changes.engine?.(counted, () => provider) ?? counted);
    const { url, stop } = await serve(world);
    const cheaper = changes.cheaper ?? 1n;
    const offer: Offer = {
      stake: STAKE, workerKey: world.keys.signingPublic, sealingKey: world.keys.sealingPublic, tier: Tier.bonded,
      imageHash: new Uint8Array(32), url,
      promptPrice: PRICES.promptPrice / cheaper, outputPrice: PRICES.outputPrice / cheaper, maxTokens: 256, ...changes.offer,
    };
    Object.assign(world.context, { now: () => this.now });
    Object.assign(world.context.serving, { promptPrice: offer.promptPrice, outputPrice: offer.outputPrice });
    offer.stake = Uint8Array.from(offer.stake, (byte, place) => (place === 31 ? index : byte));
    const channel = { address: world.address, client: new Uint8Array(32).fill(1), clientKey: world.clientKey.publicKey, sign: (hash: Uint8Array) => world.clientKey.sign(hash), budget: changes.budget ?? 10n ** 9n };
    provider = { world, offer, channel, engineCalls: 0, stop };
    this.providers.push(provider);
    return provider;
  }

  start(caps: SpendingCaps = {}, deposit = 10n ** 9n, patienceMillis = 5_000): MarketBackend {
    const clock = (): number => this.now;
    this.card = cardOf(this.loaded.model);
    this.store = ClientStore.open(join(this.folder, 'client.db'), clock);
    this.experience = Experience.open(join(this.folder, 'experience.db'), clock);
    const open = (offer: Offer, channel: MarketChannel): Counter => ({
      channel,
      owed: () => this.store.position(channel.address).owed,
      // The stake in the terms is the world's; the market tells its providers apart by one of its own.
      backend: new ChannelBackend(this.card, boughtChannel(2026, { ...offer, stake: STAKE }, channel, nodeEd25519), this.store, clock, undefined, new LogitsHere(async () => this.loaded.engine)),
    });
    this.sellers = new SellerBook({ market: this, open, tier: Tier.bonded, deposit, now: clock }, () => undefined);
    const allowance = new Allowance(caps, () => this.store.spentToday());
    this.backend = new MarketBackend({ card: this.card, sellers: this.sellers, experience: this.experience, allowance, log: pino({ level: 'silent' }), now: clock, patienceMillis, isTrusted: (stake) => !this.liars.has(stake[31]) });
    return this.backend;
  }

  async offers(): Promise<Offer[]> {
    if (this.failure !== null) throw this.failure;
    return this.providers.map(({ offer }) => offer);
  }

  async channelWith(offer: Offer): Promise<MarketChannel> {
    return this.providers.find((each) => each.offer.stake[31] === offer.stake[31])!.channel;
  }

  async topUp(channel: MarketChannel, nano: bigint): Promise<void> {
    this.topUps.push({ address: channel.address, nano });
    channel.budget += nano;
  }

  async end(): Promise<void> {
    await this.sellers.close();
    for (const { stop, world } of this.providers) {
      stop();
      world.end();
    }
    this.experience.close();
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
