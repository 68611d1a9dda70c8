import { toNano } from '@ton/core';
import {
  KEY_STATUS,
  OP_EXCESSES,
  OP_STAKE_WITHDRAWN,
  packDepositStake,
  packPruneWorkerKey,
  packThawStake,
  packWithdrawStake,
  PROVIDER_STAKE_ERRORS as ERRORS,
  ProviderStake,
  THAW_SECONDS,
} from '../../wrappers';
import { NETWORK_ID } from '../support/jobWorld';
import {
  breakAccount,
  conserved,
  gasFeeOf,
  inject,
  outcome,
  rentReserve,
  sent,
  shareFee,
  snapshotOf,
} from '../support/stakeActions';
import { DAY, emptyState, exitCode, REGISTRY, STAKE, StakeWorld, WORKER } from '../support/stakeWorld';

const value = toNano('1');

describe('thaw and withdrawal', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const status = () => world.stake.getStatus();
  const send = (body: Parameters<typeof inject>[2], from = world.owner.address) => inject(world, from, body, value);
  const thaw = async (amount: bigint) => outcome(await send(packThawStake(amount, 7n)), world);
  const withdraw = async () => outcome(await send(packWithdrawStake(7n)), world);

  it('of a thaw everything but gas and one message returns, and the account keeps all it had', async () => {
    const before = await world.balance();
    const result = await conserved(world, value, () => send(packThawStake(5n, 7n)));
    const [change, ...others] = sent(result, world);
    expect(others).toEqual([]);
    expect([change.bounce, change.body.beginParse().loadUint(32)]).toEqual([false, OP_EXCESSES]);
    expect(change.to.equals(world.owner.address)).toBe(true);
    expect(change.value).toBe(value - gasFeeOf(result, world) - shareFee(world));
    expect(await world.balance()).toBe(before);
  });

  it('finding 15: a thaw to below the minimum ends every key at once, and a deposit revives them', async () => {
    expect(await thaw(STAKE + 1n)).toBe(ERRORS.amountAboveFreeStake);
    expect(await thaw((1n << 120n) - 1n)).toBe(ERRORS.amountAboveFreeStake);
    expect(await thaw(STAKE - toNano('50'))).toBe(0);
    expect(await world.query(world.terms())).toBe(KEY_STATUS.fine);
    expect(await thaw(1n)).toBe(0);
    expect(await world.query(world.terms())).toBe(KEY_STATUS.stakeTooLow);
    await send(packDepositStake(1n));
    expect(await world.query(world.terms())).toBe(KEY_STATUS.fine);
    expect(await thaw(toNano('50'))).toBe(0);
    expect(await status()).toMatchObject({ active: 0n, thawing: STAKE + 1n, thawedAt: world.now + THAW_SECONDS });
  });

  it('finding 15: what thawed is paid from the very second on, once, with what the message did not use', async () => {
    await thaw(toNano('30'));
    world.chain.now = world.now + THAW_SECONDS - 1;
    expect(await withdraw()).toBe(ERRORS.stillThawing);
    world.chain.now = world.now + 1;
    const result = await conserved(world, value, () => send(packWithdrawStake(7n)));
    const [paid, ...others] = sent(result, world);
    expect(others).toEqual([]);
    expect([paid.bounce, paid.body.beginParse().loadUint(32)]).toEqual([false, OP_STAKE_WITHDRAWN]);
    expect(paid.to.equals(world.owner.address)).toBe(true);
    expect(paid.value).toBe(toNano('30') + value - gasFeeOf(result, world) - shareFee(world));
    expect(await status()).toMatchObject({ active: STAKE - toNano('30'), thawing: 0n });
    const again = await send(packWithdrawStake(7n));
    expect(sent(again, world)[0].value).toBe(value - gasFeeOf(again, world) - shareFee(world));
  });

  it('a withdrawal of an owner that throws is paid out all the same', async () => {
    await thaw(toNano('30'));
    world.chain.now = world.now + THAW_SECONDS;
    await breakAccount(world, world.owner.address);
    const before = await world.balance(world.owner.address);
    const result = await send(packWithdrawStake());
    const got = (await world.balance(world.owner.address)) - before;
    expect(got).toBeGreaterThan(toNano('30.9'));
    expect(result.transactions).toHaveLength(2);
    expect((await status()).thawing).toBe(0n);
  });

  it('finding 16: the account stays while a key is there, though all stake is gone', async () => {
    await thaw(STAKE);
    world.chain.now = world.now + THAW_SECONDS;
    expect(await withdraw()).toBe(0);
    expect(await status()).toMatchObject({ active: 0n, thawing: 0n, keyCount: 1 });
    expect(await world.balance()).toBeGreaterThan(rentReserve(world) - toNano('0.1'));
  });

  it('finding 47: the last withdrawal pays the reserve too and ends the account, which can begin again', async () => {
    await thaw(STAKE);
    await world.reportLie();
    world.chain.now = world.now + 40 * DAY;
    await send(packPruneWorkerKey(WORKER.publicKey), world.watcher.address);
    const held = await world.balance();
    const result = await conserved(world, value, () => send(packWithdrawStake(7n)));
    const rent = held + value - sent(result, world)[0].value - gasFeeOf(result, world) - shareFee(world);
    expect(rent).toBe(0n);
    expect(await snapshotOf(world)).toEqual({ balance: 0n, data: 'absent' });
    const parameters = { networkId: NETWORK_ID, registry: REGISTRY, owner: world.owner.address };
    const again = world.chain.openContract(await ProviderStake.fromOwner(parameters));
    const deposit = { value: toNano('9'), amount: toNano('7') };
    expect(exitCode(await again.sendDeposit(world.owner.getSender(), deposit), again.address)).toBe(0);
    const asNew = { thawing: 0n, slashed: 0n, faults: 0, keyCount: 0 };
    expect(await again.getStatus()).toMatchObject({ active: toNano('7'), ...asNew });
    expect(await again.isConvicted(world.escrow.address)).toBe(false);
  });

  it('finding 47: nobody holds an ended stake open with a deposit of dust, and a stake that could work thaws first', async () => {
    await thaw(STAKE);
    world.chain.now = world.now + 41 * DAY;
    await send(packPruneWorkerKey(WORKER.publicKey), world.watcher.address);
    const dust = toNano('50') - 1n;
    await inject(world, world.watcher.address, packDepositStake(dust), dust + value);
    const more = world.chain.snapshot();
    await inject(world, world.watcher.address, packDepositStake(1n), value);
    expect(sent(await send(packWithdrawStake()), world)[0].value).toBeLessThan(STAKE + value);
    expect(await status()).toMatchObject({ active: toNano('50'), thawing: 0n });
    await world.chain.loadFrom(more);
    expect(sent(await send(packWithdrawStake()), world)[0].value).toBeGreaterThan(STAKE + dust + value);
    expect(await snapshotOf(world)).toEqual({ balance: 0n, data: 'absent' });
  });

  it('a withdrawal of nothing returns its money, and without a key ends the account', async () => {
    const result = await send(packWithdrawStake());
    expect(sent(result, world)[0].value).toBe(value - gasFeeOf(result, world) - shareFee(world));
    expect(await status()).toMatchObject({ active: STAKE, thawing: 0n });
    await world.setState(emptyState(), toNano('0.5'));
    expect(await withdraw()).toBe(0);
    expect((await snapshotOf(world)).balance).toBe(0n);
  });

  it('finding 17: reserved coverage blocks a thaw until the second in which its day is over', async () => {
    const terms = world.terms({ coverage: toNano('60') });
    expect(await world.query(terms, world.acceptance(terms))).toBe(KEY_STATUS.fine);
    const end = (Math.floor((terms.expiresAt + 5 * DAY) / DAY) + 2) * DAY;
    expect(end - terms.expiresAt).toBeGreaterThan(5 * DAY);
    world.chain.now = end - 1;
    expect(await thaw(toNano('40') + 1n)).toBe(ERRORS.amountAboveFreeStake);
    expect((await status()).reserved).toBe(toNano('60'));
    world.chain.now = end;
    expect((await status()).reserved).toBe(0n);
    expect(await thaw(STAKE)).toBe(0);
  });

  it('finding 17: nothing thaws while more is reserved than there is, after a slash', async () => {
    const terms = world.terms({ coverage: toNano('60') });
    await world.query(terms, world.acceptance(terms));
    await world.reportLie(1);
    expect(await status()).toMatchObject({ active: toNano('50'), reserved: toNano('60') });
    expect(await thaw(0n)).toBe(ERRORS.amountAboveFreeStake);
    await world.query(world.terms(), world.acceptance(world.terms()));
    await send(packDepositStake(toNano('0.5')));
    expect(await thaw(0n)).toBe(ERRORS.amountAboveFreeStake);
  });
});
