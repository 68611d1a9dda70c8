import '@ton/test-utils';
import { Address, beginCell, Cell, toNano } from '@ton/core';
import { packTry } from '../../examples/bounty/JudgedBounty';
import { multiplyPrices } from '../support/config';
import { resultsIn, takeSlots } from '../support/consumerMessages';
import { ConsumerWorld, STOP_TOKEN, WINNING_TOKEN } from '../support/consumerWorld';
import { exitCode } from '../support/stakeWorld';

const balanceOf = (world: ConsumerWorld) => world.balance(world.bounty.address);
const code = async (world: ConsumerWorld, result: Promise<Parameters<typeof exitCode>[0]>) =>
  exitCode(await result, world.bounty.address);

describe('Try', () => {
  it.each([1n, 10n])('at prices x%d works with the least value, not with one nanoTON less', async (factor) => {
    const world = await ConsumerWorld.create({ maxTokens: 1260 });
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    const tokens = Array.from({ length: 30 }, (_, index) => 2 ** 21 - 1 - index);
    const value = await world.bounty.getTryValue();
    const { anna } = world.wallets;
    const sent = { from: anna.address, to: world.bounty.address, body: packTry(tokens), value: value * 2n };
    await takeSlots(world.chain, 31, sent);
    const before = await balanceOf(world);
    expect(await code(world, world.try(anna, tokens, value - 1n))).toBe(771);
    expect(await balanceOf(world)).toBe(before);
    const [job] = await world.jobsIn(await world.try(anna, tokens, value));
    expect(await balanceOf(world)).toBe(before);
    expect((await world.escrowOf(job).getData())!.state).toBe('open');
    const answer = [WINNING_TOKEN, ...Array.from({ length: 1259 }, () => 1)];
    expect(resultsIn(await world.answer(job, answer))).toMatchObject([{ won: true }]);
  });

  it('returns what is beyond its cost at once', async () => {
    const world = await ConsumerWorld.create();
    const { anna } = world.wallets;
    const result = await world.try(anna, [3], toNano('50'));
    const change = (value?: bigint): boolean => value! > toNano('49.7');
    expect(result.transactions).toHaveTransaction({ to: anna.address, op: 0xd53276db, value: change });
  });

  it('refuses what is no prompt', async () => {
    const world = await ConsumerWorld.create();
    const { anna } = world.wallets;
    const value = toNano('1');
    const prompt = (...tokens: number[]) => packTry(tokens);
    const bodies: [number, Cell][] = [
      [761, prompt()],
      [767, prompt(1, 2 ** 21)],
      [767, prompt(2 ** 32 - 1)],
      [761, beginCell().storeSlice(prompt(1).beginParse()).storeUint(1, 8).endCell()],
      [761, beginCell().storeSlice(prompt(1).beginParse()).storeRef(new Cell()).endCell()],
    ];
    for (const [refusal, body] of bodies) {
      const sent = world.conserved(() => anna.send({ to: world.bounty.address, value, body }));
      expect(await code(world, sent)).toBe(refusal);
    }
    expect(await code(world, world.try(anna, [2 ** 21 - 1]))).toBe(0);
    expect(() => prompt(...Array.from({ length: 31 }, () => 1))).toThrow('a try holds 1 to 30 tokens');
  });

  it('refuses a bounty whose longest answer no escrow could check', async () => {
    const world = await ConsumerWorld.create({ maxTokens: 1261 });
    const { anna, boris, chen, thief, sponsor } = world.wallets;
    for (const person of [anna, boris, chen, thief, sponsor]) {
      expect(await code(world, world.try(person, [3], toNano('2')))).toBe(766);
    }
    expect(await world.bounty.getOpenJobs()).toEqual([]);
  });

  it('refuses an account of the masterchain: its result would go to somebody else', async () => {
    const world = await ConsumerWorld.create();
    const twin = new Address(-1, world.wallets.anna.address.hash);
    const result = await world.forged(twin, world.bounty.address, packTry([3]), { value: toNano('1') });
    expect(exitCode(result, world.bounty.address)).toBe(5);
    expect(await world.bounty.getOpenJobs()).toEqual([]);
  });

  it('is refused before the first and after the last money for a winner', async () => {
    const world = await ConsumerWorld.create({ fund: 0n });
    const { anna, sponsor } = world.wallets;
    expect(await code(world, world.try(anna, [3], toNano('1')))).toBe(772);
    await world.bounty.sendFund(sponsor.getSender(), toNano('2'));
    const job = (await world.jobsIn(await world.try(anna, [3], toNano('1'))))[0];
    await world.answer(job);
    expect(await code(world, world.try(anna, [3], toNano('1')))).toBe(772);
  });
});

describe('Fund', () => {
  it('keeps rent once: the bounty is what the account holds beyond it', async () => {
    const world = await ConsumerWorld.create({ fund: toNano('5') });
    const { sponsor } = world.wallets;
    const first = await world.bounty.getBounty();
    const rent = (await balanceOf(world)) - first;
    await world.conserved(() => world.bounty.sendFund(sponsor.getSender(), toNano('1')));
    const added = (await world.bounty.getBounty()) - first;
    expect(toNano('1') - added).toBeLessThan(toNano('0.003'));
    expect((await balanceOf(world)) - (await world.bounty.getBounty())).toBe(rent);
  });

  it('of less than the rent promises nothing', async () => {
    const world = await ConsumerWorld.create({ fund: toNano('0.1') });
    expect(await world.bounty.getBounty()).toBe(0n);
    expect(await balanceOf(world)).toBeGreaterThan(toNano('0.09'));
  });

  it('by anybody but the sponsor is refused', async () => {
    const world = await ConsumerWorld.create();
    const sent = world.conserved(() => world.bounty.sendFund(world.wallets.thief.getSender(), toNano('1')));
    expect(await code(world, sent)).toBe(773);
  });

  it('again after a win is a new bounty, which a try that was open all the time may win', async () => {
    const world = await ConsumerWorld.create();
    const { anna, boris, sponsor } = world.wallets;
    const [first, second] = [await world.posted(anna), await world.posted(boris)];
    await world.answer(first);
    await world.bounty.sendFund(sponsor.getSender(), toNano('3'));
    const bounty = await world.bounty.getBounty();
    const [told] = resultsIn(await world.answer(second));
    expect(told).toMatchObject({ won: true, to: String(boris.address) });
    expect(told.value - bounty).toBeLessThan(toNano('0.1'));
  });
});

describe('CloseBounty', () => {
  const close = (world: ConsumerWorld, who = world.wallets.sponsor) =>
    world.conserved(() => world.bounty.sendCloseBounty(who.getSender(), toNano('0.1')));

  it('returns everything to the sponsor when no try is open', async () => {
    const world = await ConsumerWorld.create();
    const held = await balanceOf(world);
    const { sponsor } = world.wallets;
    const result = await close(world);
    const everything = (value?: bigint): boolean => value! > held + toNano('0.09');
    expect(result.transactions).toHaveTransaction({ to: sponsor.address, value: everything });
    expect(await balanceOf(world)).toBe(0n);
    expect(await code(world, world.try())).toBe(772);
    await world.bounty.sendFund(sponsor.getSender(), toNano('3'));
    expect(await code(world, world.try())).toBe(0);
  });

  it('by anybody but the sponsor is refused', async () => {
    const world = await ConsumerWorld.create();
    expect(await code(world, close(world, world.wallets.thief))).toBe(773);
    expect(await code(world, world.try())).toBe(0);
  });

  it('while tries are open lets them win, takes no new ones, and pays when they have ended', async () => {
    const world = await ConsumerWorld.create();
    const { anna, boris } = world.wallets;
    const jobs = [await world.posted(anna), await world.posted(boris)];
    const held = await balanceOf(world);
    expect(await code(world, close(world))).toBe(0);
    expect(await balanceOf(world)).toBe(held);
    expect(await code(world, close(world))).toBe(774);
    expect(await code(world, world.try(anna))).toBe(772);
    expect(resultsIn(await world.answer(jobs[0], [WINNING_TOKEN, STOP_TOKEN]))).toMatchObject([{ won: true }]);
    await world.decline(jobs[1]);
    expect(await code(world, close(world))).toBe(0);
    expect(await balanceOf(world)).toBe(0n);
  });

  it('cannot be held up: whoever tries again as soon as a try ends is stopped by the first close', async () => {
    const world = await ConsumerWorld.create();
    const { thief } = world.wallets;
    const jobs = [];
    for (let slot = 0; slot < 6; slot++) jobs.push((await world.jobsIn(await world.try(thief, [3])))[0]);
    await close(world);
    for (const job of jobs) {
      await world.expire(job);
      expect(await code(world, world.try(thief, [3]))).toBe(772);
    }
    expect(await code(world, close(world))).toBe(0);
    expect(await balanceOf(world)).toBe(0n);
  });
});

it('messages that are none of the above come back', async () => {
  const world = await ConsumerWorld.create();
  const before = await balanceOf(world);
  for (const body of [new Cell(), beginCell().storeUint(0x0c44, 32).endCell(), beginCell().storeUint(1, 5).endCell()]) {
    const sent = world.conserved(() => world.wallets.anna.send({ to: world.bounty.address, value: toNano('1'), body }));
    expect(await code(world, sent)).toBe(130);
  }
  expect(await balanceOf(world)).toBe(before);
});
