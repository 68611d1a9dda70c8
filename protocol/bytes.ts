import { ProtocolError } from './protocolError';

/** Big-endian bytes of an unsigned integer. */
export function uintBytes(value: bigint | number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = BigInt(value);
  for (let index = length - 1; index >= 0; index--, rest >>= 8n) bytes[index] = Number(rest & 0xffn);
  if (rest !== 0n || BigInt(value) < 0n) {
    throw new ProtocolError('OUT_OF_RANGE', 'An integer does not fit its field', { expected: `${length} bytes` });
  }
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

export const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Tokens as u32be, four bytes each. */
export function tokenBytes(tokens: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(tokens.length * 4);
  const view = new DataView(bytes.buffer);
  tokens.forEach((token, index) => view.setUint32(index * 4, token));
  return bytes;
}
