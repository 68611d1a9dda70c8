import type Database from 'libsql';
import { join } from 'node:path';
import { ensurePrivateFolder } from '../dataFolder';
import { StorageError } from '../errors';
import { CaseStore } from './caseStore';
import { CursorStore } from './cursorStore';
import { claimIdentity, migrate, openDurable, type StoreIdentity } from './database';
import { guarded } from './guarded';
import { JobPayments } from './jobPayments';
import { FileLock } from './lock';
import { PromiseStore } from './promiseStore';
import { SCHEMA_STEPS } from './schema';
import { UptimeStore } from './uptimeStore';

/**
 * Life of a job in the store:
 * `seen` -> `computing` -> `answered` (signed bytes durable, not yet on chain) -> `delivered` (payment seen);
 * `seen` | `computing` -> `declined` (signed bytes durable); `refused` (not a job for us, nothing is signed);
 * any unfinished one -> `expired` (deadline passed, or the account ended without our message).
 */
export type JobState = 'seen' | 'computing' | 'answered' | 'delivered' | 'declined' | 'refused' | 'expired';

/** What is known of one job. Times are unix seconds, hashes lowercase hex, `address` is `0:<hex>`. */
export interface JobRecord {
  address: string;
  state: JobState;
  firstSeen: number;
  updatedAt: number;
  deadline: number | null;
  termsHash: string | null;
  priceNano: bigint | null;
  /** Time inside the receipt, durable before signing, so that signing after a crash gives the same bytes. */
  issuedAt: number | null;
  /** Bag of cells of the signed external message; written once and the only bytes that are ever sent. */
  external: Buffer | null;
  receiptHash: string | null;
  /** Decline reason of the protocol. */
  reason: number | null;
  backend: string | null;
  adapter: string | null;
  millis: number | null;
  promptTokens: number | null;
  outputTokens: number | null;
  /** What the payout wallet got. */
  paidNano: bigint | null;
  /** When nothing was left to do; null for a job that a restart has to take up again. */
  settledAt: number | null;
  /** One line for people: why it was refused or expired. Never content. */
  note: string | null;
}

export type JobChanges = Partial<Omit<JobRecord, 'address' | 'firstSeen' | 'updatedAt'>>;

/**
 * The worker's durable memory (SQLite through libsql; WAL, synchronous=FULL, so a returned call is on disk).
 * The data folder is locked for as long as the store is open; the lock ends with the process, however it ends.
 */
export class JobStore {
  /** What the worker promised to deliver. */
  readonly promises: PromiseStore;
  /** How far it has read its stake's history. */
  readonly cursors: CursorStore;
  /** Requests that it may have to answer for, and disputes. */
  readonly cases: CaseStore;
  /** What jobs paid. */
  readonly payments: JobPayments;
  /** When the worker ran. */
  readonly uptime: UptimeStore;

  private constructor(
    private readonly database: Database.Database,
    private readonly lock: FileLock,
  ) {
    this.promises = new PromiseStore(database);
    this.cursors = new CursorStore(database);
    this.cases = new CaseStore(database);
    this.payments = new JobPayments(database);
    this.uptime = new UptimeStore(database);
  }

  /**
   * Opens or creates `<dataFolder>/worker.db`.
   * @throws StorageError `storage.locked`, `storage.schema`, `storage.identity`, `storage.full`, `storage.readonly`
   */
  static open(dataFolder: string, identity: StoreIdentity): JobStore {
    ensurePrivateFolder(dataFolder);
    const path = join(dataFolder, 'worker.db');
    return guarded(path, () => {
      const lock = FileLock.take(join(dataFolder, 'worker.lock'));
      try {
        const database = openDurable(path);
        migrate(database, SCHEMA_STEPS);
        claimIdentity(database, identity);
        return new JobStore(database, lock);
      } catch (error) {
        lock.release();
        throw error;
      }
    });
  }

  /** Adds a job in state `seen`, or returns the one that is already there. `added` says which. */
  add(address: string, now: number): { job: JobRecord; added: boolean } {
    return guarded(address, () => {
      const result = this.database
        .prepare("INSERT OR IGNORE INTO jobs (address, state, firstSeen, updatedAt) VALUES (?, 'seen', ?, ?)")
        .run(address, now, now);
      return { job: this.get(address)!, added: result.changes === 1 };
    });
  }

  /** Removes a job that never was one; refused for a job whose terms were ever read. */
  forget(address: string): void {
    guarded(address, () =>
      this.database.prepare('DELETE FROM jobs WHERE address = ? AND deadline IS NULL').run(address),
    );
  }

  /** Removes all but the newest `keep` refused accounts; nothing was ever signed for them. */
  forgetRefused(keep: number): void {
    guarded('jobs', () =>
      this.database
        .prepare(
          `DELETE FROM jobs WHERE state = 'refused' AND external IS NULL AND address NOT IN
           (SELECT address FROM jobs WHERE state = 'refused' ORDER BY updatedAt DESC, rowid DESC LIMIT ?)`,
        )
        .run(keep),
    );
  }

  get(address: string): JobRecord | null {
    return guarded(address, () => {
      const row = this.database.prepare('SELECT * FROM jobs WHERE address = ?').get(address);
      return row === undefined ? null : toRecord(row as Record<string, unknown>);
    });
  }

  /** Writes `changes` durably before it returns. Changing signed bytes is refused by the store. */
  update(address: string, changes: JobChanges, now: number): JobRecord {
    return guarded(address, () => {
      const names = Object.keys(changes) as (keyof JobChanges)[];
      const assignments = [...names, 'updatedAt'].map((name) => `${name} = ?`).join(', ');
      const values = names.map((name) => toColumn(changes[name]));
      const result = this.database
        .prepare(`UPDATE jobs SET ${assignments} WHERE address = ?`)
        .run(...values, now, address);
      if (result.changes !== 1) throw new StorageError('storage.unknown-job', 'no such job', { received: address });
      return this.get(address)!;
    });
  }

  /** Jobs that a restart has to take up again, oldest first. */
  unfinished(): JobRecord[] {
    return guarded('jobs', () => {
      const rows = this.database
        .prepare('SELECT * FROM jobs WHERE settledAt IS NULL ORDER BY firstSeen, address')
        .all();
      return (rows as Record<string, unknown>[]).map(toRecord);
    });
  }

  /** Number of jobs by state, for the health page. */
  counts(): Record<string, number> {
    return guarded('jobs', () => {
      const rows = this.database.prepare('SELECT state, count(*) AS n FROM jobs GROUP BY state').all();
      return Object.fromEntries((rows as { state: string; n: number }[]).map((row) => [row.state, Number(row.n)]));
    });
  }

  close(): void {
    this.database.close();
    this.lock.release();
  }
}

function toColumn(value: unknown): string | number | Buffer | null {
  if (typeof value === 'bigint') return value.toString();
  return (value ?? null) as string | number | Buffer | null;
}

function toRecord(row: Record<string, unknown>): JobRecord {
  const { priceNano, paidNano, external, _metadata, ...rest } = row;
  return {
    ...(rest as unknown as JobRecord),
    priceNano: priceNano === null ? null : BigInt(priceNano as string),
    paidNano: paidNano === null ? null : BigInt(paidNano as string),
    external: external === null ? null : Buffer.from(external as ArrayBuffer),
  };
}
