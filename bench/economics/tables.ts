/** What docs/economics.md and the terminal show of the simulation. */
import { type Economics, measureEconomics } from './measure';
import type { Figure } from './random';

export interface Table {
  head: string[];
  rows: string[][];
}

const round = (x: number, digits: number): string => {
  const text = x.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
};
const ton = (x: number): string => round(x, 2);
/** As many digits as a small price needs. */
const price = (x: number): string => `${Number(x.toPrecision(3))}`;
const milli = (x: number): string => round(1_000 * x, 1);
const percent = (x: number): string => (x > 0 && x < 1e-5 ? '< 0.001 %' : `${Number((100 * x).toPrecision(3))} %`);
const both = ({ formula, simulated, error }: Figure, show: (x: number) => string): string => `${show(formula)} (${show(simulated)} ± ${show(error)})`;

const time = (days: number): string => {
  const hours = Math.round(24 * days);
  return [[Math.floor(hours / 24), 'd'], [hours % 24, 'h']].filter(([count]) => count !== 0).map(([count, unit]) => `${count} ${unit}`).join(' ');
};

const figures = ({ stake, taken, burnt, workerFees, challengerFees, longestDisputeDays, blindDays, heldDays, exit, coveredDays, breakEvenSilence, breakEvenOutageHours }: Economics): string[][] => [
  ['least stake of a working provider; what a conviction takes of it; what is burnt of that even if all others are its friends', `${ton(stake)}, ${ton(taken)}, ${ton(burnt)} TON`],
  ['longest dispute; until the verdict of a lie that is audited after a day, when the worker uses each of its turns to the end', `${time(longestDisputeDays)}; ${time(blindDays)}`],
  ['from the last moment for a case, a longest job and a dispute window after the thaw began, to the first withdrawal', time(exit.marginDays)],
  ['liars that withdraw before a case can be opened; were the thaw as long as the window', `${percent(exit.escaped)}; ${percent(exit.escapedAfterShortThaw)}`],
  ['fees of the longest dispute: worker, challenger with the dearest proof', `${ton(workerFees)}, ${ton(challengerFees)} TON`],
  ['one bond holds withdrawals up for at most, when the worker answers at once', time(heldDays)],
  ["from a provider's last receipt to the end of the last dispute about it; thaw", `${time(coveredDays)}; ${time(exit.thawDays)}`],
  ['a case against a silent worker pays from this probability of a conviction on, and for outages that last on average', `${percent(breakEvenSilence)}, ${round(breakEvenOutageHours, 1)} h`],
];

let measured: Economics | undefined;

/** Every table by its name in the docs. Figures by formula; those in brackets are simulated, with their standard error. */
export function economicsTables(economics = (measured ??= measureEconomics())): Record<string, Table> {
  const { auditRates, strategies, foundLies, incomes, manyAtOnce, griefing, offline } = economics;
  return {
    'economics-figures': { head: ['figure', 'value'], rows: figures(economics) },
    'economics-audits': {
      head: ['share audited', 'lies until one is found', 'break-even price by what is burnt', 'by all that strangers take', 'on test networks', 'coverage above it, in prices'],
      rows: auditRates.map(({ rate, liesUntilFound, breakEven: { burnt, taken, testNetwork }, coverage }) => [
        percent(rate), round(liesUntilFound, 0), `**${price(burnt)} TON**`, `${price(taken)} TON`, `${price(testNetwork)} TON`, round(coverage, 0),
      ]),
    },
    'economics-strategies': {
      head: ['worker', 'mTON per answer more than honest', 'answers until conviction', 'TON lost by it', 'its lies pay above', 'lying'],
      rows: strategies.map(({ name, profitPerAnswer, answersUntilConviction, lossAtConviction, breakEvenPrice }) => [
        name, both(profitPerAnswer, milli), answersUntilConviction === null ? 'never' : both(answersUntilConviction, (x) => round(x, 0)),
        lossAtConviction === null ? '-' : ton(lossAtConviction.formula),
        breakEvenPrice === null ? '-' : breakEvenPrice === 'none' ? 'no price' : `${price(breakEvenPrice)} TON`,
        name === 'honest' ? '-' : profitPerAnswer.formula > 0 ? '**pays**' : 'does not pay',
      ]),
    },
    'economics-many': {
      head: ['answers a day at 0.01 TON', 'TON that lying about all of them brings until the first verdict'],
      rows: manyAtOnce.map(({ answersPerDay, profit }) => [String(answersPerDay), both(profit, ton)]),
    },
    'economics-incomes': {
      head: ['price', 'income a day above which it pays'],
      rows: incomes.map(({ priceTon, perDay }) => [`${price(priceTon)} TON`, `${ton(perDay)} TON`]),
    },
    'economics-self-slash': {
      head: ['lies found', 'strangers convict', 'it convicts itself first, about these jobs', 'about others, then strangers', 'a sham case first, then strangers'],
      rows: foundLies.map(({ lies, byStrangers, byItself, byItselfThenStrangers, afterShamCases }) =>
        [String(lies), ...[byStrangers, byItself, byItselfThenStrangers, afterShamCases].map((lost) => `${ton(lost)} TON`)]),
    },
    'economics-griefing': {
      head: ['griefer', 'loses', 'the provider gains', 'fees of the provider per TON of the griefer'],
      rows: griefing.map(({ name, attackerLoss, providerGain, feesPerAttackerTon }) => [name, `${ton(attackerLoss)} TON`, `${ton(providerGain)} TON`, ton(feesPerAttackerTon)]),
    },
    'economics-offline': {
      head: ['outages last', 'a case at any time is lost', 'opened when the worker falls silent', 'the same, a second machine has the key', 'TON that the third brings a griefer'],
      rows: offline.map(({ hours, lostAtRandom, lostWhenSeen, lostWithWatchtower, attackerProfit }) =>
        [`${hours} h`, ...[lostAtRandom, lostWhenSeen, lostWithWatchtower].map(({ formula }) => percent(formula)), ton(attackerProfit)]),
    },
  };
}

/** Tables for a terminal. */
export function economicsText(economics: Economics): string {
  return Object.entries(economicsTables(economics)).map(([name, { head, rows }]) => {
    const lines = [head, ...rows].map((cells) => cells.map((cell) => cell.replaceAll('**', '')));
    const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
    return [name.replace('economics-', ''), ...lines.map((cells) => `  ${cells.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()}`)].join('\n');
  }).join('\n\n');
}
