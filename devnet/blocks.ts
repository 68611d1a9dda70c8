import { createHash } from 'node:crypto';

/** Hash of a simulated masterchain block: the devnet has no validators, so it is a function of the block's number. */
export function blockHash(networkId: number, seqno: number, kind: 'root' | 'file'): Buffer {
  return createHash('sha256').update(`open-cocoon devnet ${networkId} block ${seqno} ${kind}`).digest();
}

/** A block id as toncenter v2 answers it. */
export function blockIdExt(networkId: number, workchain: number, seqno: number) {
  return {
    '@type': 'ton.blockIdExt',
    workchain,
    shard: '-9223372036854775808',
    seqno,
    root_hash: blockHash(networkId, seqno, 'root').toString('base64'),
    file_hash: blockHash(networkId, seqno, 'file').toString('base64'),
  };
}
