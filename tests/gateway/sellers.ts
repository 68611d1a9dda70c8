/** Providers for the tests of a market: real workers behind real sockets, with what can go wrong with them. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { ChannelBackend } from '../../gateway/channel/channelBackend';
import { ClientStore } from '../../gateway/channel/clientStore';
import type { ModelCard } from '../../gateway';
import { Allowance, type SpendingCaps } from '../../gateway/market/allowance';
import { Experience } from '../../gateway/market/experience';
import { MarketBackend } from '../../gateway/market/marketBackend';
import type { Market, MarketChannel, Offer } from '../../gateway/market/offer';
import { type Counter, SellerBook } from '../../gateway/market/seller';
import { Tier } from '../../protocol';
import { CHANNEL_PATH, ChannelEndpoint } from '../../worker/channels/endpoint';
import type { LoadedEngine } from '../../worker/engine';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { NOW, PRICES, WorkerWorld } from '../worker/channels/conversationWorld';

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
  private readonly servers: Server[] = [];

  constructor(private readonly loaded: Awaited<ReturnType<typeof WorkerWorld.loaded>>) {}

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
    const server = createServer();
    const endpoint = new ChannelEndpoint(server, world.context);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.servers.push(server);
    const cheaper = changes.cheaper ?? 1n;
    const offer: Offer = {
      stake: new Uint8Array(32).fill(3), workerKey: world.keys.signingPublic, sealingKey: world.keys.sealingPublic, tier: Tier.bonded,
      imageHash: new Uint8Array(32), url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}${CHANNEL_PATH}`,
      promptPrice: PRICES.promptPrice / cheaper, outputPrice: PRICES.outputPrice / cheaper, maxTokens: 256, ...changes.offer,
    };
    Object.assign(world.context, { now: () => this.now });
    Object.assign(world.context.serving, { promptPrice: offer.promptPrice, outputPrice: offer.outputPrice });
    // The stake in the terms is the world's; the market tells its providers apart by one of its own.
    offer.stake = Uint8Array.from(offer.stake, (byte, place) => (place === 31 ? index : byte));
    const channel = { address: world.address, client: new Uint8Array(32).fill(1), clientKey: world.clientKey.publicKey, sign: (hash: Uint8Array) => world.clientKey.sign(hash), budget: changes.budget ?? 10n ** 9n };
    const stop = (): void => {
      endpoint.close();
      server.close();
      server.closeAllConnections();
    };
    provider = { world, offer, channel, engineCalls: 0, stop };
    this.providers.push(provider);
    return provider;
  }

  start(caps: SpendingCaps = {}, deposit = 10n ** 9n, patienceMillis = 5_000): MarketBackend {
    const { config, tokenizer, modelRoot } = this.loaded.model.model;
    const clock = (): number => this.now;
    this.card = {
      id: this.loaded.model.name, createdSeconds: NOW, ownedBy: 'the market', modelRoot, tokenizer, contextTokens: config.context, vocabularySize: config.vocab,
    };
    this.store = ClientStore.open(join(this.folder, 'client.db'), clock);
    this.experience = Experience.open(join(this.folder, 'experience.db'), clock);
    const open = (offer: Offer, channel: MarketChannel): Counter => ({
      channel,
      owed: () => this.store.position(channel.address).owed,
      backend: new ChannelBackend(this.card, {
        ...offer, networkId: 2026, channel: channel.address, client: channel.client, clientKey: channel.clientKey, sign: channel.sign, ed25519: nodeEd25519, stake: new Uint8Array(32).fill(3),
        get budget() {
          return channel.budget;
        },
      }, this.store, clock),
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
