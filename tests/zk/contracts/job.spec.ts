import '@ton/test-utils';
import { Address, beginCell, Cell, toNano } from '@ton/core';
import { SCALAR_ORDER } from '../../../protocol/zk';
import { parseJobCallback } from '../../../wrappers';
import { LINGER_SECONDS, packCreateZkJob, PROOF_UNUSED, ZK_JOB_ERRORS } from '../../../wrappers/zk';
import { multiplyPrices } from '../../support/config';
import { sumFees } from '../../support/fees';
import { refusal } from '../../support/jobWorld';
import { answers, COMMIT, IDENTITY, PRICE, VERDICT, ZkWorld } from '../../support/zkWorld';

const { created, deadline, notVerifier, stateInitAttached } = ZK_JOB_ERRORS;

describe('a proof', () => {
  it('pays the payee with what its message did not use, and tells the client the verdict with the rest', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, wallets, terms } = world;
    const [prover, client] = [await wallets.prover.getBalance(), await wallets.client.getBalance()];
    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, op: 0x0c84 });
    expect(answers(transactions)).toEqual([{ kind: 'proven', verdict: VERDICT }]);
    expect(transactions).not.toHaveTransaction({ from: job.address, inMessageBounceable: true });
    expect((await wallets.prover.getBalance()) - prover).toBeGreaterThan(PRICE - toNano('0.055'));
    expect((await wallets.client.getBalance()) - client).toBeGreaterThan(0n);
    expect(await job.getData()).toMatchObject({ state: 'over', deadline: terms.deadline, commit: COMMIT });
    expect(await world.balance(job.address)).toBeLessThan(toNano('0.004'));
  });

  it('takes nothing but fees out of the system, in every story', async () => {
    const world = await ZkWorld.opened();
    const { job, verifier, wallets } = world;
    const accounts = [job.address, verifier.address, ...Object.values(wallets).map(({ address }) => address)];
    const total = async () => (await Promise.all(accounts.map((address) => world.balance(address)))).reduce((sum, value) => sum + value);
    for (const act of [() => world.reserve(), () => world.prove(), () => world.prove({ payee: wallets.rival }), () => world.prove()]) {
      const before = await total();
      const { transactions } = await act();
      expect(before - (await total())).toBe(sumFees(transactions).totalNano);
    }
  });

  it('may come from anybody: who is paid stands in it', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, wallets } = world;
    const { transactions } = await world.prove({ from: wallets.stranger });
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.prover.address, value: (value) => value! >= PRICE });
  });

  it('findings 46 and 57: after another has won the race its value returns to its payee', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, wallets } = world;
    await world.prove({ payee: wallets.rival });
    const { transactions } = await world.prove();
    const unused = { from: job.address, to: wallets.prover.address, op: 0x0c85, success: true };
    expect(transactions).toHaveTransaction({ ...unused, value: (value) => value! > 0n });
    expect(answers(transactions)).toEqual([{ kind: 'unused', reason: PROOF_UNUSED.notOpen }]);
  });

  it('finding 46: the verifier cannot get a bounce, so it need not remember who asked', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ from: world.verifier.address, to: world.job.address, inMessageBounceable: false });
  });

  it('finding 46: to a job that nobody created, or that is over for good, does not come back to the verifier', async () => {
    const world = await ZkWorld.create();
    const { transactions } = await world.prove();
    expect(transactions).not.toHaveTransaction({ from: world.job.address, to: world.verifier.address });
    // What lies there is the client's as soon as the job is created.
    const opened = await world.open(world.createValue - (await world.balance(world.job.address)));
    expect(opened.transactions).toHaveTransaction({ to: world.job.address, success: true });
  });

  it('of a verdict is the verdict, whatever it is', async () => {
    for (const verdict of [0n, 9n, SCALAR_ORDER - 1n]) {
      const world = await ZkWorld.opened({ isExclusive: false });
      const { transactions } = await world.prove({ verdict });
      expect(answers(transactions)).toEqual([{ kind: 'proven', verdict }]);
    }
  });

  it('at the deadline is not paid: its value returns', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    world.now = world.terms.deadline;
    const { transactions } = await world.prove();
    expect(answers(transactions)).toEqual([{ kind: 'unused', reason: PROOF_UNUSED.late }]);
    expect(await world.job.getData()).toMatchObject({ state: 'open' });
  });

  it('to a client that refuses its callback is paid all the same', async () => {
    const client = (await ZkWorld.create()).verifier.address;
    const other = await ZkWorld.create({ client, isExclusive: false });
    // A contract that knows no JobProven: the verifier itself.
    const body = packCreateZkJob(IDENTITY);
    const info = { type: 'internal', ihrDisabled: true, bounce: false, bounced: false, src: client, dest: other.job.address, value: { coins: other.createValue }, ihrFee: 0n, forwardFee: 0n, createdLt: 0n, createdAt: 0 } as const;
    await other.chain.sendMessage({ info, body, init: other.job.init });
    expect(await other.job.getData()).toMatchObject({ state: 'open' });
    const { transactions } = await other.prove();
    expect(transactions).toHaveTransaction({ from: other.job.address, to: client, success: false });
    expect(transactions).toHaveTransaction({ from: other.job.address, to: other.wallets.prover.address, value: (value) => value! >= PRICE });
    expect(await other.job.getData()).toMatchObject({ state: 'over' });
  });

  it('ends a job that others sent money to, with all of it for the client', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, wallets } = world;
    await world.send(wallets.stranger, toNano('3'), beginCell().storeUint(1, 32).endCell(), false);
    const before = await wallets.client.getBalance();
    await world.prove();
    expect((await wallets.client.getBalance()) - before).toBeGreaterThan(toNano('2.99'));
    await world.send(wallets.stranger, toNano('3'), beginCell().storeUint(1, 32).endCell(), false);
    const { transactions } = await world.prove();
    expect(transactions).not.toHaveTransaction({ from: job.address, value: (value) => value! >= PRICE });
  });
});

describe('ProofAccepted', () => {
  it('from anybody but the verifier is refused', async () => {
    const world = await ZkWorld.opened();
    const { wallets, job } = world;
    const from = wallets.stranger.address;
    for (const twin of [from, new Address(-1, world.verifier.address.hash)]) {
      const { transactions } = await world.accepted(from, [COMMIT, VERDICT], { from: twin, bounce: true });
      expect(transactions).toHaveTransaction({ to: job.address, success: false, exitCode: notVerifier });
    }
    expect(await job.getData()).toMatchObject({ state: 'open' });
  });

  it.each([
    ['another commitment', [COMMIT + 1n, VERDICT]],
    ['more inputs than the job fixes', [COMMIT, VERDICT, 0n]],
    ['the order of the inputs reversed', [VERDICT, COMMIT]],
  ])('of %s pays for nothing', async (_, inputs) => {
    const world = await ZkWorld.opened();
    const { transactions } = await world.accepted(world.wallets.prover.address, inputs);
    expect(answers(transactions)).toEqual([{ kind: 'unused', reason: PROOF_UNUSED.otherInputs }]);
    expect(await world.job.getData()).toMatchObject({ state: 'open' });
  });

  it('of fewer inputs than the job fixes pays for nothing', async () => {
    const world = await ZkWorld.opened({ others: [5n] });
    const { transactions } = await world.accepted(world.wallets.prover.address, [COMMIT, VERDICT]);
    expect(transactions).toHaveTransaction({ from: world.job.address, op: 0x0c85 });
  });

  it('with too little value to answer changes nothing and costs the job nothing', async () => {
    const world = await ZkWorld.opened();
    const held = await world.balance(world.job.address);
    for (const value of [0n, toNano('0.0005'), toNano('0.002')]) {
      await world.accepted(world.wallets.prover.address, [COMMIT, VERDICT], { value });
      expect(await world.job.getData()).toMatchObject({ state: 'open' });
      expect(await world.balance(world.job.address)).toBeGreaterThanOrEqual(held);
    }
  });

  it('to a job that holds less than the price pays for nothing', async () => {
    const world = await ZkWorld.opened();
    const account = await world.chain.getContract(world.job.address);
    account.balance = PRICE - 1n;
    const { transactions } = await world.accepted(world.wallets.prover.address, [COMMIT, VERDICT]);
    expect(transactions).toHaveTransaction({ from: world.job.address, op: 0x0c85 });
    expect(await world.job.getData()).toMatchObject({ state: 'open' });
  });
});

describe('end', () => {
  it('before the deadline is refused', async () => {
    const world = await ZkWorld.opened();
    world.now = world.terms.deadline - 1;
    expect(await refusal(world.end())).toBe(deadline);
  });

  it('from the deadline on returns everything to the client, whoever sends it', async () => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    world.now = world.terms.deadline;
    const { transactions } = await world.end();
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, value: (value) => value! > PRICE, inMessageBounceable: false });
    expect(parseJobCallback(transactions[1].inMessage!.body)).toEqual({ kind: 'failed', reason: 'expired' });
    expect(await job.getData()).toMatchObject({ state: 'over' });
    expect(await refusal(world.end())).toBe(deadline);
  });

  it('finding 46: a proof that is under way at the deadline gets its value back, an hour long', async () => {
    const world = await ZkWorld.opened();
    world.now = world.terms.deadline;
    await world.end();
    world.now += LINGER_SECONDS - 1;
    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ from: world.job.address, to: world.wallets.prover.address, op: 0x0c85 });
    expect(await refusal(world.end())).toBe(deadline);
  });

  it.each(['proven', 'expired'])('of a %s job deletes the account when it need not answer any more', async (how) => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    if (how === 'proven') await world.prove();
    else {
      world.now = world.terms.deadline;
      await world.end();
    }
    world.now = world.terms.deadline + LINGER_SECONDS;
    const { transactions } = await world.end();
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, op: 0xd53276db });
    const { accountState, balance } = await world.chain.getContract(job.address);
    expect([accountState, balance]).toEqual([undefined, 0n]);
    // Gone for good: what would open it again is too late.
    const again = await world.open();
    expect(again.transactions).toHaveTransaction({ to: job.address, success: false, exitCode: deadline });
  });

  it('with bytes that nobody signs, or with a StateInit, is refused', async () => {
    const world = await ZkWorld.opened();
    world.now = world.terms.deadline;
    expect(await refusal(world.end(undefined, beginCell().storeBit(1).endCell()))).toBe(9);
    expect(await refusal(world.end(undefined, beginCell().storeRef(new Cell()).endCell()))).toBe(9);
    expect(await refusal(world.end(world.job.init))).toBe(stateInitAttached);
  });

  it('at ten times the prices still pays: the reserve is at live prices', async () => {
    const world = await ZkWorld.create();
    world.chain.setConfig(multiplyPrices(world.chain.config, 10n));
    await world.open();
    await world.prove();
    world.now = world.terms.deadline + LINGER_SECONDS;
    const { transactions } = await world.end();
    expect(transactions).toHaveTransaction({ from: world.job.address, to: world.wallets.client.address, success: true });
  });

  it('costs a client whose job nobody answers less than 0.02 TON', async () => {
    const world = await ZkWorld.create();
    const { client } = world.wallets;
    const before = await client.getBalance();
    await world.open();
    world.now = world.terms.deadline;
    await world.end();
    world.now += LINGER_SECONDS;
    await world.end();
    expect(before - (await client.getBalance())).toBeLessThan(toNano('0.02'));
  });
});
