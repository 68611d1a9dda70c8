import { toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { PROVIDER_STAKE_ERRORS as ERRORS } from '../../wrappers';
import { patternBytes } from '../support/jobWorld';
import { DAY, exitCode, signed, STAKE, StakeWorld, termsCell } from '../support/stakeWorld';

describe('evidence against a stake', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const exit = async (attempt: Promise<Parameters<typeof exitCode>[0]>) => exitCode(await attempt, world.stake.address);
  const status = () => world.stake.getStatus();

  it('finding 1: chunks of one answer and re-dated retries do not slash', async () => {
    const chunk = world.receipt(world.terms(), { final: false });
    const next = { ...chunk, index: 1, responseCommit: patternBytes(32, 50) };
    expect(await exit(world.report(chunk, next))).toBe(ERRORS.noConflict);
    expect(await exit(world.report(chunk, { ...chunk, issuedAt: chunk.issuedAt + 90 }))).toBe(ERRORS.noConflict);
    expect(await exit(world.report(chunk, { ...next, final: true }))).toBe(ERRORS.noConflict);
    expect((await status()).active).toBe(STAKE);
  });

  it('finding 1: other content under the same index slashes, and so does an answer that goes on after its end', async () => {
    expect(await exit(world.reportLie())).toBe(0);
    const last = world.receipt(world.terms(), { seq: 1 });
    expect(await exit(world.report(last, { ...last, index: 1 }))).toBe(0);
    const other = world.receipt(world.terms(), { seq: 2 });
    expect(await exit(world.report({ ...other, index: 1 }, other))).toBe(0);
    expect((await status()).faults).toBe(3);
  });

  it('finding 2: receipts of other jobs do not conflict', async () => {
    const first = world.receipt(world.terms());
    for (const change of [{ seq: 1 }, { escrow: patternBytes(32, 1) }]) {
      const second = { ...first, ...change, responseCommit: patternBytes(32, 50) };
      expect(await exit(world.report(first, second))).toBe(ERRORS.noConflict);
    }
  });

  it('finding 9: a receipt whose terms promise another tier slashes, one with the tier of its key does not', async () => {
    const via = world.watcher.getSender();
    const report = (tier: number) => {
      const terms = world.terms({ tier });
      const receipt = signed(world.receipt(terms));
      return world.stake.sendReportMislabelled(via, { value: toNano('1'), terms: termsCell(terms), receipt });
    };
    expect(await exit(report(0))).toBe(ERRORS.labelHolds);
    expect(await exit(report(1))).toBe(0);
    expect((await status()).active).toBe(STAKE / 2n);
  });

  it('findings 11 and 12: receipts of another network, terms of another stake, or not of these terms are refused', async () => {
    const lie = (terms = world.terms()) => {
      const first = world.receipt(terms);
      return [first, { ...first, responseCommit: patternBytes(32, 50) }] as const;
    };
    const elsewhere = world.terms({ networkId: -3 });
    expect(await exit(world.report(...lie(elsewhere), elsewhere))).toBe(ERRORS.otherStake);
    const home = lie(elsewhere).map((receipt) => ({ ...receipt, networkId: world.terms().networkId }));
    expect(await exit(world.report(home[0], home[1], elsewhere))).toBe(ERRORS.otherStake);
    const abroad = lie().map((receipt) => ({ ...receipt, networkId: -3 })) as unknown as ReturnType<typeof lie>;
    expect(await exit(world.report(...abroad))).toBe(ERRORS.otherStake);
    const others = world.terms({ stake: patternBytes(32, 1) });
    expect(await exit(world.report(...lie(others), others))).toBe(ERRORS.otherStake);
    expect(await exit(world.report(...lie(), world.terms({ maxTokens: 99 })))).toBe(ERRORS.otherTerms);
  });

  it('refuses receipts that no key of the stake signed', async () => {
    const stranger = keyPairFromSeed(Buffer.alloc(32, 9));
    const terms = termsCell(world.terms());
    const first = world.receipt(world.terms());
    const second = signed({ ...first, responseCommit: patternBytes(32, 50) }, stranger);
    const via = world.watcher.getSender();
    const report = world.stake.sendReportTwoReceipts(via, { value: toNano('1'), terms, first: signed(first), second });
    expect(await exit(report)).toBe(ERRORS.notSignedByKey);
    const unknown = world.terms({ workerKey: stranger.publicKey });
    const receipt = world.receipt(unknown);
    expect(await exit(world.report(receipt, receipt, unknown))).toBe(ERRORS.keyUnknown);
  });

  it('finding 18: takes half, thawing included; client and watcher get capped shares, the rest is burnt', async () => {
    await world.stake.sendThaw(world.owner.getSender(), { value: toNano('1'), amount: toNano('40') });
    const before = { client: await world.balance(world.client.address), watcher: await world.balance(world.watcher.address) };
    const { transactions } = await world.reportLie();
    expect(await status()).toMatchObject({
      active: toNano('30'),
      thawing: toNano('20'),
      slashed: toNano('50'),
      faults: 1,
    });
    // 5 TON to the watcher, 10 x 0.1 + 1 TON to the client.
    expect(await world.burnt()).toBeGreaterThan(toNano('42.99'));
    expect(await world.burnt()).toBeLessThanOrEqual(toNano('43'));
    const client = (await world.balance(world.client.address)) - before.client;
    const watcher = (await world.balance(world.watcher.address)) - before.watcher;
    expect(client).toBeGreaterThan(toNano('1.99'));
    expect(client).toBeLessThanOrEqual(toNano('2'));
    expect(watcher).toBeGreaterThan(toNano('4.9'));
    expect(watcher).toBeLessThan(toNano('5'));
    expect(transactions.length).toBe(5);
    expect(await world.isSolvent()).toBe(true);
  });

  it('finding 18: the client gets its share of the larger of two prices, in either order', async () => {
    const terms = world.terms();
    const receipts = [toNano('0.1'), 0n].map((dueNano) => signed(world.receipt(terms, { dueNano })));
    const start = world.chain.snapshot();
    for (const [first, second] of [receipts, [...receipts].reverse()]) {
      await world.chain.loadFrom(start);
      const before = await world.balance(world.client.address);
      const report = { value: toNano('1'), terms: termsCell(terms), first, second };
      await world.stake.sendReportTwoReceipts(world.watcher.getSender(), report);
      expect((await world.balance(world.client.address)) - before).toBeGreaterThan(toNano('1.99'));
    }
  });

  it('finding 18: a provider that slashes itself through friends gets at most half back, whatever price it claims', async () => {
    await world.reportLie(0, { dueNano: (1n << 64n) - 1n });
    const { slashed } = await status();
    expect(slashed).toBe(STAKE / 2n);
    expect(await world.burnt()).toBeGreaterThan(slashed / 2n - toNano('0.01'));
    expect(await world.isSolvent()).toBe(true);
  });

  it('finding 19: one job is punished once, another one again', async () => {
    await world.reportLie();
    expect(await world.stake.isConvicted(world.escrow.address, 0)).toBe(true);
    expect(await exit(world.reportLie(0, { issuedAt: world.now + 1 }))).toBe(ERRORS.alreadyConvicted);
    expect(await world.stake.isConvicted(world.escrow.address, 1)).toBe(false);
    expect(await exit(world.reportLie(1))).toBe(0);
    expect((await status()).slashed).toBe(toNano('75'));
  });

  it('findings 16 and 45: a removed key is held to its receipts until it is pruned, 10 days after its end', async () => {
    const { publicKey } = keyPairFromSeed(Buffer.alloc(32, 2));
    await world.stake.sendRemoveWorkerKey(world.owner.getSender(), { value: toNano('1'), workerKey: publicKey });
    const prune = () =>
      world.stake.sendPruneWorkerKey(world.watcher.getSender(), { value: toNano('1'), workerKey: publicKey });
    world.chain.now = world.now + 3_600 + 10 * DAY - 1;
    expect(await exit(prune())).toBe(ERRORS.keyAccountable);
    expect(await exit(world.reportLie())).toBe(0);
    world.chain.now = world.now + 1;
    expect(await exit(prune())).toBe(0);
    expect(await exit(world.reportLie(1))).toBe(ERRORS.keyUnknown);
  });
});
