import { createHash } from 'node:crypto';

const SECONDS_PER_BLOCK = 5;
/** The first block of a devnet: contracts look back over 16 blocks that are a hundred apart. */
const FIRST_SEQNO = 1_002_000;
/** What contracts see as the newest key block. */
export const KEY_BLOCK_SEQNO = 1_000_000;

/** A block that something happened in. */
interface Change {
  seqno: number;
  /** Unix seconds. */
  time: number;
  /** No transaction of this block or of one before it is later. */
  endLt: bigint;
}

/**
 * Masterchain blocks of a devnet: one every five seconds, and one at once for each change of the chain. A block that
 * was shown never gets another transaction, as on a real network, so clients may read each block once.
 */
export class Blocks {
  private readonly changes: Change[];

  constructor(time: number) {
    this.changes = [{ seqno: FIRST_SEQNO, time, endLt: 0n }];
  }

  /** The newest block at `now`, which must not go back. */
  newest(now: number): number {
    const last = this.changes[this.changes.length - 1];
    return last.seqno + Math.floor((now - last.time) / SECONDS_PER_BLOCK);
  }

  /** The block for a change that happens now. */
  close(now: number, endLt: bigint): number {
    const seqno = this.newest(now) + 1;
    this.changes.push({ seqno, time: now, endLt });
    return seqno;
  }

  /** The newest block that is not younger than `unixTime`, or null before the devnet began. */
  atTime(unixTime: number): number | null {
    let index = this.changes.length - 1;
    while (index >= 0 && this.changes[index].time > unixTime) index--;
    if (index < 0) return null;
    const { seqno, time } = this.changes[index];
    const next = this.changes[index + 1];
    const reached = seqno + Math.floor((unixTime - time) / SECONDS_PER_BLOCK);
    return next === undefined ? reached : Math.min(reached, next.seqno - 1);
  }

  /** The block that logical time `lt` falls in, or null when it has not come yet. */
  atLt(lt: bigint): number | null {
    return this.changes.find(({ endLt }) => endLt >= lt)?.seqno ?? null;
  }

  get first(): number {
    return FIRST_SEQNO;
  }
}

/** Hash of a simulated masterchain block: the devnet has no validators, so it is a function of the block's number. */
export function blockHash(networkId: number, seqno: number, kind: 'root' | 'file'): Buffer {
  return createHash('sha256').update(`open-cocoon devnet ${networkId} block ${seqno} ${kind}`).digest();
}

/** The one shard of a workchain. */
export const WHOLE_SHARD = '-9223372036854775808';

/** A block id as toncenter v2 answers it. */
export function blockIdExt(networkId: number, workchain: number, seqno: number) {
  return {
    '@type': 'ton.blockIdExt',
    workchain,
    shard: WHOLE_SHARD,
    seqno,
    root_hash: blockHash(networkId, seqno, 'root').toString('base64'),
    file_hash: blockHash(networkId, seqno, 'file').toString('base64'),
  };
}
