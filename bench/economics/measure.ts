import { CHALLENGER_FEES, WORKER_FEES } from './fees';
import { exit, type Exit } from './exit';
import { breakEvenOutage, breakEvenSilence, griefing, type Griefing, HELD_DAYS, offline, type Offline } from './griefing';
import { breakEvenPrice, coverageFor, lie, STRATEGIES, type LyingReport } from './lies';
import { BLIND_DAYS, breakEvenIncome, lieToMany, type ManyAtOnce } from './manyAtOnce';
import { Random } from './random';
import { AUDIT_RATE, burntOf, LEAST_STAKE, LEAST_TEST_STAKE, LONGEST_DISPUTE_DAYS, takenOf, WINDOW_DAYS } from './rules';
import { foundLies, type FoundLies } from './selfSlash';

const SEED = 1;
const RUNS = { answers: 200_000, many: 200, exits: 20_000, outages: 100_000 } as const;

export interface AuditRate {
  rate: number;
  /** Lies until the one that is found, itself included. */
  liesUntilFound: number;
  /** TON up to which lying does not pay: by what is burnt alone, by all that strangers take, and the first at the least stake of test networks. */
  breakEven: { burnt: number; taken: number; testNetwork: number };
  /** Prices that dearer answers want covered. */
  coverage: number;
}

/** Amounts in TON, times in days. */
export interface Economics {
  stake: number;
  auditRate: number;
  taken: number;
  burnt: number;
  auditRates: AuditRate[];
  strategies: LyingReport[];
  foundLies: FoundLies[];
  /** A day's income above which lying to all at once pays, by price, and examples of both sides. */
  incomes: { priceTon: number; perDay: number }[];
  manyAtOnce: ManyAtOnce[];
  blindDays: number;
  exit: Exit;
  workerFees: number;
  challengerFees: number;
  longestDisputeDays: number;
  /** From a receipt to the end of a dispute that was opened on the last day of its window. */
  coveredDays: number;
  griefing: Griefing[];
  heldDays: number;
  breakEvenSilence: number;
  breakEvenOutageHours: number;
  offline: Offline[];
}

function auditRateOf(rate: number): AuditRate {
  return {
    rate,
    liesUntilFound: 1 / rate,
    breakEven: {
      burnt: breakEvenPrice(rate, burntOf(LEAST_STAKE)),
      taken: breakEvenPrice(rate, takenOf(LEAST_STAKE)),
      testNetwork: breakEvenPrice(rate, burntOf(LEAST_TEST_STAKE)),
    },
    coverage: coverageFor(rate),
  };
}

/** Plays the rules of money with every strategy; the same numbers every time. */
export function measureEconomics(): Economics {
  const random = new Random(SEED);
  return {
    stake: LEAST_STAKE,
    auditRate: AUDIT_RATE,
    taken: takenOf(LEAST_STAKE),
    burnt: burntOf(LEAST_STAKE),
    auditRates: [0.005, 0.01, 0.02, 0.05, 1].map(auditRateOf),
    strategies: STRATEGIES.map((strategy) => lie(strategy, random, RUNS.answers)),
    foundLies: [1, 2, 5].map((lies) => foundLies(lies)),
    incomes: [0.001, 0.01, 0.1, 0.2].map((priceTon) => ({ priceTon, perDay: breakEvenIncome(priceTon) })),
    manyAtOnce: [100, 400, 1_000].map((perDay) => lieToMany(0.01, perDay, random, RUNS.many)),
    blindDays: BLIND_DAYS,
    exit: exit(random, RUNS.exits),
    workerFees: WORKER_FEES,
    challengerFees: CHALLENGER_FEES,
    longestDisputeDays: LONGEST_DISPUTE_DAYS,
    coveredDays: WINDOW_DAYS + LONGEST_DISPUTE_DAYS,
    griefing: griefing(),
    heldDays: HELD_DAYS,
    breakEvenSilence: breakEvenSilence(),
    breakEvenOutageHours: breakEvenOutage(),
    offline: [1, 4, 8, 24].map((hours) => offline({ hours, everyDays: 30 }, random, RUNS.outages)),
  };
}
