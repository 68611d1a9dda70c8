import type Database from 'libsql';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../protocol';
import { ensurePrivateFolder } from '../../worker/dataFolder';
import { openMigrated } from '../../worker/store/database';
import { guarded } from '../../worker/store/guarded';
import { EvidenceFolder } from './evidenceFolder';

/**
 * - `pending`: drawn, not compared yet
 * - `clean`: computed again, equal bit for bit
 * - `different`: computed twice, different from what was signed; evidence is kept
 * - `undecided`: the runs that should judge did not agree with each other: it is not the provider who is accused
 * - `failed`: could not be computed again
 * - `dropped`: drawn, then given up: the queue was full or the gateway ended
 * - `fault`: the worker signed a contradiction; evidence is kept, nothing was drawn
 */
export type AuditState = 'pending' | 'clean' | 'different' | 'undecided' | 'failed' | 'dropped' | 'fault';

/** How a provider's answers did. `drawn` counts all that were drawn, so the rest of the sum is pending. */
export interface AuditRecord {
  drawn: number;
  clean: number;
  different: number;
  undecided: number;
  failed: number;
  dropped: number;
  /** Signed contradictions, found without a draw. */
  faults: number;
  /** Pieces of evidence that lie in the data folder: while there is one, nothing is bought from this provider. */
  evidence: number;
}

/** An answer that was drawn. */
export interface DrawnAnswer {
  /** Channel and number, as in the answer's header. */
  reference: string;
  /** Basechain hash. */
  stake: Uint8Array;
}

const TABLES = `
CREATE TABLE answers (
  reference TEXT PRIMARY KEY,
  stake TEXT NOT NULL,
  drawnAt INTEGER NOT NULL,
  state TEXT NOT NULL
) STRICT;
CREATE INDEX answersByState ON answers (state);
CREATE TABLE stakes (
  stake TEXT PRIMARY KEY,
  drawn INTEGER NOT NULL,
  clean INTEGER NOT NULL,
  different INTEGER NOT NULL,
  undecided INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  faults INTEGER NOT NULL
) STRICT;
`;

/** States of single answers that are kept; older ones are in the counts alone. */
const KEPT_ANSWERS = 10_000;
/** Column of a state's count. */
const COUNTED = {
  pending: 'drawn', clean: 'clean', different: 'different', undecided: 'undecided', failed: 'failed', dropped: 'dropped', fault: 'faults',
} as const satisfies Record<AuditState, string>;

/** In the data folder. */
const FOLDER = 'audits';

type Change = DrawnAnswer & { state: AuditState; at: number };

/**
 * What is remembered of audits: counts and states in SQLite, no prompt and no answer among them, and evidence as files. Changes of one turn of
 * the event loop share a commit (synchronous=FULL).
 */
export class AuditStore {
  private changes: Change[] = [];
  private commit: Promise<void> | null = null;

  private constructor(
    private readonly database: Database.Database,
    readonly evidence: EvidenceFolder,
  ) {}

  /**
   * Opens a gateway's store. What was drawn before an end that nobody awaited is `dropped`, unless a difference was seen already.
   * @param dataFolder of the client
   * @throws StorageError
   */
  static open(dataFolder: string): AuditStore {
    const folder = join(dataFolder, FOLDER);
    for (const path of [dataFolder, folder]) ensurePrivateFolder(path);
    const store = AuditStore.in(folder);
    try {
      store.settlePending();
      return store;
    } catch (error) {
      store.database.close();
      throw error;
    }
  }

  /** The same to read from, beside a gateway that runs; null where there was never one that audited. @throws StorageError */
  static look(dataFolder: string): AuditStore | null {
    const folder = join(dataFolder, FOLDER);
    return existsSync(folder) ? AuditStore.in(folder) : null;
  }

  private static in(folder: string): AuditStore {
    const path = join(folder, 'audits.db');
    return guarded(path, () => {
      const evidence = EvidenceFolder.open(folder);
      return new AuditStore(openMigrated(path, [TABLES]), evidence);
    });
  }

  /** Notes an answer's state. @param at Unix seconds */
  note(answer: DrawnAnswer, state: AuditState, at: number): void {
    this.changes.push({ ...answer, state, at });
    this.commit ??= new Promise((resolve) => setImmediate(resolve)).then(() => {
      this.commit = null;
      this.write();
    });
    // Whoever asks for `durable` hears of a failure; what failed is written with the next change.
    this.commit.catch(() => undefined);
  }

  /** Resolves when all that was noted is on disk. @throws StorageError */
  async durable(): Promise<void> {
    await this.commit;
  }

  /** The state of an answer by its reference; undefined for one that was not drawn, or long ago. */
  state(reference: string): AuditState | undefined {
    const waiting = this.changes.filter((change) => change.reference === reference).at(-1);
    if (waiting !== undefined) return waiting.state;
    const row = guarded('audits', () => this.database.prepare('SELECT state FROM answers WHERE reference = ?').get([reference])) as { state: AuditState } | undefined;
    return row?.state;
  }

  /** @param stake basechain hash */
  record(stake: Uint8Array): AuditRecord {
    const row = guarded('audits', () => this.database.prepare('SELECT * FROM stakes WHERE stake = ?').get([toHex(stake)])) as Row | undefined;
    return this.recordOf(toHex(stake), row);
  }

  /** Of all providers of which anything was drawn or kept, by stake in hex. */
  records(): Map<string, AuditRecord> {
    const rows = guarded('audits', () => this.database.prepare('SELECT * FROM stakes').all([])) as Row[];
    const known = new Map<string, Row | undefined>();
    for (const stake of [...this.evidence.stakes(), ...this.changes.map((change) => toHex(change.stake))]) known.set(stake, undefined);
    for (const row of rows) known.set(String(row.stake), row);
    return new Map([...known].map(([stake, row]) => [stake, this.recordOf(stake, row)]));
  }

  /** Commits what waits. */
  close(): void {
    try {
      this.write();
    } finally {
      this.database.close();
    }
  }

  private recordOf(stake: string, row: Row | undefined): AuditRecord {
    const record: AuditRecord = { drawn: 0, clean: 0, different: 0, undecided: 0, failed: 0, dropped: 0, faults: 0, evidence: this.evidence.count(stake) };
    for (const column of Object.values(COUNTED)) record[column] = Number(row?.[column] ?? 0);
    for (const change of this.changes) if (toHex(change.stake) === stake) record[COUNTED[change.state]]++;
    return record;
  }

  private settlePending(): void {
    const rows = guarded('audits', () => this.database.prepare('SELECT reference, stake, drawnAt FROM answers WHERE state = ?').all(['pending'])) as Row[];
    for (const { reference, stake, drawnAt } of rows) {
      const answer = { reference: String(reference), stake: new Uint8Array(Buffer.from(String(stake), 'hex')) };
      const found = this.evidence.holds(answer);
      if (found !== 'unconfirmed') this.note(answer, found === 'kept' ? 'different' : 'dropped', Number(drawnAt));
    }
    this.write();
  }

  private write(): void {
    const { changes } = this;
    if (changes.length === 0) return;
    guarded('audits', () => {
      this.database.transaction(() => {
        for (const change of changes) this.apply(change);
        this.database.prepare('DELETE FROM answers WHERE rowid <= (SELECT max(rowid) FROM answers) - ?').run([KEPT_ANSWERS]);
      })();
    });
    this.changes = [];
  }

  private apply({ reference, stake, state, at }: Change): void {
    const owner = toHex(stake);
    this.database.prepare('INSERT OR IGNORE INTO stakes VALUES (?, 0, 0, 0, 0, 0, 0, 0)').run([owner]);
    this.database
      .prepare('INSERT INTO answers (reference, stake, drawnAt, state) VALUES (?, ?, ?, ?) ON CONFLICT (reference) DO UPDATE SET state = excluded.state')
      .run([reference, owner, at, state]);
    const column = COUNTED[state];
    this.database.prepare(`UPDATE stakes SET ${column} = ${column} + 1 WHERE stake = ?`).run([owner]);
  }
}

type Row = Record<string, unknown>;
