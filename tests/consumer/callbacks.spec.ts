import '@ton/test-utils';
import { Address, beginCell, Cell, toNano } from '@ton/core';
import { createShardAccount, type SendMessageResult } from '@ton/sandbox';
import { JudgedBounty, packTry } from '../../examples/bounty/JudgedBounty';
import { packOutput } from '../../wrappers';
import { encodeResponse } from '../../protocol';
import { forgedMessage, resultsIn } from '../support/consumerMessages';
import {
  ConsumerWorld,
  DAY,
  MAX_TOKENS,
  MODEL_ROOT,
  type PostedJob,
  PRICE,
  STOP_TOKEN,
  WINNING_TOKEN,
  WORKER,
} from '../support/consumerWorld';
import { multiplyPrices } from '../support/config';
import { NETWORK_ID } from '../support/jobWorld';
import { exitCode } from '../support/stakeWorld';

const won = packOutput(encodeResponse({ finishReason: 0, tokens: [WINNING_TOKEN, STOP_TOKEN] }));
const ANSWERED = beginCell().storeUint(0x0c02, 32).storeSlice(won.beginParse()).endCell();
const FAILED = beginCell().storeUint(0x0c03, 32).storeUint(3, 8).endCell();
/** What a bounced create looks like: all ones, then what 256 bits hold. */
const BOUNCED = beginCell().storeUint(0xffffffff, 32).storeUint(0x0c04, 32).endCell();

/** Sends the three callbacks as `from` and sees all of them refused with nothing changed. */
async function refusesAll(world: ConsumerWorld, from: Address): Promise<void> {
  const open = (await world.bounty.getOpenJobs()).length;
  const bounty = await world.bounty.getBounty();
  for (const body of [ANSWERED, FAILED, BOUNCED]) {
    const result = await world.forged(from, world.bounty.address, body, { bounced: body === BOUNCED });
    expect(exitCode(result, world.bounty.address)).toBe(764);
    expect(resultsIn(result)).toEqual([]);
  }
  expect((await world.bounty.getOpenJobs()).length).toBe(open);
  expect(await world.bounty.getBounty()).toBe(bounty);
}

/** Another bounty of a thief, who is its sponsor and its provider at once. */
async function anotherConsumer(world: ConsumerWorld): Promise<PostedJob> {
  const { thief, payout } = world.wallets;
  const bounty = await JudgedBounty.fromConfig({
    networkId: NETWORK_ID,
    registry: world.registry,
    sponsor: thief.address,
    provider: world.wallets.owner.address,
    payout: payout.address,
    workerKey: WORKER.publicKey,
    price: PRICE,
    modelRoot: MODEL_ROOT,
    stopToken: STOP_TOKEN,
    maxTokens: MAX_TOKENS,
    winningToken: WINNING_TOKEN,
  });
  const opened = world.chain.openContract(bounty);
  await opened.sendFund(thief.getSender(), toNano('2'));
  return (await world.jobsIn(await opened.sendTry(thief.getSender(), { value: toNano('1'), tokens: [3] })))[0];
}

/** A try during which something happens between the message and the job. */
async function interrupted(world: ConsumerWorld, meanwhile: () => void): Promise<SendMessageResult> {
  const value = await world.bounty.getTryValue();
  return world.interrupted(world.wallets.anna.address, packTry([3]), value, meanwhile);
}

describe('a callback', () => {
  it('from anybody but a job of this contract is refused', async () => {
    const world = await ConsumerWorld.create();
    const job = await world.posted();
    const { thief, owner, sponsor, payout } = world.wallets;
    for (const { address } of [thief, owner, sponsor, payout, world.stake]) await refusesAll(world, address);
    await refusesAll(world, world.bounty.address);
    await refusesAll(world, new Address(-1, job.escrow.hash));
    await refusesAll(world, (await anotherConsumer(world)).escrow);
    expect(resultsIn(await world.answer(job))).toMatchObject([{ won: true }]);
  });

  it('from a job that has ended is refused: an answer counts once', async () => {
    const world = await ConsumerWorld.create();
    const answered = await world.posted();
    await world.answer(answered, [1, STOP_TOKEN]);
    await refusesAll(world, answered.escrow);
    const declined = await world.posted();
    await world.decline(declined);
    await refusesAll(world, declined.escrow);
  });

  it('finding 2: an ended job that somebody deploys and funds again has no say', async () => {
    const world = await ConsumerWorld.create();
    const job = await world.posted();
    const again = world.delivery(job);
    await world.answer(job, [1, STOP_TOKEN]);
    await world.wallets.thief.send({ to: job.escrow, value: toNano('1'), init: job.init, bounce: false });
    await expect(world.external(job, again)).rejects.toMatchObject({ exitCode: 734 });
    expect(await world.bounty.getBounty()).toBeGreaterThan(0n);
  });

  it('that is neither answer nor failure is refused', async () => {
    const world = await ConsumerWorld.create();
    const job = await world.posted();
    const other = [new Cell(), beginCell().storeUint(0x0c05, 32).endCell(), beginCell().storeUint(1, 7).endCell()];
    for (const body of other) {
      expect(exitCode(await world.forged(job.escrow, world.bounty.address, body), world.bounty.address)).not.toBe(0);
    }
    expect((await world.bounty.getOpenJobs()).length).toBe(1);
  });
});

describe('a create that comes back', () => {
  it('because it was too late frees its slot and returns the money', async () => {
    const world = await ConsumerWorld.create();
    const result = await interrupted(world, () => (world.now += 600));
    const [job] = await world.jobsIn(result);
    expect(exitCode(result, job.escrow)).toBe(702);
    expect(resultsIn(result)).toMatchObject([{ won: false, firstToken: 0, to: String(world.wallets.anna.address) }]);
    expect(resultsIn(result)[0].value).toBeGreaterThan(PRICE);
    expect(await world.bounty.getOpenJobs()).toEqual([]);
  });

  it('because prices rose on its way frees its slot and returns the money', async () => {
    const world = await ConsumerWorld.create();
    const dearer = multiplyPrices(world.chain.config, 2n);
    const result = await interrupted(world, () => world.chain.setConfig(dearer));
    const [job] = await world.jobsIn(result);
    expect(exitCode(result, job.escrow)).toBe(704);
    expect(resultsIn(result)).toMatchObject([{ won: false, firstToken: 0 }]);
    expect(resultsIn(result)[0].value).toBeGreaterThan(PRICE);
    expect(await world.bounty.getOpenJobs()).toEqual([]);
  });
});

describe('slots', () => {
  it('one job more than the slots is refused until one ends; salts never repeat over 130 jobs', async () => {
    const world = await ConsumerWorld.create();
    const { anna } = world.wallets;
    const { address } = world.bounty;
    // The bounty's own transactions alone: what the jobs do is told elsewhere.
    const bounty = await world.chain.getContract(address);
    const value = toNano('0.3');
    const post = () => bounty.receiveMessage(forgedMessage(anna.address, address, packTry([3]), { value }));
    const salts = new Set<string>();
    const open: Address[] = [];
    const posted = async (): Promise<void> => {
      const sent = [...(await post()).outMessages.values()].map((inMessage) => ({ inMessage }));
      const [job] = await world.jobsIn({ transactions: sent } as never);
      salts.add(Buffer.from(job.rebuilt.salt).toString('hex'));
      open.push(job.escrow);
    };
    const refused = async () => exitCode({ transactions: [await post()] } as never, address);
    for (let count = 0; count < 32; count++) await posted();
    expect(await refused()).toBe(763);
    for (let count = 32; count < 130; count++) {
      await bounty.receiveMessage(forgedMessage(open.shift()!, address, FAILED));
      await posted();
    }
    expect(salts.size).toBe(130);
    expect(await refused()).toBe(763);
  });

  it('are freed by anybody one day after the deadline, not a second before, and change is given', async () => {
    const world = await ConsumerWorld.create();
    const { thief } = world.wallets;
    const job = await world.posted();
    const forget = (value = toNano('0.1'), escrow = job.escrow) =>
      world.conserved(() => world.bounty.sendForgetJob(thief.getSender(), { value, job: escrow }));
    world.now = job.terms.deadline + DAY - 1;
    expect(exitCode(await forget(), world.bounty.address)).toBe(765);
    world.now += 1;
    expect(exitCode(await forget(toNano('0.1'), thief.address), world.bounty.address)).toBe(764);
    expect(exitCode(await forget(toNano('0.001')), world.bounty.address)).toBe(-14);
    expect((await world.bounty.getOpenJobs()).length).toBe(1);
    const result = await forget();
    expect(await world.bounty.getOpenJobs()).toEqual([]);
    const change = (value?: bigint): boolean => value! > toNano('0.09');
    expect(result.transactions).toHaveTransaction({ to: thief.address, op: 0xd53276db, value: change });
    expect(exitCode(await forget(), world.bounty.address)).toBe(764);
    const malformed = beginCell().storeUint(0x0c30, 32).endCell();
    const sent = await world.forged(thief.address, world.bounty.address, malformed);
    expect(exitCode(sent, world.bounty.address)).toBe(9);
    const late = await world.expire(job);
    expect(exitCode(late, world.bounty.address)).toBe(764);
    expect(await world.isGone(job)).toBe(true);
  });
});

describe('rent', () => {
  it('finding 47: after twenty years the winner gets what is left of the bounty, not nothing', async () => {
    const world = await ConsumerWorld.create({ fund: toNano('1') });
    const promised = await world.bounty.getBounty();
    const job = await world.posted();
    const account = await world.chain.getContract(world.bounty.address);
    const { accountState } = account;
    if (accountState?.type !== 'active') throw new Error('no bounty');
    const { code, data } = accountState.state;
    const poor = { address: world.bounty.address, code: code!, data: data!, balance: promised / 2n, workchain: 0 };
    await world.chain.setShardAccount(world.bounty.address, createShardAccount(poor));
    const [told] = resultsIn(await world.external(job, world.delivery(job)));
    expect(told.won).toBe(true);
    expect(told.value).toBeGreaterThan(promised / 2n);
    expect(await world.bounty.getBounty()).toBe(0n);
  });
});
