import { equalBytes } from '../../../protocol/bytes';
import { ChannelError } from '../../errors';
import { amountBytes } from './amounts';
import { toChannel, type ChannelRecord, type KeptVoucher } from './records';
import type { Statements } from './statements';

/** A row of the table: its key, and what it says. */
export interface ChannelRow {
  readonly id: number;
  readonly channel: Readonly<ChannelRecord>;
}

/** Rows that are kept in memory; the one that was read first goes first. */
const MAX_KNOWN = 4_096;

/**
 * Channels and their vouchers. Each change runs inside a transaction. Rows that were read are kept: one process has the file, and
 * every change of a channel goes through here.
 */
export class ChannelTable {
  private readonly known = new Map<string, ChannelRow>();

  constructor(private readonly statements: Statements) {}

  add(address: Uint8Array, terms: Uint8Array, now: number): ChannelRecord {
    const zero = amountBytes(0n);
    this.statements.run(
      `INSERT OR IGNORE INTO channels (address, terms, addedAt, dueNano, settledNano) VALUES (?, ?, ?, ?, ?)`,
      [Buffer.from(address), Buffer.from(terms), now, zero, zero],
    );
    const { channel } = this.row(address);
    if (!equalBytes(channel.terms, terms)) {
      throw new ChannelError('channel.other-terms', 'the store knows this channel with other terms', {
        expected: channel.terms.toString('hex'),
        received: Buffer.from(terms).toString('hex'),
      });
    }
    return channel;
  }

  /**
   * Keeps the voucher if it is worth more than the one that is kept, or says the same and closes the channel as well.
   * @returns the one that is kept now
   */
  keepVoucher(address: Uint8Array, { amountNano, final, signature }: KeptVoucher): { isNew: boolean; voucher: KeptVoucher } {
    const amount = amountBytes(amountNano);
    const row = this.row(address);
    const kept = row.channel.voucher;
    const isNew = kept === null || kept.amountNano < amountNano || (kept.amountNano === amountNano && final && !kept.final);
    if (!isNew) return { isNew, voucher: kept };
    const voucher: KeptVoucher = { amountNano, final, signature: Buffer.from(signature) };
    this.statements.run('UPDATE channels SET voucherNano = ?, voucherFinal = ?, voucherSignature = ? WHERE id = ?', [
      amount, final ? 1 : 0, Buffer.from(signature), row.id,
    ]);
    this.keep(row, { voucher });
    return { isNew, voucher };
  }

  begun(row: ChannelRow, lastSeq: number): void {
    this.statements.run('UPDATE channels SET lastSeq = ? WHERE id = ?', [lastSeq, row.id]);
    this.keep(row, { lastSeq });
  }

  owes(row: ChannelRow, dueNano: bigint): void {
    this.statements.run('UPDATE channels SET dueNano = ? WHERE id = ?', [amountBytes(dueNano), row.id]);
    this.keep(row, { dueNano });
  }

  settled(row: ChannelRow, settledNano: bigint): void {
    this.statements.run('UPDATE channels SET settledNano = ? WHERE id = ?', [amountBytes(settledNano), row.id]);
    this.keep(row, { settledNano });
  }

  find(address: Uint8Array): ChannelRow | null {
    const name = nameOf(address);
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const row = this.statements.get('SELECT * FROM channels WHERE address = ?', [Buffer.from(address)]);
    return row === undefined ? null : this.remember(name, { id: row.id as number, channel: toChannel(row) });
  }

  /** @throws ChannelError `channel.unknown` */
  row(address: Uint8Array): ChannelRow {
    const row = this.find(address);
    if (row !== null) return row;
    throw unknownChannel(address);
  }

  /** Changes were taken back: what is kept in memory may be wrong. */
  forget(): void {
    this.known.clear();
  }

  private keep({ id, channel }: ChannelRow, changes: Partial<ChannelRecord>): void {
    this.remember(nameOf(channel.address), { id, channel: { ...channel, ...changes } });
  }

  private remember(name: string, row: ChannelRow): ChannelRow {
    if (this.known.size >= MAX_KNOWN && !this.known.has(name)) this.known.delete(this.known.keys().next().value!);
    this.known.set(name, row);
    return row;
  }
}

export const unknownChannel = (address: Uint8Array): ChannelError =>
  new ChannelError('channel.unknown', 'the store does not know this channel', { received: Buffer.from(address).toString('hex') });

const nameOf = (address: Uint8Array): string => Buffer.from(address.buffer, address.byteOffset, address.length).toString('latin1');
