import { Address, beginCell, toNano } from '@ton/core';
import {
  BURN_ADDRESS,
  OP_SLASH_SHARE,
  OP_STAKE_BURNT,
  packReportMislabelled,
  packReportTwoReceipts,
  packThawStake,
  PROVIDER_STAKE_ERRORS as ERRORS,
  requiredStakeValue,
} from '../../wrappers';
import { pricesOf } from '../support/config';
import { patternBytes } from '../support/jobWorld';
import {
  breakAccount,
  conserved,
  freezeAccount,
  gasFeeOf,
  inject,
  outcome,
  paidTo,
  sent,
  shareFee,
} from '../support/stakeActions';
import { undeliveredBody } from '../support/stakeMatrix';
import { DAY, signed, STAKE, StakeWorld, termsCell } from '../support/stakeWorld';

const value = toNano('1');
/** Client 10 x 0.1 + 1 TON and watcher 5 TON of a slash of 50 TON; the rest is burnt. */
const SHARES = { client: toNano('2'), watcher: toNano('5'), burnt: toNano('43') };

const evidenceOf = (world: StakeWorld, terms = world.terms()) => {
  const first = world.receipt(terms);
  const second = { ...first, responseCommit: patternBytes(32, 99) };
  return packReportTwoReceipts({ terms: termsCell(terms), first: signed(first), second: signed(second) }, 7n);
};
const mislabelOf = (world: StakeWorld) => {
  const terms = world.terms({ tier: 1 });
  return packReportMislabelled(termsCell(terms), signed(world.receipt(terms)), 7n);
};

describe('what everybody gets of a slash', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const report = (nano = value, from = world.watcher.address, body = evidenceOf(world)) =>
    inject(world, from, body, nano);
  const undelivered = (price: bigint, nano = value, acceptance = world.acceptance(world.terms())) =>
    inject(world, world.escrow.address, undeliveredBody(world.client.address.hash, price, acceptance), nano, {
      bounce: false,
    });

  it.each([
    ['two receipts', evidenceOf],
    ['a wrong label', mislabelOf],
  ])('finding 18: of %s, to the nanoTON', async (_, body) => {
    const before = await world.balance();
    const result = await conserved(world, value, () => report(value, world.watcher.address, body(world)));
    const fee = shareFee(world);
    const messages = sent(result, world).map(({ to, ...rest }) => ({ to: to.toRawString(), ...rest, body: undefined }));
    expect(messages).toEqual(
      [
        { to: world.client.address, value: SHARES.client - fee },
        { to: BURN_ADDRESS, value: SHARES.burnt - fee },
        { to: world.watcher.address, value: SHARES.watcher + value - gasFeeOf(result, world) - fee },
      ].map((message) => ({ ...message, to: message.to.toRawString(), bounce: false, body: undefined })),
    );
    const bodies = sent(result, world).map(({ body: sentBody }) => sentBody.toString());
    const share = beginCell().storeUint(OP_SLASH_SHARE, 32).storeUint(7, 64).endCell().toString();
    const burn = beginCell().storeUint(OP_STAKE_BURNT, 32).storeUint(7, 64).endCell().toString();
    expect(bodies).toEqual([share, burn, share]);
    expect(await world.balance()).toBe(before - STAKE / 2n);
  });

  it('finding 21: of an undelivered job, to the nanoTON, from the smallest price to more than the cap', async () => {
    // [price, taken, of that the client's]
    for (const [price, taken, share] of [
      [toNano('0.01'), toNano('0.01'), toNano('0.005')],
      [toNano('0.1'), toNano('0.1'), toNano('0.05')],
      [toNano('1'), toNano('1'), toNano('0.05')],
      [toNano('1') + 1n, toNano('1'), toNano('0.05')],
      [(1n << 120n) - 1n, toNano('1'), toNano('0.05')],
    ]) {
      world = await StakeWorld.create();
      const before = await world.balance();
      const result = await conserved(world, value, () => undelivered(price));
      const rest = value - gasFeeOf(result, world) - shareFee(world);
      expect(paidTo(result, world, world.client.address)).toBe(share + rest);
      expect(paidTo(result, world, BURN_ADDRESS)).toBe(taken - share - shareFee(world));
      expect(await world.balance()).toBe(before - taken);
      expect(await world.stake.getStatus()).toMatchObject({ active: STAKE - taken, slashed: taken, faults: 1 });
    }
  });

  it('a promise that costs nothing leaves a fault on record, and the client gets the money of the report', async () => {
    const before = await world.balance();
    const result = await conserved(world, value, () => undelivered(0n));
    expect(sent(result, world)).toHaveLength(1);
    expect(paidTo(result, world, world.client.address)).toBe(value - gasFeeOf(result, world) - shareFee(world));
    expect(await world.balance()).toBe(before);
    expect(await world.stake.getStatus()).toMatchObject({ active: STAKE, slashed: 0n, faults: 1 });
  });

  it('what thaws pays for an undelivered job only when nothing is active', async () => {
    await inject(world, world.owner.address, packThawStake(STAKE - toNano('0.4')), value);
    await undelivered(toNano('1'));
    expect(await world.stake.getStatus()).toMatchObject({ active: 0n, thawing: STAKE - toNano('1') });
    await undelivered(toNano('1'));
    expect(await world.stake.getStatus()).toMatchObject({ active: 0n, thawing: STAKE - toNano('2'), faults: 2 });
    expect(await world.isSolvent()).toBe(true);
  });

  it('a slash of less than its messages cost is taken all the same, and pays rent', async () => {
    for (const active of [0n, 1n, 2n, 3_000n, toNano('0.001')]) {
      world = await StakeWorld.create();
      await inject(world, world.owner.address, packThawStake(STAKE), value);
      world.chain.now = world.now + 15 * DAY;
      await world.stake.sendWithdraw(world.owner.getSender(), { value });
      await world.stake.sendDeposit(world.owner.getSender(), { value: toNano('1'), amount: active });
      const least = requiredStakeValue('evidence', pricesOf(world.chain));
      const result = await conserved(world, least, () => report(least));
      expect(outcome(result, world)).toBe(0);
      expect(await world.stake.getStatus()).toMatchObject({ active: active - active / 2n, slashed: active / 2n });
      expect(await world.isSolvent()).toBe(true);
    }
  });

  describe('who cannot be paid holds nothing up', () => {
    const expectSlashed = async (result: Awaited<ReturnType<typeof report>>): Promise<void> => {
      expect(outcome(result, world)).toBe(0);
      const status = await world.stake.getStatus();
      expect(status).toMatchObject({ active: STAKE / 2n, slashed: STAKE / 2n, faults: 1 });
      expect(await world.stake.isConvicted(world.escrow.address)).toBe(true);
      expect(await world.isSolvent()).toBe(true);
    };

    it('a client and a watcher that throw: the money stays with them', async () => {
      await breakAccount(world, world.client.address);
      await breakAccount(world, world.watcher.address);
      const before = await world.balance(world.client.address);
      const result = await report();
      await expectSlashed(result);
      expect(result.transactions).toHaveLength(4);
      expect(await world.balance(world.client.address)).toBeGreaterThan(before + toNano('1.98'));
    });

    it('a client that is frozen: the money waits on its account', async () => {
      await freezeAccount(world, world.client.address);
      await expectSlashed(await report());
      expect(await world.balance(world.client.address)).toBe(SHARES.client - shareFee(world));
    });

    it('a client whose account does not exist: the money waits there', async () => {
      const client = patternBytes(32, 200);
      const body = evidenceOf(world, world.terms({ client }));
      await expectSlashed(await report(value, world.watcher.address, body));
      const address = new Address(0, Buffer.from(client));
      expect(await world.balance(address)).toBe(SHARES.client - shareFee(world));
    });

    it('the stake itself as the client: its share pays rent, and is not stake', async () => {
      const body = evidenceOf(world, world.terms({ client: world.stake.address.hash }));
      const before = await world.balance();
      const result = await report(value, world.watcher.address, body);
      await expectSlashed(result);
      const kept = (await world.balance()) - before + STAKE / 2n;
      expect(kept).toBeGreaterThan(SHARES.client - toNano('0.01'));
      expect(kept).toBeLessThan(SHARES.client);
    });

    it('a watcher in the masterchain, where messages cost more', async () => {
      const least = requiredStakeValue('evidence', pricesOf(world.chain));
      await expectSlashed(await report(least, new Address(-1, world.watcher.address.hash)));
    });

    it('a client that throws when a job was not delivered', async () => {
      await breakAccount(world, world.client.address);
      const result = await undelivered(toNano('0.5'));
      expect(outcome(result, world)).toBe(0);
      expect(await world.stake.getStatus()).toMatchObject({ active: STAKE - toNano('0.5'), faults: 1 });
      expect(result.transactions).toHaveLength(3);
    });

    it('prices that rose tenfold: what a share cannot pay for is kept, nothing fails', async () => {
      world = await StakeWorld.create(10n);
      const fee = shareFee(world);
      const before = await world.balance();
      const result = await conserved(world, value, () => undelivered(fee));
      expect(outcome(result, world)).toBe(0);
      expect(paidTo(result, world, BURN_ADDRESS)).toBe(0n);
      expect(await world.balance()).toBe(before - fee / 2n);
      expect(await world.stake.getStatus()).toMatchObject({ active: STAKE - fee, slashed: fee });
    });
  });

  it('what is no promise takes nothing and returns the money, and what cannot be read keeps it', async () => {
    const before = await world.stake.getStatus();
    const notForThis = world.acceptance(world.terms(), { escrow: patternBytes(32, 1) });
    const result = await conserved(world, value, () => undelivered(toNano('1'), value, notForThis));
    expect(paidTo(result, world, world.client.address)).toBe(value - gasFeeOf(result, world) - shareFee(world));
    const unreadable = beginCell().storeUint(1, 9).endCell();
    expect(outcome(await undelivered(toNano('1'), value, unreadable), world)).toBe(9);
    expect(await world.stake.getStatus()).toMatchObject({ active: before.active, slashed: 0n, faults: 0 });
  });

  it('finding 19: the same report and the same promise again', async () => {
    expect(outcome(await report(), world)).toBe(0);
    const again = await report();
    expect(outcome(again, world)).toBe(ERRORS.alreadyConvicted);
    expect(paidTo(again, world, world.watcher.address)).toBeGreaterThan(toNano('0.97'));
    await undelivered(toNano('1'));
    await undelivered(toNano('1'));
    // An escrow reports once: it ends with its report, and cannot open again after its deadline.
    expect((await world.stake.getStatus()).slashed).toBe(STAKE / 2n + toNano('2'));
  });
});
