import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Address } from '@ton/core';
import { ChainPair, openedTerms } from '../../../miniapp/src/chain';
import { ChannelStore, endByWallet, type LifeParts, openChannel, recoverable, tend } from '../../../miniapp/src/channel';
import { PaymentChannel } from '../../../wrappers';
import { MemoryDatabase, MemoryDisk, MemoryLocks } from '../channel/memory';
import { offer } from '../channel/lifeWorld';
import { WalletWorld } from './world';

const DEPOSIT = 10n ** 9n;
const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const account = (hex: string): Address => new Address(0, Buffer.from(hex, 'hex'));

describe('a channel opened by a simulated wallet on a devnet', { timeout: 60_000 }, () => {
  const world = WalletWorld.shared();
  beforeEach(() => void (world.server.wallet.manner = 'pays'));

  /** One browser. Its wallet stays connected. */
  async function browser(): Promise<LifeParts & { disk: MemoryDisk }> {
    const { devnet } = world;
    const disk = new MemoryDisk();
    return {
      disk, store: new ChannelStore(new MemoryDatabase(disk), new MemoryLocks().tab()), wallet: await world.connected(),
      // One chain: what both say alike is what this test is not about.
      pair: new ChainPair([{ name: 'a', url: `${devnet.url}/api/v2` }, { name: 'b', url: `${devnet.url.replace('127.0.0.1', 'localhost')}/api/v2` }]),
      config: { network: 'devnet', networkId: devnet.networkId }, now: () => Math.floor(Date.now() / 1_000), sleep: () => new Promise((resolve) => setTimeout(resolve, 50)),
    };
  }

  test('one request opens it at the address that the page computed, with the contract that the wrappers know', async () => {
    const parts = await browser();
    const { wallet } = world.server;
    const before = wallet.requests.length;
    const record = await openChannel(parts, offer, DEPOSIT);
    assert.equal(wallet.requests.length, before + 1);
    const [message] = wallet.requests[before].messages;
    const { address, init } = await PaymentChannel.fromTerms({
      ...record.terms, client: wallet.address, clientKey: bytes(record.terms.clientKey), claimKey: bytes(record.terms.claimKey), stake: account(record.terms.stake),
      payout: account(record.terms.payout),
    });
    assert.deepEqual([record.address, openedTerms(message.stateInit!)], [address.hash.toString('hex'), record.terms]);
    const there = await world.devnet.blockchain.getContract(address);
    assert.ok(there.accountState?.type === 'active' && there.accountState.state.code!.equals(init!.code));
    assert.deepEqual([record.intent, record.funds, record.terms.client], ['open', String(there.balance), wallet.address.hash.toString('hex')]);
    const [view] = await tend(parts);
    assert.deepEqual([view.phase, view.refundable, view.hasKey], ['open', there.balance, true]);
  });

  test('a wallet whose answer is lost, and one that pays twice, open one channel by one request', async () => {
    for (const [manner, payments] of [['losesItsAnswer', 1n], ['sendsTwice', 2n]] as const) {
      const parts = await browser();
      const { wallet } = world.server;
      wallet.manner = manner;
      const before = wallet.requests.length;
      const record = await openChannel(parts, offer, DEPOSIT);
      // The second payment may come after the first was seen.
      let [view] = await tend(parts);
      for (let looks = 0; view.deposit < (payments * DEPOSIT * 9n) / 10n && looks < 50; looks++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        [view] = await tend(parts);
      }
      assert.deepEqual([view.deposit >= (payments * DEPOSIT * 9n) / 10n, view.address, wallet.requests.length], [true, record.address, before + 1]);
    }
  });

  test('a user who says no pays nothing', async () => {
    const parts = await browser();
    world.server.wallet.manner = 'rejects';
    await assert.rejects(openChannel(parts, offer, DEPOSIT), hasCode('wallet.rejected'));
    assert.deepEqual(await tend(parts), []);
  });

  test('a browser that lost everything finds the channel by its wallet, which ends it and gets the money back', async () => {
    const parts = await browser();
    const { address } = await openChannel(parts, { ...offer, stake: '0d'.repeat(32), closeDelay: 1 }, DEPOSIT);
    for (const table of Object.values(parts.disk.tables)) table.clear();
    const find = async () => (await recoverable(parts)).channels.find((channel) => channel.address === address);
    const lost = (await find())!;
    assert.deepEqual([lost.phase, lost.hasKey], ['open', false]);
    await endByWallet(parts, lost);
    const before = (await world.devnet.blockchain.getContract(world.server.wallet.address)).balance;
    let ended = null;
    while (ended === null) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ended = await endByWallet(parts, lost).catch((error: unknown) => (hasCode('wallet.stillOpen')(error) ? null : Promise.reject(error)));
    }
    assert.equal(ended.phase, 'ended');
    assert.ok((await world.devnet.blockchain.getContract(world.server.wallet.address)).balance - before > (DEPOSIT * 9n) / 10n);
    assert.equal(await find(), undefined);
  });
});
