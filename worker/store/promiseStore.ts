import type Database from 'libsql';
import { guarded } from './guarded';

/** What the worker promised to deliver. Times are unix seconds. */
export interface PromiseRecord {
  /** `0:<hex>`, the address of the escrow. */
  address: string;
  /** Until when the stake lets the escrow take the promise. */
  acceptBy: number;
  coverageNano: bigint;
  /** Envelope of the request. */
  request: Buffer;
  /** Bag of cells of the SignedAcceptance; the only bytes that ever leave for this job. */
  signed: Buffer;
}

/** Terms of the job of a promise, for its record as a job. */
export interface PromisedJob {
  deadline: number;
  priceNano: bigint;
  /** Lowercase hex. */
  termsHash: string;
}

/** Promises, each with its job in the same store. */
export class PromiseStore {
  constructor(private readonly database: Database.Database) {}

  /** Writes promise and job durably and together. The caller has seen that the job is unknown. */
  add(promise: PromiseRecord, job: PromisedJob, now: number): void {
    const { address, acceptBy, coverageNano, request, signed } = promise;
    guarded(address, () =>
      this.database.transaction(() => {
        this.database
          .prepare(
            `INSERT INTO jobs (address, state, firstSeen, updatedAt, deadline, priceNano, termsHash)
             VALUES (?, 'seen', ?, ?, ?, ?, ?)`,
          )
          .run(address, now, now, job.deadline, job.priceNano.toString(), job.termsHash);
        this.database
          .prepare('INSERT INTO promises (address, acceptBy, coverageNano, request, signed) VALUES (?, ?, ?, ?, ?)')
          .run(address, acceptBy, coverageNano.toString(), request, signed);
      })(),
    );
  }

  get(address: string): PromiseRecord | null {
    return guarded(address, () => {
      const row = this.database.prepare('SELECT * FROM promises WHERE address = ?').get(address);
      return row === undefined ? null : toRecord(row as Record<string, unknown>);
    });
  }

  /** Promises whose job was neither answered nor settled: how many, and what they cover. */
  open(): { count: number; coverageNano: bigint } {
    return guarded('promises', () => {
      const rows = this.database
        .prepare(
          `SELECT coverageNano FROM promises JOIN jobs USING (address)
           WHERE external IS NULL AND settledAt IS NULL`,
        )
        .all() as { coverageNano: string }[];
      const coverageNano = rows.reduce((sum, row) => sum + BigInt(row.coverageNano), 0n);
      return { count: rows.length, coverageNano };
    });
  }

  /** Removes a promise that nobody took in time, and its job; refused for one that was ever computed. */
  forget(address: string): void {
    guarded(address, () =>
      this.database.transaction(() => {
        const isUntouched = "address = ? AND state = 'seen' AND external IS NULL";
        this.database
          .prepare(`DELETE FROM promises WHERE address IN (SELECT address FROM jobs WHERE ${isUntouched})`)
          .run(address);
        this.database.prepare(`DELETE FROM jobs WHERE ${isUntouched}`).run(address);
      })(),
    );
  }
}

function toRecord(row: Record<string, unknown>): PromiseRecord {
  const blob = (name: string): Buffer => Buffer.from(row[name] as ArrayBuffer);
  return {
    address: row.address as string,
    acceptBy: row.acceptBy as number,
    coverageNano: BigInt(row.coverageNano as string),
    request: blob('request'),
    signed: blob('signed'),
  };
}
