import { toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import {
  depositFees,
  PROVIDER_STAKE_ERRORS as ERRORS,
  readNetworkPrices,
  requiredStakeValue,
  THAW_SECONDS,
} from '../../wrappers';
import { multiplyPrices } from '../support/config';
import { patternBytes, START } from '../support/jobWorld';
import { DAY, exitCode, STAKE, StakeWorld, WORKER } from '../support/stakeWorld';

describe('what the owner of a stake does', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const exit = async (attempt: Promise<Parameters<typeof exitCode>[0]>) => exitCode(await attempt, world.stake.address);
  const status = () => world.stake.getStatus();
  const owner = () => world.owner.getSender();
  const value = toNano('1');

  it('refuses everybody else', async () => {
    const stranger = world.watcher.getSender();
    const workerKey = WORKER.publicKey;
    const key = { value, workerKey, sealingKey: patternBytes(32, 1), endUnix: START + DAY, proof: patternBytes(64, 1) };
    const descriptor = { value, endpoint: 'https://x', descriptorHash: patternBytes(32, 1) };
    for (const attempt of [
      () => world.stake.sendThaw(stranger, { value, amount: 1n }),
      () => world.stake.sendWithdraw(stranger, { value }),
      () => world.stake.sendAddWorkerKey(stranger, key),
      () => world.stake.sendRemoveWorkerKey(stranger, { value, workerKey }),
      () => world.stake.sendSetDescriptor(stranger, descriptor),
    ]) {
      expect(await exit(attempt())).toBe(ERRORS.notOwner);
    }
  });

  it.each([1n, 10n])('needs exactly the least value of the SDK, prices x %s', async (factor) => {
    const config = world.chain.config;
    world.chain.setConfig(multiplyPrices(config, factor));
    const prices = readNetworkPrices(world.chain.config);
    const workerKey = WORKER.publicKey;
    const least = requiredStakeValue('stakeMessage', prices);
    const evidence = requiredStakeValue('evidence', prices);
    const addKey = requiredStakeValue('addKey', prices);
    const receipt = world.receipt(world.terms());
    const other = { ...receipt, responseCommit: patternBytes(32, 50) };
    const attempts: [bigint, (value: bigint) => Promise<Parameters<typeof exitCode>[0]>][] = [
      [least, (value) => world.stake.sendThaw(owner(), { value, amount: 1n })],
      [least, (value) => world.stake.sendRemoveWorkerKey(owner(), { value, workerKey })],
      [addKey, (value) => world.addKey(WORKER, START + 31 * DAY, value)],
      [evidence, (value) => world.report(receipt, other, world.terms(), value)],
    ];
    for (const [needed, send] of attempts) {
      expect(await exit(send(needed - 1n))).toBe(ERRORS.valueBelowFees);
      expect(await exit(send(needed))).toBe(0);
    }
    expect(await world.isSolvent()).toBe(true);
    world.chain.setConfig(config);
  });

  it('adds a deposit of anybody and returns what is beyond it', async () => {
    const prices = readNetworkPrices(world.chain.config);
    const amount = toNano('7');
    const sender = world.client.getSender();
    expect(await exit(world.stake.sendDeposit(sender, { value: amount, amount }))).toBe(ERRORS.valueBelowFees);
    const needed = amount + depositFees(prices);
    expect(await exit(world.stake.sendDeposit(sender, { value: needed, amount }))).toBe(0);
    expect((await status()).active).toBe(STAKE + amount);
  });

  it('finding 15: stake thaws 15 days, is slashed meanwhile, and a second thaw starts the clock again', async () => {
    await world.stake.sendThaw(owner(), { value, amount: toNano('10') });
    world.chain.now = START + DAY;
    await world.stake.sendThaw(owner(), { value, amount: toNano('10') });
    world.chain.now = START + DAY + THAW_SECONDS - 1;
    expect(await exit(world.stake.sendWithdraw(owner(), { value }))).toBe(ERRORS.stillThawing);
    await world.reportLie();
    world.chain.now += 1;
    const before = await world.balance(world.owner.address);
    expect(await exit(world.stake.sendWithdraw(owner(), { value }))).toBe(0);
    const paid = (await world.balance(world.owner.address)) - before;
    expect(paid).toBeGreaterThan(toNano('9.98'));
    expect(paid).toBeLessThan(toNano('10'));
    expect(await status()).toMatchObject({ active: toNano('40'), thawing: 0n });
  });

  it('finding 16: 32 keys are taken, the next is refused and none is evicted', async () => {
    for (let index = 1; index < 32; index++) await world.addKey(keyPairFromSeed(Buffer.alloc(32, 100 + index)));
    expect(await exit(world.addKey(keyPairFromSeed(Buffer.alloc(32, 9))))).toBe(ERRORS.keysFull);
    expect(await exit(world.addKey(WORKER, START + 40 * DAY))).toBe(0);
    expect(await world.stake.getWorkerKeys()).toHaveLength(32);
  });

  it('finding 14: a key is added with its own signature for this stake alone', async () => {
    const { publicKey: workerKey } = keyPairFromSeed(Buffer.alloc(32, 9));
    const key = { value, workerKey, sealingKey: patternBytes(32, 1), endUnix: START + DAY, proof: patternBytes(64, 1) };
    expect(await exit(world.stake.sendAddWorkerKey(owner(), key))).toBe(ERRORS.keyNotClaimed);
    expect(await exit(world.addKey(WORKER, START))).toBe(ERRORS.keyEndPassed);
    await world.stake.sendThaw(owner(), { value, amount: toNano('50') + 1n });
    expect(await exit(world.addKey())).toBe(ERRORS.stakeBelowMinimum);
  });

  it('finding 17: coverage is reserved until the window is over, and neither thaws nor covers twice', async () => {
    const terms = world.terms({ coverage: toNano('60') });
    expect(await world.query(terms)).toBe(9);
    expect(await world.query(terms, world.acceptance(terms), world.watcher)).toBe(9);
    expect(await world.query(terms, world.acceptance(terms))).toBe(0);
    expect((await status()).reserved).toBe(toNano('60'));
    expect(await world.query(terms, world.acceptance(terms))).toBe(10);
    const thaw = (amount: bigint) => world.stake.sendThaw(owner(), { value, amount });
    expect(await exit(thaw(toNano('40') + 1n))).toBe(ERRORS.amountAboveFreeStake);
    expect(await exit(thaw(toNano('40')))).toBe(0);
    world.chain.now = START + 8 * DAY;
    expect((await status()).reserved).toBe(0n);
    expect(await exit(thaw(toNano('60')))).toBe(0);
  });

  it('finding 21: an undelivered job costs its price, at most 1 TON, and nobody else can claim it', async () => {
    const acceptance = world.acceptance(world.terms());
    await world.undelivered(acceptance, toNano('0.5'), world.watcher);
    expect((await status()).slashed).toBe(0n);
    await world.undelivered(acceptance, toNano('0.5'));
    await world.undelivered(acceptance, toNano('9'));
    expect(await status()).toMatchObject({ active: STAKE - toNano('1.5'), slashed: toNano('1.5'), faults: 2 });
    expect(await world.burnt()).toBeGreaterThan(toNano('1.39'));
    expect(await world.isSolvent()).toBe(true);
  });

  it('finding 47: after 70 years the books follow the balance and the last withdrawal ends the account', async () => {
    world.chain.now = START + 70 * 365 * DAY;
    const { active } = await status();
    await world.stake.sendRemoveWorkerKey(owner(), { value, workerKey: WORKER.publicKey });
    expect(await exit(world.stake.sendPruneWorkerKey(owner(), { value, workerKey: WORKER.publicKey }))).toBe(0);
    await world.stake.sendThaw(owner(), { value, amount: toNano('1') });
    const rest = (await status()).active;
    expect(rest).toBeLessThan(active);
    expect(await world.isSolvent()).toBe(true);
    await world.stake.sendThaw(owner(), { value, amount: rest });
    world.chain.now += THAW_SECONDS;
    await world.stake.sendWithdraw(owner(), { value });
    expect(await world.balance()).toBe(0n);
  });
});
