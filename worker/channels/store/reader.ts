import { guarded } from '../../store/guarded';
import { amountOf, bytesOf } from './amounts';
import { type ChannelRow, type ChannelTable, unknownChannel } from './channelTable';
import { toChannel, toClaim, toRequest, type ChannelRecord, type ClaimRecord, type RequestRecord } from './records';
import type { Row, Statements } from './statements';

/** What a channel owes and has covered; all in nanoTON, cumulative. */
export interface Balance {
  /** Asked for by receipts. */
  dueNano: bigint;
  /** Promised by the newest voucher. */
  voucherNano: bigint;
  /** Paid by the chain. */
  settledNano: bigint;
  /** Served without a voucher; never below 0, since a client may promise ahead. */
  uncoveredNano: bigint;
}

export interface Earnings {
  totalNano: bigint;
  byChannel: { address: Buffer; paidNano: bigint }[];
  /** By day on which the payment was seen, UTC, `2026-11-22`, oldest first. */
  byDay: { day: string; paidNano: bigint }[];
}

/** Questions to the tables of a store, or of an old copy. Each answers with what is durable. */
export class ChannelReader {
  constructor(
    private readonly statements: Statements,
    private readonly table: ChannelTable,
  ) {}

  channel(address: Uint8Array): ChannelRecord | null {
    return this.find(address)?.channel ?? null;
  }

  /** All channels, oldest first. */
  channels(): ChannelRecord[] {
    return this.all('SELECT * FROM channels ORDER BY id').map(toChannel);
  }

  /** One row holds all of it, and is written together with the receipt, voucher or payment that changes it. */
  balance(address: Uint8Array): Balance {
    const known = this.find(address);
    if (known === null) throw unknownChannel(address);
    const { dueNano, settledNano, voucher } = known.channel;
    const voucherNano = voucher?.amountNano ?? 0n;
    return { dueNano, voucherNano, settledNano, uncoveredNano: dueNano > voucherNano ? dueNano - voucherNano : 0n };
  }

  request(address: Uint8Array, seq: number): RequestRecord | null {
    const known = this.find(address);
    if (known === null || seq > known.channel.lastSeq) return null;
    const row = this.get('SELECT * FROM requests WHERE channel = ? AND seq = ?', [known.id, seq]);
    return row === undefined ? null : this.withReceipts(row);
  }

  /** Requests of a channel that were begun and not ended, for whoever takes them up after a restart. */
  openRequests(address: Uint8Array): RequestRecord[] {
    return this.all(
      `SELECT requests.* FROM requests JOIN channels ON id = channel
       WHERE address = ? AND endedAt IS NULL ORDER BY seq`,
      [Buffer.from(address)],
    ).map((row) => this.withReceipts(row));
  }

  /** Claims to send again, oldest first. */
  pendingClaims(): ClaimRecord[] {
    return this.all(`${CLAIMS} WHERE state = 'pending' ORDER BY claims.rowid`).map(toClaim);
  }

  claims(address: Uint8Array): ClaimRecord[] {
    return this.all(`${CLAIMS} WHERE address = ? ORDER BY claims.rowid`, [Buffer.from(address)]).map(toClaim);
  }

  earnings(): Earnings {
    const rows = this.all(
      `SELECT channel, address, paidNano, date(seenAt, 'unixepoch') AS day
       FROM settlements JOIN channels ON id = channel ORDER BY seenAt, channel`,
    );
    const byChannel = new Map<number, { address: Buffer; paidNano: bigint }>();
    const byDay = new Map<string, bigint>();
    let totalNano = 0n;
    for (const row of rows) {
      const paidNano = amountOf(row.paidNano);
      const channel = byChannel.get(row.channel as number) ?? { address: bytesOf(row.address), paidNano: 0n };
      byChannel.set(row.channel as number, { ...channel, paidNano: channel.paidNano + paidNano });
      byDay.set(row.day as string, (byDay.get(row.day as string) ?? 0n) + paidNano);
      totalNano += paidNano;
    }
    return {
      totalNano,
      byChannel: [...byChannel.values()],
      byDay: [...byDay].map(([day, paidNano]) => ({ day, paidNano })),
    };
  }

  private find(address: Uint8Array): ChannelRow | null {
    return guarded('channels', () => this.table.find(address));
  }

  private withReceipts(row: Row): RequestRecord {
    return guarded('channels', () => requestWithReceipts(this.statements, row));
  }

  private get(...query: Parameters<Statements['get']>): Row | undefined {
    return guarded('channels', () => this.statements.get(...query));
  }

  private all(...query: Parameters<Statements['all']>): Row[] {
    return guarded('channels', () => this.statements.all(...query));
  }
}

/** @param row of a request */
export function requestWithReceipts(statements: Statements, row: Row): RequestRecord {
  const receipts = statements.all('SELECT * FROM receipts WHERE channel = ? AND seq = ? ORDER BY chunk', [
    row.channel as number,
    row.seq as number,
  ]);
  return toRequest(row, receipts);
}

const CLAIMS = 'SELECT claims.*, address FROM claims JOIN channels ON id = channel';
