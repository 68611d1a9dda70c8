import Database from 'libsql';
import { dirname } from 'node:path';
import { ensurePrivateFolder } from '../../worker/dataFolder';
import { migrate, openDurable } from '../../worker/store/database';
import { guarded } from '../../worker/store/guarded';
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
 * its request, an amount before its voucher. Calls of one turn of the event loop share one commit (SQLite, synchronous=FULL).
 */
export class ClientStore {
  private readonly positions = new Map<string, ClientPosition>();
  private readonly changed = new Map<string, Uint8Array>();
  private commit: Promise<void> | null = null;

  private constructor(private readonly database: Database.Database) {}

  /** @throws StorageError */
  static open(path: string): ClientStore {
    ensurePrivateFolder(dirname(path));
    return guarded(path, () => {
      const database = openDurable(path);
      migrate(database, [CHANNELS]);
      return new ClientStore(database);
    });
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
    this.database.close();
  }

  private note(address: Uint8Array, position: ClientPosition): NotedVoucher {
    const name = toHex(address);
    this.positions.set(name, position);
    this.changed.set(name, address);
    this.commit ??= new Promise((resolve) => setImmediate(resolve)).then(() => {
      this.commit = null;
      this.write();
    });
    return { vouched: position.vouched, durable: this.commit };
  }

  private write(): void {
    if (this.changed.size === 0) return;
    guarded('channels', () => {
      const statement = this.database.prepare('INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?)');
      this.database.transaction(() => {
        for (const [name, address] of this.changed) {
          const { nextSeq, owed, vouched } = this.positions.get(name)!;
          statement.run([Buffer.from(address), nextSeq, String(owed), String(vouched)]);
        }
      })();
    });
    this.changed.clear();
  }
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
