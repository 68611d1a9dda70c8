import type Database from 'libsql';
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensurePrivateFolder, fileSystemError, syncFile, syncFolder, writePrivateFile } from '../../dataFolder';
import { StorageError } from '../../errors';
import { claimIdentity, migrate, openDurable, type StoreIdentity } from '../../store/database';
import { guarded } from '../../store/guarded';
import { FileLock } from '../../store/lock';
import { StoreBinding } from './binding';
import { ChannelTable } from './channelTable';
import { ClaimTable, type NewClaim } from './claimTable';
import { GroupCommit } from './groupCommit';
import { MoneyReader } from './moneyReader';
import { type ChannelPayment, PaymentTable } from './paymentTable';
import { ChannelReader } from './reader';
import type { ChannelRecord, ClaimRecord, KeptVoucher, MadeReceipt, SignedReceipt } from './records';
import { type BegunRequest, RequestTable, type RequestStart } from './requestTable';
import { CHANNEL_SCHEMA_STEPS } from './schema';
import { Statements } from './statements';

/** Most requests that one commit of `prune` or `endOld` changes, so that none takes long. */
const CHANGED_AT_ONCE = 200;

/**
 * What a worker that is paid through channels must never forget. A promise that resolved is on disk; a promise that rejected
 * has changed nothing. `address` is a channel's basechain hash, times are Unix seconds.
 */
export class ChannelStore {
  private readonly group: GroupCommit;
  private readonly tables: { channels: ChannelTable; requests: RequestTable; claims: ClaimTable; payments: PaymentTable };
  private readonly reader: ChannelReader;
  private readonly moneyReader: MoneyReader;
  private isClosed = false;

  private constructor(
    private readonly database: Database.Database,
    private readonly binding: StoreBinding,
    private readonly lock: FileLock,
  ) {
    const statements = new Statements(database);
    const channels = new ChannelTable(statements);
    this.tables = {
      channels,
      requests: new RequestTable(statements, channels),
      claims: new ClaimTable(statements, channels),
      payments: new PaymentTable(statements),
    };
    this.reader = new ChannelReader(statements, channels);
    this.moneyReader = new MoneyReader(statements, this.tables.payments);
    this.group = new GroupCommit(database, binding, {
      changes: () => statements.changes,
      takenBack: () => {
        channels.forget();
        this.tables.requests.forget();
      },
    });
  }

  /**
   * Opens or creates `<dataFolder>/channels.db`, which belongs to `<dataFolder>/keys`.
   * @throws StorageError `storage.locked`, `storage.old-copy`, `storage.old-mark`, `storage.mark-missing`,
   * `storage.mark-damaged`, `storage.schema`, `storage.identity`, `storage.full`, `storage.readonly`
   */
  static open(dataFolder: string, identity: StoreIdentity, now: number): ChannelStore {
    const keyFolder = join(dataFolder, 'keys');
    ensurePrivateFolder(dataFolder);
    ensurePrivateFolder(keyFolder);
    const path = join(dataFolder, 'channels.db');
    const markPath = join(keyFolder, 'channels.mark');
    return guarded(path, () => {
      const lock = FileLock.take(join(dataFolder, 'channels.lock'));
      let database: Database.Database | null = null;
      try {
        StoreBinding.verifyMainFile(path, markPath);
        database = openDurable(path);
        // The log is moved by the binding alone.
        database.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON');
        StoreBinding.verify(database, path, markPath);
        migrate(database, CHANNEL_SCHEMA_STEPS);
        claimIdentity(database, identity);
        return new ChannelStore(database, StoreBinding.start(database, path, markPath, now), lock);
      } catch (error) {
        database?.close();
        lock.release();
        throw error;
      }
    });
  }

  /** Questions; each answers with what is committed. It is durable once any change that was asked for later has resolved. */
  get read(): ChannelReader {
    this.group.requireIntact();
    return this.reader;
  }

  /** The books, answered like `read`. */
  get money(): MoneyReader {
    this.group.requireIntact();
    return this.moneyReader;
  }

  /** Commits since it was opened. */
  get commits(): number {
    return this.group.commits;
  }

  /** @throws StorageError when the last commit failed, as on a full disk, or nothing can be kept any more */
  requireWell(): void {
    this.group.requireWell();
  }

  /** Adds a channel, or finds it. @throws ChannelError `channel.other-terms` */
  addChannel(address: Uint8Array, terms: Uint8Array, now: number): Promise<ChannelRecord> {
    return this.group.run(() => this.tables.channels.add(address, terms, now));
  }

  /** Keeps a voucher, whose signature the caller has checked, if it is worth more than the one kept; answers the kept one. */
  keepVoucher(address: Uint8Array, voucher: KeptVoucher): Promise<{ isNew: boolean; voucher: KeptVoucher }> {
    return this.group.run(() => this.tables.channels.keepVoucher(address, voucher));
  }

  /**
   * Begins a request under a number above all before it. The same request again finds what was signed for it so far.
   * @param committed hears of it before it is on disk: then a new request may be computed, since what is signed for it is on disk no sooner
   * @throws ChannelError `channel.seq-taken` for another request of that number, `channel.seq-range`,
   * `channel.seq-forgotten`, `channel.unknown`
   */
  begin(address: Uint8Array, start: RequestStart, now: number, committed?: (begun: BegunRequest) => void): Promise<BegunRequest> {
    return this.group.run(() => this.tables.requests.begin(address, start, now), committed);
  }

  /**
   * The chunk of a request, made once: `make` signs and seals it, and is called only when none is stored. What resolves is
   * what to send.
   * @throws ChannelError `channel.index-gap`, `channel.request-ended`, `channel.not-begun`, `channel.due`, `channel.unknown`
   */
  signOnce(
    address: Uint8Array,
    seq: number,
    index: number,
    make: () => MadeReceipt,
    now: number,
  ): Promise<SignedReceipt> {
    let made: MadeReceipt | undefined;
    // A group of changes may be made twice, of which the first time is taken back; nothing is signed twice.
    return this.group.run(() => this.tables.requests.signOnce(address, seq, index, () => (made ??= make()), now));
  }

  /** Gives up a request whose client went away. @throws ChannelError `channel.not-begun`, `channel.unknown` */
  end(address: Uint8Array, seq: number, now: number): Promise<void> {
    return this.group.run(() => this.tables.requests.end(address, seq, now));
  }

  /** Gives up the requests that were begun before a time and have not ended: nobody asks for them again. @returns how many there were */
  endOld(begunBefore: number, now: number): Promise<number> {
    return this.inParts(() => this.tables.requests.endOld(begunBefore, now, CHANGED_AT_ONCE));
  }

  /** Removes the requests, with their receipts, that ended before a time. @returns how many there were */
  prune(endedBefore: number): Promise<number> {
    return this.inParts(() => this.tables.requests.prune(endedBefore, CHANGED_AT_ONCE));
  }

  private async inParts(change: () => number): Promise<number> {
    for (let changed = 0; ; ) {
      const now = await this.group.run(change);
      changed += now;
      if (now < CHANGED_AT_ONCE) return changed;
    }
  }

  /** Notes a claim; to be awaited before it is sent. @throws ChannelError `channel.claim-above-voucher`, `channel.other-claim` */
  addClaim(address: Uint8Array, claim: NewClaim, now: number): Promise<ClaimRecord> {
    return this.group.run(() => this.tables.claims.add(address, claim, now));
  }

  /** Notes what the chain has paid out of a channel altogether (the contract's `claimed`); answers what is new of it. */
  settle(
    address: Uint8Array,
    settledNano: bigint,
    now: number,
    messageHash?: Uint8Array,
  ): Promise<{ paidNano: bigint }> {
    return this.group.run(() => this.tables.claims.settle(address, settledNano, now, messageHash));
  }

  /** Notes when a channel ends, as the chain says it now; 0 when it is gone. */
  noteEnd(address: Uint8Array, endsAt: number): Promise<void> {
    return this.group.run(() => this.tables.payments.noteEnd(address, endsAt));
  }

  /** Notes payments that were found in a channel's history, oldest first. @throws ChannelError `channel.payments`, `channel.unknown` */
  addPayments(address: Uint8Array, payments: readonly ChannelPayment[]): Promise<void> {
    return this.group.run(() => this.tables.payments.add(address, payments));
  }

  /** Gives up a claim that can pay nothing any more. */
  dropClaim(messageHash: Uint8Array, now: number): Promise<void> {
    return this.group.run(() => this.tables.claims.drop(messageHash, now));
  }

  /**
   * Writes a consistent copy into a new file, while the store is in use. Nobody is answered meanwhile. The copy is
   * taken for this store only as long as nothing was written to the store after it; later it is for `openForClaiming`.
   */
  backup(file: string): void {
    this.group.requireIntact();
    if (existsSync(file)) {
      throw new StorageError('storage.backup-exists', 'there is a file of that name', {
        received: file,
        hint: 'name a new file; an older backup is worth keeping until the new one is whole',
      });
    }
    const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      // SQLite fills an empty file that is there, and keeps its mode.
      writePrivateFile(temporary, '');
      guarded(file, () => this.database.prepare('VACUUM INTO ?').run([temporary]));
      syncFile(temporary);
      renameSync(temporary, file);
      syncFolder(dirname(file));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error instanceof StorageError ? error : fileSystemError(error, file, 'cannot write the backup');
    }
  }

  /** Commits what waits and frees the folder. A second call does nothing: the numbers of its files may be others' by then. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.group.close();
    this.binding.close();
    this.database.close();
    this.binding.letGo();
    this.lock.release();
  }
}
