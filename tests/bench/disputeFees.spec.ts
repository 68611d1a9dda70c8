/** What the simulation of bench/economics takes from the contracts: fees of moves, and the shares of a slash. */
import { describe, expect, it } from '@jest/globals';
import { toNano } from '@ton/core';
import { Blockchain, type SendMessageResult } from '@ton/sandbox';
import { MOVE_FEES } from '../../bench/economics/fees';
import { burntOf, inTon, slashByDispute, slashByMessage, takenOf } from '../../bench/economics/rules';
import { bondFor, CASE_RESERVE, requiredChallengeValue } from '../../wrappers';
import { brokenModel, Game } from '../disputes/game';
import { pricesOf } from '../support/config';
import { sumFees } from '../support/fees';
import { StakeWorld } from '../support/stakeWorld';

const PRICE = toNano('0.01');

/** TON. */
const fees = ({ transactions }: SendMessageResult): number => inTon(sumFees(transactions).totalNano);

describe('moves of a dispute', () => {
  it('cost what the simulation says, and not much less', async () => {
    const game = await Game.open('grouped', brokenModel('grouped', 0, 'gate'));
    const reveals = [fees(await game.showTrace())];
    const choices: number[] = [];
    for (;;) {
      choices.push(fees(await game.choose()));
      if (!game.isFound) reveals.push(fees(await game.showChildren()));
      else if (reveals.length >= 5) break;
      else reveals.push(fees(await game.showPosition()));
    }
    expect(fees(await game.showLeaf())).toBeLessThan(MOVE_FEES.leaf);
    for (const [measured, said] of [[reveals, MOVE_FEES.reveal], [choices, MOVE_FEES.choice]] as const) {
      expect(Math.max(...measured)).toBeLessThan(said);
      expect(Math.max(...measured)).toBeGreaterThan(0.8 * said);
    }
    const opening = inTon(requiredChallengeValue(PRICE, pricesOf(await Blockchain.create())) - bondFor(PRICE) - CASE_RESERVE);
    expect(opening).toBeLessThan(MOVE_FEES.opening);
    expect(opening).toBeGreaterThan(0.5 * MOVE_FEES.opening);
  });
});

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
