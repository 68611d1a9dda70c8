import Database from 'libsql';
import { dirname } from 'node:path';
import { toHex } from '../../protocol';
import { ensurePrivateFolder } from '../../worker/dataFolder';
import { openMigrated } from '../../worker/store/database';
import { guarded } from '../../worker/store/guarded';

const EXPERIENCE = `
CREATE TABLE experience (
  stake BLOB PRIMARY KEY,
  answers INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  inARow INTEGER NOT NULL,
  restsUntil INTEGER NOT NULL,
  firstMillis REAL,
  tokenMillis REAL
) STRICT;
`;

/** What this client saw of one provider. */
export interface ProviderRecord {
  answers: number;
  failures: number;
  /** Failures since its last answer. */
  inARow: number;
  /** Unix seconds; 0 when it did not fail lately. */
  restsUntil: number;
  /** Milliseconds to the first piece, and for each token after it: moving averages, null before the first answer. */
  firstMillis: number | null;
  tokenMillis: number | null;
}

const UNKNOWN: ProviderRecord = { answers: 0, failures: 0, inARow: 0, restsUntil: 0, firstMillis: null, tokenMillis: null };
/** Share of the newest answer in an average. */
const NEWEST = 0.2;
const FIRST_REST_SECONDS = 5;
const LONGEST_REST_SECONDS = 600;

/**
 * The client's own experience with providers, kept over restarts: the only record that nobody can forge (attacks 24). What a crash loses of it is
 * learnt again.
 */
export class Experience {
  private readonly known = new Map<string, ProviderRecord>();
  private readonly changed = new Map<string, Uint8Array>();

  private constructor(
    private readonly database: Database.Database,
    /** Unix seconds. */
    private readonly now: () => number,
  ) {}

  /** @throws StorageError */
  static open(path: string, now: () => number): Experience {
    ensurePrivateFolder(dirname(path));
    return guarded(path, () => new Experience(openMigrated(path, [EXPERIENCE]), now));
  }

  of(stake: Uint8Array): ProviderRecord {
    const name = toHex(stake);
    let record = this.known.get(name);
    if (record === undefined) {
      record = this.read(stake);
      this.known.set(name, record);
    }
    return record;
  }

  /** @param firstMillis to the first piece; @param restMillis from there to the end; @param tokens of the whole answer */
  answered(stake: Uint8Array, firstMillis: number, restMillis: number, tokens: number): void {
    const before = this.of(stake);
    const average = (known: number | null, value: number): number => (known === null ? value : known + NEWEST * (value - known));
    this.note(stake, {
      ...before, answers: before.answers + 1, inARow: 0, restsUntil: 0, firstMillis: average(before.firstMillis, firstMillis),
      tokenMillis: average(before.tokenMillis, restMillis / Math.max(1, tokens)),
    });
  }

  /** It failed: it rests, twice as long each time, at least as long as it asked for. */
  failed(stake: Uint8Array, retryAfterSeconds = 0): void {
    const before = this.of(stake);
    const rest = Math.min(LONGEST_REST_SECONDS, Math.max(retryAfterSeconds, FIRST_REST_SECONDS * 2 ** Math.min(10, before.inARow)));
    this.note(stake, { ...before, failures: before.failures + 1, inARow: before.inARow + 1, restsUntil: this.now() + rest });
  }

  /** Puts what was learnt on disk. */
  write(): void {
    if (this.changed.size === 0) return;
    guarded('experience', () => {
      const statement = this.database.prepare('INSERT OR REPLACE INTO experience VALUES (?, ?, ?, ?, ?, ?, ?)');
      this.database.transaction(() => {
        for (const [name, stake] of this.changed) {
          const { answers, failures, inARow, restsUntil, firstMillis, tokenMillis } = this.known.get(name)!;
          statement.run([Buffer.from(stake), answers, failures, inARow, restsUntil, firstMillis, tokenMillis]);
        }
      })();
    });
    this.changed.clear();
  }

  close(): void {
    try {
      this.write();
    } finally {
      this.database.close();
    }
  }

  private note(stake: Uint8Array, record: ProviderRecord): void {
    const name = toHex(stake);
    this.known.set(name, record);
    this.changed.set(name, stake);
  }

  private read(stake: Uint8Array): ProviderRecord {
    const row = guarded('experience', () => this.database.prepare('SELECT * FROM experience WHERE stake = ?').get([Buffer.from(stake)]));
    if (row === undefined || row === null) return UNKNOWN;
    const { answers, failures, inARow, restsUntil, firstMillis, tokenMillis } = row as ProviderRecord;
    return { answers, failures, inARow, restsUntil, firstMillis, tokenMillis };
  }
}
