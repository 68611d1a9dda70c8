import type Database from 'libsql';
import { guarded } from './guarded';

/** What a job paid, as the history of the payout wallet has it. */
export interface JobPayment {
  /** `0:<hex>` */
  job: string;
  /** Logical time of the wallet's transaction. */
  lt: bigint;
  /** Of that transaction, lowercase hex; null where an earlier version did not note it. */
  hash: string | null;
  /** Unix seconds of its block. */
  time: number;
  receivedNano: bigint;
}

/** Sums of payments. */
export interface JobSums {
  payments: number;
  receivedNano: bigint;
}

/** Payments of jobs; one that is created again with its promise pays again. */
export class JobPayments {
  constructor(private readonly database: Database.Database) {}

  /** Notes a payment; one that is known stays. */
  add({ job, lt, hash, time, receivedNano }: JobPayment): void {
    guarded(job, () =>
      this.database.transaction(() => {
        this.database.prepare('DELETE FROM jobPayments WHERE job = ? AND lt = 0').run(job);
        this.database
          .prepare('INSERT OR IGNORE INTO jobPayments (job, lt, hash, time, receivedNano) VALUES (?, CAST(? AS INTEGER), ?, ?, CAST(? AS INTEGER))')
          .run(job, String(lt), hash, time, String(receivedNano));
      })());
  }

  /** Payments of `[from, to)`. */
  sums(from: number, to: number): JobSums {
    return guarded('jobPayments', () => toSums(this.database.prepare(`SELECT ${SUMS} FROM jobPayments WHERE time >= ? AND time < ?`).get(from, to)));
  }

  /** @param start SQL of the first second of what `time` falls into */
  sumsBy(start: string, from: number, to: number): { start: number; sums: JobSums }[] {
    return guarded('jobPayments', () => {
      const rows = this.database.prepare(`SELECT ${start} AS start, ${SUMS} FROM jobPayments WHERE time >= ? AND time < ? GROUP BY start ORDER BY start`).all(from, to);
      return (rows as { start: number }[]).map((row) => ({ start: Number(row.start), sums: toSums(row) }));
    });
  }

  /** The newest payments before a place, newest first. */
  page(before: { time: number; row: number }, limit: number): (JobPayment & { row: number })[] {
    return guarded('jobPayments', () => {
      const rows = this.database.prepare(
        `SELECT job, rowid AS row, CAST(lt AS TEXT) AS lt, hash, time, CAST(receivedNano AS TEXT) AS receivedNano FROM jobPayments
         WHERE time <= ?1 AND (time < ?1 OR rowid < ?2) ORDER BY time DESC, rowid DESC LIMIT ?3`,
      ).all(before.time, before.row, limit);
      return (rows as { job: string; row: number; lt: string; hash: string | null; time: number; receivedNano: string }[])
        .map(({ job, row, lt, hash, time, receivedNano }) => ({ job, row, lt: BigInt(lt), hash, time, receivedNano: BigInt(receivedNano) }));
    });
  }
}

const SUMS = 'count(*) AS payments, CAST(coalesce(sum(receivedNano), 0) AS TEXT) AS received';

function toSums(row: unknown): JobSums {
  const { payments, received } = row as { payments: number; received: string };
  return { payments, receivedNano: BigInt(received) };
}
