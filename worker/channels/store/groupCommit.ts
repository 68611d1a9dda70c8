import Database from 'libsql';
import { crashPoint } from '../../crash';
import { StorageError } from '../../errors';
import { storageError } from '../../store/guarded';

/** What has to happen with each commit, besides the changes themselves. */
export interface CommitWitness {
  /** The last change of the transaction. */
  beforeCommit(): void;
  /** After the commit and before anybody is answered. */
  afterCommit(): void;
}

interface Change {
  work: () => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

type Outcome = { value: unknown } | { error: unknown };

/** Most changes of one commit: the event loop stands still for as long as they take, about 20 us each. */
const MAX_GROUP = 500;

/**
 * Changes that come in one turn of the event loop share one commit, and so its wait for the disk. Each is answered when it is
 * durable. One that fails is taken back alone; if the commit fails, none of them has happened.
 */
export class GroupCommit {
  private waiting: Change[] = [];
  private scheduled: NodeJS.Immediate | null = null;
  private failure: StorageError | null = null;
  private lastError: StorageError | null = null;
  private done = 0;

  constructor(
    private readonly database: Database.Database,
    private readonly witness: CommitWitness,
  ) {}

  /** Commits of this store so far. */
  get commits(): number {
    return this.done;
  }

  /** @throws StorageError of the last commit, when it failed */
  requireWell(): void {
    this.requireIntact();
    if (this.lastError !== null) throw this.lastError;
  }

  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.failure !== null) return reject(this.failure);
      this.waiting.push({ work, resolve: resolve as Change['resolve'], reject });
      this.scheduled ??= setImmediate(() => this.commitGroup());
    });
  }

  /** @throws StorageError when a commit failed in a way that leaves open what is on disk */
  requireIntact(): void {
    if (this.failure !== null) throw this.failure;
  }

  /** Commits what waits; later changes are refused. */
  close(): void {
    while (this.waiting.length > 0) this.commitGroup();
    this.failure ??= new StorageError('storage.closed', 'the store is closed');
  }

  private commitGroup(): void {
    if (this.scheduled !== null) clearImmediate(this.scheduled);
    const group = this.waiting.splice(0, MAX_GROUP);
    this.scheduled = this.waiting.length > 0 ? setImmediate(() => this.commitGroup()) : null;
    try {
      this.requireIntact();
      const outcomes = this.commit(group);
      outcomes.forEach((outcome, index) =>
        'error' in outcome ? group[index].reject(outcome.error) : group[index].resolve(outcome.value),
      );
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  private commit(group: Change[]): Outcome[] {
    let outcomes: Outcome[];
    try {
      this.database.exec('BEGIN IMMEDIATE');
      outcomes = group.map((change) => this.attempt(change));
      this.witness.beforeCommit();
      crashPoint('commitPrepared');
      this.database.exec('COMMIT');
    } catch (cause) {
      const error = storageError('channels', cause);
      this.lastError = error;
      // Only these two leave nothing open: the transaction is taken back, and the next one may succeed.
      if (error.code !== 'storage.full' && error.code !== 'storage.readonly') this.failure = error;
      if (this.database.inTransaction) this.database.exec('ROLLBACK');
      throw error;
    }
    crashPoint('commitDone');
    try {
      this.witness.afterCommit();
    } catch (cause) {
      // The changes are in the store and nobody may learn of them before they are witnessed: a new start settles that.
      this.failure = storageError('channels', cause);
      throw this.failure;
    }
    crashPoint('commitMarked');
    this.lastError = null;
    this.done++;
    return outcomes;
  }

  private attempt({ work }: Change): Outcome {
    this.database.exec('SAVEPOINT change');
    try {
      const value = work();
      this.database.exec('RELEASE change');
      return { value };
    } catch (error) {
      // A full disk may have ended the whole transaction.
      if (!this.database.inTransaction) throw error;
      this.database.exec('ROLLBACK TO change; RELEASE change');
      return { error: error instanceof Database.SqliteError ? storageError('channels', error) : error };
    }
  }
}
