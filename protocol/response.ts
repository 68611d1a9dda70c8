import { asciiBytes, expectUint, tokenBytes } from './bytes';
import { ProtocolError } from './protocolError';

/** An answer before it is sealed. */
export interface ResponsePlaintext {
  finishReason: number;
  tokens: readonly number[];
}

export const RESPONSE_HEADER_BYTES = 64;
const MAGIC = asciiBytes('OCP1');
const KIND_TOKENS = 0;

/**
 * Header block of 64 bytes {"OCP1", kind u8 = 0, finishReason u8, 2 zero bytes, token count u32, zeros}, then the tokens as
 * u32be: ChaCha20's 64-byte blocks and tokens align, so that a contract can decrypt and compare one block.
 */
export function encodeResponse(response: ResponsePlaintext): Uint8Array {
  const bytes = new Uint8Array(RESPONSE_HEADER_BYTES + response.tokens.length * 4);
  bytes.set(MAGIC);
  bytes[4] = KIND_TOKENS;
  expectUint(response.finishReason, 1, 'finishReason');
  bytes[5] = response.finishReason;
  new DataView(bytes.buffer).setUint32(8, response.tokens.length);
  bytes.set(tokenBytes(response.tokens), RESPONSE_HEADER_BYTES);
  return bytes;
}

/** Reads a plaintext with zero padding behind it. @throws ProtocolError MALFORMED_RESPONSE */
export function decodeResponse(bytes: Uint8Array): ResponsePlaintext {
  const malformed = (expected: string) =>
    new ProtocolError('MALFORMED_RESPONSE', 'The opened answer is malformed', {
      expected,
      received: `${bytes.length} bytes`,
    });
  if (bytes.length < RESPONSE_HEADER_BYTES || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw malformed('a header block that begins with "OCP1"');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(8);
  const end = RESPONSE_HEADER_BYTES + count * 4;
  if (bytes[4] !== KIND_TOKENS) throw malformed('kind 0, tokens');
  if (bytes.length < end) throw malformed(`${count} tokens`);
  const zero = (from: number, to: number): boolean => {
    for (let index = from; index < to; index++) if (bytes[index] !== 0) return false;
    return true;
  };
  if (!zero(6, 8) || !zero(12, RESPONSE_HEADER_BYTES) || !zero(end, bytes.length))
    throw malformed('zeros in all padding');
  const tokens: number[] = [];
  for (let index = 0; index < count; index++) tokens.push(view.getUint32(RESPONSE_HEADER_BYTES + index * 4));
  return { finishReason: bytes[5], tokens };
}
