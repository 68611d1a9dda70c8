import type Database from 'libsql';
import { guarded } from './guarded';

/** A transaction of a stake up to which everything was looked at. */
export interface Cursor {
  lt: bigint;
  /** Lowercase hex. */
  hash: string;
  /** Unix seconds. */
  time: number;
}

/** How far the history of each stake was read, durably. */
export class CursorStore {
  constructor(private readonly database: Database.Database) {}

  /** @param stake `0:<hex>` */
  get(stake: string): Cursor | null {
    return guarded(stake, () => {
      const row = this.database.prepare('SELECT lt, hash, time FROM cursors WHERE stake = ?').get(stake);
      if (row === undefined) return null;
      const { lt, hash, time } = row as { lt: string; hash: string; time: number };
      return { lt: BigInt(lt), hash, time };
    });
  }

  set(stake: string, { lt, hash, time }: Cursor): void {
    guarded(stake, () =>
      this.database
        .prepare('INSERT OR REPLACE INTO cursors (stake, lt, hash, time) VALUES (?, ?, ?, ?)')
        .run(stake, lt.toString(), hash, time),
    );
  }
}
