import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Address } from '@ton/core';
import { friendlyAddress } from '../../../miniapp/src/chain';
import type { WalletMessage } from '../../../miniapp/src/wallet';
import { opener, withReturn } from '../../../miniapp/src/wallet/links';
import { askedOrigins, MANIFEST, MemoryStorage, until, WalletWorld } from './world';

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const soon = (): number => Math.floor(Date.now() / 1_000) + 300;
const message = (amount = 1n): WalletMessage => ({ address: friendlyAddress('0c'.repeat(32), { testOnly: true, bounceable: false }), amount });

describe('a wallet over TON Connect', { timeout: 60_000 }, () => {
  const world = WalletWorld.shared();
  beforeEach(() => {
    world.server.wallet.manner = 'pays';
    world.server.bridge.postFault = null;
  });

  test('nothing is asked of anybody before the tap, and after it the bridge alone', async () => {
    askedOrigins();
    const storage = new MemoryStorage();
    const page = world.page(storage);
    assert.deepEqual([page.account(), page.name(), page.isStored(), page.link(), page.isAsked()], [null, null, false, null, false]);
    assert.throws(() => page.connect('simulated'), hasCode('wallet.notLoaded'));
    await page.restore();
    assert.throws(() => page.connect('simulated'), hasCode('wallet.notLoaded'));
    await page.preload();
    assert.equal((page as unknown as { connector: { analytics?: unknown } }).connector.analytics, undefined);
    assert.deepEqual([askedOrigins(), world.server.bridge.clients, [...storage.items]], [[], [], []]);
    assert.throws(() => page.connect('other'), hasCode('wallet.unknownWallet'));

    const changes: (string | null)[] = [];
    page.onChange(() => changes.push(page.link()));
    const link = page.connect('simulated');
    const { origin, pathname, searchParams } = new URL(link);
    assert.equal(origin + pathname, world.server.universalLink);
    assert.deepEqual([searchParams.get('v'), searchParams.get('ret')], ['2', 'back']);
    assert.deepEqual(JSON.parse(searchParams.get('r')!), { manifestUrl: MANIFEST, items: [{ name: 'ton_addr', network: '2026' }] });
    assert.equal(page.link(), link);
    await until(() => world.server.bridge.clients.length > 0, 'the page listens');
    await world.server.wallet.open(link);
    await until(() => page.account() !== null, 'connected');
    assert.deepEqual([page.account(), page.name(), page.link(), page.problem()], [{ address: world.server.wallet.address.hash.toString('hex'), network: '2026' }, 'Simulated', null, null]);
    assert.deepEqual(changes, [link, null]);
    await page.send([message()], soon());
    assert.deepEqual(askedOrigins().filter((from) => from !== world.devnet.url), [new URL(world.server.bridgeUrl).origin]);
    assert.ok([...storage.items.keys()].every((key) => key.startsWith('open-cocoon:')));
    await page.disconnect();
    assert.deepEqual([page.account(), page.isStored(), [...storage.items.keys()].filter((key) => !key.includes('gateway'))], [null, false, []]);
    await until(() => world.server.bridge.clients.length === 0, 'nobody listens');
  });

  test('a transaction says its network, its account and its end, and what comes back is the external message that was sent', async () => {
    const page = await world.connected();
    const { requests } = world.server.wallet;
    const before = requests.length;
    const validUntil = soon();
    const sent = page.send([{ ...message(7n), payload: 'te6ccgEBAQEABgAACAAADHA=' }], validUntil);
    assert.ok(page.isAsked());
    await assert.rejects(page.send([message()], validUntil), hasCode('wallet.asked'));
    await until(() => requests.length > before, 'the wallet is asked');
    assert.ok(page.link()!.startsWith(world.server.universalLink));
    assert.match(await sent, /^te6cc/);
    const { address } = world.server.wallet;
    assert.deepEqual(requests.slice(before).map(({ network, from, validUntil: until, messages }) => ({ network, from, until, messages })), [
      { network: '2026', from: address.toRawString(), until: validUntil, messages: [{ address: message().address, amount: '7', payload: 'te6ccgEBAQEABgAACAAADHA=' }] },
    ]);
    assert.deepEqual([page.isAsked(), page.link()], [false, null]);
    const account = await world.devnet.blockchain.getContract(Address.parse(message().address));
    assert.ok(account.balance >= 7n);
  });

  test('what the wallet does not want, what nobody answers and what it cannot take have names of their own', async () => {
    const page = await world.connected(undefined, world.server, { graceSeconds: 0.2 });
    const { wallet } = world.server;
    wallet.manner = 'rejects';
    await assert.rejects(page.send([message()], soon()), hasCode('wallet.rejected'));
    wallet.manner = 'isSilent';
    await assert.rejects(page.send([message()], Math.floor(Date.now() / 1_000)), hasCode('wallet.expired'));
    wallet.manner = 'pays';
    const before = wallet.requests.length;
    await assert.rejects(page.send([{ ...message(), address: `0:${'0c'.repeat(32)}` }], soon()), hasCode('wallet.failed'));
    assert.equal(wallet.requests.length, before);
    await page.send([message()], soon());
    await wallet.disconnect();
    await until(() => page.account() === null, 'disconnected');
    await assert.rejects(page.send([message()], soon()), hasCode('wallet.notConnected'));
  });

  test('a request whose bridge does not answer is not made again, and one that it refuses neither', async () => {
    const page = await world.connected();
    const { bridge, wallet } = world.server;
    const before = wallet.requests.length;
    bridge.postFault = 'unanswered';
    await assert.rejects(page.send([message()], soon()), hasCode('wallet.bridge'));
    await until(() => wallet.requests.length === before + 1, 'the wallet has it');
    bridge.postFault = 'refused';
    await assert.rejects(page.send([message()], soon()), hasCode('wallet.bridge'));
    bridge.postFault = null;
    assert.equal(wallet.requests.length, before + 1);
  });

  test('a page that loses its bridge while the wallet is asked hears the answer when it is back', async () => {
    const page = await world.connected();
    const { bridge, wallet } = world.server;
    wallet.manner = 'answersLate';
    wallet.lateMillis = 300;
    const before = wallet.requests.length;
    const sent = page.send([message()], soon());
    await until(() => wallet.requests.length > before, 'the wallet is asked');
    bridge.cut();
    assert.match(await sent, /^te6cc/);
    assert.equal(wallet.requests.length, before + 1);
  });

  test('a wallet of another network is refused by name, and so is one whose user says no', async () => {
    const elsewhere = await world.another({ saysNetwork: '-239' });
    const page = world.page(undefined, elsewhere);
    await page.preload();
    for (const [manner, code] of [['pays', 'wallet.network'], ['rejects', 'wallet.rejected']] as const) {
      elsewhere.wallet.manner = manner;
      const link = page.connect('simulated');
      await until(() => elsewhere.bridge.clients.length > 0, 'the page listens');
      // An answer that comes while the connection to the bridge is being opened leaves a rejection in the SDK that nobody hears.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await elsewhere.wallet.open(link);
      await until(() => page.problem() !== null, 'a problem');
      assert.deepEqual([page.problem()!.code, page.account(), page.link(), page.isStored()], [code, null, null, false]);
      if (code === 'wallet.network') assert.deepEqual(page.problem()!.text.params, { expected: '2026', received: '-239' });
    }
  });

  test('the next start of the page goes on with a connection that was stored; one that was given up is not', async () => {
    const storage = new MemoryStorage();
    await world.connected(storage);
    askedOrigins();
    const next = world.page(storage);
    assert.ok(next.isStored());
    await next.restore();
    assert.deepEqual([next.account()?.address, next.name()], [world.server.wallet.address.hash.toString('hex'), 'Simulated']);
    await next.send([message()], soon());
    assert.deepEqual(askedOrigins().filter((from) => from !== world.devnet.url && from !== new URL(world.server.bridgeUrl).origin), []);

    const other = new MemoryStorage();
    const page = world.page(other);
    await page.preload();
    const others = world.server.bridge.clients.length;
    page.connect('simulated');
    await until(() => page.isStored() && world.server.bridge.clients.length > others, 'the page listens');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await page.disconnect();
    await until(() => world.server.bridge.clients.length === others, 'it does not any more');
    assert.deepEqual([page.isStored(), page.link()], [false, null]);
    assert.equal(world.page(other).isStored(), false);
  });

  test('a browser that keeps nothing, or throws when it is asked to, can connect all the same', async () => {
    const throws = (): never => { throw new Error('denied'); };
    await world.connected({ getItem: throws, setItem: throws, removeItem: throws });
    await world.connected({ getItem: () => null, setItem: () => undefined, removeItem: () => undefined });
    await world.connected(undefined, world.server, { storage: throws });
  });

  test('links carry the way back, escaped as Telegram wants it', () => {
    const back = 'https://t.me/cocoon_bot/app';
    assert.equal(new URL(withReturn('https://wallet.example/c?v=2', back)).searchParams.get('ret'), back);
    assert.equal(withReturn('tc://?v=2', undefined), 'tc://?v=2&ret=back');
    assert.equal(opener('https://wallet.example/c', undefined), 'https://wallet.example/c?ret=back');
    assert.equal(withReturn('https://t.me/wallet/start?startapp=tonconnect-v__2', undefined), 'https://t.me/wallet/start?startapp=tonconnect-v__2-ret__back');
    const asked = opener('https://t.me/wallet?attach=wallet', back);
    assert.equal(asked, 'https://t.me/wallet/start?startapp=tonconnect-ret__https--3A--2F--2Ft--2Eme--2Fcocoon--5Fbot--2Fapp');
  });
});
