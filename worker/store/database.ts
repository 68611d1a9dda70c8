import Database from 'libsql';
import { StorageError } from '../errors';

export interface StoreIdentity {
  networkId: number;
  /** Lowercase hex of the worker's Ed25519 public key. One key has one store and one network. */
  workerKey: string;
}

/** How long a file may be kept busy by whoever had it before: a connection is gone only when its last statement is. */
const BUSY_MILLIS = 5_000;

/** Opens or creates a SQLite file whose commits are on disk when they return: WAL, synchronous=FULL. */
export function openDurable(path: string): Database.Database {
  const database = new Database(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_MILLIS}`);
    database.prepare('PRAGMA journal_mode = WAL').get();
    database.exec('PRAGMA synchronous = FULL');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The same, with the newest schema; nothing stays open where that fails. @throws StorageError `storage.schema` */
export function openMigrated(path: string, steps: readonly string[]): Database.Database {
  const database = openDurable(path);
  try {
    migrate(database, steps);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** How many steps of its schema a store has; 0 for a new file. */
export function schemaVersion(database: Database.Database): number {
  return Number((database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version);
}

/**
 * Brings the tables to the newest schema in one transaction. Step n leads from version n to n + 1.
 * @throws StorageError `storage.schema` for a store of a later version
 */
export function migrate(database: Database.Database, steps: readonly string[]): void {
  const version = schemaVersion(database);
  if (version < 0 || version > steps.length) {
    throw new StorageError('storage.schema', 'the store was written by another version', {
      expected: `at most schema ${steps.length}`,
      received: `schema ${version}`,
      hint: 'use the version that wrote it, or a new data folder with a new worker key',
    });
  }
  const missing = steps.slice(version).join('');
  if (missing !== '') database.exec(`BEGIN IMMEDIATE; ${missing} PRAGMA user_version = ${steps.length}; COMMIT;`);
}

/**
 * Writes into the table `meta` whose store this is, or compares it with what is written there.
 * @throws StorageError `storage.identity`
 */
export function claimIdentity(database: Database.Database, identity: StoreIdentity): void {
  for (const [name, value] of Object.entries({
    networkId: String(identity.networkId),
    workerKey: identity.workerKey,
  })) {
    database.prepare('INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)').run(name, value);
    const row = database.prepare('SELECT value FROM meta WHERE name = ?').get(name) as { value: string };
    if (row.value !== value) {
      throw new StorageError('storage.identity', `the store belongs to another ${name}`, {
        expected: row.value,
        received: value,
        hint: 'one worker key has one store and one network; choose another --data-folder',
      });
    }
  }
}
