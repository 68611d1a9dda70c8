import Database from 'libsql';
import { crashPoint } from '../../crash';
import { StorageError } from '../../errors';
import { storageError } from '../../store/guarded';

/** What has to happen with each commit, besides the changes themselves. */
export interface CommitWitness {
  /** The last change of the transaction. */
  beforeCommit(): void;
  /** Resolves when the commit is on disk and noted: only then is anybody answered. */
  afterCommit(): Promise<void>;
  /** The same at once, when the store is closed. */
  afterLastCommit(): void;
}

interface Change {
  work: () => unknown;
  /** Hears what it came to when that is committed, and not yet on disk. */
  committed?: (value: unknown) => void;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/** What the changes go through, so that one which fails can be told from one that fails halfway. */
export interface ChangedTables {
  /** How often anything was changed so far. */
  changes(): number;
  /** What was changed since the last commit is taken back. */
  takenBack(): void;
}

type Outcome = { value: unknown } | { error: unknown };

/** Most changes of one commit: the event loop stands still for as long as they take, about 20 us each. */
const MAX_GROUP = 500;

/**
 * Changes that come while the disk is busy with those before share one commit, and so its wait for the disk, which the event loop does not share. Each is
 * answered when it is durable. One that fails is taken back alone; if the commit fails, none of them has happened.
 */
export class GroupCommit {
  private waiting: Change[] = [];
  private isScheduled = false;
  private failure: StorageError | null = null;
  private readonly transaction: Record<'begin' | 'commit', Database.Statement>;
  private readonly savepoint: Record<'begin' | 'keep' | 'undo', Database.Statement>;
  private lastError: StorageError | null = null;
  private done = 0;

  constructor(
    private readonly database: Database.Database,
    private readonly witness: CommitWitness,
    private readonly tables: ChangedTables,
  ) {
    this.transaction = { begin: database.prepare('BEGIN IMMEDIATE'), commit: database.prepare('COMMIT') };
    const begin = database.prepare('SAVEPOINT change');
    this.savepoint = { begin, keep: database.prepare('RELEASE change'), undo: database.prepare('ROLLBACK TO change') };
  }

  /** Commits of this store so far. */
  get commits(): number {
    return this.done;
  }

  /** @throws StorageError of the last commit, when it failed */
  requireWell(): void {
    this.requireIntact();
    if (this.lastError !== null) throw this.lastError;
  }

  /** @param committed hears the value at its commit: what is changed later is durable no sooner, and fails if this is not */
  run<T>(work: () => T, committed?: (value: T) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.failure !== null) return reject(this.failure);
      this.waiting.push({ work, committed: committed as Change['committed'], resolve: resolve as Change['resolve'], reject });
      if (this.isScheduled) return;
      this.isScheduled = true;
      setImmediate(() => void this.commitGroups());
    });
  }

  /** @throws StorageError when a commit failed in a way that leaves open what is on disk */
  requireIntact(): void {
    if (this.failure !== null) throw this.failure;
  }

  /** Commits what waits; later changes are refused. */
  close(): void {
    while (this.waiting.length > 0) {
      const group = this.waiting.splice(0, MAX_GROUP);
      try {
        this.requireIntact();
        const outcomes = this.commit(group);
        this.witnessed(() => this.witness.afterLastCommit());
        answer(group, outcomes);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.failure ??= new StorageError('storage.closed', 'the store is closed');
  }

  /** One group after another, as long as changes come. */
  private async commitGroups(): Promise<void> {
    while (this.waiting.length > 0) {
      const group = this.waiting.splice(0, MAX_GROUP);
      try {
        this.requireIntact();
        const outcomes = this.commit(group);
        outcomes.forEach((outcome, index) => 'value' in outcome && group[index].committed?.(outcome.value));
        await this.witness.afterCommit().catch((cause: unknown) => this.witnessed(() => throwIt(cause)));
        crashPoint('commitMarked');
        answer(group, outcomes);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
      // Whoever was answered may have more to say: it belongs into the next group.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.isScheduled = false;
  }

  private commit(group: Change[]): Outcome[] {
    let outcomes: Outcome[];
    try {
      this.transaction.begin.run();
      outcomes = this.attemptAll(group);
      this.witness.beforeCommit();
      crashPoint('commitPrepared');
      this.transaction.commit.run();
    } catch (cause) {
      const error = storageError('channels', cause);
      this.lastError = error;
      // Only these two leave nothing open: the transaction is taken back, and the next one may succeed.
      if (error.code !== 'storage.full' && error.code !== 'storage.readonly') this.failure = error;
      this.rollBack();
      throw error;
    }
    crashPoint('commitDone');
    this.lastError = null;
    this.done++;
    return outcomes;
  }

  /** @throws StorageError: the changes are in the store and nobody may learn of them; a new start settles that */
  private witnessed(work: () => void): void {
    try {
      work();
    } catch (cause) {
      this.failure = storageError('channels', cause);
      throw this.failure;
    }
  }

  /** One that fails halfway, which happens to no change that was checked first, makes all begin again, each with a savepoint of its own. */
  private attemptAll(group: Change[]): Outcome[] {
    const outcomes: Outcome[] = [];
    for (const { work } of group) {
      const before = this.tables.changes();
      try {
        outcomes.push({ value: work() });
      } catch (error) {
        // A full disk may have ended the whole transaction.
        if (!this.database.inTransaction) throw error;
        if (this.tables.changes() > before) return this.attemptEach(group);
        outcomes.push({ error: typed(error) });
      }
    }
    return outcomes;
  }

  private attemptEach(group: Change[]): Outcome[] {
    this.rollBack();
    this.transaction.begin.run();
    return group.map(({ work }) => {
      this.savepoint.begin.run();
      try {
        const value = work();
        this.savepoint.keep.run();
        return { value };
      } catch (error) {
        if (!this.database.inTransaction) throw error;
        this.savepoint.undo.run();
        this.savepoint.keep.run();
        this.tables.takenBack();
        return { error: typed(error) };
      }
    });
  }

  private rollBack(): void {
    if (this.database.inTransaction) this.database.exec('ROLLBACK');
    this.tables.takenBack();
  }
}

const typed = (error: unknown): unknown => (error instanceof Database.SqliteError ? storageError('channels', error) : error);

function answer(group: readonly Change[], outcomes: readonly Outcome[]): void {
  outcomes.forEach((outcome, index) => ('error' in outcome ? group[index].reject(outcome.error) : group[index].resolve(outcome.value)));
}

function throwIt(cause: unknown): never {
  throw cause;
}
