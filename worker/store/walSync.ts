import { closeSync, existsSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import type Database from 'libsql';
import { fileSystemError } from '../dataFolder';

/**
 * Makes commits of a SQLite store durable without holding up the event loop: commits only write the log (WAL, synchronous=NORMAL), and
 * whoever is to be answered waits for fdatasync of the log, in a thread of its own. SQLite itself syncs the log before it moves it into the main
 * file (sqlite.org/wal.html, "Write-Ahead Logging": NORMAL loses no consistency, only commits that were not synced).
 */
export class WalSync {
  private file: number | null = null;
  private isClosed = false;
  private inFlight: Promise<void> | null = null;

  /** @param path of the main file; no other connection may end while this one is open, or the log would be another file */
  constructor(
    database: Database.Database,
    private readonly path: string,
  ) {
    database.exec('PRAGMA synchronous = NORMAL');
  }

  /** Resolves when all that was committed before the call is on disk. One call at a time. @throws StorageError */
  async sync(): Promise<void> {
    const file = this.log();
    if (file === null) return;
    this.inFlight = new Promise<void>((resolve, reject) =>
      fdatasync(file, (cause) => (cause === null ? resolve() : reject(fileSystemError(cause, this.path, 'the log could not be synced')))),
    );
    try {
      await this.inFlight;
    } finally {
      this.inFlight = null;
    }
  }

  /** The same at once, for the last commits before a close. @throws StorageError */
  syncNow(): void {
    const file = this.log();
    if (file !== null) fdatasyncSync(file);
  }

  /** To be called before the database is closed. */
  close(): void {
    const { file } = this;
    this.file = null;
    this.isClosed = true;
    if (file === null) return;
    // A file that is being synced is closed afterwards: its number must not be given to another one meanwhile.
    if (this.inFlight === null) closeSync(file);
    else void this.inFlight.catch(() => undefined).then(() => closeSync(file));
  }

  private log(): number | null {
    const log = `${this.path}-wal`;
    if (this.file === null && !this.isClosed && existsSync(log)) this.file = openSync(log, 'r+');
    return this.file;
  }
}
