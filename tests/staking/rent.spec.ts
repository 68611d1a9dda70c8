import { toNano } from '@ton/core';
import { toInteger } from '../../wrappers/cells';
import {
  depositFees,
  KEY_STATUS,
  packDepositStake,
  packThawStake,
  packWithdrawStake,
  PROVIDER_STAKE_ERRORS as ERRORS,
} from '../../wrappers';
import { pricesOf } from '../support/config';
import { gasFeeOf, inject, outcome, paidTo, rentReserve, shareFee } from '../support/stakeActions';
import { addKeyBody, SEALING_KEY, STAKE_MESSAGES } from '../support/stakeMatrix';
import { bondedRecord, DAY, emptyState, STAKE, StakeWorld, WORKER } from '../support/stakeWorld';

const YEAR = 365 * DAY;
const value = toNano('1');

describe('rent of a stake', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const status = () => world.stake.getStatus();
  const send = (body: Parameters<typeof inject>[2], from = world.owner.address, nano = value) =>
    inject(world, from, body, nano);
  const spare = async (): Promise<bigint> => {
    const { active, thawing } = await status();
    return (await world.balance()) - active - thawing;
  };
  /** A stake with one key whose account has less than its books say: rent of long ago. */
  const sink = async (active: bigint, thawing: bigint, balance: bigint) => {
    const state = { ...emptyState(), active, thawing, announced: true };
    state.keys.set(toInteger(WORKER.publicKey), bondedRecord(toInteger(SEALING_KEY), world.now));
    await world.setState(state, balance);
  };

  it.each([5, 20, 70])(
    'finding 47: after %s years no message leaves a promise of more than is there',
    async (years) => {
      for (const { name, from, body } of STAKE_MESSAGES) {
        world = await StakeWorld.create();
        world.chain.now = world.now + years * YEAR;
        const result = await send(body(world), from(world), toNano('3'));
        const refusal = name.startsWith('AddWorkerKey') ? ERRORS.keyEndPassed : 0;
        expect([name, outcome(result, world)]).toEqual([name, refusal]);
        expect([name, (await spare()) >= 0n]).toEqual([name, true]);
        const { active, thawing, slashed } = await status();
        expect([name, active + thawing + slashed <= STAKE + 5n]).toEqual([name, true]);
      }
    },
  );

  it('finding 47: the first deposit pays five years, for the largest state', async () => {
    expect((await status()).paidUntil).toBeGreaterThanOrEqual(world.now + 5 * YEAR);
    world.chain.now = world.now + 5 * YEAR;
    await send(packThawStake(1n));
    expect((await status()).active).toBe(STAKE - 1n);
    expect(await spare()).toBeGreaterThan(0n);
  });

  it('finding 47: when the reserve is used up the stake pays, active first, and its status says so', async () => {
    await sink(toNano('60'), toNano('30'), toNano('80'));
    expect(await status()).toMatchObject({ active: toNano('50'), thawing: toNano('30'), paidUntil: world.now });
    await sink(toNano('10'), toNano('30'), toNano('25'));
    expect(await status()).toMatchObject({ active: 0n, thawing: toNano('25'), paidUntil: world.now });
    await sink(toNano('10'), toNano('30'), 0n);
    expect(await status()).toMatchObject({ active: 0n, thawing: 0n, paidUntil: world.now });
  });

  it('finding 47: no key is added and no job stood for by a stake that is only in the books', async () => {
    const minimum = toNano('50');
    await sink(minimum, 0n, minimum - 1n);
    expect(outcome(await send(addKeyBody(world)), world)).toBe(ERRORS.stakeBelowMinimum);
    expect(await world.query(world.terms())).toBe(KEY_STATUS.stakeTooLow);
    await sink(minimum, 0n, minimum);
    expect(await world.query(world.terms())).toBe(KEY_STATUS.fine);
  });

  it('finding 47: what thaws and what is paid out is what is there', async () => {
    await sink(toNano('60'), toNano('30'), toNano('80'));
    expect(outcome(await send(packThawStake(toNano('50') + 1n)), world)).toBe(ERRORS.amountAboveFreeStake);
    expect(outcome(await send(packThawStake(toNano('50'))), world)).toBe(0);
    expect(await status()).toMatchObject({ active: 0n, thawing: toNano('80') });
    await sink(toNano('10'), toNano('30'), toNano('25'));
    const result = await send(packWithdrawStake());
    const left = value - gasFeeOf(result, world) - shareFee(world);
    expect(paidTo(result, world, world.owner.address)).toBe(toNano('25') + left);
    expect(await status()).toMatchObject({ active: 0n, thawing: 0n });
    expect(await world.balance()).toBe(0n);
  });

  it('finding 47: a slash takes half of what is there', async () => {
    await sink(toNano('60'), toNano('30'), toNano('80'));
    await world.reportLie();
    expect(await status()).toMatchObject({ active: toNano('25'), thawing: toNano('15'), slashed: toNano('40') });
    expect(await spare()).toBe(0n);
    await sink(toNano('60'), toNano('30'), toNano('0.3'));
    await world.undelivered(world.acceptance(world.terms()), toNano('9'));
    expect(await status()).toMatchObject({ active: 0n, thawing: 0n, slashed: toNano('0.3') });
    expect(await spare()).toBe(0n);
  });

  it('finding 47: a deposit into such a stake fills the reserve of five years again, to the nanoTON', async () => {
    const amount = toNano('7');
    const least = amount + rentReserve(world) + depositFees(pricesOf(world.chain));
    await sink(toNano('60'), toNano('30'), toNano('80'));
    const deposit = packDepositStake(amount);
    expect(outcome(await send(deposit, world.watcher.address, least - 1n), world)).toBe(ERRORS.valueBelowFees);
    expect(outcome(await send(deposit, world.watcher.address, least), world)).toBe(0);
    expect(await status()).toMatchObject({ active: toNano('57'), thawing: toNano('30') });
    expect(await spare()).toBe(rentReserve(world));
  });

  it('finding 47: an account that owes rent and has nothing takes deposits, which pay it', async () => {
    await sink(toNano('60'), toNano('30'), toNano('0.001'));
    // The first change measures the account; from then on it pays.
    await send(packThawStake(0n));
    expect(await status()).toMatchObject({ active: 0n, thawing: toNano('0.001') });
    world.chain.now = world.now + YEAR;
    const amount = toNano('50');
    expect(outcome(await send(packDepositStake(amount), world.owner.address, toNano('52')), world)).toBe(0);
    expect(await status()).toMatchObject({ active: amount, thawing: 0n });
    expect(outcome(await send(packThawStake(1n)), world)).toBe(0);
    expect(await status()).toMatchObject({ active: amount - 1n, thawing: 1n });
    expect(await spare()).toBeGreaterThan(0n);
  });
});
