import assert from 'node:assert/strict';
import { it } from 'node:test';
import { beginCell, type StateInit, storeStateInit } from '@ton/core';
import { channelInit } from '../../../miniapp/src/chain';
import { PaymentChannel, type PaymentChannelTerms } from '../../../wrappers';
import { strangerOf } from '../../devnet/helpers';
import { hexOf, sharedWorld } from './chainWorld';
import type { Lie } from './lyingApi';

const world = sharedWorld();
const walletOf = (): string => hexOf(world.wallet.address.hash);
const hashOf = ({ address }: { address: { hash: Uint8Array } }): string => hexOf(address.hash);

/** Changes what an API says of a wallet's history only. */
const history = (change: (transactions: any[]) => unknown[]): Lie => (reply, method) =>
  method === 'getTransactions' && Array.isArray(reply.body.result) ? { ...reply, body: { ...reply.body, result: change(reply.body.result) } } : reply;

const found = async (options?: Parameters<typeof world.pair>[0], most?: number) => {
  const { channels, complete } = await world.pair(options).channelsOf(walletOf(), most);
  return { addresses: channels.map(({ address }) => address), complete };
};

let second: string;

it('the channels that a wallet opened are found by its messages, newest first, with what is there now', async () => {
  await world.open({ client: strangerOf(44) });
  const closing = await world.open({ expiry: world.terms.expiry + 1 });
  await world.channel.sendTopUp(world.via, 10n ** 9n);
  await closing.sendClose(world.via);
  second = hashOf(closing);
  const { channels, complete } = await world.pair().channelsOf(walletOf());
  assert.ok(complete);
  assert.deepEqual(channels.map(({ address }) => address), [second, hashOf(world.channel)]);
  for (const { address, terms, now } of channels) {
    assert.equal(channelInit(terms).address, address);
    assert.ok(now.agreement === 'both' && now.value !== null);
    assert.equal(now.value.endsAt < terms.expiry, address === second);
    assert.deepEqual(now.value.terms, terms);
  }
});

it('a history in pages of any size, or with a hash in the other alphabet, is read to its end', async () => {
  world.a.lie = world.b.lie = history((all) =>
    all.slice(0, 4).map((one) => ({ ...one, transaction_id: { ...one.transaction_id, hash: one.transaction_id.hash.replace(/\+/g, '-').replace(/\//g, '_') } })),
  );
  assert.deepEqual(await found(), { addresses: [second, hashOf(world.channel)], complete: true });
  assert.ok(world.a.asked.filter((method) => method === 'getTransactions').length > 5);
});

it('one that hides channels cannot: what the other shows is computed and asked of both', async () => {
  for (const [liar, other] of [[world.a, world.b], [world.b, world.a]]) {
    liar.lie = history(() => []);
    other.lie = null;
    assert.deepEqual((await found()).addresses, [second, hashOf(world.channel)]);
  }
});

it("one that makes up channels shows nothing: others' are left out, and those of this wallet are not there", async () => {
  const opening = async (changes: Partial<PaymentChannelTerms>): Promise<string> => {
    const { init } = await PaymentChannel.fromTerms({ ...world.terms, ...changes });
    return beginCell().store(storeStateInit(init as StateInit)).endCell().toBoc().toString('base64');
  };
  const own = await opening({ expiry: 77 });
  const foreign = await opening({ client: strangerOf(9) });
  world.a.lie = history((all) => all.map((one) => ({ ...one, out_msgs: [own, foreign, 'AAAA', 5].map((init_state) => ({ msg_data: { init_state } })) })));
  const { channels } = await world.pair().channelsOf(walletOf());
  assert.deepEqual(channels.map(({ terms: { expiry } }) => expiry).sort((x, y) => x - y), [77, world.terms.expiry, world.terms.expiry + 1]);
  assert.deepEqual(channels.find(({ terms }) => terms.expiry === 77)!.now, { agreement: 'both', value: null });
});

it('a history that one does not show, or that is longer than is looked through, is said to be incomplete', async () => {
  world.b.lie = (reply, method) => (method === 'getTransactions' ? { status: 500, body: '{"ok":false}' } : reply);
  assert.deepEqual(await found(), { addresses: [second, hashOf(world.channel)], complete: false });
  world.b.lie = history((all) => all.map((one) => ({ ...one, out_msgs: undefined })));
  assert.equal((await found()).complete, false);
  world.b.lie = null;
  assert.equal((await found({}, 50)).complete, false);
});

it('one that answers every page with the same one, or with ever new transactions, keeps nobody for ever', async () => {
  let first: unknown[] | undefined;
  world.a.lie = history((all) => (first ??= all));
  assert.deepEqual((await found()).addresses, [second, hashOf(world.channel)]);
  let lt = 10 ** 15;
  world.a.lie = history(([one]) => [{ ...one, transaction_id: { ...one?.transaction_id, lt: String(lt--), hash: Buffer.alloc(32).toString('base64') }, out_msgs: [] }]);
  world.a.asked.length = 0;
  assert.equal((await found()).complete, false);
  assert.ok(world.a.asked.filter((method) => method === 'getTransactions').length <= 20);
});

it('one that makes up very many channels of this wallet does not have them all asked for', async () => {
  const { init } = await PaymentChannel.fromTerms(world.terms);
  let expiry = 100;
  world.a.lie = history((all) =>
    all.map((one) => {
      const data = init!.data.beginParse();
      data.loadCoins();
      data.loadUint(32);
      const fixed = data.loadRef().beginParse();
      const own = beginCell().storeBits(fixed.loadBits(256)).storeUint(++expiry, 32);
      fixed.loadUint(32);
      const changed = beginCell().storeCoins(0).storeUint(expiry, 32).storeBits(data.loadBits(data.remainingBits)).storeRef(own.storeSlice(fixed).endCell()).endCell();
      const init_state = beginCell().store(storeStateInit({ code: init!.code, data: changed })).endCell().toBoc().toString('base64');
      return { ...one, out_msgs: Array.from({ length: 4 }, () => ({ msg_data: { init_state } })) };
    }),
  );
  const { channels, complete } = await world.pair().channelsOf(walletOf());
  assert.deepEqual([channels.length, complete], [32 + 2, false]);
  assert.ok(channels.some(({ address }) => address === second));
});
