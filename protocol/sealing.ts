import { x25519 } from '@noble/curves/ed25519';
import { chacha20poly1305 } from './aead';
import { sha256 } from './sha256';
import { asciiBytes, concatBytes, int32Bytes, uintBytes } from './bytes';
import { expectLength } from './cells';
import { HPKE_ENC_BYTES, hpkeOpen, hpkeSeal } from './hpke';
import { ProtocolError } from './protocolError';

const ENVELOPE_SEALED = 1;
const ENVELOPE_PUBLIC = 2;
const TAG_BYTES = 16;
/** Sealed requests and answers are multiples of this, so that their length says little. */
export const PADDING_BLOCK = 256;
/** Longest request envelope that goes on chain. */
export const MAX_ENVELOPE_BYTES = 6096;

/** What a sealed request is bound to; it opens nowhere else (attacks 3). */
export interface SealBinding {
  networkId: number;
  /** Basechain hash of the job or channel. */
  escrow: Uint8Array;
  seq: number;
  termsHash: Uint8Array;
}

function hpkeInfo(binding: SealBinding): Uint8Array {
  expectLength('escrow', binding.escrow, 32);
  expectLength('termsHash', binding.termsHash, 32);
  return sha256(
    concatBytes(
      asciiBytes('OCH1'),
      int32Bytes(binding.networkId),
      binding.escrow,
      uintBytes(binding.seq, 4),
      binding.termsHash,
    ),
  );
}

/** Zero padding so that `bytes` and `overhead` together are a multiple of PADDING_BLOCK. */
export function padded(bytes: Uint8Array, overhead: number): Uint8Array {
  const length = Math.ceil((bytes.length + overhead) / PADDING_BLOCK) * PADDING_BLOCK - overhead;
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}

/**
 * Envelope {1, enc 32 bytes, ciphertext}: the payload, zero padded, sealed to the worker's X25519 key of 32 bytes.
 * `ephemeralKeyMaterial` is for test vectors only.
 * @throws ProtocolError WRONG_LENGTH, BAD_SEALING_KEY, REQUEST_TOO_LONG
 */
export async function sealRequest(
  payload: Uint8Array,
  workerSealingKey: Uint8Array,
  binding: SealBinding,
  ephemeralKeyMaterial?: Uint8Array,
): Promise<Uint8Array> {
  expectLength('workerSealingKey', workerSealingKey, 32);
  const plaintext = padded(payload, 1 + HPKE_ENC_BYTES + TAG_BYTES);
  checkEnvelopeLength(1 + HPKE_ENC_BYTES + plaintext.length + TAG_BYTES);
  const info = hpkeInfo(binding);
  try {
    const { enc, ciphertext } = await hpkeSeal(plaintext, workerSealingKey, info, undefined, ephemeralKeyMaterial);
    return concatBytes(Uint8Array.of(ENVELOPE_SEALED), enc, ciphertext);
  } catch (cause) {
    throw new ProtocolError('BAD_SEALING_KEY', 'Nothing can be sealed to the key of this worker', {
      expected: 'an X25519 public key that is no point of small order (RFC 9180 7.1.4)',
      hint: 'choose another worker',
      cause,
    });
  }
}

/** Envelope {2, payload}: the whole world reads it. @throws ProtocolError REQUEST_TOO_LONG */
export function publicRequest(payload: Uint8Array): Uint8Array {
  checkEnvelopeLength(1 + payload.length);
  return concatBytes(Uint8Array.of(ENVELOPE_PUBLIC), payload);
}

function checkEnvelopeLength(length: number): void {
  if (length > MAX_ENVELOPE_BYTES) {
    throw new ProtocolError('REQUEST_TOO_LONG', 'The request does not fit a job', {
      expected: `at most ${MAX_ENVELOPE_BYTES} bytes`,
      received: `${length} bytes`,
      hint: 'shorten the prompt, or use a payment channel',
    });
  }
}

export interface OpenedEnvelope {
  sealed: boolean;
  payload: Uint8Array;
}

/** Opens a request envelope with the worker's X25519 private key. @throws ProtocolError UNREADABLE_REQUEST */
export async function openRequest(
  envelope: Uint8Array,
  sealingPrivateKey: Uint8Array,
  binding: SealBinding,
): Promise<OpenedEnvelope> {
  if (envelope[0] === ENVELOPE_PUBLIC) return { sealed: false, payload: envelope.slice(1) };
  const unreadable = (expected: string, cause?: unknown) =>
    new ProtocolError('UNREADABLE_REQUEST', 'The request cannot be opened', { expected, cause });
  if (envelope[0] !== ENVELOPE_SEALED || envelope.length < 1 + HPKE_ENC_BYTES + TAG_BYTES) {
    throw unreadable('an envelope of kind 1 (sealed) or 2 (public)');
  }
  try {
    const enc = envelope.subarray(1, 1 + HPKE_ENC_BYTES);
    const ciphertext = envelope.subarray(1 + HPKE_ENC_BYTES);
    return { sealed: true, payload: await hpkeOpen({ enc, ciphertext }, sealingPrivateKey, hpkeInfo(binding)) };
  } catch (cause) {
    throw unreadable('a request sealed to this key for this escrow and these terms', cause);
  }
}

/** X25519 public key of 32 bytes. */
export function sealingPublicKey(privateKey: Uint8Array): Uint8Array {
  return x25519.getPublicKey(privateKey);
}

/** Which piece of an answer: chunk index, and whether it is the last. A job has one piece: index 0, final. */
export interface ResponsePiece {
  index: number;
  final: boolean;
}

const WHOLE: ResponsePiece = { index: 0, final: true };

/** RFC 8439 nonce: zeros, then u32be with the final flag in the top bit. */
function responseNonce({ index, final }: ResponsePiece): Uint8Array {
  return uintBytes(index + (final ? 2 ** 31 : 0), 12);
}

/** Seals an answer under the client's key: ChaCha20-Poly1305, AAD = termsHash, zero padded to PADDING_BLOCK. */
export function sealResponse(
  plaintext: Uint8Array,
  responseKey: Uint8Array,
  termsHash: Uint8Array,
  piece: ResponsePiece = WHOLE,
): Uint8Array {
  return chacha20poly1305(responseKey, responseNonce(piece), termsHash).seal(padded(plaintext, TAG_BYTES));
}

/** @throws ProtocolError UNREADABLE_RESPONSE */
export function openResponse(
  sealed: Uint8Array,
  responseKey: Uint8Array,
  termsHash: Uint8Array,
  piece: ResponsePiece = WHOLE,
): Uint8Array {
  try {
    return chacha20poly1305(responseKey, responseNonce(piece), termsHash).open(sealed);
  } catch (cause) {
    throw new ProtocolError('UNREADABLE_RESPONSE', 'The answer cannot be opened', {
      expected: 'an answer sealed under the key of this request, whole and in place',
      received: `${sealed.length} bytes`,
      cause,
    });
  }
}
