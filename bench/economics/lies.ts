/** Workers that lie about some answers, one after the other: what a lie brings, and what the one that is found costs. */
import { figure, Mean, type Figure, Random } from './random';
import { AUDIT_RATE, burntOf, LEAST_STAKE } from './rules';

/** Prices of answers, TON, evenly in their logarithm: a short chat to a long one of a large model. */
export const PRICES = { least: 0.001, most: 1 } as const;
const SPREAD = Math.log(PRICES.most / PRICES.least);

/** A lie brings at most the whole price: the honest answer would have cost it, the lie costs nothing. */
export interface Strategy {
  name: string;
  /** Lies about answers of these prices, TON, */
  from: number;
  to: number;
  /** with this probability. */
  share: number;
  /** With which one of these lies is audited and brought to its verdict. */
  auditRate: number;
  /** Coverage that clients demand, in prices; the stake is that large where it must be. */
  coverage: number;
  /** Part of the price that a lie brings. */
  paid: number;
  /** Whether a lie that was found can be convicted. */
  isPunishable: boolean;
}

const ALWAYS = { from: PRICES.least, to: PRICES.most, share: 1, auditRate: AUDIT_RATE, coverage: 0, paid: 1, isPunishable: true };

/** TON of a price up to which lying does not pay, when the liar loses so much at a conviction. */
export const breakEvenPrice = (auditRate: number, loss: number): number => auditRate * loss;

/** Coverage, in prices, with which lying does not pay, however many such jobs are open: a quarter of it is burnt. */
export const coverageFor = (auditRate: number): number => 1 / (auditRate * (burntOf(LEAST_STAKE) / LEAST_STAKE));

/** Half of the clients audit; the worker knows this share of those and serves them honestly. */
const rateOfTheRest = (known: number): number => (AUDIT_RATE * 0.5 * (1 - known)) / (1 - 0.5 * known);

const DEAR = breakEvenPrice(AUDIT_RATE, burntOf(LEAST_STAKE));
/** Chunks of an answer of which the last is withheld. */
const CHUNKS = 8;

export const STRATEGIES: readonly Strategy[] = [
  { ...ALWAYS, name: 'honest', share: 0 },
  { ...ALWAYS, name: 'lies always' },
  { ...ALWAYS, name: 'lies about one answer in ten', share: 0.1 },
  { ...ALWAYS, name: 'lies about cheap answers, up to 0.01 TON', to: 0.01 },
  { ...ALWAYS, name: 'lies about dear answers, from 0.25 TON', from: DEAR },
  { ...ALWAYS, name: 'the same, clients audit every dear answer', from: DEAR, auditRate: 1 },
  { ...ALWAYS, name: 'the same, clients demand twice the coverage of this page', from: DEAR, coverage: 2 * coverageFor(AUDIT_RATE) },
  { ...ALWAYS, name: 'lies to all; half of the clients audit', auditRate: rateOfTheRest(0) },
  { ...ALWAYS, name: 'the same, knows half of those and serves them', auditRate: rateOfTheRest(0.5) },
  { ...ALWAYS, name: 'the same, knows nine in ten', auditRate: rateOfTheRest(0.9) },
  { ...ALWAYS, name: 'lies always, breaks off before the last piece', paid: (CHUNKS - 1) / CHUNKS, isPunishable: false },
];

export interface LyingReport {
  name: string;
  /** TON more than honest serving brings, per answer. */
  profitPerAnswer: Figure;
  /** Null where there is none. */
  answersUntilConviction: Figure | null;
  /** TON on average, what is burnt alone. */
  lossAtConviction: Figure | null;
  /** Price above which each of its lies pays, TON; `none` where none does, null for who tells none. */
  breakEvenPrice: number | 'none' | null;
}

function breakEvenOf({ share, auditRate, coverage, paid, isPunishable }: Strategy): LyingReport['breakEvenPrice'] {
  if (share === 0) return null;
  if (!isPunishable) return 0;
  return coverage >= coverageFor(auditRate) ? 'none' : breakEvenPrice(auditRate, burntOf(LEAST_STAKE)) / paid;
}

/** TON lost when a lie about an answer of this price is found. */
const lossOf = ({ coverage, isPunishable }: Strategy, price: number): number => (isPunishable ? burntOf(Math.max(LEAST_STAKE, coverage * price)) : 0);

/** Mean loss of a found lie: of prices from and to, up to `kink` the least stake stands behind them, above it the coverage. */
function meanLoss({ from, to, coverage, isPunishable }: Strategy): number {
  if (!isPunishable) return 0;
  const kink = coverage === 0 ? to : Math.min(to, Math.max(from, LEAST_STAKE / coverage));
  return (burntOf(LEAST_STAKE) * Math.log(kink / from) + burntOf(LEAST_STAKE) / LEAST_STAKE * coverage * (to - kink)) / Math.log(to / from);
}

/** @param answers that are simulated */
export function lie(strategy: Strategy, random: Random, answers: number): LyingReport {
  const { name, from, to, share, auditRate, paid, isPunishable } = strategy;
  const [profit, untilFound, loss] = [new Mean(), new Mean(), new Mean()];
  let since = 0;
  for (let i = 0; i < answers; i++) {
    const price = random.logUniform(PRICES.least, PRICES.most);
    since++;
    const isLie = price >= from && price <= to && random.isDrawn(share);
    const isFound = isLie && random.isDrawn(auditRate);
    const lost = isFound ? lossOf(strategy, price) : 0;
    profit.add((isLie ? paid * price : 0) - lost);
    if (!isFound || !isPunishable) continue;
    untilFound.add(since);
    loss.add(lost);
    since = 0;
  }
  const lies = (share * Math.log(to / from)) / SPREAD;
  const brought = (share * paid * (to - from)) / SPREAD;
  const isConvicted = isPunishable && lies > 0;
  return {
    name,
    profitPerAnswer: figure(brought - lies * auditRate * meanLoss(strategy), profit),
    answersUntilConviction: isConvicted ? figure(1 / (lies * auditRate), untilFound) : null,
    lossAtConviction: isConvicted ? figure(meanLoss(strategy), loss) : null,
    breakEvenPrice: breakEvenOf(strategy),
  };
}
