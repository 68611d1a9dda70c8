import { ChannelError } from '../../errors';

/** The most that a TL-B `Coins` holds. */
const MAX_AMOUNT = (1n << 120n) - 1n;
const LOW_HALF = (1n << 64n) - 1n;

/** An amount as 16 bytes, big-endian: SQLite orders blobs as it would order these numbers, and none is too large for it. */
export function amountBytes(amountNano: bigint): Buffer {
  if (amountNano < 0n || amountNano > MAX_AMOUNT) {
    throw new ChannelError('channel.amount', 'this is not an amount', {
      expected: 'nanoTON in 0..2^120-1',
      received: String(amountNano),
    });
  }
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeBigUInt64BE(amountNano >> 64n, 0);
  bytes.writeBigUInt64BE(amountNano & LOW_HALF, 8);
  return bytes;
}

export function amountOf(column: unknown): bigint {
  const bytes = bytesOf(column);
  return (bytes.readBigUInt64BE(0) << 64n) | bytes.readBigUInt64BE(8);
}

export const bytesOf = (column: unknown): Buffer => Buffer.from(column as ArrayBuffer);
