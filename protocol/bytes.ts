import { ProtocolError } from './protocolError';

/** An exact unsigned integer of at most `bits` bits: no fraction, no NaN, no number that lost digits. */
export function fitsUint(value: bigint | number, bits: number): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 && value < 2 ** bits;
  return BigInt.asUintN(bits, value) === value;
}

/** @throws ProtocolError OUT_OF_RANGE unless it is an unsigned integer of so many bytes */
export function expectUint(value: bigint | number, length: number, name: string): void {
  if (fitsUint(value, length * 8)) return;
  throw new ProtocolError('OUT_OF_RANGE', `${name} does not fit its field`, {
    expected: `an unsigned integer of ${length} bytes`,
    received: String(value).slice(0, 40),
  });
}

/** Big-endian bytes of an unsigned integer. @throws ProtocolError OUT_OF_RANGE */
export function uintBytes(value: bigint | number, length: number, name = 'An integer'): Uint8Array {
  expectUint(value, length, name);
  const bytes = new Uint8Array(length);
  putUint(bytes, 0, value, length);
  return bytes;
}

const SIX_BYTES = 0xffff_ffff_ffffn;

/** Writes an unsigned integer that fits `length` bytes, big-endian. */
export function putUint(bytes: Uint8Array, offset: number, value: bigint | number, length: number): void {
  if (typeof value === 'bigint' && length > 6) {
    putUint(bytes, offset, value >> 48n, length - 6);
    return putUint(bytes, offset + length - 6, Number(value & SIX_BYTES), 6);
  }
  const number = Number(value);
  let low = number % 2 ** 32;
  let high = (number - low) / 2 ** 32;
  for (let index = offset + length - 1; index >= offset; index--) {
    bytes[index] = low & 0xff;
    low >>>= 8;
    if (offset + length - index === 4) [low, high] = [high, 0];
  }
}

export const int32Bytes = (value: number): Uint8Array => uintBytes(value >>> 0, 4);
export const asciiBytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Same length and bytes; takes the same time wherever they differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= a[index] ^ b[index];
  return difference === 0;
}

const DIGITS = asciiBytes('0123456789abcdef');
const ascii = new TextDecoder('latin1');

/** Lowercase. */
export function toHex(bytes: Uint8Array): string {
  const digits = new Uint8Array(2 * bytes.length);
  for (let index = 0; index < bytes.length; index++) {
    digits[2 * index] = DIGITS[bytes[index] >> 4];
    digits[2 * index + 1] = DIGITS[bytes[index] & 15];
  }
  return ascii.decode(digits);
}

/** Tokens as u32be, four bytes each. @throws ProtocolError OUT_OF_RANGE for what is no token */
export function tokenBytes(tokens: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(tokens.length * 4);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < tokens.length; index++) {
    if (!fitsUint(tokens[index], 32)) {
      throw new ProtocolError('OUT_OF_RANGE', 'A token does not fit its field', {
        expected: 'an unsigned integer of 4 bytes',
        received: `something else at position ${index}`,
      });
    }
    view.setUint32(index * 4, tokens[index]);
  }
  return bytes;
}
