/** The economics that docs/economics.md claims: formulas against simulation, and each claim that its prose makes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { STRATEGIES } from '../../bench/economics/lies';
import { type Economics, measureEconomics } from '../../bench/economics/measure';
import type { Figure } from '../../bench/economics/random';
import { AUDIT_RATE, burntOf, inNano, inTon, LEAST_STAKE, LEAST_TEST_STAKE, leftOf, slashByDispute } from '../../bench/economics/rules';

const pageOf = (name: string): string => readFileSync(join(__dirname, '../../docs', name), 'utf8');
const page = pageOf('economics.md');
const economics: Economics = measureEconomics();
const profitOf = (name: string): number => economics.strategies.find((strategy) => strategy.name === name)!.profitPerAnswer.formula;
const rateOf = (rate: number): Economics['auditRates'][number] => economics.auditRates.find((row) => row.rate === rate)!;

const figures = (value: unknown): Figure[] => {
  if (value === null || typeof value !== 'object') return [];
  if ('formula' in value) return [value as Figure];
  return Object.values(value).flatMap(figures);
};

describe('docs/economics.md', () => {
  it('has figures that simulation and formula agree about', () => {
    const all = figures(economics);
    expect(all.length).toBeGreaterThan(40);
    // A rare event may not have come at all.
    const isFar = ({ formula, simulated, error }: Figure): boolean => Math.abs(formula - simulated) > 4.5 * error + 1e-5;
    expect(all.filter(isFar)).toEqual([]);
  });

  it('lying at the default audits and the least stake does not pay up to 0.25 TON, and pays above it', () => {
    expect(page).toContain('that is **0.25 TON** an answer');
    expect(rateOf(AUDIT_RATE).breakEven.burnt).toBe(0.25);
    for (const name of ['lies always', 'lies about one answer in ten', 'lies about cheap answers, up to 0.01 TON']) expect([name, profitOf(name) < 0]).toEqual([name, true]);
    expect(profitOf('lies about dear answers, from 0.25 TON')).toBeGreaterThan(0);
    expect(economics.strategies.map(({ name }) => name)).toEqual(STRATEGIES.map(({ name }) => name));
  });

  it('finding 17: lying about dear answers does not pay where all are audited or coverage is demanded, and four prices suffice for a job that is audited', () => {
    expect(page).toContain('4 × price / rate');
    for (const { rate, coverage } of economics.auditRates) expect(coverage).toBeCloseTo(4 / rate);
    expect(profitOf('the same, clients audit every dear answer')).toBeLessThan(0);
    expect(profitOf('the same, clients demand twice the coverage of this page')).toBeLessThan(0);
  });

  it('finding 17: lying to many pays above an income a day that is less than half of the stake in 6 days only for dear answers', () => {
    const shown = LEAST_STAKE / 2 / 6;
    const [cheap, dear] = [economics.incomes.filter(({ priceTon }) => priceTon <= 0.01), economics.incomes.filter(({ priceTon }) => priceTon >= 0.1)];
    for (const { perDay } of cheap) expect(perDay).toBeGreaterThan(shown);
    for (const { perDay } of dear) expect(perDay).toBeLessThan(shown);
    for (const { answersPerDay, profit } of economics.manyAtOnce) expect(profit.formula > 0).toBe(answersPerDay * 0.01 > economics.incomes[1].perDay);
  });

  it('finding 18: slashing oneself costs a quarter of the stake; coming first halves what convictions cost, and about other jobs never below one', () => {
    expect(economics.burnt).toBe(LEAST_STAKE / 4);
    for (const { byStrangers, byItself, byItselfThenStrangers } of economics.foundLies) {
      expect(byItself).toBeCloseTo(byStrangers / 2);
      expect(byItselfThenStrangers).toBeGreaterThanOrEqual(economics.taken);
    }
  });

  it('finding 19: a sham case that is lost on purpose saves nothing', () => {
    for (const { byStrangers, afterShamCases } of economics.foundLies) expect(afterShamCases).toBeGreaterThan(byStrangers);
  });

  it('finding 15: nobody withdraws before a case, and somebody would after a thaw of the window alone', () => {
    expect(economics.exit.escaped).toBe(0);
    expect(economics.exit.escapedAfterShortThaw).toBeGreaterThan(0.05);
    expect(economics.coveredDays).toBeLessThan(economics.exit.thawDays);
    expect(economics.exit.lostLate).toBeLessThan(economics.exit.lostEarly);
  });

  it('finding 31: the least bond is more than a worker pays in the longest dispute, and every griefer pays for being answered', () => {
    expect(economics.workerFees).toBeLessThan(0.5);
    for (const { providerGain, attackerLoss } of economics.griefing) {
      expect(providerGain).toBeGreaterThan(0.5);
      expect(attackerLoss).toBeGreaterThan(1);
    }
  });

  it('a case against a worker that is seen to be away pays for outages of hours, and not for those of one', () => {
    const [one, ...longer] = economics.offline;
    expect(one.attackerProfit).toBeLessThan(0);
    for (const { hours, attackerProfit, lostWhenSeen, lostWithWatchtower } of longer) {
      expect(attackerProfit > 0).toBe(hours > economics.breakEvenOutageHours);
      expect(lostWithWatchtower.formula).toBeLessThan(lostWhenSeen.formula / 40);
    }
  });

  it('has rewards of challengers that the prose tells: five TON, 0.78 after three convictions, less than fees on test networks', () => {
    const rewardOf = (stake: number): number => inTon(slashByDispute(inNano(stake), inNano(0.01)).challenger);
    expect(page).toContain('5 TON of the least stake, 0.78 TON after three convictions');
    expect(rewardOf(LEAST_STAKE)).toBe(5);
    expect(rewardOf(leftOf(leftOf(leftOf(LEAST_STAKE)))).toFixed(2)).toBe('0.78');
    expect(rewardOf(LEAST_TEST_STAKE)).toBeLessThan(economics.challengerFees);
    expect(burntOf(LEAST_TEST_STAKE)).toBe(0.25);
  });

  it('and docs/slashing.md agree about how long a worker keeps what it needs, and what a challenger pays at most', () => {
    expect(pageOf('slashing.md')).toContain('13 d 16 h from');
    expect(24 * economics.coveredDays).toBeCloseTo(13 * 24 + 16);
    expect(pageOf('slashing.md')).toContain('fees of at most 0.6 TON');
    expect(economics.challengerFees).toBeLessThan(0.6);
  });
});
