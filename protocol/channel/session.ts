import { chacha20poly1305 } from '../aead';
import { sha256 } from '../sha256';
import { asciiBytes, concatBytes, fitsUint, int32Bytes, uintBytes } from '../bytes';
import { expectLength } from '../cells';
import { hpkeReceiverSecret, hpkeSenderSecret } from '../hpke';
import { ProtocolError } from '../protocolError';
import { padded } from '../sealing';

/** Requests that one session seals; then the client opens another, with a fresh ephemeral key. */
export const SESSION_REQUESTS = 1_024;
const TAG_BYTES = 16;

/** What a session of a channel is bound to; its requests open nowhere else (attacks 3). */
export interface SessionBinding {
  networkId: number;
  /** Basechain hash of the channel. */
  channel: Uint8Array;
  /** Ed25519 key of the worker that is to answer, 32 bytes. */
  workerKey: Uint8Array;
  /** Number of the first request; the session ends before firstSeq + SESSION_REQUESTS. */
  firstSeq: number;
}

function sessionInfo(binding: SessionBinding): Uint8Array {
  expectLength('channel', binding.channel, 32);
  expectLength('workerKey', binding.workerKey, 32);
  return sha256(
    concatBytes(
      asciiBytes('OCH2'),
      int32Bytes(binding.networkId),
      binding.channel,
      binding.workerKey,
      uintBytes(binding.firstSeq, 4, 'firstSeq'),
    ),
  );
}

/**
 * What the client's key signs to open a session: H("OCH3" || H of what it is bound to || enc). HPKE's base mode says nothing of the
 * sender; without this, whoever saw a voucher could ask in the client's name.
 */
export function helloHash(binding: SessionBinding, enc: Uint8Array): Uint8Array {
  expectLength('enc', enc, 32);
  return sha256(concatBytes(asciiBytes('OCH3'), sessionInfo(binding), enc));
}

/** RFC 8439 nonce: zeros, then the request's number; a session seals each number once. */
const requestNonce = (seq: number): Uint8Array => uintBytes(seq, 12);

function checkRange({ firstSeq }: SessionBinding, seq: number): void {
  if (fitsUint(seq, 32) && seq >= firstSeq && seq < firstSeq + SESSION_REQUESTS) return;
  throw new ProtocolError('SESSION_OVER', 'This session has no request of that number', {
    expected: `${firstSeq}..${firstSeq + SESSION_REQUESTS - 1}`,
    received: String(seq),
    hint: 'open another session',
  });
}

/** The client's end of a session. */
export class RequestSealer {
  private lastSeq: number;

  private constructor(
    readonly binding: SessionBinding,
    /** Encapsulated key that the worker needs, 32 bytes. */
    readonly enc: Uint8Array,
    private readonly key: Uint8Array,
  ) {
    this.lastSeq = binding.firstSeq - 1;
  }

  /**
   * HPKE (RFC 9180) base mode to the worker's X25519 key, once per session; requests are sealed with an exported secret
   * (sections 5.3 and 9.8), which costs microseconds instead of milliseconds.
   * @param ephemeralKeyMaterial for test vectors only
   * @throws ProtocolError WRONG_LENGTH, BAD_SEALING_KEY
   */
  static async open(
    workerSealingKey: Uint8Array, binding: SessionBinding, ephemeralKeyMaterial?: Uint8Array,
  ): Promise<RequestSealer> {
    expectLength('workerSealingKey', workerSealingKey, 32);
    const info = sessionInfo(binding);
    try {
      const { enc, secret } = await hpkeSenderSecret(workerSealingKey, info, asciiBytes('request'), ephemeralKeyMaterial);
      return new RequestSealer(binding, enc, secret);
    } catch (cause) {
      throw new ProtocolError('BAD_SEALING_KEY', 'Nothing can be sealed to the key of this worker', {
        expected: 'an X25519 public key that is no point of small order (RFC 9180 7.1.4)',
        hint: 'choose another worker',
        cause,
      });
    }
  }

  /**
   * Seals the payload of request `seq`, zero padded to a multiple of 256 bytes. Numbers only rise: whoever sends a request
   * again sends the same bytes.
   * @throws ProtocolError SESSION_OVER, SEQUENCE_USED
   */
  seal(seq: number, payload: Uint8Array, termsHash: Uint8Array): Uint8Array {
    expectLength('termsHash', termsHash, 32);
    checkRange(this.binding, seq);
    if (seq <= this.lastSeq) {
      throw new ProtocolError('SEQUENCE_USED', 'This number has sealed a request', {
        expected: `above ${this.lastSeq}`,
        received: String(seq),
        hint: 'send the stored bytes again',
      });
    }
    this.lastSeq = seq;
    return chacha20poly1305(this.key, requestNonce(seq), termsHash).seal(padded(payload, TAG_BYTES));
  }
}

/** The worker's end of a session. */
export class RequestOpener {
  private constructor(
    readonly binding: SessionBinding,
    private readonly key: Uint8Array,
  ) {}

  /** @throws ProtocolError UNREADABLE_REQUEST for an encapsulated key that is none */
  static async accept(enc: Uint8Array, sealingPrivateKey: Uint8Array, binding: SessionBinding): Promise<RequestOpener> {
    expectLength('enc', enc, 32);
    try {
      return new RequestOpener(binding, await hpkeReceiverSecret(enc, sealingPrivateKey, sessionInfo(binding), asciiBytes('request')));
    } catch (cause) {
      throw new ProtocolError('UNREADABLE_REQUEST', 'The session cannot be opened', {
        expected: 'an encapsulated X25519 key that is no point of small order',
        cause,
      });
    }
  }

  /** The payload with its padding. @throws ProtocolError SESSION_OVER, UNREADABLE_REQUEST */
  open(seq: number, sealed: Uint8Array, termsHash: Uint8Array): Uint8Array {
    expectLength('termsHash', termsHash, 32);
    checkRange(this.binding, seq);
    try {
      return chacha20poly1305(this.key, requestNonce(seq), termsHash).open(sealed);
    } catch (cause) {
      throw new ProtocolError('UNREADABLE_REQUEST', 'The request cannot be opened', {
        expected: 'a request sealed in this session under this number and these terms',
        received: `${sealed.length} bytes`,
        cause,
      });
    }
  }
}
