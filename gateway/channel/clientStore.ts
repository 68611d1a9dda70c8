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

  /** Takes the next number. */
  takeSeq(address: Uint8Array): number {
    const { nextSeq } = this.position(address);
    this.write(address, 'nextSeq', nextSeq + 1);
    return nextSeq;
  }

  /** Notes that pieces were accepted for so much more. */
  accept(address: Uint8Array, moreNano: bigint): ClientPosition {
    const { owed } = this.position(address);
    if (moreNano < 0n) throw new GatewayError('gateway.amount', 'what is owed never falls', { received: String(moreNano) });
    this.write(address, 'owedNano', String(owed + moreNano));
    return this.position(address);
  }

  /** Notes a voucher before it leaves; the amount never falls. */
  vouch(address: Uint8Array, amount: bigint): ClientPosition {
    if (amount > this.position(address).vouched) this.write(address, 'vouchedNano', String(amount));
    return this.position(address);
  }

  close(): void {
    this.database.close();
  }

  private write(address: Uint8Array, column: 'nextSeq' | 'owedNano' | 'vouchedNano', value: number | string): void {
    guarded('channels', () => this.database.prepare(`UPDATE channels SET ${column} = ? WHERE address = ?`).run([value, Buffer.from(address)]));
  }
}
