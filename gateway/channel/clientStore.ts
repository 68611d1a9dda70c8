import Database from 'libsql';
import { dirname } from 'node:path';
import { ensurePrivateFolder } from '../../worker/dataFolder';
import { migrate, openDurable } from '../../worker/store/database';
import { guarded } from '../../worker/store/guarded';
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
  /** Of pieces that were accepted. */
  owed: bigint;
  /** The highest voucher that was ever signed. */
  vouched: bigint;
}

/**
 * What a client must not forget about its channels (SQLite; a returned call is on disk). Everything is written before what
 * follows from it is sent: a number is taken before its request is sealed, a voucher is noted before it leaves.
 */
export class ClientStore {
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
    const key = Buffer.from(address);
    return guarded('channels', () => {
      this.database.prepare("INSERT OR IGNORE INTO channels VALUES (?, 1, '0', '0')").run([key]);
      const row = this.database.prepare('SELECT * FROM channels WHERE address = ?').get([key]) as Record<string, unknown>;
      return { nextSeq: Number(row.nextSeq), owed: BigInt(row.owedNano as string), vouched: BigInt(row.vouchedNano as string) };
    });
  }

  /** Takes the next number for a request, and notes the voucher that goes with it: all that is owed, and what is prepaid. */
  begin(address: Uint8Array, prepaidNano: bigint): { seq: number; vouched: bigint } {
    const { nextSeq, owed, vouched } = this.position(address);
    const next = { nextSeq: nextSeq + 1, owed, vouched: larger(vouched, owed + prepaidNano) };
    this.write(address, next);
    return { seq: nextSeq, vouched: next.vouched };
  }

  /** Notes that pieces were accepted for so much more, and the voucher that pays for them. */
  accept(address: Uint8Array, moreNano: bigint, prepaidNano: bigint): { vouched: bigint } {
    if (moreNano < 0n) throw new GatewayError('gateway.amount', 'what is owed never falls', { received: String(moreNano) });
    const { nextSeq, owed, vouched } = this.position(address);
    const next = { nextSeq, owed: owed + moreNano, vouched: larger(vouched, owed + moreNano + prepaidNano) };
    this.write(address, next);
    return next;
  }

  close(): void {
    this.database.close();
  }

  private write(address: Uint8Array, { nextSeq, owed, vouched }: ClientPosition): void {
    const values = [nextSeq, String(owed), String(vouched), Buffer.from(address)];
    guarded('channels', () => this.database.prepare('UPDATE channels SET nextSeq = ?, owedNano = ?, vouchedNano = ? WHERE address = ?').run(values));
  }
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
