import { equalBytes } from '../../../protocol/bytes';
import { ChannelError } from '../../errors';
import { amountBytes } from './amounts';
import { unknownChannel } from './reader';
import { toChannel, type ChannelRecord, type KeptVoucher } from './records';
import type { Row, Statements } from './statements';

/** Changes of channels and vouchers. Each runs inside a transaction. */
export class ChannelTable {
  constructor(private readonly statements: Statements) {}

  add(address: Uint8Array, terms: Uint8Array, now: number): ChannelRecord {
    const zero = amountBytes(0n);
    this.statements.run(
      `INSERT OR IGNORE INTO channels (address, terms, addedAt, dueNano, settledNano) VALUES (?, ?, ?, ?, ?)`,
      [Buffer.from(address), Buffer.from(terms), now, zero, zero],
    );
    const channel = toChannel(this.row(address));
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
  keepVoucher(address: Uint8Array, voucher: KeptVoucher): { isNew: boolean; voucher: KeptVoucher } {
    const { id } = this.row(address);
    const changes = this.statements.run(
      `UPDATE channels SET voucherNano = ?1, voucherFinal = ?2, voucherSignature = ?3
       WHERE id = ?4 AND (voucherNano IS NULL OR voucherNano < ?1 OR (voucherNano = ?1 AND voucherFinal < ?2))`,
      [amountBytes(voucher.amountNano), voucher.final ? 1 : 0, Buffer.from(voucher.signature), id as number],
    );
    return { isNew: changes === 1, voucher: toChannel(this.row(address)).voucher! };
  }

  /** @throws ChannelError `channel.unknown` */
  row(address: Uint8Array): Row {
    const row = this.statements.get('SELECT * FROM channels WHERE address = ?', [Buffer.from(address)]);
    if (row === undefined) throw unknownChannel(address);
    return row;
  }
}
