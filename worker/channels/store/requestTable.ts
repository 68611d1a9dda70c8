import { equalBytes } from '../../../protocol/bytes';
import { ChannelError } from '../../errors';
import { amountBytes, amountOf, bytesOf } from './amounts';
import type { ChannelTable } from './channelTable';
import { requestWithReceipts } from './reader';
import { toReceipt, type MadeReceipt, type RequestRecord, type SignedReceipt } from './records';
import type { Row, Statements } from './statements';

/** What names a request, and what is kept of it. */
export interface RequestStart {
  /** 1 for the first request of a channel. */
  seq: number;
  termsHash: Uint8Array;
  request?: Uint8Array;
}

/** A request that was begun, now or before. */
export type BegunRequest = RequestRecord & { isNew: boolean };

const MAX_UINT32 = 0xffff_ffff;
const MAX_UINT64 = (1n << 64n) - 1n;

/** A request that goes on. */
interface OpenRequest {
  dueNano: bigint;
  /** Index of the chunk that comes next. */
  next: number;
}

/** Requests that are kept in memory; the one that was begun first goes first. */
const MAX_OPEN = 4_096;

/** Requests and what was signed for them. Each change runs inside a transaction. Those that go on are kept in memory, as channels are. */
export class RequestTable {
  private readonly open = new Map<string, OpenRequest>();

  constructor(
    private readonly statements: Statements,
    private readonly channels: ChannelTable,
  ) {}

  /**
   * Begins the next request, or finds one that was begun. One sequence number has one request for ever, since two receipts
   * for one place cost the stake (attacks 1 and 2).
   */
  begin(address: Uint8Array, start: RequestStart, now: number): BegunRequest {
    const { seq, termsHash, request } = start;
    const channel = this.channels.row(address);
    const { lastSeq } = channel.channel;
    const known = seq > lastSeq ? undefined : this.row(channel.id, seq);
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
    requireNext(seq, lastSeq);
    const record: RequestRecord = {
      seq, termsHash: Buffer.from(termsHash), request: request === undefined ? null : Buffer.from(request), begunAt: now, endedAt: null, dueNano: 0n, receipts: [],
    };
    this.statements.run(
      'INSERT INTO requests (channel, seq, termsHash, request, begunAt, dueNano) VALUES (?, ?, ?, ?, ?, ?)',
      [channel.id, seq, record.termsHash, record.request, now, amountBytes(0n)],
    );
    this.channels.begun(channel, seq);
    this.keep(channel.id, seq, { dueNano: 0n, next: 0 });
    return { ...record, isNew: true };
  }

  /**
   * The chunk that is stored, or the one that `make` makes now.
   * @returns also what all receipts of the channel come to with it
   */
  signOnce(address: Uint8Array, seq: number, index: number, make: () => MadeReceipt, now: number): SignedReceipt {
    const channel = this.channels.row(address);
    const { id } = channel;
    const known = this.open.get(keyOf(id, seq));
    const stored = known !== undefined && index >= known.next ? undefined : this.receipt(id, seq, index);
    if (stored !== undefined) return { ...toReceipt(stored), channelDueNano: channel.channel.dueNano };
    const request = known ?? this.read(id, seq);
    if (index !== request.next || index > MAX_UINT32) {
      throw new ChannelError('channel.index-gap', 'this is not the next chunk', {
        expected: `index ${request.next} of seq ${seq}`,
        received: `index ${index}`,
      });
    }
    const { bytes, dueNano, final } = make();
    if (dueNano < request.dueNano || dueNano > MAX_UINT64) {
      throw new ChannelError('channel.due', 'what is due for a request never falls and fits 64 bits', {
        expected: `${request.dueNano} or more nanoTON`,
        received: String(dueNano),
      });
    }
    const channelDueNano = channel.channel.dueNano + dueNano - request.dueNano;
    const kept = Buffer.from(bytes);
    const due = amountBytes(dueNano);
    this.statements.run('INSERT INTO receipts (channel, seq, chunk, final, dueNano, bytes) VALUES (?, ?, ?, ?, ?, ?)', [id, seq, index, final ? 1 : 0, due, kept]);
    this.statements.run('UPDATE requests SET dueNano = ?, endedAt = ? WHERE channel = ? AND seq = ?', [due, final ? now : null, id, seq]);
    this.channels.owes(channel, channelDueNano);
    if (final) this.open.delete(keyOf(id, seq));
    else this.keep(id, seq, { dueNano, next: index + 1 });
    return { seq, index, final, dueNano, bytes: kept, channelDueNano } as SignedReceipt;
  }

  /** Gives a request up: what was signed stays, nothing more is signed. */
  end(address: Uint8Array, seq: number, now: number): void {
    const { id } = this.channels.row(address);
    this.open.delete(keyOf(id, seq));
    if (this.row(id, seq)?.endedAt === null) {
      this.statements.run('UPDATE requests SET endedAt = ? WHERE channel = ? AND seq = ?', [now, id, seq]);
    } else {
      this.requireBegun(id, seq);
    }
  }

  /** Gives up at most `limit` requests that were begun before a time and have not ended. @returns how many */
  endOld(begunBefore: number, now: number, limit: number): number {
    this.open.clear();
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

  /** Changes were taken back: what is kept in memory may be wrong. */
  forget(): void {
    this.open.clear();
  }

  private keep(channel: number, seq: number, request: OpenRequest): void {
    const key = keyOf(channel, seq);
    if (this.open.size >= MAX_OPEN && !this.open.has(key)) this.open.delete(this.open.keys().next().value!);
    this.open.set(key, request);
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

  /** @throws ChannelError `channel.not-begun`, `channel.request-ended` */
  private read(channel: number, seq: number): OpenRequest {
    const row = this.requireBegun(channel, seq);
    if (row.endedAt !== null) {
      throw new ChannelError('channel.request-ended', 'nothing is signed for this request any more', {
        received: `seq ${seq}`,
      });
    }
    return { dueNano: amountOf(row.dueNano), next: this.count(channel, seq) };
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

const keyOf = (channel: number, seq: number): string => `${channel}/${seq}`;

/** Numbers rise; one that a client passed over, because its request never arrived, is used up as well. */
function requireNext(seq: number, lastSeq: number): void {
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
