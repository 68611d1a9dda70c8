import '@ton/test-utils';
import { beginCell, toNano } from '@ton/core';
import { BURN_ADDRESS } from '../../../wrappers';
import { PROOF_UNUSED, RESERVATION_BOND, RESERVATION_SECONDS, ZK_JOB_ERRORS } from '../../../wrappers/zk';
import { multiplyPrices } from '../../support/config';
import { refusal } from '../../support/jobWorld';
import { answers, PRICE, ZkWorld } from '../../support/zkWorld';

const { notReservable, deadline, valueTooLow } = ZK_JOB_ERRORS;
const atLeast = (least: bigint) => (value?: bigint) => value! >= least;

describe('a reservation', () => {
  it('keeps the bond and returns the rest; only its payee is paid, with the bond', async () => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    const held = await world.balance(job.address);
    const reserved = await world.reserve(wallets.prover, toNano('1'));
    expect(reserved.transactions).toHaveTransaction({ from: job.address, to: wallets.prover.address, op: 0xd53276db, value: atLeast(toNano('0.895')) });
    expect((await world.balance(job.address)) - held).toBe(RESERVATION_BOND);
    const data = await job.getData();
    expect(data).toMatchObject({ reservation: { until: world.now + RESERVATION_SECONDS } });

    const rival = await world.prove({ payee: wallets.rival });
    expect(answers(rival.transactions)).toEqual([{ kind: 'unused', reason: PROOF_UNUSED.reserved }]);
    expect(rival.transactions).toHaveTransaction({ from: job.address, to: wallets.rival.address });

    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.prover.address, value: atLeast(PRICE + RESERVATION_BOND) });
    expect(transactions).not.toHaveTransaction({ to: BURN_ADDRESS });
  });

  it('attack 57: keeps the client itself from being paid for the proof in the meantime', async () => {
    const world = await ZkWorld.opened();
    const { client, prover } = world.wallets;
    await world.reserve();
    const { transactions } = await world.prove({ payee: client });
    expect(answers(transactions)).toEqual([{ kind: 'unused', reason: PROOF_UNUSED.reserved }]);
    world.now += RESERVATION_SECONDS - 1;
    const paid = await world.prove();
    expect(paid.transactions).toHaveTransaction({ to: prover.address, value: atLeast(PRICE + RESERVATION_BOND) });
  });

  it('attack 57: is one at most', async () => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    await world.reserve();
    for (const from of [wallets.rival, wallets.prover]) {
      const { transactions } = await world.reserve(from);
      expect(transactions).toHaveTransaction({ to: job.address, success: false, exitCode: notReservable });
      expect(transactions).toHaveTransaction({ from: job.address, to: from.address, inMessageBounced: true });
    }
  });

  it('attack 57: that is missed is burnt when another reserves', async () => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    await world.reserve();
    const held = await world.balance(job.address);
    world.now += RESERVATION_SECONDS;
    const { transactions } = await world.reserve(wallets.rival);
    expect(transactions).toHaveTransaction({ from: job.address, to: BURN_ADDRESS, value: atLeast(RESERVATION_BOND - toNano('0.001')) });
    expect(held - (await world.balance(job.address))).toBeLessThan(toNano('0.0001'));
    const paid = await world.prove({ payee: wallets.rival });
    expect(paid.transactions).toHaveTransaction({ to: wallets.rival.address, value: atLeast(PRICE + RESERVATION_BOND) });
  });

  it('attack 57: that is missed is burnt by a later proof, even its own, which is paid the price alone', async () => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    await world.reserve();
    world.now += RESERVATION_SECONDS;
    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ from: job.address, to: BURN_ADDRESS });
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.prover.address, value: (value) => value! >= PRICE && value! < PRICE + RESERVATION_BOND });
  });

  it('attack 57: that is missed is burnt at the deadline, and none of it is the client\'s', async () => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    await world.reserve();
    world.now = world.terms.deadline;
    const { transactions } = await world.end();
    expect(transactions).toHaveTransaction({ from: job.address, to: BURN_ADDRESS });
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, value: (value) => value! > PRICE && value! < PRICE + toNano('0.01') });
    expect(await world.balance(job.address)).toBeLessThan(toNano('0.006'));
  });

  it('that would outlast the deadline is refused', async () => {
    const late = await ZkWorld.opened();
    late.now = late.terms.deadline - RESERVATION_SECONDS + 1;
    expect((await late.reserve()).transactions).toHaveTransaction({ to: late.job.address, success: false, exitCode: deadline });
    const world = await ZkWorld.opened();
    world.now = world.terms.deadline - RESERVATION_SECONDS;
    expect((await world.reserve()).transactions).toHaveTransaction({ to: world.job.address, success: true });
  });

  it('of an open race, of a job that is not created, or over, is refused', async () => {
    const race = await ZkWorld.opened({ isExclusive: false });
    expect((await race.reserve()).transactions).toHaveTransaction({ to: race.job.address, success: false, exitCode: notReservable });
    const over = await ZkWorld.opened();
    await over.prove();
    expect((await over.reserve()).transactions).toHaveTransaction({ to: over.job.address, success: false, exitCode: notReservable });
    const fresh = await ZkWorld.create();
    const body = beginCell().storeUint(0x0c83, 32).storeBuffer(fresh.wallets.prover.address.hash).endCell();
    const { transactions } = await fresh.send(fresh.wallets.prover, fresh.reserveValue, body);
    expect(transactions).toHaveTransaction({ to: fresh.job.address, success: false, exitCode: notReservable });
  });

  it.each([1n, 10n])('takes the least value, also when it burns another bond; one nanoTON less is refused, at %d times the prices', async (factor) => {
    const world = await ZkWorld.create();
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    await world.open();
    await world.reserve();
    world.now += RESERVATION_SECONDS;
    const { rival } = world.wallets;
    const short = await world.reserve(rival, world.reserveValue - 1n);
    expect(short.transactions).toHaveTransaction({ to: world.job.address, success: false, exitCode: valueTooLow });
    const enough = await world.reserve(rival, world.reserveValue);
    expect(enough.transactions).toHaveTransaction({ to: world.job.address, success: true });
    expect(enough.transactions).toHaveTransaction({ from: world.job.address, to: rival.address, op: 0xd53276db, success: true });
    const { transactions } = await world.prove({ payee: rival });
    expect(transactions).toHaveTransaction({ to: rival.address, value: atLeast(PRICE + RESERVATION_BOND) });
  });

  it('cut short is refused', async () => {
    const world = await ZkWorld.opened();
    const body = beginCell().storeUint(0x0c83, 32).storeUint(0, 255).endCell();
    const { transactions } = await world.send(world.wallets.prover, world.reserveValue, body);
    expect(transactions).toHaveTransaction({ to: world.job.address, success: false, exitCode: 9 });
  });

  it('for somebody else pays and costs him nothing: the bond is the sender\'s, the price the payee\'s', async () => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    await job.sendReserve(wallets.stranger.getSender(), { value: world.reserveValue, payee: wallets.prover.address });
    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ to: wallets.prover.address, value: atLeast(PRICE + RESERVATION_BOND) });
  });

  it('holds no end up: the deadline comes when it comes', async () => {
    const world = await ZkWorld.opened();
    world.now = world.terms.deadline - RESERVATION_SECONDS;
    await world.reserve();
    world.now = world.terms.deadline;
    expect(await refusal(world.end())).toBeNull();
  });
});
