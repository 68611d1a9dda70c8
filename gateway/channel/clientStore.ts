import Database from 'libsql';
import { dirname } from 'node:path';
import { crashPoint } from '../../worker/crash';
import { ensurePrivateFolder } from '../../worker/dataFolder';
import { migrate, openDurable } from '../../worker/store/database';
import { guarded, storageError } from '../../worker/store/guarded';
import { FileLock } from '../../worker/store/lock';
import { WalSync } from '../../worker/store/walSync';
import type { StorageError } from '../../worker/errors';
import { GatewayError } from '../errors';

const CHANNELS = `
CREATE TABLE channels (
  address BLOB PRIMARY KEY,
  nextSeq INTEGER NOT NULL,
  owedNano TEXT NOT NULL,
  vouchedNano TEXT NOT NULL
) STRICT;
`;

const SPENDING = `
CREATE TABLE spending (
  day INTEGER PRIMARY KEY,
  nano TEXT NOT NULL
) STRICT;
`;

const DAY_SECONDS = 86_400;
/** Numbers that an old copy may be behind: twelve days at one request a second. */
const MAX_SKIPPED = 2 ** 20;

/** Where the client stands in one channel. Amounts are nanoTON, cumulative. */
export interface ClientPosition {
  /** Number of the next request; one that was taken is never used again. */
  nextSeq: number;
  /** Of pieces that were accepted, and of those that were lost on their way or given up. */
  owed: bigint;
  /** The highest voucher that was ever signed, or is about to be. */
  vouched: bigint;
}

/** A voucher's amount, and when it may leave: once it is on disk. */
export interface NotedVoucher {
  vouched: bigint;
  durable: Promise<void>;
}

/**
 * What a client must not forget about its channels. Everything is on disk before what follows from it is sent: a number before
 * its request, an amount before its voucher. Calls that come while the disk is busy share the next commit.
 */
export class ClientStore {
  private readonly positions = new Map<string, ClientPosition>();
  private readonly changed = new Map<string, Uint8Array>();
  /** Vouchers that may leave: the disk holds at least so much, whatever is being written. */
  private readonly durable = new Map<string, bigint>();
  /** Vouchers that left; of an earlier process all that it noted may have. */
  private readonly sent = new Map<string, bigint>();
  /** Channels over which something may have been delivered that never came here. */
  private readonly lossy = new Set<string>();
  /** The commit that further calls join, and the one before it. */
  private commit: Promise<void> | null = null;
  private before: Promise<void> = Promise.resolve();
  /** What could not be synced: the disk may lack what a second attempt claims to have written. */
  private failure: StorageError | null = null;
  private readonly log: WalSync;
  private readonly statements: Record<'begin' | 'channel' | 'spending' | 'commit', Database.Statement>;
  /** nanoTON of one day, UTC. */
  private spending: { day: number; nano: bigint } | null = null;

  private constructor(
    private readonly database: Database.Database,
    private readonly lock: FileLock,
    path: string,
    private readonly now: () => number,
  ) {
    this.log = new WalSync(database, path);
    this.statements = {
      begin: database.prepare('BEGIN IMMEDIATE'),
      channel: database.prepare('INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?)'),
      spending: database.prepare('INSERT OR REPLACE INTO spending VALUES (?, ?)'),
      commit: database.prepare('COMMIT'),
    };
  }

  /**
   * Opens or creates the file, for this process alone: two that sign over one channel would use its numbers twice.
   * @param now Unix seconds
   * @throws StorageError `storage.locked`, `storage.damaged`, `storage.schema`, `storage.permissions`, `storage.readonly`, `storage.full`
   */
  static open(path: string, now: () => number = () => Math.floor(Date.now() / 1000)): ClientStore {
    ensurePrivateFolder(dirname(path));
    return guarded(path, () => {
      const lock = FileLock.take(`${path}.lock`);
      let database: Database.Database | null = null;
      try {
        database = openDurable(path);
        migrate(database, [CHANNELS, SPENDING]);
        return new ClientStore(database, lock, path, now);
      } catch (error) {
        database?.close();
        lock.release();
        throw error;
      }
    });
  }

  /** nanoTON that vouchers rose by since midnight, UTC, over all channels. */
  spentToday(): bigint {
    return this.today().nano;
  }

  /** Where a channel stands; a new one begins with request 1. */
  position(address: Uint8Array): ClientPosition {
    const name = nameOf(address);
    let position = this.positions.get(name);
    if (position === undefined) {
      const row = guarded('channels', () => this.database.prepare('SELECT * FROM channels WHERE address = ?').get([Buffer.from(address)])) as
        | Record<string, unknown>
        | undefined;
      // What an earlier process left in the middle is not known.
      if (row !== undefined) this.lossy.add(name);
      position = {
        nextSeq: Number(row?.nextSeq ?? 1), owed: BigInt((row?.owedNano as string) ?? 0), vouched: BigInt((row?.vouchedNano as string) ?? 0),
      };
      this.positions.set(name, position);
      this.durable.set(name, position.vouched);
      this.sent.set(name, position.vouched);
    }
    return position;
  }

  /** The highest voucher that was noted, was not taken back, and is on disk. */
  durableVoucher(address: Uint8Array): bigint {
    const { vouched } = this.position(address);
    const durable = this.durable.get(nameOf(address))!;
    return vouched < durable ? vouched : durable;
  }

  /** The highest voucher that may have left. One that was noted for what was not asked, or could not be sent, is not it. */
  sentVoucher(address: Uint8Array): bigint {
    this.position(address);
    return this.sent.get(nameOf(address))!;
  }

  /** A voucher leaves now. */
  send(address: Uint8Array, nano: bigint): void {
    this.sent.set(nameOf(address), larger(this.sentVoucher(address), nano));
  }

  /** Notes that a request ended with no word of its worker: it may count more than came here. */
  lose(address: Uint8Array): void {
    this.lossy.add(nameOf(address));
  }

  /** Whether anything may have been lost since the last call. */
  takeLoss(address: Uint8Array): boolean {
    return this.lossy.delete(nameOf(address));
  }

  /** Takes the next number for a request, and notes the voucher that goes with it: all that is owed, and what is prepaid. */
  begin(address: Uint8Array, prepaidNano: bigint): NotedVoucher & { seq: number } {
    const { nextSeq, owed, vouched } = this.position(address);
    this.note(address, { nextSeq: nextSeq + 1, owed, vouched: larger(vouched, owed + prepaidNano) });
    return { seq: nextSeq, ...this.noted(address) };
  }

  /** Notes that pieces were accepted for so much more, and the voucher that pays for them. */
  accept(address: Uint8Array, moreNano: bigint, prepaidNano: bigint): NotedVoucher {
    this.acceptLater(address, moreNano, prepaidNano);
    return this.noted(address);
  }

  /** The same, put on disk with whatever is noted next, or by `noted`: a crash until then loses what a lost connection loses. */
  acceptLater(address: Uint8Array, moreNano: bigint, prepaidNano: bigint): void {
    if (moreNano < 0n) throw new GatewayError('gateway.amount', 'what is owed never falls', { received: String(moreNano) });
    const { nextSeq, owed, vouched } = this.position(address);
    this.note(address, { nextSeq, owed: owed + moreNano, vouched: larger(vouched, owed + moreNano + prepaidNano) });
  }

  /** The newest voucher of a channel, and when it may leave. */
  noted(address: Uint8Array): NotedVoucher {
    return { vouched: this.position(address).vouched, durable: this.nextCommit() };
  }

  /** Takes back what was noted for vouchers that never left. @param vouchedNano all that did, what is owed, and what is prepaid */
  takeBack(address: Uint8Array, vouchedNano: bigint): void {
    const known = this.position(address);
    if (vouchedNano < known.vouched) this.note(address, { ...known, vouched: vouchedNano });
  }

  /**
   * Brings an old copy of the store up to what the client did after it was made: a voucher that its own key signed, and numbers that it used.
   * The voucher counts as today's spending: when it was signed is not known.
   * @param nextSeq by the worker's word: a false one wastes numbers, and no more than MAX_SKIPPED at a time
   * @throws GatewayError `gateway.old-copy`
   */
  async catchUp(address: Uint8Array, nextSeq: number, signedNano: bigint): Promise<void> {
    const known = this.position(address);
    if (nextSeq - known.nextSeq > MAX_SKIPPED) {
      throw new GatewayError('gateway.old-copy', 'the worker knows far more requests of this channel than this store', {
        expected: `at most number ${known.nextSeq + MAX_SKIPPED}`, received: `number ${nextSeq}`,
        hint: 'put the newest copy of client.db in its place, or close the channel and open another',
      });
    }
    if (nextSeq <= known.nextSeq && signedNano <= known.vouched) return;
    const vouched = larger(known.vouched, signedNano);
    if (vouched > known.vouched) this.lose(address);
    this.note(address, { nextSeq: Math.max(nextSeq, known.nextSeq), owed: known.owed, vouched });
    await this.nextCommit();
  }

  /** Commits what waits, and frees the file. @throws StorageError */
  close(): void {
    try {
      this.write();
      this.log.syncNow();
    } finally {
      this.log.close();
      this.database.close();
      this.lock.release();
    }
  }

  private note(address: Uint8Array, position: ClientPosition): void {
    const name = nameOf(address);
    const spending = this.today();
    spending.nano += position.vouched - (this.positions.get(name)?.vouched ?? 0n);
    this.positions.set(name, position);
    this.changed.set(name, address);
  }

  /** Resolves when all that was noted is on disk. */
  private nextCommit(): Promise<void> {
    if (this.commit === null) {
      this.commit = this.before = this.commitAfter(this.before);
      // Not everybody waits for it; whoever sends what follows from it does.
      this.commit.catch(() => undefined);
    }
    return this.commit;
  }

  private async commitAfter(before: Promise<void>): Promise<void> {
    // Whoever waited for that one was told.
    await before.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    this.commit = null;
    const written = this.write();
    crashPoint('clientCommitted');
    try {
      await this.log.sync();
      for (const [name, vouched] of written) this.durable.set(name, vouched);
      crashPoint('clientSynced');
    } catch (cause) {
      throw (this.failure = storageError('channels', cause));
    }
  }

  /** @returns the vouchers that were written; those that were taken back count at once */
  private write(): ReadonlyMap<string, bigint> {
    const written = new Map<string, bigint>();
    if (this.failure !== null) throw this.failure;
    if (this.changed.size === 0) return written;
    guarded('channels', () => {
      const { day, nano } = this.today();
      this.statements.begin.run();
      try {
        this.statements.spending.run([day, String(nano)]);
        for (const [name, address] of this.changed) {
          const { nextSeq, owed, vouched } = this.positions.get(name)!;
          written.set(name, vouched);
          if (vouched < this.durable.get(name)!) this.durable.set(name, vouched);
          this.statements.channel.run([Buffer.from(address), nextSeq, String(owed), String(vouched)]);
        }
        crashPoint('clientPrepared');
        this.statements.commit.run();
      } catch (error) {
        // A full disk may have ended the transaction already.
        if (this.database.inTransaction) this.database.exec('ROLLBACK');
        throw error;
      }
    });
    this.changed.clear();
    return written;
  }

  private today(): { day: number; nano: bigint } {
    const day = Math.floor(this.now() / DAY_SECONDS);
    if (this.spending?.day !== day) {
      const row = guarded('spending', () => this.database.prepare('SELECT nano FROM spending WHERE day = ?').get([day])) as { nano: string } | undefined;
      this.spending = { day, nano: BigInt(row?.nano ?? 0) };
    }
    return this.spending;
  }
}

const nameOf = (address: Uint8Array): string => Buffer.from(address.buffer, address.byteOffset, address.length).toString('latin1');

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
