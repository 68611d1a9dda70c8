import { guarded } from '../../store/guarded';
import { amountOf, bytesOf } from './amounts';
import type { Matching, PaymentTable } from './paymentTable';
import type { Row, Statements } from './statements';

/** A voucher that could still be claimed. */
export interface OpenVoucher {
  /** Of the channel. */
  address: Buffer;
  /** As in ChannelRecord. */
  terms: Buffer;
  /** Cumulative. */
  voucherNano: bigint;
  settledNano: bigint;
  final: boolean;
  /** Unix seconds at which the channel ends, as the chain said last; null when nobody looked yet. */
  endsAt: number | null;
  /** Where the next page begins. */
  cursor: VoucherCursor;
}

export type VoucherCursor = readonly [end: number, id: number];

/** Sums of payments, nanoTON. */
export interface PaymentSums {
  claims: number;
  takenNano: bigint;
  receivedNano: bigint;
}

/** What stands against what in the books; nanoTON. */
export interface Audit {
  /** Paid out by the channels' own counters, as the chain showed them. */
  settledNano: bigint;
  /** Of it what was not found in their histories: 0 when everything is proven. */
  unmatchedNano: bigint;
  unmatchedChannels: number;
}

/** A payment of a page. */
export interface ShownPayment extends PaymentSums {
  address: string;
  time: number;
  hash: string;
  /** With the time, where the next page begins. */
  row: number;
}

/** Integers of amounts that lie as 16 bytes: SQLite 3.42 and newer read hexadecimal where they read JSON. */
const nano = (column: string): string => `(('0x' || hex(substr(${column}, 9))) ->> '$')`;
const OPEN = `FROM channels WHERE voucherNano > settledNano AND (coalesce(endsAt, -1) = -1 OR coalesce(endsAt, -1) > ?1)`;
const LOST = `FROM channels WHERE voucherNano > settledNano AND coalesce(endsAt, -1) BETWEEN 0 AND ?1`;
const sumOf = (expression: string): string => `CAST(coalesce(sum(${expression}), 0) AS TEXT)`;

/** The books of a provider: sums are added up by SQLite, lists come in pages. Times are Unix seconds. */
export class MoneyReader {
  constructor(
    private readonly statements: Statements,
    private readonly payments: PaymentTable,
  ) {}

  /** Payments of `[from, to)`. */
  sums(from: number, to: number): PaymentSums {
    return toSums(this.get(
      `SELECT count(*) AS claims, ${sumOf('takenNano')} AS taken, ${sumOf('receivedNano')} AS received FROM payments WHERE time >= ? AND time < ?`, [from, to],
    ));
  }

  /** @param start SQL of the first second of what `time` falls into */
  sumsBy(start: string, from: number, to: number): { start: number; sums: PaymentSums }[] {
    return this.all(
      `SELECT ${start} AS start, count(*) AS claims, ${sumOf('takenNano')} AS taken, ${sumOf('receivedNano')} AS received
       FROM payments WHERE time >= ? AND time < ? GROUP BY start ORDER BY start`, [from, to],
    ).map((row) => ({ start: Number(row.start), sums: toSums(row) }));
  }

  /** The newest payments before a place, newest first. */
  page(before: { time: number; row: number }, limit: number): ShownPayment[] {
    return this.all(
      `SELECT lower(hex(address)) AS address, time, payments.rowid AS row, lower(hex(hash)) AS hash, 1 AS claims, CAST(takenNano AS TEXT) AS taken, CAST(receivedNano AS TEXT) AS received
       FROM payments JOIN channels ON id = channel WHERE time <= ?1 AND (time < ?1 OR payments.rowid < ?2) ORDER BY time DESC, payments.rowid DESC LIMIT ?3`,
      [before.time, before.row, limit],
    ).map((row) => ({
      address: `0:${row.address as string}`, time: row.time as number, row: row.row as number, hash: row.hash as string, ...toSums(row),
    }));
  }

  /** Vouchers that can still be claimed at `now`, the first to end first; those of channels that nobody looked at yet before all. */
  vouchers(now: number, after: VoucherCursor, limit: number): OpenVoucher[] {
    return this.all(
      `SELECT id, address, terms, voucherNano, voucherFinal, settledNano, endsAt ${OPEN} AND (coalesce(endsAt, -1), id) > (?2, ?3)
       ORDER BY coalesce(endsAt, -1), id LIMIT ?4`, [now, ...after, limit],
    ).map((row) => ({
      address: bytesOf(row.address), terms: bytesOf(row.terms), voucherNano: amountOf(row.voucherNano), settledNano: amountOf(row.settledNano),
      final: row.voucherFinal === 1, endsAt: row.endsAt as number | null, cursor: [(row.endsAt as number | null) ?? -1, row.id as number],
    }));
  }

  /** What vouchers promise beyond what was paid: of channels that take claims at `now`, and of those that have ended. */
  promised(now: number): { open: { channels: number; nano: bigint; firstEnd: number | null }; lost: { channels: number; nano: bigint } } {
    const rest = `${nano('voucherNano')} - ${nano('settledNano')}`;
    const open = this.get(`SELECT count(*) AS n, ${sumOf(rest)} AS nano, min(endsAt) AS firstEnd ${OPEN}`, [now]);
    const lost = this.get(`SELECT count(*) AS n, ${sumOf(rest)} AS nano ${LOST}`, [now]);
    const of = (row: Row): { channels: number; nano: bigint } => ({ channels: row.n as number, nano: BigInt(row.nano as string) });
    return { open: { ...of(open), firstEnd: open.firstEnd as number | null }, lost: of(lost) };
  }

  /** Every payment that the contracts count against those that their histories show. */
  audit(): Audit {
    const settled = this.get(`SELECT ${sumOf(nano('paidNano'))} AS nano FROM settlements`, []);
    const open = this.get(`SELECT count(*) AS n, ${sumOf(`${nano('settledNano')} - ${nano('matchedNano')}`)} AS nano FROM channels WHERE settledNano > matchedNano`, []);
    return { settledNano: BigInt(settled.nano as string), unmatchedNano: BigInt(open.nano as string), unmatchedChannels: open.n as number };
  }

  /** Channels whose payments are not all known yet, after one of them. */
  unmatched(after: number, limit: number): { id: number; address: Buffer }[] {
    return this.all('SELECT id, address FROM channels WHERE settledNano > matchedNano AND id > ? ORDER BY id LIMIT ?', [after, limit])
      .map((row) => ({ id: row.id as number, address: bytesOf(row.address) }));
  }

  matching(address: Uint8Array): Matching {
    return guarded('channels', () => this.payments.matching(address));
  }

  private get(...query: Parameters<Statements['get']>): Row {
    return guarded('channels', () => this.statements.get(...query)!);
  }

  private all(...query: Parameters<Statements['all']>): Row[] {
    return guarded('channels', () => this.statements.all(...query));
  }
}

const toSums = (row: Row): PaymentSums => ({ claims: row.claims as number, takenNano: BigInt(row.taken as string), receivedNano: BigInt(row.received as string) });
