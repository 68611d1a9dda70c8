import assert from 'node:assert/strict';
import test from 'node:test';
import { BitBuilder, BitReader, BitString } from '@ton/core';
import { bitsToPaddedBuffer as ownPadded } from '@ton/core/dist/boc/utils/paddedBits';
import { crc32c as ownChecksum } from '@ton/core/dist/utils/crc32c';
import fc from 'fast-check';
import { bitsToPaddedBuffer, crc32c, installFastCells } from '../support/fastCells';

const CASES = { seed: 2026, numRuns: 3000 };

/** Bits of a buffer, in some cases more than it has. */
const bitString = fc.tuple(fc.uint8Array({ minLength: 100, maxLength: 130 }), fc.nat(300), fc.integer({ min: 0, max: 1023 })).map(([bytes, offset, length]) => {
  const data = Buffer.from(bytes);
  const start = Math.min(offset, data.length * 8);
  return new BitString(data, start, offset % 9 === 0 ? length : Math.min(length, data.length * 8 - start));
});
/** Numbers that mostly fit into as many bits, and what is no such number. */
const uint = fc.tuple(fc.bigInt(0n, 2n ** 256n - 1n), fc.nat(260), fc.nat(30)).map(([value, bits, kind]): [bigint | number, number] => {
  const fitting = BigInt.asUintN(bits, value);
  if (kind < 10) return [fitting, bits];
  if (kind < 20) return [Number(BigInt.asUintN(Math.min(bits, 53), value)), bits];
  if (kind < 22) return [fitting + (1n << BigInt(bits)), bits];
  const odd = [-1, -1n, 0.5, NaN, Infinity, null as unknown as number, '7' as unknown as number, true as unknown as number];
  return [odd[kind - 22] ?? 2 ** 60, kind === 30 ? bits + 0.5 : bits];
});
const step = fc.oneof(
  bitString.map((bits) => (builder: BitBuilder) => builder.writeBits(bits)),
  uint.map(([value, bits]) => (builder: BitBuilder) => builder.writeUint(value, bits)),
  fc.boolean().map((bit) => (builder: BitBuilder) => builder.writeBit(bit)),
);

const outcome = (run: () => unknown): string => {
  try {
    return String(run());
  } catch (error) {
    return String(error);
  }
};
/** What these steps leave, each one's error included; as many bits as have room. */
function written(steps: ((builder: BitBuilder) => void)[]): string {
  const builder = new BitBuilder(1023);
  const said = steps.map((run) => outcome(() => run(builder)));
  return `${said.join()} ${builder.length} ${(builder as unknown as { _buffer: Buffer })._buffer.toString('hex')}`;
}
const read = ([bits, offset, count]: [BitString, number, number]): string =>
  outcome(() => new BitReader(bits, offset).preloadUintBig(count)) + outcome(() => new BitReader(bits, offset).loadUint(count % 64));

test('the cells of jest are written, read and summed up as @ton/core does it, errors included', () => {
  const writes = fc.sample(fc.array(step, { maxLength: 12 }), CASES);
  const reads = fc.sample(fc.tuple(bitString, fc.nat(600), fc.nat(300)), CASES);
  const expected = { writes: writes.map(written), reads: reads.map(read) };
  assert.ok(expected.writes.some((text) => text.includes('overflow')) && expected.reads.some((text) => text.includes('out of bounds')));
  assert.ok(expected.reads.some((text) => text.includes('safe integer range')) && expected.reads.some((text) => /^\d{30}/.test(text)));
  const padded = reads.map(([bits]) => bits).filter((bits) => !outcome(() => ownPadded(bits)).includes('Error'));
  const expectedPadded = padded.map((bits) => ownPadded(bits).toString('hex'));
  installFastCells();
  assert.deepEqual(writes.map(written), expected.writes);
  assert.deepEqual(reads.map(read), expected.reads);
  assert.deepEqual(padded.map((bits) => bitsToPaddedBuffer(bits).toString('hex')), expectedPadded);
  for (const [{ _data: bytes }] of reads as unknown as [{ _data: Buffer }][]) assert.deepEqual(crc32c(bytes), ownChecksum(bytes));
});
