import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type Database from 'libsql';
import { crashPoint } from '../../crash';
import { StorageError } from '../../errors';
import { schemaVersion } from '../../store/database';
import { storageError } from '../../store/guarded';
import { WalSync } from '../../store/walSync';
import { bytesOf } from './amounts';
import type { CommitWitness } from './groupCommit';
import { MarkFile, type Mark } from './mark';

/** About 10 MB of log, moved in some 20 ms. */
const COMMITS_PER_CHECKPOINT = 500;

/**
 * Binds a store to the folder of the worker's keys, so that an old copy of the store, however it was made, never signs what the
 * newer one may have signed.
 *
 * Each start has a number and random bytes, and counts its commits. Store and mark both say so; the store commits first, the
 * mark follows, and only then somebody is answered. So the store is where the mark is, or one commit further when the process
 * died between the two. Everything else is another store: older, of a branch that went on elsewhere, or with a mark that was
 * itself restored.
 *
 * SQLite plays what is in the log (`-wal`) over whatever main file it finds. A main file that was replaced while the log stayed
 * would so seem new and lack what had left the log before. Therefore the main file carries how often the log was moved into
 * it (`application_id` of its header, read past SQLite), and the mark knows the number.
 */
export class StoreBinding implements CommitWitness {
  private mark: Mark;
  private sinceCheckpoint = 0;
  private isClosed = false;
  private hasFailed = false;
  /** Commits of this start that are in the store; the mark follows. */
  private committed = 0;
  private readonly count: Database.Statement;
  private readonly log: WalSync;

  private constructor(
    private readonly database: Database.Database,
    path: string,
    private readonly main: MainFile,
    private readonly file: MarkFile,
    mark: Mark,
  ) {
    this.mark = mark;
    this.count = database.prepare('UPDATE starts SET commits = ? WHERE generation = ?');
    this.log = new WalSync(database, path);
  }

  /**
   * Compares the main file with the mark, before SQLite reads either of its files.
   * @throws StorageError `storage.old-copy`, `storage.mark-damaged`
   */
  static verifyMainFile(path: string, markPath: string): void {
    const mark = MarkFile.read(markPath);
    if (mark === null || MainFile.read(path) >= mark.checkpoints) return;
    const received = existsSync(path) ? `an older file, or none of this store, at ${path}` : `no store at ${path}`;
    throw oldCopy(mark, received);
  }

  /**
   * Compares store and mark. Changes neither.
   * @throws StorageError `storage.old-copy`, `storage.old-mark`, `storage.mark-missing`, `storage.mark-damaged`
   */
  static verify(database: Database.Database, path: string, markPath: string): void {
    const mark = MarkFile.read(markPath);
    const starts = startsOf(database);
    if (mark === null) {
      // A first start that died before it made the mark has served nobody.
      if (starts.every(({ commits }) => commits === 0)) return;
      throw new StorageError('storage.mark-missing', 'the mark that belongs to this store of channels is missing', {
        expected: markPath,
        received: describe(starts[0]),
        hint: NEW_KEY,
      });
    }
    const place = starts.findIndex(({ startId }) => startId.equals(mark.startId));
    if (place === -1 || starts[place].commits < mark.commits) {
      throw oldCopy(mark, starts.length === 0 ? `an empty store at ${path}` : `${describe(starts[0])} at ${path}`);
    }
    // A start that made no mark served nobody.
    const isAhead = starts[place].commits > mark.commits + 1 || starts.slice(0, place).some(({ commits }) => commits > 0);
    if (isAhead) {
      throw new StorageError('storage.old-mark', 'the mark beside the keys is older than the store of channels', {
        expected: describe(starts[0]),
        received: `${describe(mark)} at ${markPath}`,
        hint: `whether this store is the newest cannot be known any more. ${NEW_KEY}`,
      });
    }
  }

  /** Notes a new start in the store, which was verified, and then in the mark. */
  static start(database: Database.Database, path: string, markPath: string, now: number): StoreBinding {
    const startId = randomBytes(16);
    const generation = (startsOf(database)[0]?.generation ?? 0) + 1;
    database
      .prepare('INSERT INTO starts (generation, id, startedAt) VALUES (?, ?, ?)')
      .run(generation, startId, now);
    crashPoint('startCommitted');
    const main = new MainFile(path);
    try {
      const mark = { generation, startId, commits: 0, checkpoints: main.checkpoint(database) };
      return new StoreBinding(database, path, main, MarkFile.open(markPath, mark), mark);
    } catch (error) {
      main.close();
      throw error;
    }
  }

  beforeCommit(): void {
    // The store is never more than one commit ahead of its mark.
    if (this.committed > this.mark.commits) this.noteNow();
    this.count.run([this.committed + 1, this.mark.generation]);
  }

  /** The store first, then the mark: a store that is behind its mark is an old copy. */
  async afterCommit(): Promise<void> {
    this.committed += 1;
    try {
      await this.log.sync();
      crashPoint('commitSynced');
      if (this.committed > this.mark.commits) {
        this.mark = { ...this.mark, commits: this.committed };
        await this.file.writeLater(this.mark);
      }
    } catch (error) {
      this.hasFailed = true;
      throw error;
    }
    this.sinceCheckpoint += 1;
    if (this.sinceCheckpoint === COMMITS_PER_CHECKPOINT && !this.isClosed) this.moveLog();
  }

  afterLastCommit(): void {
    this.committed += 1;
    this.noteNow();
  }

  /** To be called before the database is closed: notes what is still being synced. */
  close(): void {
    // After a failed sync the disk may lack what a second one claims to have written.
    if (this.committed > this.mark.commits && !this.hasFailed) this.noteNow();
    this.isClosed = true;
    this.log.close();
    this.file.close();
  }

  /** To be called when the database is closed. */
  letGo(): void {
    this.main.close();
  }

  private noteNow(): void {
    this.log.syncNow();
    this.mark = { ...this.mark, commits: this.committed };
    this.file.write(this.mark);
  }

  private moveLog(): void {
    this.sinceCheckpoint = 0;
    const checkpoints = this.main.checkpoint(this.database);
    crashPoint('checkpointDone');
    this.mark = { ...this.mark, checkpoints };
    // Before the next commit: what it puts into the log stands on this main file.
    this.file.write(this.mark);
  }
}

const NEW_KEY =
  'To sign from it could contradict what the newer store signed, and cost the stake. Make a new worker key in a new --data-folder; ' +
  'the vouchers in this store can still be claimed: open it with openForClaiming';

function oldCopy(mark: Mark, received: string): StorageError {
  return new StorageError('storage.old-copy', 'this store of channels is not the newest one of this worker key', {
    expected: describe(mark),
    received,
    hint: NEW_KEY,
  });
}

interface Start {
  generation: number;
  startId: Buffer;
  commits: number;
}

/** Newest first. */
function startsOf(database: Database.Database): Start[] {
  if (schemaVersion(database) === 0) return [];
  const rows = database.prepare('SELECT generation, id, commits FROM starts ORDER BY generation DESC').all();
  return (rows as { generation: number; id: unknown; commits: number }[]).map(({ generation, id, commits }) => ({
    generation,
    startId: bytesOf(id),
    commits,
  }));
}

const describe = ({ generation, startId, commits }: Start): string =>
  `start ${generation} (${startId.toString('hex', 0, 4)}), commit ${commits}`;

/**
 * The main file beside SQLite. It stays open for as long as the database is: POSIX takes all locks of a process on a file from it as soon as it
 * closes any of its handles (fcntl(2); sqlite.org/howtocorrupt.html 2.2). Without its lock, another program that opens the store and
 * closes it would take itself for the last one, and remove the log under whoever goes on writing to it.
 */
class MainFile {
  private readonly file: number;

  constructor(private readonly path: string) {
    this.file = openSync(path, 'r');
  }

  /** The number in a file that no database of this process has open; 0 when there is none. */
  static read(path: string): number {
    if (!existsSync(path)) return 0;
    const main = new MainFile(path);
    try {
      return main.checkpoints;
    } finally {
      main.close();
    }
  }

  /** `application_id` of a SQLite file (offset 68 of its header), as it is in the main file, whatever the log says. */
  get checkpoints(): number {
    const field = Buffer.alloc(4);
    readSync(this.file, field, 0, 4, 68);
    return field.readUInt32BE();
  }

  /**
   * Moves the log into the main file, as far as readers and the room on the disk let it, and numbers that. What does not move
   * stays in the log and is tried again later: the main file may have to grow before the log begins anew. The log keeps its length: what is
   * written over is synced in half the time of what makes a file longer.
   * @returns the number that the main file carries
   */
  checkpoint(database: Database.Database): number {
    try {
      database.exec(`PRAGMA application_id = ${this.checkpoints + 1}`);
      database.prepare('PRAGMA wal_checkpoint(RESTART)').get();
    } catch (cause) {
      const error = storageError(this.path, cause);
      if (error.code !== 'storage.full') throw error;
    }
    return this.checkpoints;
  }

  close(): void {
    closeSync(this.file);
  }
}
