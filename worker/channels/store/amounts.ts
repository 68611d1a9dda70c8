import { ChannelError } from '../../errors';

/** The most that a TL-B `Coins` holds. */
const MAX_AMOUNT = (1n << 120n) - 1n;

/** An amount as 16 bytes, big-endian: SQLite orders blobs as it would order these numbers, and none is too large for it. */
export function amountBytes(amountNano: bigint): Buffer {
  if (amountNano < 0n || amountNano > MAX_AMOUNT) {
    throw new ChannelError('channel.amount', 'this is not an amount', {
      expected: 'nanoTON in 0..2^120-1',
      received: String(amountNano),
    });
  }
  return Buffer.from(amountNano.toString(16).padStart(32, '0'), 'hex');
}

export const amountOf = (column: unknown): bigint => BigInt(`0x${bytesOf(column).toString('hex')}`);

export const bytesOf = (column: unknown): Buffer => Buffer.from(column as ArrayBuffer);
