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

/** Up to 48 bits from a bit on; as in @ton/core, those after the data's end are zeros. */
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

const hasRoom = (to: Written, bits: number): boolean => to._length + bits <= to._buffer.length * 8;

/** Appends as many bits, for which there is room. */
function appendUint(to: Written, value: bigint, bits: number): void {
  for (let left = bits; left > 0;) {
    const taken = left % STEP || STEP;
    left -= taken;
    append(to, Number(BigInt.asUintN(taken, value >> BigInt(left))), taken);
  }
}

const { writeBits, writeUint } = BitBuilder.prototype;
const { _preloadUint: preloadUint, _toSafeInteger: toSafeInteger } = BitReader.prototype as unknown as {
  _preloadUint(bits: number, offset: number): bigint;
  _toSafeInteger(value: bigint, instead: string): number;
};

/** Puts them in the place of @ton/core's, for this process. */
export function installFastCells(): void {
  BitBuilder.prototype.writeBits = function (source) {
    const [to, bits] = [this as unknown as Written, source as unknown as Bits];
    if (hasRoom(to, bits._length)) appendBits(to, bits);
    else writeBits.call(this, source);
  };
  BitBuilder.prototype.writeUint = function (value, bits) {
    const to = this as unknown as Written;
    const isPlain = (typeof value === 'bigint' || Number.isInteger(value)) && value >= 0 && Number.isInteger(bits) && bits > 0;
    if (!isPlain || !hasRoom(to, bits)) writeUint.call(this, value, bits);
    else if (bits <= STEP && value < 2 ** bits) append(to, Number(value), bits);
    else if (bits > STEP && BigInt.asUintN(bits, BigInt(value)) === BigInt(value)) appendUint(to, BigInt(value), bits);
    else writeUint.call(this, value, bits);
  };
  Object.assign(BitReader.prototype, {
    _preloadUint(this: Reader, bits: number, offset: number): bigint {
      const source = this._bits as unknown as Bits;
      const isThere = bits > 0 && offset >= 0 && offset + bits <= source._length;
      return isThere ? uintAt(source._data, source._offset + offset, bits) : preloadUint.call(this, bits, offset);
    },
    _toSafeInteger(value: bigint, instead: string): number {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : toSafeInteger(value, instead);
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
