import type Database from 'libsql';
import { guarded } from './guarded';

/** How long the worker ran within a time, in seconds. */
export interface UptimeSeconds {
  upSeconds: number;
  /** Of them those in which it could serve. */
  readySeconds: number;
}

/** Stretches that are kept, Unix seconds before which they are forgotten. */
const KEPT_SECONDS = 400 * 86_400;

/** When the worker ran, by its own record. Times are Unix seconds. */
export class UptimeStore {
  private current: number | null = null;

  constructor(private readonly database: Database.Database) {}

  /** Begins a stretch of one state. What a clock that was set back since wrote of later times is taken back: no second counts twice. */
  begin(began: number, ended: number, isReady: boolean): void {
    guarded('uptime', () => {
      this.database.prepare('DELETE FROM uptime WHERE ended > ?1 AND began > ?1').run(began);
      this.database.prepare('UPDATE uptime SET ended = ?1 WHERE ended > ?1').run(began);
      this.current = Number(this.database.prepare('INSERT INTO uptime (began, ended, ready) VALUES (?, ?, ?)').run(began, ended, Number(isReady)).lastInsertRowid);
    });
  }

  /** The stretch that was begun last goes on to here. */
  extend(ended: number): void {
    guarded('uptime', () => this.database.prepare('UPDATE uptime SET ended = max(ended, ?) WHERE id = ?').run(ended, this.current));
  }

  prune(now: number): void {
    guarded('uptime', () => this.database.prepare('DELETE FROM uptime WHERE ended < ?').run(now - KEPT_SECONDS));
  }

  /** From when to when the record goes, null where there is none. */
  span(): { since: number; until: number } | null {
    return guarded('uptime', () => {
      const { since, until } = this.database.prepare('SELECT min(began) AS since, max(ended) AS until FROM uptime').get() as { since: number | null; until: number };
      return since === null ? null : { since, until };
    });
  }

  /** Seconds of `[from, to)`. */
  within(from: number, to: number): UptimeSeconds {
    return guarded('uptime', () => {
      const { upSeconds, readySeconds } = this.database.prepare(
        `SELECT coalesce(sum(min(ended, ?2) - max(began, ?1)), 0) AS upSeconds, coalesce(sum(ready * (min(ended, ?2) - max(began, ?1))), 0) AS readySeconds
         FROM uptime WHERE ended > ?1 AND began < ?2`,
      ).get(from, to) as UptimeSeconds;
      return { upSeconds, readySeconds };
    });
  }
}
