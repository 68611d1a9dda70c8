import assert from 'node:assert/strict';
import { it } from 'node:test';
import { beginCell, Cell, SendMode } from '@ton/core';
import { channelInit, ChainPair } from '../../../miniapp/src/chain';
import { PaymentChannel } from '../../../wrappers';
import { fund, strangerOf, wallet as walletOfKind } from '../../devnet/helpers';
import { DEPOSIT, fill, hexOf, sharedWorld } from './chainWorld';
import type { Lie } from './lyingApi';

const world = sharedWorld();
const walletOf = (): string => hexOf(world.wallet.address.hash);
const hashOf = ({ address }: { address: { hash: Uint8Array } }): string => hexOf(address.hash);

/** Changes what an API says of a wallet's history only. */
const history = (change: (transactions: any[]) => unknown): Lie => (reply, method) =>
  method === 'getTransactions' && Array.isArray(reply.body.result) ? { ...reply, body: { ...reply.body, result: change(reply.body.result) } } : reply;
const pages = (asked: readonly string[]): number => asked.filter((method) => method === 'getTransactions').length;

const found = async (pair: ChainPair = world.pair(), most?: number) => {
  const { channels, complete } = await pair.channelsOf(walletOf(), most);
  return { addresses: channels.map(({ address }) => address), complete };
};

let both: string[];

it('the channels that a wallet opened are found by its messages, newest first, with what is there now', async () => {
  await world.open({ client: strangerOf(44) });
  const closing = await world.open({ expiry: world.terms.expiry + 1 });
  await world.channel.sendTopUp(world.via, 10n ** 9n);
  await closing.sendClose(world.via);
  both = [hashOf(closing), hashOf(world.channel)];
  const { channels, complete } = await world.pair().channelsOf(walletOf());
  assert.ok(complete);
  assert.deepEqual(channels.map(({ address }) => address), both);
  for (const { address, terms, now } of channels) {
    assert.equal(channelInit(terms).address, address);
    assert.ok(now.agreement === 'both' && now.value !== null);
    assert.equal(now.value.endsAt < terms.expiry, address === both[0]);
    assert.deepEqual(now.value.terms, terms);
  }
  assert.equal(pages(world.b.asked), 0, 'one that shows all of it is enough');
});

it('a history in pages of any size, or with hashes in the other alphabet, is read to its end', async () => {
  world.a.lie = history((all) =>
    all.slice(0, 4).map((one) => ({ ...one, transaction_id: { ...one.transaction_id, hash: one.transaction_id.hash.replace(/\+/g, '-').replace(/\//g, '_').replace('=', '') } })),
  );
  assert.deepEqual(await found(), { addresses: both, complete: true });
  assert.ok(pages(world.a.asked) > 4);
});

/** The same transaction, of the same place in the history, that sent nothing. */
function withoutMessages(data: string): string {
  const { bits, refs } = Cell.fromBase64(data);
  const other = beginCell().storeBits(bits).storeRef(beginCell().storeUint(0, 2).endCell());
  for (const ref of refs.slice(1)) other.storeRef(ref);
  return other.endCell().toBoc().toString('base64');
}

/** What may be done with a history; the other API then shows all of it. */
const LIES: Record<string, (all: any[]) => unknown> = {
  'shows nothing': () => [],
  'shows no list': () => ({}),
  'leaves out the newest': (all) => all.slice(1),
  'leaves out one in the middle': (all) => all.filter((_, index) => index !== 2),
  'shows an old one twice': (all) => [all[0], all[0], ...all.slice(1)],
  'has it end early': (all) => all.slice(0, 3).concat({ ...all[3], transaction_id: { lt: '0', hash: '' } }),
  'puts another transaction in the place of one': (all) => all.map((one, index) => (index === 1 ? { ...one, data: all[0].data } : one)),
  'takes the messages out of every transaction': (all) => all.map((one) => ({ ...one, data: withoutMessages(one.data) })),
  'shows transactions without cells': (all) => all.map(({ transaction_id }) => ({ transaction_id })),
  'shows cells that cannot be read, and leaves out what was before': ([first, , ...rest]) => [{ ...first, data: 'AAAA' }, ...rest],
};
for (const [name, lie] of Object.entries(LIES)) {
  it(`one that ${name} hides nothing and makes up nothing`, async () => {
    world.a.lie = history(lie);
    assert.deepEqual(await found(), { addresses: both, complete: true });
    assert.ok(pages(world.b.asked) > 0);
    world.b.lie = world.a.lie;
    assert.equal((await found()).complete, false);
  });
}

it('a history that one does not show, the other does; where neither does, or two last transactions are named, that is said', async () => {
  const refuses: Lie = (reply, method) => (method === 'getTransactions' ? { status: 500, body: '{"ok":false}' } : reply);
  world.a.lie = refuses;
  assert.deepEqual(await found(), { addresses: both, complete: true });
  world.b.lie = refuses;
  assert.deepEqual(await found(), { addresses: [], complete: false });
  world.a.lie = null;
  world.b.lie = (reply) => ({ ...reply, body: { ...reply.body, result: { ...reply.body.result, last_transaction_id: { lt: '5', hash: Buffer.alloc(32).toString('base64') } } } });
  assert.deepEqual(await found(), { addresses: [], complete: false });
});

it('a history that is longer than is looked through, or comes in ever so small pages, is cut off', async () => {
  assert.deepEqual(await found(world.pair(), 3), { addresses: [both[0]], complete: false });
  world.a.asked.length = 0;
  world.a.lie = world.b.lie = history((all) => all.slice(0, 1));
  assert.equal((await found(world.pair(), 100)).complete, false);
  assert.equal(pages(world.a.asked), 4);
});

it('a wallet that was never used has opened none', async () => {
  assert.deepEqual(await world.pair().channelsOf(hexOf(fill(99))), { channels: [], complete: true });
});

it('a wallet whose code is a library cell is read too', async () => {
  const v5 = walletOfKind(world.client, 'v5r1', 5);
  await fund(world.devnet, v5.address, 10n * 10n ** 9n);
  const { address, init } = await PaymentChannel.fromTerms({ ...world.terms, client: v5.address });
  await v5.pay(address, DEPOSIT, init);
  const { channels, complete } = await world.pair().channelsOf(hexOf(v5.address.hash));
  assert.deepEqual([channels.map((channel) => channel.address), complete], [[hexOf(address.hash)], true]);
  assert.equal(channels[0].now.agreement, 'both');
});

it('a transaction with a proof or a library in a message is passed over, and the history is not called complete', async () => {
  const library = beginCell().storeUint(2, 8).storeBuffer(Buffer.alloc(32, 1)).endCell({ exotic: true });
  await world.via.send({ to: strangerOf(50), value: 10n ** 7n, body: beginCell().storeUint(7, 32).storeRef(library).endCell(), sendMode: SendMode.PAY_GAS_SEPARATELY });
  assert.deepEqual(await found(), { addresses: both, complete: false });
});
