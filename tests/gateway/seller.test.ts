import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ChannelBackend } from '../../gateway/channel/channelBackend';
import { GatewayError } from '../../gateway/errors';
import type { Market, MarketChannel, Offer } from '../../gateway/market/offer';
import { type Counter, Seller } from '../../gateway/market/seller';
import { Tier } from '../../protocol';
import { collect } from './support';

const offerOf = (changes: Partial<Offer> = {}): Offer => ({
  stake: new Uint8Array(32), workerKey: new Uint8Array(32).fill(1), sealingKey: new Uint8Array(32), tier: Tier.bonded, imageHash: new Uint8Array(32),
  url: 'ws://127.0.0.1:1', promptPrice: 1n, outputPrice: 1n, maxTokens: 10, ...changes,
});

/** A seller whose channels and back ends are noted and do nothing. */
function sellerOf(offer: Offer, topUp: Market['topUp'] = async () => undefined) {
  const opened: Offer[] = [];
  const closed: number[] = [];
  const channels: MarketChannel[] = [];
  const market: Market = {
    offers: async () => [offer],
    channelWith: async () => {
      const channel = { address: new Uint8Array(32).fill(channels.length), client: new Uint8Array(32), clientKey: new Uint8Array(32), sign: () => new Uint8Array(64), budget: 100n };
      channels.push(channel);
      return channel;
    },
    topUp,
  };
  const open = (under: Offer, channel: MarketChannel): Counter => {
    const index = opened.push(under) - 1;
    return { channel, owed: () => 0n, backend: { close: async () => void closed.push(index) } as unknown as ChannelBackend };
  };
  return { seller: new Seller(offer, { market, open, tier: Tier.bonded, deposit: 100n, now: () => 0 }), opened, closed, channels };
}

/** An answer under way, until `end`. */
function answerOf(seller: Seller): { end: (error?: Error) => Promise<void> } {
  let finish: (error?: Error) => void;
  const ended = new Promise<void>((resolve, reject) => (finish = (error) => (error === undefined ? resolve() : reject(error))));
  const answer = collect(seller.use(async function* () {
    await ended;
    yield 1;
  })).then(() => undefined);
  return {
    end: (error) => {
      finish(error);
      return answer;
    },
  };
}

describe('a provider and the channel with it', () => {
  test('a key or price that changes while answers are under way is taken up when the last of them ends, and what runs is counted at its own price', async () => {
    const before = offerOf();
    const { seller, opened, closed, channels } = sellerOf(before);
    const [first, second] = [answerOf(seller), answerOf(seller)];
    const rotated = offerOf({ workerKey: new Uint8Array(32).fill(2), outputPrice: 2n });
    seller.update(rotated);
    seller.update(rotated);
    await first.end();
    assert.deepEqual([seller.offer, opened, closed], [before, [before], []]);
    await second.end();
    assert.equal(seller.offer, rotated);
    await seller.opened();
    assert.deepEqual([opened, closed, channels.length], [[before, rotated], [0], 1]);
  });

  test('one that changes while nobody is served is taken up at once, and the same offer again changes nothing', async () => {
    const { seller, opened, closed } = sellerOf(offerOf());
    await seller.opened();
    seller.update(offerOf());
    const moved = offerOf({ url: 'ws://127.0.0.1:2' });
    seller.update(moved);
    seller.update(offerOf({ url: 'ws://127.0.0.1:2' }));
    await seller.opened();
    assert.deepEqual([opened.length, opened[1], closed], [2, moved, [0]]);
  });

  test('a channel that is about to end is left once, however many answers hear it', async () => {
    const { seller, closed, channels } = sellerOf(offerOf());
    const [first, second] = [answerOf(seller), answerOf(seller)];
    const ending = (): Error => new GatewayError('gateway.channel-ending', 'the channel is about to end');
    await assert.rejects(first.end(ending()));
    const { channel } = await seller.opened();
    await assert.rejects(second.end(ending()));
    assert.deepEqual([(await seller.opened()).channel === channel, channels.length, closed], [true, 2, [0]]);
  });

  test('one that turns out to be over when it should be filled up is left for another', async () => {
    const { seller, channels } = sellerOf(offerOf(), () => Promise.reject(new GatewayError('gateway.channel-ending', 'no more money goes into this channel')));
    await seller.opened();
    assert.equal(await seller.fillUp(50n), true);
    assert.equal((await seller.opened()).channel, channels[1]);
    const poor = sellerOf(offerOf(), () => Promise.reject(new GatewayError('chain.low-balance', 'the wallet has too little')));
    await poor.seller.opened();
    await assert.rejects(poor.seller.fillUp(50n), { code: 'chain.low-balance' });
    assert.equal((await poor.seller.opened()).channel, poor.channels[0]);
  });

  test('filling up opens no channel', async () => {
    const { seller, channels } = sellerOf(offerOf());
    assert.equal(await seller.fillUp(50n), false);
    assert.equal(channels.length, 0);
  });
});
