import { expectUint, fitsUint, putUint } from './bytes';
import { expectLength } from './cells';
import { ProtocolError } from './protocolError';

/** Of a uint32, seven bits each. */
const MAX_VARINT_BYTES = 5;

/** Writes bytes: big-endian integers, fixed byte strings, LEB128. */
export class ByteWriter {
  private written: Uint8Array;
  private length = 0;

  /** @param room for so many bytes at first */
  constructor(room = 256) {
    this.written = new Uint8Array(room);
  }

  uint(name: string, value: bigint | number, length: number): this {
    expectUint(value, length, name);
    this.reserve(length);
    putUint(this.written, this.length, value, length);
    this.length += length;
    return this;
  }

  fixed(name: string, value: Uint8Array, length: number): this {
    expectLength(name, value, length);
    return this.rest(value);
  }

  /** Unsigned LEB128 of a uint32, shortest form. Its errors do not repeat the value, which may be of a prompt. */
  varint(name: string, value: number): this {
    if (!fitsUint(value, 32)) {
      throw new ProtocolError('OUT_OF_RANGE', `${name} does not fit its field`, {
        expected: 'an unsigned integer below 2^32',
      });
    }
    this.reserve(MAX_VARINT_BYTES);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.written[this.length++] = (rest % 0x80) | 0x80;
    this.written[this.length++] = rest;
    return this;
  }

  /** Bytes of any length. */
  rest(value: Uint8Array): this {
    this.reserve(value.length);
    this.written.set(value, this.length);
    this.length += value.length;
    return this;
  }

  /** What was written; the writer keeps nothing of it. */
  bytes(): Uint8Array {
    return this.written.subarray(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.written.length) return;
    const larger = new Uint8Array(2 * (this.length + more));
    larger.set(this.written);
    this.written = larger;
  }
}

/** Reads what a ByteWriter wrote; anything else is refused with what was expected. */
export class ByteReader {
  private position = 0;

  constructor(
    private readonly name: string,
    private readonly source: Uint8Array,
  ) {}

  fixed(length: number): Uint8Array {
    if (this.position + length > this.source.length) throw this.malformed(`${length} more bytes at ${this.position}`);
    this.position += length;
    return this.source.slice(this.position - length, this.position);
  }

  uint(length: number): bigint {
    let value = 0n;
    for (let left = length; left > 0; ) {
      const part = Math.min(left, 6);
      value = (value << BigInt(8 * part)) | BigInt(this.number(part));
      left -= part;
    }
    return value;
  }

  /** At most 6 bytes. */
  number(length: number): number {
    let value = 0;
    for (let index = 0; index < length; index++) value = value * 0x100 + this.byte();
    return value;
  }

  varint(): number {
    let value = 0;
    for (let index = 0, factor = 1; index < MAX_VARINT_BYTES; index++, factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if ((byte === 0 && index > 0) || value > 0xffffffff) break;
        return value;
      }
    }
    throw this.malformed('an unsigned LEB128 below 2^32 in its shortest form');
  }

  varints(count: number): number[] {
    if (count > this.source.length - this.position) throw this.malformed(`${count} more tokens at ${this.position}`);
    return Array.from({ length: count }, () => this.varint());
  }

  private byte(): number {
    if (this.position === this.source.length) throw this.malformed(`1 more byte at ${this.position}`);
    return this.source[this.position++];
  }

  zeroPadding(): void {
    for (let index = this.position; index < this.source.length; index++) if (this.source[index] !== 0) throw this.malformed('zeros in all padding');
  }

  /** Nothing may be left over. */
  end(): void {
    if (this.position !== this.source.length) throw this.malformed(`${this.position} bytes`);
  }

  malformed(expected: string): ProtocolError {
    return new ProtocolError('MALFORMED_PAYLOAD', `The ${this.name} is malformed`, {
      expected,
      received: `${this.source.length} bytes`,
    });
  }
}
