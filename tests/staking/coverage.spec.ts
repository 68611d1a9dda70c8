import { toNano } from '@ton/core';
import { CHECKED_JOB_ERRORS, KEY_STATUS } from '../../wrappers';
import { CheckedJobWorld, STAKE_NANO } from '../support/checkedJobWorld';
import { refusal, START } from '../support/jobWorld';
import { DAY, STAKE, StakeWorld } from '../support/stakeWorld';

const MIDNIGHT = Math.ceil(START / DAY) * DAY;
/** From when on coverage of a job with this deadline is free again: the day after the window's last is over. */
const endOf = (deadline: number): number => (Math.floor((deadline + 5 * DAY) / DAY) + 2) * DAY;

describe('coverage', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const reserved = async () => (await world.stake.getStatus()).reserved;
  const reserve = (coverage: bigint, expiresAt: number, salt = 0) => {
    const terms = world.terms({ coverage, expiresAt, maxTokens: salt });
    return world.query(terms, world.acceptance(terms, { acceptBy: expiresAt }));
  };

  it.each([MIDNIGHT - 1, MIDNIGHT])('finding 17: is held for 5 to 7 days after a deadline at %s', async (deadline) => {
    world.chain.now = deadline - 60;
    expect(await reserve(5n, deadline)).toBe(KEY_STATUS.fine);
    const end = endOf(deadline);
    expect(end - deadline).toBeGreaterThan(5 * DAY);
    expect(end - deadline).toBeLessThanOrEqual(7 * DAY);
    world.chain.now = end - 1;
    expect(await reserved()).toBe(5n);
    world.chain.now = end;
    expect(await reserved()).toBe(0n);
  });

  it('finding 17: of jobs that end around midnight ends on two days', async () => {
    world.chain.now = MIDNIGHT - 60;
    await reserve(5n, MIDNIGHT - 1);
    await reserve(7n, MIDNIGHT);
    expect(await reserved()).toBe(12n);
    world.chain.now = endOf(MIDNIGHT - 1);
    expect(await reserved()).toBe(7n);
    expect(endOf(MIDNIGHT)).toBe(endOf(MIDNIGHT - 1) + DAY);
  });

  it('finding 17: of a job a day, and of several a day, takes eight days at most, whatever their number', async () => {
    const ends: [number, bigint][] = [];
    for (let day = 0; day < 12; day++) {
      for (const [part, deadline] of [60, DAY].entries()) {
        world.chain.now = MIDNIGHT + day * DAY + part * 1_000;
        const coverage = BigInt(1 + ends.length);
        expect(await reserve(coverage, world.now + deadline)).toBe(KEY_STATUS.fine);
        ends.push([endOf(world.now + deadline), coverage]);
        const live = ends.filter(([end]) => end > world.now);
        expect(new Set(live.map(([end]) => end)).size).toBeLessThanOrEqual(8);
        expect(await reserved()).toBe(live.reduce((sum, [, amount]) => sum + amount, 0n));
      }
    }
  });

  it('finding 17: is given to the last nanoTON of what is active, and not of what thaws', async () => {
    await world.stake.sendThaw(world.owner.getSender(), { value: toNano('1'), amount: toNano('30') });
    expect(await reserve(toNano('70') - 1n, world.now + 600, 1)).toBe(KEY_STATUS.fine);
    expect(await reserve(2n, world.now + 600, 2)).toBe(KEY_STATUS.noCoverage);
    expect(await reserve(1n, world.now + 600, 3)).toBe(KEY_STATUS.fine);
    expect(await reserve(0n, world.now + 600, 4)).toBe(KEY_STATUS.fine);
    expect(await reserve((1n << 120n) - 1n, world.now + 600, 5)).toBe(KEY_STATUS.noCoverage);
    expect(await reserved()).toBe(toNano('70'));
  });

  it('a question that the stake cannot stand for reserves nothing', async () => {
    const terms = world.terms({ coverage: STAKE + 1n });
    expect(await world.query(terms, world.acceptance(terms))).toBe(KEY_STATUS.noCoverage);
    expect(await reserve(1n, world.now + DAY + 1)).toBe(KEY_STATUS.badDeadline);
    expect(await reserved()).toBe(0n);
  });
});

/**
 * The stake keeps no list of promises. An escrow asks once in its life, so a promise counts again only when its job
 * ended and was created again before `acceptBy`; and an accepted job ends early only by paying the worker.
 */
describe('one promise used again', () => {
  const coverage = toNano('10');
  const open = async () => {
    const world = await CheckedJobWorld.create({ asked: { coverage } });
    const acceptance = world.acceptance({ coverage });
    await world.conserved(() => world.create({ acceptance }));
    expect(await world.state()).toBe('open');
    return { world, acceptance };
  };
  const reserved = async (world: CheckedJobWorld) => (await world.stake.getStatus()).reserved;
  const paid = (world: CheckedJobWorld) => world.balance(world.payout.address);

  it('finding 17: reserves again only after the price was paid again, and never after acceptBy', async () => {
    const { world, acceptance } = await open();
    const delivery = world.delivery();
    const before = await paid(world);
    expect(await refusal(world.decline())).toBe(CHECKED_JOB_ERRORS.accepted);
    await world.create({ acceptance });
    expect(await refusal(world.expire())).toBe(9);
    expect([await world.state(), await reserved(world)]).toEqual(['open', coverage]);
    for (const times of [2n, 3n]) {
      await world.conserved(() => world.deliver(delivery));
      expect(await world.isGone()).toBe(true);
      await world.conserved(() => world.create({ acceptance }));
      expect([await world.state(), await reserved(world)]).toEqual(['open', times * coverage]);
      expect((await paid(world)) - before).toBeGreaterThan((times - 1n) * world.terms.price - toNano('0.001'));
    }
    await world.deliver(delivery);
    world.blockchain.now = world.now + 61;
    await world.create({ acceptance });
    expect([await world.isGone(), await reserved(world)]).toEqual([true, 3n * coverage]);
  });

  it('finding 21: costs a worker that does not deliver again no more than it was paid for the first time', async () => {
    const { world, acceptance } = await open();
    const before = await paid(world);
    await world.deliver();
    await world.create({ acceptance });
    world.blockchain.now = world.terms.deadline;
    await world.conserved(() => world.expire());
    const { active, slashed } = await world.stake.getStatus();
    expect(slashed).toBe(world.terms.price);
    expect(active).toBe(STAKE_NANO - slashed);
    expect((await paid(world)) - before).toBeGreaterThan(slashed - toNano('0.001'));
    await world.create({ acceptance });
    await expect(world.expire()).rejects.toThrow('cannot run message');
    expect((await world.stake.getStatus()).faults).toBe(1n);
  });

  it('finding 17: reserves for the same escrow twice when it asks twice, which no genuine one does', async () => {
    const world = await StakeWorld.create();
    const terms = world.terms({ coverage: toNano('40') });
    expect(await world.query(terms, world.acceptance(terms))).toBe(KEY_STATUS.fine);
    expect(await world.query(terms, world.acceptance(terms))).toBe(KEY_STATUS.fine);
    expect((await world.stake.getStatus()).reserved).toBe(toNano('80'));
    expect(await world.query(terms, world.acceptance(terms))).toBe(KEY_STATUS.noCoverage);
    const { world: job, acceptance } = await open();
    for (const state of ['open', 'open']) {
      await job.create({ acceptance });
      expect([await job.state(), await reserved(job)]).toEqual([state, coverage]);
    }
  });
});
