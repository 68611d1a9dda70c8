import fc from 'fast-check';
import { receiptsConflict } from '../../protocol';
import { BURN_ADDRESS, PROVIDER_STAKE_ERRORS as ERRORS } from '../../wrappers';
import { patternBytes } from '../support/jobWorld';
import { exitCode, StakeWorld } from '../support/stakeWorld';

/** Few values each, so that receipts often agree. */
const fields = fc.record({
  seq: fc.integer({ min: 0, max: 1 }),
  index: fc.integer({ min: 0, max: 2 }),
  final: fc.boolean(),
  issuedAt: fc.integer({ min: 1_800_000_000, max: 1_800_000_001 }),
  finishReason: fc.constantFrom(1, 1, 1, 2),
  dueNano: fc.constantFrom(5n, 5n, 5n, 6n),
  responseCommit: fc.constantFrom(patternBytes(32, 1), patternBytes(32, 1), patternBytes(32, 2)),
});

describe('the shares and causes of a slash', () => {
  it('finding 1: the contract judges two receipts exactly as the protocol does', async () => {
    const counts = { conflict: 0, honest: 0 };
    await fc.assert(
      fc.asyncProperty(fields, fields, async (one, other) => {
        const world = await StakeWorld.create();
        const first = world.receipt(world.terms(), one);
        const second = world.receipt(world.terms(), other);
        const isConflict = receiptsConflict(first, second);
        counts[isConflict ? 'conflict' : 'honest']++;
        const result = await world.report(first, second);
        expect(exitCode(result, world.stake.address)).toBe(isConflict ? 0 : ERRORS.noConflict);
      }),
      { numRuns: 30, seed: 1 },
    );
    expect(Math.min(counts.conflict, counts.honest)).toBeGreaterThan(5);
  });

  it('finding 18: half is taken, client and watcher get at most half of it, and no nanoTON appears', async () => {
    const amount = fc.bigInt({ min: 0n, max: 60_000_000_000n });
    const due = fc.oneof(amount, fc.constant((1n << 64n) - 1n));
    await fc.assert(
      fc.asyncProperty(amount, due, async (thaw, dueNano) => {
        const world = await StakeWorld.create();
        await world.stake.sendThaw(world.owner.getSender(), { value: 1_000_000_000n, amount: thaw });
        const before = await world.stake.getStatus();
        const burntBefore = await world.burnt();
        const result = await world.reportLie(0, { dueNano });
        const after = await world.stake.getStatus();
        const taken = before.active / 2n + before.thawing / 2n;
        expect(after.active).toBe(before.active - before.active / 2n);
        expect(after.thawing).toBe(before.thawing - before.thawing / 2n);
        expect(after.slashed).toBe(taken);
        const watcherShare = 5_000_000_000n < taken / 4n ? 5_000_000_000n : taken / 4n;
        const rest = taken / 2n - watcherShare;
        const asked = 10n * dueNano + 1_000_000_000n;
        const clientShare = asked < rest ? asked : rest;
        const burn = result.transactions.find(({ inMessage }) => String(inMessage?.info.dest) === String(BURN_ADDRESS));
        const info = burn!.inMessage!.info;
        if (info.type !== 'internal') throw new Error('burnt by an internal message');
        expect(info.value.coins + info.forwardFee).toBeLessThanOrEqual(taken - watcherShare - clientShare);
        expect(info.value.coins).toBeGreaterThan(taken - watcherShare - clientShare - 2_000_000n);
        expect(await world.burnt()).toBeGreaterThan(burntBefore);
        expect(await world.isSolvent()).toBe(true);
      }),
      { numRuns: 10, seed: 2 },
    );
  });
});
