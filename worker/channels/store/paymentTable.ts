import { ChannelError } from '../../errors';
import { amountBytes, amountOf } from './amounts';
import type { Row, Statements } from './statements';

/** A claim that the chain paid, as the channel's history has it. */
export interface ChannelPayment {
  /** Logical time of the channel's transaction. */
  lt: bigint;
  /** Of that transaction, 32 bytes. */
  hash: Uint8Array;
  /** Unix seconds of its block. */
  time: number;
  /** What it took from the channel: the claim's own fee included. */
  takenNano: bigint;
  /** What went to the payout wallet. */
  receivedNano: bigint;
}

/** How far the payments of a channel are known. */
export interface Matching {
  /** Paid out by the contract's own counter. */
  settledNano: bigint;
  /** Of it found in the channel's history. */
  matchedNano: bigint;
  /** The last payment that was found, to go on from. */
  last: { lt: bigint; hash: string; time: number } | null;
}

/** Ends of channels, and their payments. Each change runs inside a transaction. */
export class PaymentTable {
  constructor(private readonly statements: Statements) {}

  noteEnd(address: Uint8Array, endsAt: number): void {
    this.statements.run('UPDATE channels SET endsAt = ?1 WHERE address = ?2 AND endsAt IS NOT ?1', [endsAt, Buffer.from(address)]);
  }

  /**
   * Adds payments, oldest first, that follow those that are known.
   * @throws ChannelError `channel.payments` when they are more than the contract says that it paid
   */
  add(address: Uint8Array, payments: readonly ChannelPayment[]): void {
    const row = this.row(address);
    const matched = payments.reduce((sum, { takenNano }) => sum + takenNano, amountOf(row.matchedNano));
    if (matched > amountOf(row.settledNano)) {
      throw new ChannelError('channel.payments', 'the history shows more than the channel paid', {
        expected: `at most ${amountOf(row.settledNano)} nanoTON`, received: String(matched),
      });
    }
    for (const { lt, hash, time, takenNano, receivedNano } of payments) {
      this.statements.run(
        'INSERT INTO payments (channel, lt, hash, time, takenNano, receivedNano) VALUES (?, CAST(? AS INTEGER), ?, ?, CAST(? AS INTEGER), CAST(? AS INTEGER))',
        [row.id as number, String(lt), Buffer.from(hash), time, String(takenNano), String(receivedNano)],
      );
    }
    this.statements.run('UPDATE channels SET matchedNano = ? WHERE id = ?', [amountBytes(matched), row.id as number]);
  }

  matching(address: Uint8Array): Matching {
    const { id, settledNano, matchedNano } = this.row(address);
    const last = this.statements.get(
      'SELECT CAST(lt AS TEXT) AS lt, lower(hex(hash)) AS hash, time FROM payments WHERE channel = ? ORDER BY payments.lt DESC LIMIT 1', [id as number],
    );
    return {
      settledNano: amountOf(settledNano), matchedNano: amountOf(matchedNano),
      last: last === undefined ? null : { lt: BigInt(last.lt as string), hash: last.hash as string, time: last.time as number },
    };
  }

  private row(address: Uint8Array): Row {
    const row = this.statements.get('SELECT id, settledNano, matchedNano FROM channels WHERE address = ?', [Buffer.from(address)]);
    if (row === undefined) throw new ChannelError('channel.unknown', 'the store does not know this channel', { received: Buffer.from(address).toString('hex') });
    return row;
  }
}
