/** Cases against an honest worker: one that answers, and one that is away for some hours. */
import { CHALLENGER_FEES, MOVE_FEES, WORKER_FEES } from './fees';
import { figure, Mean, type Figure, Random } from './random';
import { bondFor, CHALLENGER_MOVES, inNano, inTon, LEAST_STAKE, slashByDispute, TURN_DAYS, WORKER_MOVES } from './rules';

/** Price of the griefer's own job, TON: without a receipt there is no case. */
const BAIT = 0.01;
const BOND = inTon(bondFor(inNano(BAIT)));

export interface Griefing {
  name: string;
  /** TON that the griefer loses, and that the provider gains: the bond less its fees. */
  attackerLoss: number;
  providerGain: number;
  /** TON that the provider pays for moves for each TON of the griefer, the bond that it gets for them left aside. */
  feesPerAttackerTon: number;
}

const griefed = (name: string, choices: number, reveals: number, isWhole: boolean): Griefing => {
  const worker = isWhole ? WORKER_FEES : reveals * MOVE_FEES.reveal;
  const attacker = BOND + (isWhole ? CHALLENGER_FEES : MOVE_FEES.opening + choices * MOVE_FEES.choice);
  return { name, attackerLoss: attacker, providerGain: BOND - worker, feesPerAttackerTon: worker / attacker };
};

/** Against a worker that answers in time. */
export const griefing = (): Griefing[] => [
  griefed('opens, and is silent', 0, 1, false),
  griefed('plays the first descent, and is silent', (WORKER_MOVES - 1) / 2, (WORKER_MOVES - 1) / 2, false),
  griefed('plays to the end', CHALLENGER_MOVES - 1, WORKER_MOVES - 1, true),
];

/** Days for which one bond holds withdrawals up: the griefer's turns to their ends, the worker answers at once. */
export const HELD_DAYS = CHALLENGER_MOVES * TURN_DAYS;

/** Hours that an outage lasts on average, and days between two. */
export interface Outages {
  hours: number;
  everyDays: number;
}

export interface Offline extends Outages {
  /** Probability that a case opened at any time is lost by silence, */
  lostAtRandom: Figure;
  /** that one opened the moment the worker falls silent is, */
  lostWhenSeen: Figure;
  /** the same with a second machine that has the worker's key and outages of its own. */
  lostWithWatchtower: Figure;
  /** TON that the last but one brings a griefer, mean. */
  attackerProfit: number;
}

const TURN_HOURS = 24 * TURN_DAYS;

/** TON that a griefer gets who is client and challenger of a silent worker. */
const loot = (): number => {
  const { client, challenger } = slashByDispute(inNano(LEAST_STAKE), inNano(BAIT));
  return inTon(client + challenger);
};

/** Probability of a conviction from which on opening a case when the worker is away pays. */
export const breakEvenSilence = (): number => (BOND + MOVE_FEES.opening) / (BOND + loot());

/** Mean hours of outages from which on it does; they end by chance, none because it lasts already. */
export const breakEvenOutage = (): number => -TURN_HOURS / Math.log(breakEvenSilence());

export function offline({ hours, everyDays }: Outages, random: Random, runs: number): Offline {
  const away = hours / (hours + 24 * everyDays);
  const through = Math.exp(-TURN_HOURS / hours);
  const [atRandom, whenSeen, withWatchtower] = [new Mean(), new Mean(), new Mean()];
  /** What a machine's outage still lasts at some moment, hours; 0 when it is there. */
  const rest = (): number => (random.isDrawn(away) ? random.exponential(hours) : 0);
  const isAway = (remaining: number): boolean => remaining >= TURN_HOURS;
  for (let run = 0; run < runs; run++) {
    atRandom.add(Number(isAway(rest())));
    const outage = random.exponential(hours);
    whenSeen.add(Number(isAway(outage)));
    withWatchtower.add(Number(isAway(outage) && isAway(rest())));
  }
  return {
    hours, everyDays,
    lostAtRandom: figure(away * through, atRandom),
    lostWhenSeen: figure(through, whenSeen),
    lostWithWatchtower: figure(through * away * through, withWatchtower),
    attackerProfit: through * loot() - (1 - through) * BOND - MOVE_FEES.opening,
  };
}
