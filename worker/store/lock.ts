import Database from 'libsql';
import { StorageError } from '../errors';

/**
 * An exclusive lock on `path` that the operating system ends with the process, however it ends (kill -9 included):
 * an open exclusive transaction of SQLite on an empty file.
 */
export class FileLock {
  private constructor(private readonly database: Database.Database) {}

  /** @throws StorageError `storage.locked` when another process or store holds it. */
  static take(path: string): FileLock {
    const database = new Database(path, { timeout: 0 } as Database.Options);
    try {
      database.exec('BEGIN EXCLUSIVE');
      return new FileLock(database);
    } catch (cause) {
      database.close();
      if (!/BUSY|LOCKED/.test(String((cause as { code?: unknown }).code))) throw cause;
      throw new StorageError('storage.locked', 'another process uses this data folder', {
        received: path,
        hint: 'stop the other worker or gateway, or choose another --data-folder (with its own keys)',
        cause,
      });
    }
  }

  release(): void {
    this.database.exec('ROLLBACK');
    this.database.close();
  }
}
