import '@ton/test-utils';
import { Address, beginCell, toNano } from '@ton/core';
import { CHECKED_JOB_ERRORS, CheckedJobEscrow } from '../../wrappers';
import { CheckedJobWorld, REGISTRY, stakeOf } from '../support/checkedJobWorld';
import { patternBytes, refusal } from '../support/jobWorld';

const undelivered = (world: CheckedJobWorld) =>
  beginCell()
    .storeUint(0x0c07, 32)
    .storeBuffer(world.client.address.hash)
    .storeCoins(world.terms.price)
    .storeRef(world.acceptance())
    .endCell();

describe('attacks on a checked job', () => {
  it('finding 2: an ended job that a stranger deploys again pays nobody and reports nothing', async () => {
    const world = await CheckedJobWorld.create();
    await world.create({ acceptance: world.acceptance() });
    const delivery = world.delivery();
    await world.deliver(delivery);
    const { init, address: to } = world.job;
    await world.conserved(() => world.stranger.send({ to, value: toNano('1'), init, bounce: false }));
    expect(await refusal(world.deliver(delivery))).toBe(CHECKED_JOB_ERRORS.notOpen);
    world.blockchain.now = world.terms.deadline;
    const payout = await world.balance(world.payout.address);
    const result = await world.conserved(() => world.expire());
    expect(result.transactions).not.toHaveTransaction({ to: world.stake.address });
    expect(await world.balance(world.payout.address)).toBe(payout);
    expect((await world.stake.getStatus()).slashed).toBe(0n);
    expect(await world.isGone()).toBe(true);
  });

  it('finding 21: an expired job cannot be created and reported a second time', async () => {
    const world = await CheckedJobWorld.create();
    const acceptance = world.acceptance({ acceptBy: world.now + 10_000 });
    await world.create({ acceptance });
    world.blockchain.now = world.terms.deadline;
    await world.expire();
    const { slashed } = await world.stake.getStatus();
    const again = await world.conserved(() => world.create({ acceptance }));
    expect(again.transactions).toHaveTransaction({ to: world.job.address, exitCode: CHECKED_JOB_ERRORS.deadlinePassed });
    expect((await world.stake.getStatus()).slashed).toBe(slashed);
    expect(await world.balance(world.job.address)).toBe(0n);
  });

  it('finding 21: a delivered job that its client creates again with the same acceptance buys the same answer again', async () => {
    const world = await CheckedJobWorld.create();
    const acceptance = world.acceptance({ acceptBy: world.now + 60, coverage: toNano('2') });
    await world.create({ acceptance });
    const delivery = world.delivery();
    await world.deliver(delivery);
    await world.conserved(() => world.create({ acceptance }));
    expect(await world.state()).toBe('open');
    expect((await world.stake.getStatus()).reserved).toBe(toNano('4'));
    const result = await world.conserved(() => world.deliver(delivery));
    expect(result.transactions).toHaveTransaction({ to: world.payout.address, value: world.terms.price });
    world.blockchain.now = world.now + 61;
    await world.conserved(() => world.create({ acceptance }));
    expect(await world.isGone()).toBe(true);
  });

  it('finding 21: nobody but the escrow that the acceptance names can claim it, its twin in the masterchain neither', async () => {
    const world = await CheckedJobWorld.create();
    await world.create({ acceptance: world.acceptance({ coverage: toNano('1') }) });
    const twin = new Address(-1, world.job.address.hash);
    for (const from of [world.client.address, world.stranger.address, twin]) {
      await world.forged(from, undelivered(world), { to: world.stake.address, value: toNano('0.1') });
    }
    const query = beginCell()
      .storeUint(0x0c05, 32)
      .storeRef(world.termsCell)
      .storeMaybeRef(world.acceptance({ coverage: toNano('1') }))
      .endCell();
    const result = await world.forged(twin, query, { to: world.stake.address, value: toNano('0.1') });
    expect(result.transactions).toHaveTransaction({ to: world.stake.address, success: true });
    const status = await world.stake.getStatus();
    expect([status.slashed, status.reserved]).toEqual([0n, toNano('1')]);
    await world.forged(world.job.address, undelivered(world), { to: world.stake.address, value: toNano('0.1') });
    expect((await world.stake.getStatus()).slashed).toBe(world.terms.price);
  });

  it('finding 37: another stake, registry or network is another job address', async () => {
    const world = await CheckedJobWorld.create();
    const others = [
      (await stakeOf(world.stranger.address)).address,
      (await stakeOf(world.owner.address, world.stranger.address)).address,
      (await stakeOf(world.owner.address, REGISTRY, -3)).address,
    ];
    for (const stake of others) {
      expect(stake.equals(world.stake.address)).toBe(false);
      const job = await CheckedJobEscrow.fromTerms(world.terms, stake);
      expect(job.address.equals(world.job.address)).toBe(false);
    }
    for (const change of [
      { price: world.terms.price + 1n },
      { deadline: world.terms.deadline + 1 },
      { payout: world.stranger.address },
      { client: world.stranger.address },
      { workerKey: patternBytes(32) },
      { termsHash: patternBytes(32) },
      { outputCells: 3 },
      { answerInCallback: true },
    ]) {
      const job = await CheckedJobEscrow.fromTerms({ ...world.terms, ...change }, world.stake.address);
      expect(job.address.equals(world.job.address)).toBe(false);
    }
  });

  it('finding 36: the escrow embeds no other contract: its data are the job, an address and two bits', async () => {
    const { init } = (await CheckedJobWorld.create()).job;
    expect(init!.data.bits.length).toBe(256 + 2 + 1);
    expect(init!.data.refs.length).toBe(1);
  });

  it('findings 40 and 42: a client that cannot take the callback blocks neither payment nor end', async () => {
    const world = await CheckedJobWorld.create({ job: { answerInCallback: true } });
    await world.create();
    const code = beginCell().storeUint(0xf2c0, 16).storeUint(0x64, 8).endCell();
    const client = await world.blockchain.getContract(world.client.address);
    const { account } = client.account;
    const state = { type: 'active' as const, state: { code, data: beginCell().endCell() } };
    client.account = { ...client.account, account: { ...account!, storage: { ...account!.storage, state } } };
    const result = await world.deliver();
    expect(result.transactions).toHaveTransaction({ to: world.client.address, success: false });
    expect(result.transactions).toHaveTransaction({ to: world.payout.address, value: world.terms.price });
    expect(await world.isGone()).toBe(true);
  });

  it('money that a stranger sends along the way goes to the client with the rest', async () => {
    const world = await CheckedJobWorld.create();
    const { init, address: to } = world.job;
    await world.conserved(() => world.stranger.send({ to, value: toNano('1'), init, bounce: false }));
    await world.conserved(() => world.create());
    await world.conserved(() => world.stranger.send({ to, value: toNano('1'), bounce: false }));
    const before = await world.balance(world.client.address);
    await world.conserved(() => world.deliver());
    expect((await world.balance(world.client.address)) - before).toBeGreaterThan(toNano('1.99'));
  });
});
