import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { Address } from '@ton/core';
import type { MarketChannel } from '../../gateway/market/offer';
import type { AccountSnapshot } from '../../worker/chain/chainClient';
import { ChainApiError } from '../../worker/errors';
import { mostPayable, packChannel } from '../../wrappers';
import type { ChosenWorker } from '../../cli/client/chooseWorker';
import type { ClientOptions } from '../../cli/client/create';
import type { OwnChannel } from '../../gateway/market/channelKeeper';
import { ClientChannels, LEAST_DEPOSIT } from '../../cli/gateway/clientChannels';
import { endChannels } from '../../cli/gateway/endChannels';
import { ChannelFiles } from '../../cli/gateway/channelFiles';
import { networkPrices, NOW } from '../worker/channels/conversationWorld';

const DEPOSIT = 10n ** 9n;
const worker = {
  url: 'http://127.0.0.1:1', sealingKey: new Uint8Array(32), imageHash: new Uint8Array(32), provider: { stake: new Address(0, Buffer.alloc(32, 3)) },
  descriptor: { payout: '05'.repeat(32), channels: { claimKey: '06'.repeat(32), minCloseDelay: 86_400, path: '/', promptPriceNano: '1', outputPriceNano: '1' } },
} as unknown as ChosenWorker;

/** A chain on which transfers arrive when the test says so; each look at it takes some seconds of its time. */
class SlowChain {
  time = NOW;
  walletNano = 100n * DEPOSIT;
  sent = 0;
  arrives = true;
  /** What sending fails with, after the message left. */
  failure: Error | null = null;
  readonly accounts = new Map<string, AccountSnapshot>();

  constructor(private readonly folder: string) {}

  async getAccount(address: Address): Promise<AccountSnapshot> {
    this.time += 10;
    const known = this.accounts.get(address.toRawString());
    if (known !== undefined) return { ...known, apiTime: this.time };
    if (this.files().some(({ name }) => address.hash.toString('hex') === name)) return { state: 'absent', balance: 0n, code: null, data: null, apiTime: this.time };
    return { state: 'active', balance: this.walletNano, code: null, data: null, apiTime: this.time };
  }

  /** The wallet's next number, which is all that is asked. */
  query = async (): Promise<number> => this.sent;
  networkPrices = async () => networkPrices;

  async sendExternal(): Promise<void> {
    this.sent++;
    if (this.arrives) this.deliver(DEPOSIT);
    if (this.failure !== null) throw this.failure;
  }

  /** Money comes to the only channel that there is. */
  deliver(nano: bigint): void {
    const [{ name, terms }] = this.files();
    const address = new Address(0, Buffer.from(name, 'hex')).toRawString();
    const before = this.accounts.get(address);
    this.accounts.set(address, { state: 'active', balance: (before?.balance ?? 0n) + nano, code: null, data: before?.data ?? packChannel(terms), apiTime: 0 });
  }

  /** The only channel ends, and the chain forgets it. */
  end(): void {
    const [address] = this.accounts.keys();
    this.accounts.set(address, { state: 'absent', balance: 0n, code: null, data: null, apiTime: 0 });
  }

  private files() {
    return new ChannelFiles(join(this.folder, 'channels'), assert.fail).list();
  }
}

describe('the channels of a client', { timeout: 120_000 }, () => {
  const folders: string[] = [];
  afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));
  const lines: string[] = [];

  function world() {
    const folder = join(mkdtempSync(join(tmpdir(), 'cocoon-client-channels-')), 'data');
    folders.push(join(folder, '..'));
    const chain = new SlowChain(folder);
    const again = (): ClientChannels => new ClientChannels({ settings: { dataFolder: folder, networkId: -3 }, chain, progress: (line: string) => void lines.push(line) } as unknown as ClientOptions, DEPOSIT, 4);
    return { folder, chain, channels: again(), again };
  }
  const hasCode = (code: string) => (error: { code?: string }) => error.code === code;

  async function opened() {
    const all = world();
    const channel = await all.channels.channelWith(worker);
    assert.ok(channel.budget > DEPOSIT / 2n && channel.budget < DEPOSIT);
    return { ...all, channel };
  }
  const sentFor = async (chain: SlowChain, work: () => Promise<unknown>): Promise<number> => {
    const before = chain.sent;
    await work();
    return chain.sent - before;
  };

  test('money that was not seen in time is waited for before more is sent, counts when it comes, and is given up after ten minutes', async () => {
    const { chain, channels, channel } = await opened();
    const before = channel.budget;
    const topUp = (): Promise<void> => channels.topUp(channel, DEPOSIT);
    chain.arrives = false;
    assert.equal(await sentFor(chain, () => assert.rejects(topUp(), hasCode('chain.timeout'))), 1);
    assert.equal(await sentFor(chain, () => assert.rejects(topUp(), hasCode('chain.timeout'))), 0);
    assert.ok(channel.budget < before + 1_000n, 'less rent is no money that came');
    chain.deliver(DEPOSIT);
    assert.equal(await sentFor(chain, topUp), 0);
    assert.ok(channel.budget >= before + DEPOSIT);
    chain.arrives = true;
    assert.equal(await sentFor(chain, topUp), 1, 'the next one is paid as ever');
    chain.arrives = false;
    await assert.rejects(topUp(), hasCode('chain.timeout'));
    chain.time += 700;
    chain.arrives = true;
    assert.equal(await sentFor(chain, topUp), 1, 'it was lost');
  });

  test('nor is more sent after an API that failed once the message had left; a wallet that had too little sent nothing', async () => {
    const { chain, channels, channel } = await opened();
    const before = channel.budget;
    chain.failure = new ChainApiError('network.unreachable', 'cannot reach the API');
    await assert.rejects(channels.topUp(channel, DEPOSIT), hasCode('network.unreachable'));
    chain.failure = null;
    assert.equal(await sentFor(chain, () => channels.topUp(channel, DEPOSIT)), 0);
    assert.ok(channel.budget >= before + DEPOSIT);
    chain.walletNano = 1n;
    assert.equal(await sentFor(chain, () => assert.rejects(channels.topUp(channel, DEPOSIT), hasCode('chain.low-balance'))), 0);
    chain.walletNano = 100n * DEPOSIT;
    assert.equal(await sentFor(chain, () => channels.topUp(channel, DEPOSIT)), 1);
  });

  test('a channel whose first money is on its way is waited for, after a restart too, and no second one is opened', async () => {
    const { chain, channels, again } = world();
    chain.arrives = false;
    await assert.rejects(channels.channelWith(worker), hasCode('chain.timeout'));
    const restarted = again();
    assert.equal(await sentFor(chain, () => assert.rejects(restarted.channelWith(worker), hasCode('chain.timeout'))), 0);
    chain.deliver(DEPOSIT);
    let channel: MarketChannel | null = null;
    assert.equal(await sentFor(chain, async () => (channel = await restarted.channelWith(worker))), 0);
    assert.ok(channel!.budget > DEPOSIT / 2n);
    assert.equal(restarted.list().length, 1);
  });

  test('nothing goes into a channel that is not open any more', async () => {
    const { chain, channels, channel } = await opened();
    chain.end();
    assert.equal(await sentFor(chain, () => assert.rejects(channels.topUp(channel, DEPOSIT), hasCode('gateway.channel-ending'))), 0);
  });

  test('a file that is damaged is told once, and keeps nobody from the other channels', async () => {
    const { folder, channels } = await opened();
    const damaged = join(folder, 'channels', `${'ab'.repeat(32)}.boc`);
    writeFileSync(damaged, 'this is no bag of cells');
    lines.length = 0;
    assert.equal(channels.list().length, 1);
    await channels.look(channels.list()[0]);
    assert.deepEqual(lines.filter((line) => line.includes(damaged)).length, 1);
  });

  test('one that cannot be ended keeps none of the others from it, and its error is told', async () => {
    const channelOf = (index: number): OwnChannel => ({ address: new Uint8Array(32).fill(index), stake: new Uint8Array(32), openedAt: NOW, finishedAt: index === 4 ? NOW : null });
    const done: [string, number][] = [];
    const accounts = {
      retire: ({ address }: OwnChannel) => void done.push(['retired', address[0]]),
      close: async ({ address }: OwnChannel) => {
        if (address[0] === 1) throw new ChainApiError('network.unreachable', 'cannot reach the API');
        done.push(['closed', address[0]]);
      },
    };
    const seen = (['open', 'open', 'closing', 'ended', 'absent', 'ended'] as const).map((phase, index) => ({ own: channelOf(index + 1), onChain: { phase, balance: index === 5 ? 0n : DEPOSIT } }));
    lines.length = 0;
    await assert.rejects(endChannels(accounts, seen, (line) => void lines.push(line)), hasCode('network.unreachable'));
    assert.deepEqual(done, [['retired', 1], ['retired', 2], ['closed', 2], ['closed', 4]]);
    assert.deepEqual(lines.map((line) => /could not|has begun|fetched/.exec(line)?.[0]), ['could not', 'has begun', 'fetched']);
  });

  test('the least deposit leaves more to buy with than it keeps back', async () => {
    const { channels, folder } = await opened();
    assert.equal(channels.list().length, 1);
    const [{ terms }] = new ChannelFiles(join(folder, 'channels'), assert.fail).list();
    assert.ok(mostPayable({ terms, claimed: 0n, endsAt: terms.expiry }, LEAST_DEPOSIT, networkPrices, NOW) > LEAST_DEPOSIT / 2n);
  });

  test('looking writes nothing; the wallet of somebody else closes nothing', async () => {
    const untouched = world();
    assert.deepEqual(untouched.channels.list(), []);
    assert.equal(existsSync(untouched.folder), false);
    const { folder, again } = await opened();
    rmSync(join(folder, 'keys'), { recursive: true });
    const [own] = again().list();
    await again().look(own);
    assert.deepEqual(readdirSync(folder), ['channels']);
    await assert.rejects(again().close(own), hasCode('gateway.other-wallet'));
  });
});
