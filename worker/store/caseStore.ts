import type Database from 'libsql';
import { guarded } from './guarded';

/** A dispute about an answer of this worker. Addresses are `0:<hex>`, times Unix seconds. */
export interface CaseRecord {
  address: string;
  /** Lowercase hex. */
  receiptHash: string;
  /** Job or channel, and the number of the request. */
  escrow: string;
  seq: number;
  openedAt: number;
  /** As it was kept, sealed; null when nothing was: then the case cannot be answered. */
  request: Buffer | null;
  /** Of CASE_VERDICTS; null while it runs. */
  verdict: number | null;
}

/** Requests of answered jobs, and disputes with theirs. Requests are sealed (worker/cases/vault.ts). */
export class CaseStore {
  constructor(private readonly database: Database.Database) {}

  /** Keeps the request of a job until it cannot be challenged any more; the first one stays. */
  keep(escrow: string, request: Buffer, now: number): void {
    guarded(escrow, () => this.database.prepare('INSERT OR IGNORE INTO kept (escrow, request, keptAt) VALUES (?, ?, ?)').run(escrow, request, now));
  }

  kept(escrow: string): Buffer | null {
    return guarded(escrow, () => {
      const row = this.database.prepare('SELECT request FROM kept WHERE escrow = ?').get(escrow) as { request: ArrayBuffer } | undefined;
      return row === undefined ? null : Buffer.from(row.request);
    });
  }

  /** Notes the root that is about to be signed as that of a position. @returns whether it is the first one, or the same @param receiptHash lowercase hex */
  notePosition(receiptHash: string, t: number, positionRoot: Uint8Array, now: number): boolean {
    return guarded(receiptHash, () => {
      this.database.prepare('INSERT OR IGNORE INTO positions (receiptHash, t, positionRoot, signedAt) VALUES (?, ?, ?, ?)').run(receiptHash, t, Buffer.from(positionRoot), now);
      const row = this.database.prepare('SELECT positionRoot FROM positions WHERE receiptHash = ? AND t = ?').get(receiptHash, t) as { positionRoot: ArrayBuffer };
      return Buffer.from(row.positionRoot).equals(positionRoot);
    });
  }

  /** Forgets what was kept before a time, disputes that ended before it, and positions that were signed before it. */
  prune(before: number): void {
    guarded('kept', () => {
      this.database.prepare('DELETE FROM kept WHERE keptAt < ?').run(before);
      this.database.prepare('DELETE FROM positions WHERE signedAt < ?').run(before);
      this.database.prepare('UPDATE cases SET request = NULL WHERE endedAt < ? AND request IS NOT NULL').run(before);
    });
  }

  /** Notes a dispute; one that is known stays as it is. @returns whether it is new */
  add({ address, receiptHash, escrow, seq, openedAt, request }: Omit<CaseRecord, 'verdict'>): boolean {
    return guarded(address, () =>
      this.database
        .prepare('INSERT OR IGNORE INTO cases (address, receiptHash, escrow, seq, openedAt, request) VALUES (?, ?, ?, ?, ?, ?)')
        .run(address, receiptHash, escrow, seq, openedAt, request).changes === 1);
  }

  /** Notes how a known dispute ended. @returns whether it was running */
  end(address: string, verdict: number, now: number): boolean {
    return guarded(address, () =>
      this.database.prepare('UPDATE cases SET verdict = ?, endedAt = ? WHERE address = ? AND verdict IS NULL').run(verdict, now, address).changes === 1);
  }

  /** Disputes that run, oldest first. */
  running(): CaseRecord[] {
    return guarded('cases', () => {
      const rows = this.database.prepare('SELECT * FROM cases WHERE verdict IS NULL ORDER BY openedAt, address').all();
      return (rows as Record<string, unknown>[]).map(toRecord);
    });
  }

  /** Disputes that run, oldest first, without their requests; `canAnswer` says whether there is one. */
  open(limit: number): (Pick<CaseRecord, 'address' | 'escrow' | 'seq' | 'openedAt'> & { canAnswer: boolean })[] {
    return guarded('cases', () => {
      const rows = this.database.prepare(
        'SELECT address, escrow, seq, openedAt, request IS NOT NULL AS canAnswer FROM cases WHERE verdict IS NULL ORDER BY openedAt, address LIMIT ?',
      ).all(limit) as { address: string; escrow: string; seq: number; openedAt: number; canAnswer: number }[];
      return rows.map(({ address, escrow, seq, openedAt, canAnswer }) => ({ address, escrow, seq, openedAt, canAnswer: canAnswer === 1 }));
    });
  }

  /** How many ended with each verdict; `null` counts those that run. */
  counts(): Map<number | null, number> {
    return guarded('cases', () => {
      const rows = this.database.prepare('SELECT verdict, count(*) AS n FROM cases GROUP BY verdict').all();
      return new Map((rows as { verdict: number | null; n: number }[]).map(({ verdict, n }) => [verdict, Number(n)]));
    });
  }
}

function toRecord({ address, receiptHash, escrow, seq, openedAt, request, verdict }: Record<string, unknown>): CaseRecord {
  return {
    address: address as string, receiptHash: receiptHash as string, escrow: escrow as string, seq: seq as number, openedAt: openedAt as number,
    request: request === null ? null : Buffer.from(request as ArrayBuffer), verdict: verdict as number | null,
  };
}
