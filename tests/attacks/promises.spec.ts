import '@ton/test-utils';
import { beginCell, Cell, Dictionary, toNano } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { KEY_STATUS, parseJobCallback, requiredCheckedJobValue } from '../../wrappers';
import { BURN_ADDRESS, CheckedJobWorld, STAKE_NANO } from '../support/checkedJobWorld';
import { multiplyPrices, pricesOf } from '../support/config';
import { refusal } from '../support/jobWorld';
import { libraryOf, published } from '../support/cellBits';

const DAY = 86_400;

/** JobFailed's reason that the client got. */
function failure(world: CheckedJobWorld, { transactions }: SendMessageResult): number | undefined {
  const callback = transactions.find(
    ({ inMessage }) =>
      String(inMessage?.info.src) === String(world.job.address) &&
      String(inMessage?.info.dest) === String(world.client.address),
  );
  const parsed = callback && parseJobCallback(callback.inMessage!.body);
  return parsed?.kind === 'failed' && parsed.reason === 'declined' ? parsed.declineReason : undefined;
}

describe('attacks with a promise to deliver', () => {
  it('finding 21: a broken promise brings a client less than 0.01 TON beyond its fees', async () => {
    for (const [price, most] of [
      ['0.02', '0'],
      ['1', '0.01'],
    ]) {
      const world = await CheckedJobWorld.create({ price: toNano(price) });
      const before = await world.balance(world.client.address);
      await world.create({ acceptance: world.acceptance() });
      world.blockchain.now = world.terms.deadline;
      await world.expire();
      expect((await world.stake.getStatus()).slashed).toBe(toNano(price));
      expect((await world.balance(world.client.address)) - before).toBeLessThan(toNano(most));
    }
  });

  it.each([1n, 10n])('findings 21 and 41: at prices x%s the least value pays for the report too', async (factor) => {
    const world = await CheckedJobWorld.create({ price: 0n });
    world.blockchain.setConfig(multiplyPrices(world.blockchain.config, factor));
    const value = requiredCheckedJobValue(world.terms, pricesOf(world.blockchain));
    await world.create({ value, acceptance: world.acceptance() });
    world.blockchain.now = world.terms.deadline + DAY;
    await world.conserved(() => world.expire());
    expect((await world.stake.getStatus()).faults).toBe(1n);
    expect(await world.isGone()).toBe(true);
  });

  it('findings 21 and 41: fees that rose beyond what a job holds cost its report and not its refund', async () => {
    const world = await CheckedJobWorld.create();
    await world.create({ acceptance: world.acceptance() });
    world.blockchain.setConfig(multiplyPrices(world.blockchain.config, 8n));
    world.blockchain.now = world.terms.deadline;
    const result = await world.conserved(() => world.expire());
    expect(result.transactions).toHaveTransaction({ from: world.job.address, to: world.client.address });
    expect((await world.stake.getStatus()).faults).toBe(0n);
    expect(await world.isGone()).toBe(true);
  });

  it('finding 21: whatever a job holds when it expires, its promise is reported once at most', async () => {
    const world = await CheckedJobWorld.create({ price: toNano('0.001') });
    await world.create({ acceptance: world.acceptance() });
    world.blockchain.now = world.terms.deadline;
    const start = world.blockchain.snapshot();
    const outcomes = new Set<string>();
    const held = [1_500n, 22_000n, 25_500n, 25_800n, 26_200n, 40_000n];
    for (const micro of held) {
      await world.blockchain.loadFrom(start);
      world.blockchain.now = world.terms.deadline;
      (await world.blockchain.getContract(world.job.address)).balance = micro * 1_000n;
      for (let attempt = 0; attempt < 3 && !(await world.isGone()); attempt++) {
        await refusal(world.expire()).catch(() => undefined);
        if (await world.isGone()) break;
        await world.stranger.send({ to: world.job.address, value: toNano('0.05'), bounce: false });
      }
      const { faults } = await world.stake.getStatus();
      expect([micro, await world.isGone(), faults <= 1n]).toEqual([micro, true, true]);
      outcomes.add(String(faults));
    }
    expect([...outcomes].sort()).toEqual(['0', '1']);
  });

  it('finding 17: a client that pays again reserves coverage once per paid answer at most', async () => {
    const world = await CheckedJobWorld.create();
    const acceptance = world.acceptance({ coverage: toNano('20') });
    const delivery = world.delivery();
    const paidBefore = await world.balance(world.payout.address);
    let answers = 0n;
    for (;;) {
      const result = await world.create({ acceptance });
      if ((await world.state()) !== 'open') {
        expect(failure(world, result)).toBe(128 + KEY_STATUS.noCoverage);
        break;
      }
      await world.deliver(delivery);
      answers++;
    }
    expect(answers).toBe(3n);
    expect((await world.stake.getStatus()).reserved).toBe(toNano('60'));
    const paid = (await world.balance(world.payout.address)) - paidBefore;
    expect(paid).toBeGreaterThan(answers * (world.terms.price - toNano('0.001')));
    world.blockchain.now = world.terms.deadline + 7 * DAY;
    expect((await world.stake.getStatus()).reserved).toBe(0n);
  });

  it('finding 21: a promise in a library cell binds like a plain one, and takes nothing when it is gone', async () => {
    for (const isStillThere of [true, false]) {
      const world = await CheckedJobWorld.create();
      const acceptance = world.acceptance();
      world.blockchain.libs = published(acceptance);
      await world.create({ acceptance: libraryOf(acceptance) });
      expect(await world.state()).toBe('open');
      if (!isStillThere) world.blockchain.libs = published(new Cell());
      world.blockchain.now = world.terms.deadline;
      const before = await world.balance(world.client.address);
      await world.conserved(() => world.expire());
      expect((await world.stake.getStatus()).slashed).toBe(isStillThere ? world.terms.price : 0n);
      expect((await world.balance(world.client.address)) - before).toBeGreaterThan(world.terms.price);
      expect(await world.isGone()).toBe(true);
    }
  });

  it('finding 21: the worker of a job with a promise in a library cell is paid all the same', async () => {
    const world = await CheckedJobWorld.create();
    const acceptance = world.acceptance();
    world.blockchain.libs = published(acceptance);
    await world.create({ acceptance: libraryOf(acceptance) });
    world.blockchain.libs = published(new Cell());
    const result = await world.conserved(() => world.deliver());
    expect(result.transactions).toHaveTransaction({ to: world.payout.address, value: world.terms.price });
  });

  it('finding 21: nobody makes the promise of one job count in another that the worker did not see', async () => {
    const world = await CheckedJobWorld.create();
    const acceptance = world.acceptance({ coverage: toNano('1') });
    const others = [
      { salt: 9 },
      { price: world.terms.price + 1n },
      { job: { outputCells: 1 } },
      { job: { deadline: world.terms.deadline + 1 } },
      { job: { payout: world.client.address } },
    ];
    for (const options of others) {
      const other = await CheckedJobWorld.create({ ...options, blockchain: world.blockchain });
      expect(failure(other, await other.create({ acceptance }))).toBe(128 + KEY_STATUS.notAccepted);
    }
    expect(await world.stake.getStatus()).toMatchObject({ reserved: 0n, slashed: 0n, active: STAKE_NANO });
  });

  it('finding 18: an owner that breaks promises to itself burns nearly all of the penalty', async () => {
    const world = await CheckedJobWorld.create({ price: toNano('1') });
    const burnt = await world.balance(BURN_ADDRESS);
    await world.create({ acceptance: world.acceptance() });
    world.blockchain.now = world.terms.deadline;
    await world.expire();
    expect((await world.balance(BURN_ADDRESS)) - burnt).toBeGreaterThan(toNano('0.94'));
  });

  it('finding 25: a worker that declines a promised job can still be held to its promise', async () => {
    const world = await CheckedJobWorld.create();
    const acceptance = world.acceptance();
    await world.create();
    await world.create({ acceptance });
    expect((await world.job.getData())!.acceptance).toBe(null);
    expect(await refusal(world.decline())).toBe(null);
    await world.create({ acceptance });
    expect((await world.job.getData())!.acceptance).not.toBe(null);
    world.blockchain.now = world.terms.deadline;
    await world.conserved(() => world.expire());
    expect((await world.stake.getStatus()).slashed).toBe(world.terms.price);
  });
});
