import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type Address, type Transaction, toNano } from '@ton/core';
import { Blockchain, type SandboxContract, type TreasuryContract } from '@ton/sandbox';
import { voucherHash } from '../../../protocol';
import { createLogger } from '../../../worker/log';
import { PaymentReader } from '../../../worker/channels/payments';
import { ChannelStore } from '../../../worker/channels/store/channelStore';
import { claimFee, packChannel, PaymentChannel, type PaymentChannelTerms, readNetworkPrices } from '../../../wrappers';
import { newKey } from '../channels/conversationWorld';

const START = 1_800_000_000;
const NETWORK = -239;

/** A real channel in a sandbox, its history behind an API of which the test says what it shows, and the worker's store. */
class HistoryWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'cocoon-payments-'));
  readonly store = ChannelStore.open(this.folder, { networkId: NETWORK, workerKey: 'ab'.repeat(32) }, START);
  /** Newest first. */
  readonly history: Transaction[] = [];
  /** Transactions that the API leaves out, by their place in the history. */
  hidden: number[] = [];
  asked = 0;
  now = START;
  readonly reader: PaymentReader;

  private constructor(
    private readonly chain: Blockchain,
    private readonly client: SandboxContract<TreasuryContract>,
    private readonly payout: SandboxContract<TreasuryContract>,
    readonly channel: SandboxContract<PaymentChannel>,
    readonly terms: PaymentChannelTerms,
    private readonly keys: Record<'client' | 'claim', ReturnType<typeof newKey>>,
  ) {
    const getPage = async (_address: Address, limit: number, from?: { lt: string }): Promise<Transaction[]> => {
      this.asked++;
      const shown = this.history.filter((_each, index) => !this.hidden.includes(index));
      return shown.filter(({ lt }) => from === undefined || lt < BigInt(from.lt)).slice(0, limit);
    };
    this.reader = new PaymentReader({
      chain: { getPage, networkPrices: async () => this.prices }, store: this.store, payout: payout.address, log: createLogger('silent'), now: () => this.now,
    });
  }

  static async create(deposit: bigint): Promise<HistoryWorld> {
    const chain = await Blockchain.create({ config: 'slim' });
    chain.now = START;
    const [client, payout, stake] = [await chain.treasury('client'), await chain.treasury('payout'), await chain.treasury('stake')];
    const keys = { client: newKey(), claim: newKey() };
    const terms: PaymentChannelTerms = {
      networkId: NETWORK, client: client.address, clientKey: keys.client.publicKey, stake: stake.address, payout: payout.address,
      claimKey: keys.claim.publicKey, closeDelay: 86_400, expiry: START + 30 * 86_400,
    };
    const channel = chain.openContract(await PaymentChannel.fromTerms(terms));
    const world = new HistoryWorld(chain, client, payout, channel, terms, keys);
    await world.topUp(deposit);
    await world.store.addChannel(world.address, packChannel(terms).toBoc(), START);
    return world;
  }

  get address(): Buffer {
    return this.channel.address.hash;
  }

  get prices() {
    return readNetworkPrices(this.chain.config);
  }

  async topUp(value: bigint): Promise<void> {
    this.keep((await this.channel.sendTopUp(this.client.getSender(), value)) as unknown as { transactions: Transaction[] });
  }

  /** Somebody claims a voucher. @returns what reached the payout wallet */
  async claim(amount: bigint, final = false): Promise<bigint> {
    this.chain.now! += 100;
    const hash = voucherHash({ networkId: NETWORK, channel: this.address, final, amount });
    const signatures = { voucherSignature: this.keys.client.sign(hash), claimSignature: this.keys.claim.sign(hash) };
    await this.store.keepVoucher(this.address, { amountNano: amount, final, signature: signatures.voucherSignature });
    const { transactions } = (await this.channel.sendClaim({ amount, final, ...signatures })) as unknown as { transactions: Transaction[] };
    this.keep({ transactions });
    const payment = transactions.find(({ inMessage }) => inMessage?.info.type === 'internal' && inMessage.info.dest.equals(this.payout.address));
    return payment?.inMessage?.info.type === 'internal' ? payment.inMessage.info.value.coins : 0n;
  }

  /** The worker sees what the channel has paid. @returns that */
  async see(): Promise<bigint> {
    const { claimed } = (await this.channel.getChannel())!;
    await this.store.settle(this.address, claimed, this.now);
    return claimed;
  }

  end(): void {
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private keep({ transactions }: { transactions: Transaction[] }): void {
    this.history.unshift(...transactions.filter(({ address }) => address.toString(16) === BigInt(`0x${this.address.toString('hex')}`).toString(16)).reverse());
  }
}

describe('payments of a channel', () => {
  const worlds: HistoryWorld[] = [];
  after(() => worlds.forEach((world) => world.end()));
  const begin = async (deposit: string): Promise<HistoryWorld> => {
    const world = await HistoryWorld.create(toNano(deposit));
    worlds.push(world);
    return world;
  };
  const sums = (world: HistoryWorld) => world.store.money.sums(0, 2 ** 40);

  test('are what the history shows, each with its time and its fee, whoever claimed and whatever came between', async () => {
    const world = await begin('2');
    const fee = claimFee(world.prices);
    const received = [await world.claim(100_000_000n), await world.claim(250_000_000n)];
    await world.topUp(toNano('1'));
    assert.equal(await world.see(), 250_000_000n);
    await world.reader.round();
    assert.deepEqual(sums(world), { claims: 2, takenNano: 250_000_000n, receivedNano: received[0] + received[1] });
    assert.equal(received[0], 100_000_000n - fee);
    received.push(await world.claim(900_000_000n, true));
    await world.see();
    await world.reader.round();
    assert.deepEqual(world.store.money.page({ time: 2 ** 40, row: 0 }, 9).map(({ time, takenNano, receivedNano }) => [time - START, takenNano, receivedNano]), [
      [300, 650_000_000n, received[2]], [200, 150_000_000n, received[1]], [100, 100_000_000n, received[0]],
    ]);
    assert.deepEqual(world.store.money.sums(START + 200, START + 300), { claims: 1, takenNano: 150_000_000n, receivedNano: received[1] });
    assert.deepEqual(world.store.money.audit(), { settledNano: 900_000_000n, unmatchedNano: 0n, unmatchedChannels: 0 });
    const { asked } = world;
    await world.reader.round();
    assert.equal(world.asked, asked, 'nothing is asked for when everything is known');
  });

  test('of a channel that held too little are what it had, and the rest once it holds more', async () => {
    const world = await begin('0.05');
    const first = await world.claim(100_000_000n);
    await world.topUp(toNano('1'));
    const second = await world.claim(100_000_000n);
    assert.equal(await world.see(), 100_000_000n);
    await world.reader.round();
    const [late, early] = world.store.money.page({ time: 2 ** 40, row: 0 }, 9);
    const fee = claimFee(world.prices);
    assert.deepEqual([early.receivedNano, early.takenNano - early.receivedNano], [first, fee]);
    assert.deepEqual([late.receivedNano, late.takenNano - late.receivedNano], [second, fee]);
    assert.equal(early.takenNano + late.takenNano, 100_000_000n);
  });

  test('that an API leaves out are missed, said to be, and asked for again later', async () => {
    const world = await begin('2');
    const first = await world.claim(100_000_000n);
    await world.see();
    await world.reader.round();
    // So little that the next one would seem to have cost no more than a dear fee.
    const little = 100_000_000n + 2n * claimFee(world.prices);
    await world.claim(little);
    await world.claim(300_000_000n);
    await world.see();
    for (const hidden of [[1], [0], [0, 1], [0, 1, 2, 3]]) {
      world.hidden = hidden;
      world.now += 86_400;
      await world.reader.round();
      assert.deepEqual(sums(world), { claims: 1, takenNano: 100_000_000n, receivedNano: first }, String(hidden));
      assert.deepEqual(world.store.money.audit(), { settledNano: 300_000_000n, unmatchedNano: 200_000_000n, unmatchedChannels: 1 });
    }
    world.hidden = [];
    const { asked } = world;
    await world.reader.round();
    assert.equal(world.asked, asked, 'not at once');
    world.now += 86_400;
    await world.reader.round();
    assert.deepEqual([sums(world).claims, sums(world).takenNano], [3, 300_000_000n]);
    assert.equal(world.store.money.audit().unmatchedNano, 0n);
  });

  test('that came after the counter was seen wait until it is seen again', async () => {
    const world = await begin('2');
    await world.claim(100_000_000n);
    await world.see();
    await world.claim(200_000_000n);
    await world.reader.round();
    assert.equal(sums(world).takenNano, 100_000_000n);
    await world.see();
    await world.reader.round();
    assert.deepEqual([sums(world).takenNano, sums(world).claims], [200_000_000n, 2]);
  });

  test('never come to more than the contract says, and are written once', async () => {
    const world = await begin('2');
    await world.claim(100_000_000n);
    await world.see();
    const payment = { lt: 5n, hash: Buffer.alloc(32), time: 1, takenNano: 100_000_001n, receivedNano: 1n };
    await assert.rejects(world.store.addPayments(world.address, [payment]), (error: { code?: string }) => error.code === 'channel.payments');
    assert.equal(sums(world).claims, 0);
  });
});

describe('vouchers that wait', () => {
  test('come in pages by their end, those of ended channels apart, and add up beyond 2^53', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cocoon-vouchers-'));
    const store = ChannelStore.open(folder, { networkId: NETWORK, workerKey: 'ab'.repeat(32) }, START);
    const amount = 2n ** 53n + 1n;
    for (let index = 0; index < 7; index++) {
      const address = Buffer.alloc(32, index + 1);
      await store.addChannel(address, Buffer.alloc(4, index), START);
      await store.keepVoucher(address, { amountNano: amount, final: false, signature: Buffer.alloc(64) });
      // The last one was never looked at; the one before it has ended; all but one end apart.
      if (index < 6) await store.noteEnd(address, index === 5 ? START - 1 : START + 1_000 - Math.floor(index / 2));
    }
    await store.settle(Buffer.alloc(32, 1), amount - 1n, START);
    const seen: number[] = [];
    for (let after: readonly [number, number] = [-2, 0]; ;) {
      const page = store.money.vouchers(START, after, 2);
      seen.push(...page.map(({ address }) => address[0]));
      if (page.length < 2) break;
      after = page[1].cursor;
    }
    assert.deepEqual(seen, [7, 5, 3, 4, 1, 2]);
    assert.deepEqual(store.money.promised(START), { open: { channels: 6, nano: 5n * amount + 1n, firstEnd: START + 998 }, lost: { channels: 1, nano: amount } });
    assert.deepEqual(store.money.promised(START + 2_000).open, { channels: 1, nano: amount, firstEnd: null }, 'nobody looked, so nobody knows that it has ended');
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
