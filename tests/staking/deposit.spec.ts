import { beginCell, Cell, toNano } from '@ton/core';
import {
  depositFees,
  minimumStake,
  OP_EXCESSES,
  packDepositStake,
  PROVIDER_STAKE_ERRORS as ERRORS,
  ProviderStake,
} from '../../wrappers';
import { pricesOf } from '../support/config';
import { NETWORK_ID } from '../support/jobWorld';
import {
  breakAccount,
  conserved,
  gasFeeOf,
  inject,
  outcome,
  paidTo,
  rentReserve,
  sent,
  shareFee,
  snapshotOf,
} from '../support/stakeActions';
import { exitCode, REGISTRY, STAKE, StakeWorld } from '../support/stakeWorld';

const UNKNOWN_MESSAGE = 130;
const amount = toNano('7');

describe('deposits and top-ups', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const status = () => world.stake.getStatus();
  const deposit = (value: bigint, body = packDepositStake(amount, 9n), from = world.watcher.address) =>
    inject(world, from, body, value);
  const topUp = (body: Cell, value = toNano('0.5')) => inject(world, world.watcher.address, body, value);

  it('of anybody become stake, and what is beyond stake, rent and fees returns, to the nanoTON', async () => {
    const value = amount + toNano('2');
    const before = await world.balance();
    const result = await conserved(world, value, () => deposit(value));
    const [change, ...others] = sent(result, world);
    expect(others).toEqual([]);
    expect(change.bounce).toBe(false);
    expect(change.to.equals(world.watcher.address)).toBe(true);
    expect(change.body.equals(beginCell().storeUint(OP_EXCESSES, 32).storeUint(9, 64).endCell())).toBe(true);
    expect(change.value).toBe(value - amount - gasFeeOf(result, world) - shareFee(world));
    expect(await world.balance()).toBe(before + amount);
    expect((await status()).active).toBe(STAKE + amount);
  });

  it('need the amount, five years of rent and the fees when the account is new, and not a nanoTON less', async () => {
    for (const missing of [1n, 0n]) {
      world = await StakeWorld.create();
      const parameters = { networkId: NETWORK_ID, registry: REGISTRY, owner: world.client.address };
      const stake = world.chain.openContract(await ProviderStake.fromOwner(parameters));
      const value = amount + rentReserve(world) + depositFees(pricesOf(world.chain)) - missing;
      const result = await stake.sendDeposit(world.watcher.getSender(), { value, amount });
      expect(exitCode(result, stake.address)).toBe(missing === 0n ? 0 : ERRORS.valueBelowFees);
      if (missing === 0n) {
        expect(await stake.getStatus()).toMatchObject({ active: amount, thawing: 0n, slashed: 0n, keyCount: 0 });
        expect(await world.balance(stake.address)).toBe(amount + rentReserve(world));
      } else expect(await world.balance(stake.address)).toBe(0n);
    }
  });

  it('that come twice count twice, and one of nothing changes nothing', async () => {
    await deposit(amount + toNano('1'));
    await deposit(amount + toNano('1'));
    expect((await status()).active).toBe(STAKE + 2n * amount);
    const before = await snapshotOf(world);
    expect(outcome(await deposit(toNano('1'), packDepositStake(0n)), world)).toBe(0);
    expect(await snapshotOf(world)).toEqual(before);
  });

  it('of more than the message brings are refused, whatever the account holds already', async () => {
    await topUp(beginCell().endCell(), toNano('50'));
    const before = await snapshotOf(world);
    const most = (1n << 120n) - 1n;
    for (const asked of [toNano('2') + 1n, toNano('50'), most]) {
      const result = await deposit(toNano('2'), packDepositStake(asked));
      expect(outcome(result, world)).toBe(ERRORS.valueBelowFees);
      expect(sent(result, world)[0].to.equals(world.watcher.address)).toBe(true);
    }
    expect(await snapshotOf(world)).toEqual(before);
  });

  it('of a contract that cannot take change count all the same', async () => {
    await breakAccount(world, world.watcher.address);
    const before = await world.balance();
    const result = await deposit(amount + toNano('2'));
    expect(outcome(result, world)).toBe(0);
    expect((await status()).active).toBe(STAKE + amount);
    expect(await world.balance()).toBe(before + amount);
  });

  it('a top-up is a message without an opcode, or with 32 zeros as one: it pays rent, all of it', async () => {
    const empty = beginCell().endCell();
    for (const body of [empty, beginCell().storeUint(0, 32).endCell(), beginCell().storeUint(31, 5).endCell()]) {
      const before = await world.balance();
      const result = await topUp(body);
      expect(outcome(result, world)).toBe(0);
      expect(sent(result, world)).toEqual([]);
      expect(await world.balance()).toBe(before + toNano('0.5') - gasFeeOf(result, world));
      expect((await status()).active).toBe(STAKE);
    }
  });

  it('a top-up moves the day until which rent is paid, and no key or stake', async () => {
    const before = await status();
    const perYear = rentReserve(world) / 5n;
    await topUp(beginCell().endCell(), perYear + toNano('0.01'));
    const after = await status();
    expect(after.paidUntil - before.paidUntil).toBeGreaterThan(365 * 86_400);
    expect(after.paidUntil - before.paidUntil).toBeLessThan(365 * 86_400 * 1.1);
    expect(after.active).toBe(before.active);
    expect(after.minimum).toBe(minimumStake(NETWORK_ID));
  });

  it('a text, an unknown opcode and what only looks like a message return to their sender', async () => {
    const before = await snapshotOf(world);
    const bodies = [
      beginCell().storeUint(0, 32).storeStringTail('for your rent').endCell(),
      beginCell().storeUint(0x0c0f, 32).endCell(),
      beginCell().storeUint(0x0c1a, 32).storeUint(0, 64).endCell(),
      beginCell().storeUint(0x0c06, 32).storeUint(0, 8).endCell(),
      beginCell().storeUint(0xffffffff, 32).storeUint(0x0c19, 32).endCell(),
    ];
    for (const body of bodies) {
      const result = await topUp(body);
      expect(outcome(result, world)).toBe(UNKNOWN_MESSAGE);
      expect(paidTo(result, world, world.watcher.address)).toBeGreaterThan(toNano('0.4975'));
    }
    expect(await snapshotOf(world)).toEqual(before);
  });
});
