import { join } from 'node:path';
import { Tier } from '../../protocol';
import { type AnswerEvent, type CompletionBackend, type ModelCard, openGateway, type TokenRequest } from '../../gateway';
import { ChannelBackend } from '../../gateway/channel/channelBackend';
import { ClientStore } from '../../gateway/channel/clientStore';
import { Allowance } from '../../gateway/market/allowance';
import { Experience } from '../../gateway/market/experience';
import { MarketBackend } from '../../gateway/market/marketBackend';
import type { Market, MarketChannel, Offer } from '../../gateway/market/offer';
import { SellerBook } from '../../gateway/market/seller';
import { openModel } from '../../worker/engine';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { createLogger } from '../../worker/log';
import { BENCH_NETWORK, BENCH_PRICE, type BenchWorld, benchWorld, unixNow } from './world';

/**
 * One OpenAI endpoint in front of as many clients as there are channels, each with a market of its own, of which a free one asks if there is one: answers over
 * one channel wait for one another's vouchers, and a busy worker has many channels. Returns its URL and what ends it.
 */
export async function startBenchGateway(folder: string, clients: number, workerUrl: string): Promise<{ url: string; stop(): Promise<void> }> {
  const world = await benchWorld(folder, clients);
  const { model, name } = openModel();
  const card: ModelCard = {
    id: name, createdSeconds: 0, ownedBy: 'bench', modelRoot: model.modelRoot, tokenizer: model.tokenizer, contextTokens: model.config.context,
    vocabularySize: model.config.vocab,
  };
  const store = ClientStore.open(join(folder, 'client', 'client.db'));
  const experience = Experience.open(join(folder, 'client', 'experience.db'), unixNow);
  const all = world.channels.map((_, index) => ({ market: clientOf(world, index, workerUrl, card, store, experience), running: 0 }));
  const free = [...all];
  let turn = 0;
  async function* complete(request: TokenRequest): AsyncIterable<AnswerEvent> {
    // Where nobody is free, each has as many that wait as any other.
    const mine = free.pop() ?? all[turn++ % all.length];
    mine.running++;
    try {
      yield* mine.market.complete(request);
    } finally {
      if (--mine.running === 0) free.push(mine);
    }
  }
  const backend: CompletionBackend = { models: () => [card], complete };
  const { url, close } = await openGateway({ backend, log: createLogger('error'), port: 0, settings: { running: 256, waiting: 1_024, connections: 1_024 } });
  return {
    url,
    async stop() {
      await close();
      experience.close();
      store.close();
    },
  };
}

function clientOf({ keys, channels }: BenchWorld, index: number, url: string, card: ModelCard, store: ClientStore, experience: Experience): MarketBackend {
  const { address, terms, sign } = channels[index];
  const offer: Offer = {
    stake: new Uint8Array(terms.stake.hash), workerKey: keys.signingPublic, sealingKey: keys.sealingPublic, tier: Tier.bonded, imageHash: new Uint8Array(32), url,
    promptPrice: BENCH_PRICE, outputPrice: BENCH_PRICE, maxTokens: 256,
  };
  const channel: MarketChannel = { address: new Uint8Array(address.hash), client: new Uint8Array(terms.client.hash), clientKey: terms.clientKey, sign, budget: 10n ** 14n };
  const market: Market = { offers: async () => [offer], channelWith: async () => channel, topUp: async () => undefined };
  const sellers = new SellerBook({
    market, tier: Tier.bonded, deposit: 10n ** 14n, now: unixNow,
    open: () => ({
      channel, owed: () => store.position(channel.address).owed,
      backend: new ChannelBackend(card, { ...offer, ...channel, channel: channel.address, networkId: BENCH_NETWORK, ed25519: nodeEd25519 }, store),
    }),
  }, () => undefined);
  const allowance = new Allowance({}, () => store.spentToday());
  return new MarketBackend({ card, sellers, experience, allowance, log: createLogger('error'), now: unixNow, patienceMillis: 60_000, isTrusted: () => true });
}
