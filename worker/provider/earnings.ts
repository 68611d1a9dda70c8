import type { MoneyReader, PaymentSums } from '../channels/store/moneyReader';
import { RequestError } from '../errors';
import type { JobPayments, JobSums } from '../store/jobPayments';
import { type Earned, type EarningsPage, type Period, PROVIDER_VERSION } from './wire';

/** Where the books lie; a worker without a stake has no channels. */
export interface Books {
  jobs: JobPayments;
  channels?: MoneyReader;
}

/** SQL of the first second of the UTC day, Monday or month that `time` falls into. */
const STARTS: Record<Period, string> = {
  day: '(time - time % 86400)',
  week: '((time - 345600) / 604800 * 604800 + 345600)',
  month: "CAST(strftime('%s', strftime('%Y-%m-01', time, 'unixepoch')) AS INTEGER)",
};
const LONGEST_SECONDS: Record<Period, number> = { day: 400 * 86_400, week: 8 * 366 * 86_400, month: 100 * 366 * 86_400 };

const NO_CLAIMS: PaymentSums = { claims: 0, takenNano: 0n, receivedNano: 0n };
const NO_JOBS: JobSums = { payments: 0, receivedNano: 0n };

/** What was paid within `[from, to)`, Unix seconds of blocks. @throws StorageError */
export const earned = ({ jobs, channels }: Books, from: number, to: number): Earned => toEarned(channels?.sums(from, to) ?? NO_CLAIMS, jobs.sums(from, to));

/** @throws RequestError `request.range`; StorageError */
export function earningsPage(books: Books, from: number, to: number, by: Period): EarningsPage {
  if (!(from < to) || to - from > LONGEST_SECONDS[by]) {
    throw new RequestError(400, 'request.range', 'this is no range of earnings', {
      expected: `from below to, at most ${LONGEST_SECONDS[by] / 86_400} days by ${by}`, received: `${from} to ${to}`,
    });
  }
  const claims = new Map(books.channels?.sumsBy(STARTS[by], from, to).map(({ start, sums }) => [start, sums]));
  const jobs = new Map(books.jobs.sumsBy(STARTS[by], from, to).map(({ start, sums }) => [start, sums]));
  const starts = [...new Set([...claims.keys(), ...jobs.keys()])].sort((a, b) => a - b);
  const periods = starts.map((start) => ({ start, ...toEarned(claims.get(start) ?? NO_CLAIMS, jobs.get(start) ?? NO_JOBS) }));
  return { version: PROVIDER_VERSION, from, to, by, periods, total: earned(books, from, to) };
}

function toEarned({ claims, takenNano, receivedNano }: PaymentSums, jobs: JobSums): Earned {
  return {
    channels: { claims, takenNano: String(takenNano), feesNano: String(takenNano - receivedNano), netNano: String(receivedNano) },
    jobs: { payments: jobs.payments, netNano: String(jobs.receivedNano) },
    netNano: String(receivedNano + jobs.receivedNano),
  };
}
