import type { Provider } from '../../wrappers/discovery';
import { freeStake } from '../../wrappers/discovery';
import { formatTon } from '../output';
import { dateOf, hex } from './account';
import { describeKey, showKeys, type ShownKey } from './keys';

/** Days until a wrong answer is found and disputed: an audit within a day, and the dispute window. */
const EXPOSURE_DAYS = 6n;
const RENT_WARNING_SECONDS = 180 * 86_400;
const KEY_WARNING_SECONDS = 14 * 86_400;

/** A stake as its owner wants to see it. Amounts in nanoTON, times in Unix seconds. */
export interface ProviderReport {
  exists: true;
  owner: string;
  stake: string;
  registry: string;
  activeNano: bigint;
  minimumNano: bigint;
  freeNano: bigint;
  reservedNano: bigint;
  thawingNano: bigint;
  thawedAt: number | null;
  slashedNano: bigint;
  faults: number;
  /** Disputes that have no verdict yet. */
  openCases: number;
  paidUntil: number;
  endpoint: string | null;
  descriptorHash: string;
  keys: ShownKey[];
  /** Income per day above which half of the stake is less than what is earned before a lie is found (attacks 17). */
  coveredIncomePerDayNano: bigint;
  warnings: string[];
}

/** @param incomePerDay what the provider earns per day, nanoTON, if it says so */
export function reportProvider(provider: Provider, now: number, incomePerDay?: bigint): ProviderReport {
  const { status } = provider;
  const keys = showKeys(provider.keys, now);
  const covered = status.active / 2n / EXPOSURE_DAYS;
  return {
    exists: true,
    owner: provider.owner.toRawString(),
    stake: provider.stake.toRawString(),
    registry: status.registry.toRawString(),
    activeNano: status.active,
    minimumNano: status.minimum,
    freeNano: freeStake(status),
    reservedNano: status.reserved,
    thawingNano: status.thawing,
    thawedAt: status.thawing === 0n ? null : status.thawedAt,
    slashedNano: status.slashed,
    faults: status.faults,
    openCases: status.openCases,
    paidUntil: status.paidUntil,
    endpoint: provider.endpoint,
    descriptorHash: hex(provider.descriptorHash),
    keys,
    coveredIncomePerDayNano: covered,
    warnings: warningsOf(provider, keys, now, covered, incomePerDay),
  };
}

function warningsOf(
  { status, endpoint }: Provider,
  keys: ShownKey[],
  now: number,
  covered: bigint,
  incomePerDay: bigint | undefined,
): string[] {
  const working = keys.filter(({ state }) => state === 'works');
  const ending = working.filter(({ endUnix }) => endUnix < now + KEY_WARNING_SECONDS);
  const warnings: [boolean, string][] = [
    [
      status.active < status.minimum,
      `below the minimum: ${formatTon(status.active)} of ${formatTon(status.minimum)} active, so no key works`,
    ],
    [working.length === 0, 'no worker key works'],
    [endpoint === null, 'no endpoint is published: clients cannot find the worker'],
    [status.faults > 0, `${status.faults} faults, ${formatTon(status.slashed)} slashed: everybody sees it`],
    [status.openCases > 0, `${status.openCases} disputes have no verdict yet: the worker has to answer within 8 hours each time, and nothing can be withdrawn`],
    [
      status.paidUntil < now + RENT_WARNING_SECONDS,
      `rent is paid until ${dateOf(status.paidUntil)}, then by the stake`,
    ],
    [
      incomePerDay !== undefined && incomePerDay > covered,
      `an income of ${formatTon(incomePerDay ?? 0n)} a day, over a day until an audit and 5 days to dispute, ` +
        'is more than half of the stake: clients have reason to ask for coverage',
    ],
  ];
  return [
    ...warnings.filter(([applies]) => applies).map(([, text]) => text),
    ...ending.map(({ workerKey, endUnix }) => `key ${workerKey} ends at ${dateOf(endUnix)}: cocoon provider keys add`),
  ];
}

export function describeProvider(report: ProviderReport): string {
  const thawing =
    report.thawedAt === null ? '0 TON' : `${formatTon(report.thawingNano)} until ${dateOf(report.thawedAt)}`;
  return [
    `stake      ${report.stake}`,
    `owner      ${report.owner}`,
    `registry   ${report.registry}`,
    `active     ${formatTon(report.activeNano)} (minimum ${formatTon(report.minimumNano)})`,
    `free       ${formatTon(report.freeNano)}, ${formatTon(report.reservedNano)} cover accepted jobs`,
    `thawing    ${thawing}`,
    `slashed    ${formatTon(report.slashedNano)} for ${report.faults} faults`,
    `disputes   ${report.openCases} without a verdict`,
    `covers     an income of ${formatTon(report.coveredIncomePerDayNano)} a day`,
    `rent       paid until ${dateOf(report.paidUntil)}`,
    `endpoint   ${report.endpoint ?? 'none'}`,
    `descriptor ${report.descriptorHash}`,
    ...report.keys.map((key) => `key        ${describeKey(key)}`),
    ...report.warnings.map((warning) => `warning    ${warning}`),
  ].join('\n');
}
