import '@ton/test-utils';
import { beginCell, Cell, toNano } from '@ton/core';
import { createEmptyShardAccount, createShardAccount } from '@ton/sandbox';
import { packOutput } from '../../wrappers';
import { resultsIn } from '../support/consumerMessages';
import { ConsumerWorld, MAX_TOKENS, type PostedJob, PRICE, STOP_TOKEN, WINNING_TOKEN } from '../support/consumerWorld';
import { patternBytes, refusal } from '../support/jobWorld';
import { exitCode } from '../support/stakeWorld';

/** The try is over: its slot is free, nothing of it stayed anywhere, the bounty stands as before. */
async function isOver(world: ConsumerWorld, job: PostedJob, before: Awaited<ReturnType<typeof standing>>) {
  expect(await world.isGone(job)).toBe(true);
  expect(await world.bounty.getOpenJobs()).toEqual([]);
  expect(await world.bounty.getBounty()).toBe(before.bounty);
  expect(await world.balance(world.bounty.address)).toBeGreaterThanOrEqual(before.balance - RENT_OF_AN_HOUR);
}

const standing = async (world: ConsumerWorld) => ({
  bounty: await world.bounty.getBounty(),
  balance: await world.balance(world.bounty.address),
});

const RENT_OF_AN_HOUR = 20_000n;
/** More than all fees of a try that was not answered. */
const FEES_OF_A_TRY = toNano('0.07');

describe('a try', () => {
  it('that wins: the worker gets its price, the winner the bounty and what the try did not cost', async () => {
    const world = await ConsumerWorld.create();
    const { anna, payout } = world.wallets;
    const bounty = await world.bounty.getBounty();
    const job = await world.posted(anna);
    expect((await world.escrowOf(job).getData())!.state).toBe('open');
    const [open, ...more] = await world.bounty.getOpenJobs();
    expect(open).toMatchObject({ deadline: world.now + 600, note: BigInt(`0x${anna.address.hash.toString('hex')}`) });
    expect([String(open.escrow), more]).toEqual([String(job.escrow), []]);
    const result = await world.answer(job, [WINNING_TOKEN, 5, STOP_TOKEN]);
    expect(result.transactions).toHaveTransaction({ from: job.escrow, to: payout.address, value: PRICE });
    const [told, ...others] = resultsIn(result);
    expect(told).toMatchObject({ won: true, firstToken: WINNING_TOKEN, to: String(anna.address) });
    expect(told.value).toBeGreaterThan(bounty);
    expect(others).toEqual([]);
    expect(await world.bounty.getBounty()).toBe(0n);
    expect(await world.bounty.getOpenJobs()).toEqual([]);
    expect(await world.isGone(job)).toBe(true);
    expect(exitCode(await world.try(), world.bounty.address)).toBe(772);
  });

  it('that loses: the worker gets its price, the bounty stands', async () => {
    const world = await ConsumerWorld.create();
    const before = await standing(world);
    const job = await world.posted();
    const result = await world.answer(job, [WINNING_TOKEN + 1, WINNING_TOKEN, STOP_TOKEN]);
    expect(resultsIn(result)).toMatchObject([{ won: false, firstToken: WINNING_TOKEN + 1 }]);
    expect(result.transactions).toHaveTransaction({ to: world.wallets.payout.address, value: PRICE });
    await isOver(world, job, before);
  });

  it('with an answer of no token wins nothing', async () => {
    const world = await ConsumerWorld.create();
    const before = await standing(world);
    const job = await world.posted();
    expect(resultsIn(await world.answer(job, []))).toMatchObject([{ won: false, firstToken: 0 }]);
    await isOver(world, job, before);
  });

  it('with the longest answer is handled from its own money', async () => {
    const world = await ConsumerWorld.create({ maxTokens: 1260 });
    const job = await world.posted();
    const tokens = Array.from({ length: 1260 }, (_, index) => (index === 0 ? WINNING_TOKEN : index + 100));
    expect(resultsIn(await world.answer(job, tokens))).toMatchObject([{ won: true }]);
  });

  it.each<[string, (world: ConsumerWorld, job: PostedJob) => ReturnType<ConsumerWorld['expire']>]>([
    ['declined', (world, job) => world.decline(job, 9)],
    ['expired', (world, job) => world.expire(job)],
    ['declined with a reason that is not a decline', (world, job) => world.decline(job, 254)],
  ])('that is %s returns everything but fees', async (_, end) => {
    const world = await ConsumerWorld.create();
    const before = await standing(world);
    const had = await world.balance(world.wallets.anna.address);
    const job = await world.posted();
    expect(resultsIn(await end(world, job))).toMatchObject([{ won: false, firstToken: 0 }]);
    await isOver(world, job, before);
    expect(await world.balance(world.wallets.anna.address)).toBeGreaterThan(had - FEES_OF_A_TRY);
  });

  it('is refunded whatever the stake answers', async () => {
    const world = await ConsumerWorld.create();
    const code = new Cell();
    const silent = createShardAccount({ address: world.stake.address, code, data: code, balance: toNano('1') });
    await world.chain.setShardAccount(world.stake.address, silent);
    const before = await standing(world);
    for (const status of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 127]) {
      const job = await world.posted();
      expect((await world.escrowOf(job).getData())!.state).toBe('checking');
      const body = beginCell().storeUint(0x0c06, 32).storeUint(status, 8).endCell();
      const result = await world.forged(world.stake.address, job.escrow, body);
      expect(resultsIn(result)).toMatchObject([{ won: false, firstToken: 0 }]);
      await isOver(world, job, before);
    }
  });

  it.each<[string, (world: ConsumerWorld) => Promise<unknown>]>([
    [
      'has no stake',
      ({ chain, stake: { address } }) => chain.setShardAccount(address, createEmptyShardAccount(address)),
    ],
    [
      'thawed below the minimum',
      ({ stake, wallets }) => stake.sendThaw(wallets.owner.getSender(), { value: toNano('1'), amount: toNano('20') }),
    ],
    [
      'removed its key',
      async (world) => {
        const key = { value: toNano('1'), workerKey: (await world.stake.getWorkerKeys())[0].workerKey };
        await world.stake.sendRemoveWorkerKey(world.wallets.owner.getSender(), key);
        world.now += 3600;
      },
    ],
  ])('ends at once when the provider %s', async (_, spoil) => {
    const world = await ConsumerWorld.create();
    await spoil(world);
    const before = await standing(world);
    const result = await world.try();
    const [job] = await world.jobsIn(result);
    expect(resultsIn(result)).toMatchObject([{ won: false, firstToken: 0 }]);
    await isOver(world, job, before);
  });

  it('whose worker signs what is no answer loses, and the worker is paid', async () => {
    const library = new Cell({ exotic: true, bits: beginCell().storeUint(2, 8).storeUint(7, 256).asCell().bits });
    const header = (tag: number, kind: number, count: number) =>
      beginCell().storeUint(tag, 32).storeUint(kind, 8).storeUint(0, 24).storeUint(count, 32).storeUint(0, 96);
    const good = beginCell().storeUint(0, 320).storeUint(WINNING_TOKEN, 32).endCell();
    const empty = beginCell().storeUint(0, 320).storeRef(new Cell()).endCell();
    const odd = beginCell().storeUint(0, 327).storeRef(good).endCell();
    const bytes: [string, Cell][] = [
      ['a byte', beginCell().storeUint(1, 8).endCell()],
      ['noise', packOutput(patternBytes(100, 3))],
      ['a header alone', header(0x4f435031, 0, 1).endCell()],
      ['another tag', header(0x4f435032, 0, 1).storeRef(good).endCell()],
      ['another kind', header(0x4f435031, 1, 1).storeRef(good).endCell()],
      ['a library cell', header(0x4f435031, 0, 1).storeRef(library).endCell()],
      ['more tokens than are there', header(0x4f435031, 0, 2).storeRef(good).endCell()],
      ['2^32 - 1 tokens', header(0x4f435031, 0, 2 ** 32 - 1).storeRef(good).endCell()],
      ['tokens in an empty cell', header(0x4f435031, 0, 1).storeRef(empty).endCell()],
      ['half bytes', header(0x4f435031, 0, 1).storeRef(odd).endCell()],
      ['two references', header(0x4f435031, 0, 1).storeRef(good).storeRef(good).endCell()],
    ];
    const world = await ConsumerWorld.create({ maxTokens: 60 });
    const before = await standing(world);
    for (const [name, output] of bytes) {
      const job = await world.posted();
      const result = await world.conserved(() => world.external(job, world.signedBytes(job, output)));
      expect(result.transactions).toHaveTransaction({ to: world.wallets.payout.address, value: PRICE });
      expect([name, resultsIn(result)]).toMatchObject([name, [{ won: false, firstToken: 0 }]]);
      await isOver(world, job, before);
    }
    const job = await world.posted();
    const output = header(0x4f435031, 0, 1).storeRef(good).endCell();
    expect(resultsIn(await world.external(job, world.signedBytes(job, output)))).toMatchObject([{ won: true }]);
  });

  it('finding 43: an answer longer than asked for is not paid, a shorter one still is', async () => {
    const world = await ConsumerWorld.create();
    const job = await world.posted();
    const tokens = Array.from({ length: MAX_TOKENS + 100 }, () => WINNING_TOKEN);
    expect(await refusal(world.external(job, world.delivery(job, tokens)))).toBe(8);
    expect(resultsIn(await world.answer(job, [WINNING_TOKEN]))).toMatchObject([{ won: true }]);
  });
});

describe('two tries at once', () => {
  it.each([[[0, 1]], [[1, 0]]])('answered in the order %j: whoever is answered first wins, once', async (order) => {
    const world = await ConsumerWorld.create();
    const { anna, boris } = world.wallets;
    const jobs = [await world.posted(anna), await world.posted(boris)];
    expect(jobs[0].escrow.equals(jobs[1].escrow)).toBe(false);
    const results = [];
    for (const index of order) results.push(...resultsIn(await world.answer(jobs[index])));
    const people = [anna, boris].map(({ address }) => String(address));
    expect(results).toMatchObject([
      { won: true, to: people[order[0]] },
      { won: false, firstToken: WINNING_TOKEN, to: people[order[1]] },
    ]);
    expect(results[1].value).toBeLessThan(toNano('0.1'));
    expect(await world.bounty.getBounty()).toBe(0n);
  });
});
