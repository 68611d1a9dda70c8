import { fitsUint, uintBytes } from './bytes';
import { expectLength } from './cells';
import { ProtocolError } from './protocolError';

/** Writes bytes: big-endian integers, fixed byte strings, LEB128. */
export class ByteWriter {
  private readonly parts: number[] = [];

  uint(name: string, value: bigint | number, length: number): this {
    this.parts.push(...uintBytes(value, length, name));
    return this;
  }

  fixed(name: string, value: Uint8Array, length: number): this {
    expectLength(name, value, length);
    this.parts.push(...value);
    return this;
  }

  /** Unsigned LEB128 of a uint32, shortest form. Its errors do not repeat the value, which may be of a prompt. */
  varint(name: string, value: number): this {
    if (!fitsUint(value, 32)) {
      throw new ProtocolError('OUT_OF_RANGE', `${name} does not fit its field`, {
        expected: 'an unsigned integer below 2^32',
      });
    }
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.parts.push((rest % 0x80) | 0x80);
    this.parts.push(rest);
    return this;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.parts);
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
    return this.fixed(length).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  number(length: number): number {
    return Number(this.uint(length));
  }

  varint(): number {
    let value = 0;
    for (let index = 0, factor = 1; index < 5; index++, factor *= 0x80) {
      const byte = this.number(1);
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

  zeroPadding(): void {
    if (this.source.subarray(this.position).some((byte) => byte !== 0)) throw this.malformed('zeros in all padding');
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
