import { equalBytes } from '../../../protocol/bytes';
import { ChannelError } from '../../errors';
import { amountBytes } from './amounts';
import type { ChannelTable } from './channelTable';
import { toClaim, type ClaimRecord } from './records';
import type { Row, Statements } from './statements';

export interface NewClaim {
  messageHash: Uint8Array;
  /** The claimed voucher's amount, cumulative. */
  amountNano: bigint;
  message: Uint8Array;
}

/** Claims and what the chain paid. Each change runs inside a transaction. */
export class ClaimTable {
  constructor(
    private readonly statements: Statements,
    private readonly channels: ChannelTable,
  ) {}

  /** Notes a claim before it is sent. The same message again finds the first record. */
  add(address: Uint8Array, claim: NewClaim, now: number): ClaimRecord {
    const { messageHash, amountNano, message } = claim;
    const { id, channel } = this.channels.row(address);
    const known = this.row(messageHash);
    if (known !== undefined) {
      const kept = toClaim(known);
      const isSame = equalBytes(kept.address, address) && kept.amountNano === amountNano && equalBytes(kept.message, message);
      if (isSame) return kept;
      throw new ChannelError('channel.other-claim', 'another claim has this message hash', {
        expected: `${kept.amountNano} nanoTON of ${kept.address.toString('hex')}`,
        received: `${amountNano} nanoTON of ${Buffer.from(address).toString('hex')}`,
      });
    }
    const voucherNano = channel.voucher?.amountNano ?? 0n;
    if (amountNano > voucherNano) {
      throw new ChannelError('channel.claim-above-voucher', 'no voucher is worth that much', {
        expected: `at most ${voucherNano} nanoTON`,
        received: String(amountNano),
      });
    }
    this.statements.run(
      `INSERT INTO claims (messageHash, channel, amountNano, message, state, madeAt) VALUES (?, ?, ?, ?, 'pending', ?)`,
      [Buffer.from(messageHash), id, amountBytes(amountNano), Buffer.from(message), now],
    );
    return toClaim(this.row(messageHash)!);
  }

  /**
   * Notes how much the chain has paid out of a channel altogether, whoever sent the claim. What was counted before, and
   * older news, count nothing: each nanoTON is in exactly one settlement.
   * @param messageHash of the claim that was seen to be paid; those of no higher amount end with it
   */
  settle(address: Uint8Array, settledNano: bigint, now: number, messageHash?: Uint8Array): { paidNano: bigint } {
    const channel = this.channels.row(address);
    const { id } = channel;
    const before = channel.channel.settledNano;
    const paidNano = settledNano > before ? settledNano - before : 0n;
    if (paidNano > 0n) {
      this.statements.run('INSERT INTO settlements (channel, settledNano, paidNano, seenAt) VALUES (?, ?, ?, ?)', [
        id,
        amountBytes(settledNano),
        amountBytes(paidNano),
        now,
      ]);
      this.channels.settled(channel, settledNano);
    }
    this.statements.run(
      `UPDATE claims SET state = 'settled', endedAt = ?1
       WHERE channel = ?2 AND state = 'pending' AND (amountNano <= ?3 OR messageHash IS ?4)`,
      [now, id, amountBytes(settledNano), messageHash === undefined ? null : Buffer.from(messageHash)],
    );
    return { paidNano };
  }

  /** Gives up a claim that can pay nothing any more; it is not sent again. */
  drop(messageHash: Uint8Array, now: number): void {
    this.statements.run(`UPDATE claims SET state = 'dropped', endedAt = ? WHERE messageHash = ? AND state = 'pending'`, [
      now,
      Buffer.from(messageHash),
    ]);
  }

  private row(messageHash: Uint8Array): Row | undefined {
    return this.statements.get(
      'SELECT claims.*, address FROM claims JOIN channels ON id = channel WHERE messageHash = ?',
      [Buffer.from(messageHash)],
    );
  }
}
