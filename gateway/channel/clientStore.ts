import Database from 'libsql';
import { dirname } from 'node:path';
import { ensurePrivateFolder } from '../../worker/dataFolder';
import { migrate, openDurable } from '../../worker/store/database';
import { guarded } from '../../worker/store/guarded';
import { WalSync } from '../../worker/store/walSync';
import { toHex } from '../../protocol';
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

/** Where the client stands in one channel. Amounts are nanoTON, cumulative. */
export interface ClientPosition {
  /** Number of the next request; one that was taken is never used again. */
  nextSeq: number;
  /** Of pieces that were accepted, and of those that were lost on their way or given up. */
  owed: bigint;
  /** The highest voucher that was ever signed. */
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
  /** The commit that further calls join, and the one before it. */
  private commit: Promise<void> | null = null;
  private before: Promise<void> = Promise.resolve();
  private readonly log: WalSync;
  private readonly statements: Record<'channel' | 'spending', Database.Statement>;
  /** nanoTON of one day, UTC. */
  private spending: { day: number; nano: bigint } | null = null;

  private constructor(
    private readonly database: Database.Database,
    path: string,
    private readonly now: () => number,
  ) {
    this.log = new WalSync(database, path);
    this.statements = {
      channel: database.prepare('INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?)'),
      spending: database.prepare('INSERT OR REPLACE INTO spending VALUES (?, ?)'),
    };
  }

  /** @param now Unix seconds @throws StorageError */
  static open(path: string, now: () => number = () => Math.floor(Date.now() / 1000)): ClientStore {
    ensurePrivateFolder(dirname(path));
    return guarded(path, () => {
      const database = openDurable(path);
      migrate(database, [CHANNELS, SPENDING]);
      return new ClientStore(database, path, now);
    });
  }

  /** nanoTON that vouchers rose by since midnight, UTC, over all channels. */
  spentToday(): bigint {
    return this.today().nano;
  }

  /** Where a channel stands; a new one begins with request 1. */
  position(address: Uint8Array): ClientPosition {
    const name = toHex(address);
    let position = this.positions.get(name);
    if (position === undefined) {
      const row = guarded('channels', () => this.database.prepare('SELECT * FROM channels WHERE address = ?').get([Buffer.from(address)])) as
        | Record<string, unknown>
        | undefined;
      position = {
        nextSeq: Number(row?.nextSeq ?? 1), owed: BigInt((row?.owedNano as string) ?? 0), vouched: BigInt((row?.vouchedNano as string) ?? 0),
      };
      this.positions.set(name, position);
    }
    return position;
  }

  /** Takes the next number for a request, and notes the voucher that goes with it: all that is owed, and what is prepaid. */
  begin(address: Uint8Array, prepaidNano: bigint): NotedVoucher & { seq: number } {
    const { nextSeq, owed, vouched } = this.position(address);
    return { seq: nextSeq, ...this.note(address, { nextSeq: nextSeq + 1, owed, vouched: larger(vouched, owed + prepaidNano) }) };
  }

  /** Notes that pieces were accepted for so much more, and the voucher that pays for them. */
  accept(address: Uint8Array, moreNano: bigint, prepaidNano: bigint): NotedVoucher {
    if (moreNano < 0n) throw new GatewayError('gateway.amount', 'what is owed never falls', { received: String(moreNano) });
    const { nextSeq, owed, vouched } = this.position(address);
    return this.note(address, { nextSeq, owed: owed + moreNano, vouched: larger(vouched, owed + moreNano + prepaidNano) });
  }

  /** Commits what waits. */
  close(): void {
    this.write();
    this.log.syncNow();
    this.log.close();
    this.database.close();
  }

  private note(address: Uint8Array, position: ClientPosition): NotedVoucher {
    const name = toHex(address);
    const spending = this.today();
    spending.nano += position.vouched - (this.positions.get(name)?.vouched ?? 0n);
    this.positions.set(name, position);
    this.changed.set(name, address);
    this.commit ??= this.before = this.commitAfter(this.before);
    return { vouched: position.vouched, durable: this.commit };
  }

  private async commitAfter(before: Promise<void>): Promise<void> {
    // Whoever waited for that one was told.
    await before.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    this.commit = null;
    this.write();
    await this.log.sync();
  }

  private write(): void {
    if (this.changed.size === 0) return;
    guarded('channels', () => {
      const { day, nano } = this.today();
      this.database.transaction(() => {
        this.statements.spending.run([day, String(nano)]);
        for (const [name, address] of this.changed) {
          const { nextSeq, owed, vouched } = this.positions.get(name)!;
          this.statements.channel.run([Buffer.from(address), nextSeq, String(owed), String(vouched)]);
        }
      })();
    });
    this.changed.clear();
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

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
