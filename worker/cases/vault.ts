import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { concatBytes, decodePayload, encodePayload, type RequestPayload, uintBytes } from '../../protocol';
import { StorageError } from '../errors';

/** Whose request: the basechain hash of a job or channel, and the number of the request, 0 for a job. */
export interface RequestPlace {
  escrow: Uint8Array;
  seq: number;
}

const CIPHER = 'chacha20-poly1305';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals requests for as long as their answers can be challenged: a bonded worker has to show its computation again (docs/slashing.md). The key follows
 * from the worker's signing key, so whoever has the store without the keys reads nothing (HKDF, RFC 5869; RFC 8439).
 */
export class RequestVault {
  private readonly key: Buffer;

  constructor(signingSecret: Uint8Array) {
    this.key = Buffer.from(hkdfSync('sha256', signingSecret, new Uint8Array(0), 'open-cocoon kept request', 32));
  }

  seal(payload: RequestPayload, place: RequestPlace): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, nonce, { authTagLength: TAG_BYTES });
    const plain = encodePayload(payload);
    cipher.setAAD(nameOf(place), { plaintextLength: plain.length });
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
  }

  /** @throws StorageError `storage.damaged` for what was not sealed here for this place */
  open(kept: Uint8Array, place: RequestPlace): RequestPayload {
    try {
      const end = kept.length - TAG_BYTES;
      const decipher = createDecipheriv(CIPHER, this.key, kept.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(nameOf(place), { plaintextLength: end - NONCE_BYTES });
      decipher.setAuthTag(kept.subarray(end));
      return decodePayload(Buffer.concat([decipher.update(kept.subarray(NONCE_BYTES, end)), decipher.final()]));
    } catch (cause) {
      throw new StorageError('storage.damaged', 'a kept request cannot be opened', {
        expected: 'bytes that this worker key sealed for this place', hint: 'are these the keys and the store of one worker?', cause,
      });
    }
  }
}

const nameOf = ({ escrow, seq }: RequestPlace): Uint8Array => concatBytes(escrow, uintBytes(seq, 4));
