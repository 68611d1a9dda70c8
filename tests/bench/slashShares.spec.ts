/** What the simulation of bench/economics takes from the contracts: the shares of a slash. Fees of moves are in bench/slashing.json. */
import { describe, expect, it } from '@jest/globals';
import { toNano } from '@ton/core';
import { burntOf, inTon, slashByDispute, slashByMessage, takenOf } from '../../bench/economics/rules';
import { StakeWorld } from '../support/stakeWorld';

describe('a slash', () => {
  it.each([['0.01'], ['0.4'], ['1000000']])('takes, shares and burns what the simulation says, at a price of %s TON', async (price) => {
    const world = await StakeWorld.create();
    const [before, burntBefore] = [(await world.stake.getStatus()).active, await world.burnt()];
    await world.reportLie(0, { dueNano: toNano(price) });
    const { taken, burnt } = slashByMessage(before, toNano(price));
    expect((await world.stake.getStatus()).slashed).toBe(taken);
    // Less the forward fee of the message that burns.
    const gone = (await world.burnt()) - burntBefore;
    expect(burnt - gone).toBeGreaterThanOrEqual(0n);
    expect(burnt - gone).toBeLessThan(toNano('0.001'));
    expect(takenOf(inTon(before))).toBe(inTon(taken));
    if (price === '1000000') expect(burntOf(inTon(before))).toBe(inTon(burnt));
  });

  it('by a dispute has the challenger get five bonds', () => {
    // tests/staking/cases.spec.ts has a stake do so.
    expect(slashByDispute(toNano('100'), toNano('0.1'))).toEqual({ taken: toNano('50'), client: toNano('2'), challenger: toNano('5'), burnt: toNano('43') });
    expect(slashByDispute(toNano('1000'), toNano('20'))).toMatchObject({ challenger: toNano('10') });
  });
});
