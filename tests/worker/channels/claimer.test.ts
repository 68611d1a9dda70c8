import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Address, Cell, loadMessage, toNano } from '@ton/core';
import { Blockchain, type SandboxContract, type TreasuryContract } from '@ton/sandbox';
import pino from 'pino';
import { voucherHash } from '../../../protocol';
import { claimFee, packChannel, PaymentChannel, type PaymentChannelTerms, readNetworkPrices } from '../../../wrappers';
import { Claimer } from '../../../worker/channels/claimer';
import { ChannelStore } from '../../../worker/channels/store/channelStore';
import { ChainStateError } from '../../../worker/errors';
import { readEarnings } from '../../../cli/provider/earnings';
import { newKey } from './conversationWorld';

const START = 1_800_000_000;
const DAY = 86_400;
const NETWORK = -239;

/** The real contract in a sandbox behind what a claimer sees of the chain. */
class ClaimWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'cocoon-claimer-'));
  readonly clientKey = newKey();
  readonly claimKey = newKey();
  sent: Buffer[] = [];
  /** Set to lose messages on their way. */
  isDeaf = false;
  store!: ChannelStore;
  claimer!: Claimer;

  private constructor(
    readonly chain: Blockchain,
    readonly client: SandboxContract<TreasuryContract>,
    readonly payout: SandboxContract<TreasuryContract>,
    readonly channel: SandboxContract<PaymentChannel>,
    readonly terms: PaymentChannelTerms,
    keys: { clientKey: ReturnType<typeof newKey>; claimKey: ReturnType<typeof newKey> },
  ) {
    Object.assign(this, keys);
    this.start();
  }

  static async create(): Promise<ClaimWorld> {
    const chain = await Blockchain.create({ config: 'slim' });
    chain.now = START;
    const [client, payout, stake] = [await chain.treasury('client'), await chain.treasury('payout'), await chain.treasury('stake')];
    const keys = { clientKey: newKey(), claimKey: newKey() };
    const terms: PaymentChannelTerms = {
      networkId: NETWORK, client: client.address, clientKey: keys.clientKey.publicKey, stake: stake.address, payout: payout.address,
      claimKey: keys.claimKey.publicKey, closeDelay: DAY, expiry: START + 30 * DAY,
    };
    const channel = chain.openContract(await PaymentChannel.fromTerms(terms));
    await channel.sendTopUp(client.getSender(), toNano('2'));
    const world = new ClaimWorld(chain, client, payout, channel, terms, keys);
    await world.store.addChannel(channel.address.hash, packChannel(terms).toBoc(), START);
    return world;
  }

  start(): void {
    this.store = ChannelStore.open(this.folder, { networkId: NETWORK, workerKey: 'ab'.repeat(32) }, this.chain.now!);
    const chain = {
      getAccount: async (address: Address) => {
        const { accountState, balance } = await this.chain.getContract(address);
        const init = accountState?.type === 'active' ? accountState.state : null;
        return { state: init ? ('active' as const) : ('absent' as const), balance, code: init?.code ?? null, data: init?.data ?? null, apiTime: this.chain.now! };
      },
      networkPrices: async () => this.prices,
      sendExternal: async (boc: Buffer) => {
        this.sent.push(boc);
        if (this.isDeaf) return;
        try {
          await this.chain.sendMessage(loadMessage(Cell.fromBoc(boc)[0].beginParse()));
        } catch {
          throw new ChainStateError('chain.external-refused', 'no contract accepts it');
        }
      },
    };
    const now = (): number => this.chain.now!;
    this.claimer = new Claimer({
      chain, store: this.store, networkId: NETWORK, sign: (hash) => this.claimKey.sign(hash), now, log: pino({ level: 'silent' }), worthwhileFees: 50n,
    });
  }

  get prices() {
    return readNetworkPrices(this.chain.config);
  }

  get fee(): bigint {
    return claimFee(this.prices);
  }

  async vouch(amountNano: bigint, final = false): Promise<void> {
    const channel = this.channel.address.hash;
    const signature = this.clientKey.sign(voucherHash({ networkId: NETWORK, channel, final, amount: amountNano }));
    await this.store.keepVoucher(channel, { amountNano, final, signature });
  }

  look(): Promise<string> {
    return this.claimer.look(this.store.read.channel(this.channel.address.hash)!);
  }

  async claimed(): Promise<bigint> {
    return (await this.channel.getChannel())!.claimed;
  }

  end(): void {
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe('claiming', () => {
  const worlds: ClaimWorld[] = [];
  after(() => worlds.forEach((world) => world.end()));
  const begin = async (): Promise<ClaimWorld> => {
    const world = await ClaimWorld.create();
    worlds.push(world);
    return world;
  };

  test('waits until a claim is worth its while, then settles everything with one message, to the last nanoTON', async () => {
    const world = await begin();
    await world.vouch(49n * world.fee);
    assert.equal(await world.look(), 'waits');
    await world.vouch(50n * world.fee);
    const before = await world.payout.getBalance();
    assert.equal(await world.look(), 'sent');
    assert.equal(await world.claimed(), 50n * world.fee);
    assert.ok((await world.payout.getBalance()) - before > 48n * world.fee);
    assert.equal(await world.look(), 'nothing due');
    assert.equal(world.store.read.balance(world.channel.address.hash).settledNano, 50n * world.fee);
    assert.equal(world.store.read.earnings().totalNano, 50n * world.fee);
    assert.equal(world.sent.length, 1);
    await world.vouch(51n * world.fee);
    const { claimedNano, unclaimedNano, byChannel, byDay } = readEarnings(world.folder);
    assert.deepEqual([claimedNano, unclaimedNano, byChannel.length], [50n * world.fee, world.fee, 1]);
    assert.deepEqual(byDay, [{ day: '2027-01-15', claimedNano: 50n * world.fee }]);
  });

  test('claims before the expiry at the latest, and at once when the client closes', async () => {
    const world = await begin();
    await world.vouch(2n * world.fee);
    world.chain.now = world.terms.expiry - DAY / 2 - 1;
    assert.equal(await world.look(), 'waits');
    world.chain.now += 1;
    assert.equal(await world.look(), 'sent');
    const closing = await begin();
    await closing.vouch(2n * closing.fee);
    await closing.channel.sendClose(closing.client.getSender());
    assert.equal(await closing.look(), 'sent');
    assert.equal(await closing.claimed(), 2n * closing.fee);
  });

  test('leaves alone what is not worth its own fee, and what has ended', async () => {
    const world = await begin();
    await world.vouch(world.fee);
    world.chain.now = world.terms.expiry - 10;
    assert.equal(await world.look(), 'waits');
    world.chain.now = world.terms.expiry;
    assert.equal(await world.look(), 'ended');
    assert.equal(world.sent.length, 0);
  });

  test('sends the same bytes again after a lost message or a crash, and counts them once', async () => {
    const world = await begin();
    await world.vouch(toNano('1'));
    world.isDeaf = true;
    assert.equal(await world.look(), 'sent');
    world.store.close();
    world.start();
    assert.equal(world.store.read.pendingClaims().length, 1);
    assert.equal(await world.look(), 'sent');
    world.isDeaf = false;
    assert.equal(await world.look(), 'sent');
    assert.equal(new Set(world.sent.map((boc) => boc.toString('hex'))).size, 1);
    await world.look();
    assert.equal(world.store.read.pendingClaims().length, 0);
    assert.equal(world.store.read.earnings().totalNano, toNano('1'));
  });

  test('closes with a final voucher, also when nothing more is due', async () => {
    const world = await begin();
    await world.vouch(toNano('1'));
    await world.look();
    await world.vouch(toNano('1'), true);
    const before = await world.client.getBalance();
    assert.equal(await world.look(), 'sent');
    assert.equal((await world.channel.getChannel())!.endsAt, 0);
    assert.ok((await world.client.getBalance()) - before > toNano('0.98'));
    assert.equal(await world.look(), 'ended');
  });

  test('keeps a voucher whose claim is refused, and one channel holds up no other', async () => {
    const world = await begin();
    await world.vouch(toNano('1'));
    const { claimKey } = world;
    Object.assign(world, { claimKey: newKey() });
    assert.equal(await world.look(), 'refused');
    Object.assign(world, { claimKey });
    await world.store.addChannel(new Uint8Array(32).fill(9), new Uint8Array(3), START);
    await world.claimer.round();
    assert.equal(await world.claimed(), toNano('1'));
  });
});
