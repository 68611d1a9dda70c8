import { equalBytes } from '../../../protocol/bytes';
import { ChannelError } from '../../errors';
import { amountBytes, amountOf, bytesOf } from './amounts';
import type { ChannelTable } from './channelTable';
import { requestWithReceipts } from './reader';
import { toReceipt, type MadeReceipt, type RequestRecord, type StoredReceipt } from './records';
import type { Row, Statements } from './statements';

/** What names a request, and what the client sent for it. */
export interface RequestStart {
  /** 1 for the first request of a channel. */
  seq: number;
  termsHash: Uint8Array;
  request?: Uint8Array;
}

const MAX_UINT32 = 0xffff_ffff;
const MAX_UINT64 = (1n << 64n) - 1n;

/** Requests and what was signed for them. Each change runs inside a transaction. */
export class RequestTable {
  constructor(
    private readonly statements: Statements,
    private readonly channels: ChannelTable,
  ) {}

  /**
   * Begins the next request, or finds one that was begun. One sequence number has one request for ever, since two receipts
   * for one place cost the stake (attacks 1 and 2).
   */
  begin(address: Uint8Array, start: RequestStart, now: number): RequestRecord & { isNew: boolean } {
    const { seq, termsHash, request } = start;
    const channel = this.channels.row(address);
    const known = this.row(channel.id as number, seq);
    if (known !== undefined) {
      const kept = bytesOf(known.termsHash);
      if (!equalBytes(kept, termsHash)) {
        throw new ChannelError('channel.seq-taken', 'another request has this sequence number', {
          expected: `terms ${kept.toString('hex')}`,
          received: `terms ${Buffer.from(termsHash).toString('hex')} for seq ${seq}`,
          hint: 'ask with the next sequence number',
        });
      }
      return { ...requestWithReceipts(this.statements, known), isNew: false };
    }
    this.requireNext(seq, channel.lastSeq as number);
    this.statements.run(
      'INSERT INTO requests (channel, seq, termsHash, request, begunAt, dueNano) VALUES (?, ?, ?, ?, ?, ?)',
      [
        channel.id as number,
        seq,
        Buffer.from(termsHash),
        request === undefined ? null : Buffer.from(request),
        now,
        amountBytes(0n),
      ],
    );
    this.statements.run('UPDATE channels SET lastSeq = ? WHERE id = ?', [seq, channel.id as number]);
    return { ...requestWithReceipts(this.statements, this.row(channel.id as number, seq)!), isNew: true };
  }

  /** The chunk that is stored, or the one that `make` makes now. */
  signOnce(address: Uint8Array, seq: number, index: number, make: () => MadeReceipt, now: number): StoredReceipt {
    const channel = this.channels.row(address);
    const id = channel.id as number;
    const stored = this.receipt(id, seq, index);
    if (stored !== undefined) return toReceipt(stored);
    const request = this.open(id, seq);
    const next = this.count(id, seq);
    if (index !== next || index > MAX_UINT32) {
      throw new ChannelError('channel.index-gap', 'this is not the next chunk', {
        expected: `index ${next} of seq ${seq}`,
        received: `index ${index}`,
      });
    }
    const { bytes, dueNano, final } = make();
    const before = amountOf(request.dueNano);
    if (dueNano < before || dueNano > MAX_UINT64) {
      throw new ChannelError('channel.due', 'what is due for a request never falls and fits 64 bits', {
        expected: `${before} or more nanoTON`,
        received: String(dueNano),
      });
    }
    this.statements.run(
      'INSERT INTO receipts (channel, seq, chunk, final, dueNano, bytes) VALUES (?, ?, ?, ?, ?, ?)',
      [id, seq, index, final ? 1 : 0, amountBytes(dueNano), Buffer.from(bytes)],
    );
    this.statements.run('UPDATE requests SET dueNano = ?, endedAt = ? WHERE channel = ? AND seq = ?', [
      amountBytes(dueNano),
      final ? now : null,
      id,
      seq,
    ]);
    this.statements.run('UPDATE channels SET dueNano = ? WHERE id = ?', [
      amountBytes(amountOf(channel.dueNano) + dueNano - before),
      id,
    ]);
    return toReceipt(this.receipt(id, seq, index)!);
  }

  /** Gives a request up: what was signed stays, nothing more is signed. */
  end(address: Uint8Array, seq: number, now: number): void {
    const id = this.channels.row(address).id as number;
    if (this.row(id, seq)?.endedAt === null) {
      this.statements.run('UPDATE requests SET endedAt = ? WHERE channel = ? AND seq = ?', [now, id, seq]);
    } else {
      this.requireBegun(id, seq);
    }
  }

  /** Gives up at most `limit` requests that were begun before a time and have not ended. @returns how many */
  endOld(begunBefore: number, now: number, limit: number): number {
    return this.statements.run(
      `UPDATE requests SET endedAt = ? WHERE rowid IN (SELECT rowid FROM requests WHERE endedAt IS NULL AND begunAt < ? LIMIT ?)`,
      [now, begunBefore, limit],
    );
  }

  /**
   * Removes at most `limit` requests that ended before a time, with their receipts, oldest first. That their numbers were
   * used stays: the channel's last one never falls.
   * @returns how many were removed
   */
  prune(endedBefore: number, limit: number): number {
    const old = this.statements.all(
      'SELECT channel, seq FROM requests WHERE endedAt < ? ORDER BY endedAt, channel, seq LIMIT ?',
      [endedBefore, limit],
    );
    for (const { channel, seq } of old as { channel: number; seq: number }[]) {
      this.statements.run('DELETE FROM receipts WHERE channel = ? AND seq = ?', [channel, seq]);
      this.statements.run('DELETE FROM requests WHERE channel = ? AND seq = ?', [channel, seq]);
    }
    return old.length;
  }

  /** Numbers rise; one that a client passed over, because its request never arrived, is used up as well. */
  private requireNext(seq: number, lastSeq: number): void {
    if (Number.isInteger(seq) && seq > lastSeq && seq <= MAX_UINT32) return;
    if (Number.isInteger(seq) && seq >= 1 && seq <= lastSeq) {
      throw new ChannelError('channel.seq-forgotten', 'this sequence number was used or passed over', {
        expected: `above ${lastSeq}`,
        received: `seq ${seq}`,
      });
    }
    throw new ChannelError('channel.seq-range', 'this is no sequence number', {
      expected: `${lastSeq + 1}..${MAX_UINT32}`,
      received: `seq ${seq}`,
    });
  }

  private requireBegun(channel: number, seq: number): Row {
    const row = this.row(channel, seq);
    if (row === undefined) {
      throw new ChannelError('channel.not-begun', 'this request was not begun, or is no longer kept', {
        received: `seq ${seq}`,
      });
    }
    return row;
  }

  private open(channel: number, seq: number): Row {
    const row = this.requireBegun(channel, seq);
    if (row.endedAt !== null) {
      throw new ChannelError('channel.request-ended', 'nothing is signed for this request any more', {
        received: `seq ${seq}`,
      });
    }
    return row;
  }

  private row(channel: number, seq: number): Row | undefined {
    return this.statements.get('SELECT * FROM requests WHERE channel = ? AND seq = ?', [channel, seq]);
  }

  private receipt(channel: number, seq: number, index: number): Row | undefined {
    return this.statements.get('SELECT * FROM receipts WHERE channel = ? AND seq = ? AND chunk = ?', [
      channel,
      seq,
      index,
    ]);
  }

  private count(channel: number, seq: number): number {
    const row = this.statements.get(
      'SELECT coalesce(max(chunk) + 1, 0) AS next FROM receipts WHERE channel = ? AND seq = ?',
      [channel, seq],
    );
    return row!.next as number;
  }
}
