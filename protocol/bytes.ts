import { ProtocolError } from './protocolError';

/** An exact unsigned integer of at most `bits` bits: no fraction, no NaN, no number that lost digits. */
export function fitsUint(value: bigint | number, bits: number): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 && value < 2 ** bits;
  return value >= 0n && value >> BigInt(bits) === 0n;
}

/** Big-endian bytes of an unsigned integer. @throws ProtocolError OUT_OF_RANGE */
export function uintBytes(value: bigint | number, length: number, name = 'An integer'): Uint8Array {
  if (!fitsUint(value, length * 8)) {
    throw new ProtocolError('OUT_OF_RANGE', `${name} does not fit its field`, {
      expected: `an unsigned integer of ${length} bytes`,
      received: String(value).slice(0, 40),
    });
  }
  const bytes = new Uint8Array(length);
  let rest = BigInt(value);
  for (let index = length - 1; index >= 0; index--, rest >>= 8n) bytes[index] = Number(rest & 0xffn);
  return bytes;
}

export const int32Bytes = (value: number): Uint8Array => uintBytes(value >>> 0, 4);
export const asciiBytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
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

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Tokens as u32be, four bytes each. @throws ProtocolError OUT_OF_RANGE for what is no token */
export function tokenBytes(tokens: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(tokens.length * 4);
  const view = new DataView(bytes.buffer);
  tokens.forEach((token, index) => {
    if (!fitsUint(token, 32)) {
      throw new ProtocolError('OUT_OF_RANGE', 'A token does not fit its field', {
        expected: 'an unsigned integer of 4 bytes',
        received: `something else at position ${index}`,
      });
    }
    view.setUint32(index * 4, token);
  });
  return bytes;
}
