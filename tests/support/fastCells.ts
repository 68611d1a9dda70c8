import { BitBuilder, BitReader, BitString } from '@ton/core';

/**
 * @ton/core reads and writes cells bit by bit, which is a third of what a sandbox test takes. These do the same by bytes;
 * whatever they do not cover, and every error, is left to @ton/core's own (tests/protocol/fastCells.test.ts compares them).
 */
interface Bits { _data: Uint8Array; _offset: number; _length: number }
interface Written { _buffer: Buffer; _length: number }
interface Reader { _bits: BitString }

/** What is read and written in one go: a number holds it exactly. */
const STEP = 48;

/** Up to 48 bits from a bit on, which are there. */
function numberAt(data: Uint8Array, at: number, bits: number): number {
  let value = 0;
  for (let left = bits; left > 0;) {
    const free = 8 - (at & 7);
    const taken = Math.min(free, left);
    value = value * 2 ** taken + ((data[at >> 3] >> (free - taken)) & ((1 << taken) - 1));
    at += taken;
    left -= taken;
  }
  return value;
}

/** Appends up to 48 bits, for which there is room. */
function append(to: Written, value: number, bits: number): void {
  for (let left = bits; left > 0;) {
    const free = 8 - (to._length & 7);
    const taken = Math.min(free, left);
    left -= taken;
    to._buffer[to._length >> 3] |= (Math.floor(value / 2 ** left) % 2 ** taken) << (free - taken);
    to._length += taken;
  }
}

function uintAt(data: Uint8Array, at: number, bits: number): bigint {
  const first = bits % STEP;
  let value = BigInt(numberAt(data, at, first));
  for (let done = first; done < bits; done += STEP) value = (value << BigInt(STEP)) | BigInt(numberAt(data, at + done, STEP));
  return value;
}

function appendBits(to: Written, { _data: data, _offset: offset, _length: length }: Bits): void {
  if ((to._length | offset) & 7) {
    for (let done = 0; done < length; done += STEP) {
      const bits = Math.min(STEP, length - done);
      append(to, numberAt(data, offset + done, bits), bits);
    }
    return;
  }
  const whole = length >> 3;
  to._buffer.set(data.subarray(offset >> 3, (offset >> 3) + whole), to._length >> 3);
  to._length += whole * 8;
  append(to, numberAt(data, offset + whole * 8, length & 7), length & 7);
}

/** Whether these bits are all there. */
const isWhole = ({ _data, _offset, _length }: Bits): boolean => _offset + _length <= _data.length * 8;
const hasRoom = (to: Written, bits: number): boolean => to._length + bits <= to._buffer.length * 8;

const { writeBits, writeUint } = BitBuilder.prototype;
const { _preloadUint: preloadUint } = BitReader.prototype as unknown as { _preloadUint(bits: number, offset: number): bigint };

/** Puts them in the place of @ton/core's, for this process. */
export function installFastCells(): void {
  BitBuilder.prototype.writeBits = function (source) {
    const [to, bits] = [this as unknown as Written, source as unknown as Bits];
    if (isWhole(bits) && hasRoom(to, bits._length)) appendBits(to, bits);
    else writeBits.call(this, source);
  };
  BitBuilder.prototype.writeUint = function (value, bits) {
    const to = this as unknown as Written;
    const isPlain = typeof value === 'bigint' || Number.isInteger(value);
    const fits = isPlain && bits > 0 && bits <= STEP && Number.isInteger(bits) && value >= 0 && value < 2 ** bits;
    if (fits && hasRoom(to, bits)) append(to, Number(value), bits);
    else writeUint.call(this, value, bits);
  };
  Object.assign(BitReader.prototype, {
    _preloadUint(this: Reader, bits: number, offset: number): bigint {
      const source = this._bits as unknown as Bits;
      const isThere = bits > 0 && offset >= 0 && offset + bits <= source._length && isWhole(source);
      return isThere ? uintAt(source._data, source._offset + offset, bits) : preloadUint.call(this, bits, offset);
    },
  });
}

/** For @ton/core/dist/boc/utils/paddedBits: bits, then 1, then zeros up to a whole byte; nothing after whole bytes. */
export function bitsToPaddedBuffer(bits: BitString): Buffer {
  const builder = new BitBuilder(Math.ceil(bits.length / 8) * 8);
  builder.writeBits(bits);
  const padding = -bits.length & 7;
  if (padding > 0) builder.writeUint(2 ** (padding - 1), padding);
  return builder.buffer();
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** For @ton/core/dist/utils/crc32c: 4 bytes, least significant first. */
export function crc32c(source: Uint8Array): Buffer {
  let crc = 0xffffffff;
  for (let i = 0; i < source.length; i++) crc = TABLE[(crc ^ source[i]) & 0xff] ^ (crc >>> 8);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE((crc ^ 0xffffffff) >>> 0);
  return bytes;
}
