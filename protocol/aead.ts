import { chacha20poly1305 as portable } from '@noble/ciphers/chacha';
import { concatBytes } from './bytes';

/** ChaCha20-Poly1305 (RFC 8439): 32-byte key, 12-byte nonce, tag of 16 bytes behind the ciphertext. */
export interface Aead {
  seal(plaintext: Uint8Array): Uint8Array;
  /** @throws Error where key, nonce, additional data or a byte of it differs */
  open(sealed: Uint8Array): Uint8Array;
}

interface NodeCipher {
  setAAD(data: Uint8Array, options: { plaintextLength: number }): void;
  update(data: Uint8Array): Uint8Array;
  final(): Uint8Array;
  getAuthTag(): Uint8Array;
  setAuthTag(tag: Uint8Array): void;
}
type MakeCipher = (name: string, key: Uint8Array, nonce: Uint8Array, options: { authTagLength: number }) => NodeCipher;
interface NodeCrypto {
  createCipheriv?: MakeCipher;
  createDecipheriv?: MakeCipher;
}
type BuiltinModules = { process?: { getBuiltinModule?(name: string): NodeCrypto | undefined } };

const { createCipheriv, createDecipheriv } = (globalThis as BuiltinModules).process?.getBuiltinModule?.('node:crypto') ?? {};
const NAME = 'chacha20-poly1305';
const TAG = { authTagLength: 16 };

function native(make: MakeCipher, unmake: MakeCipher, key: Uint8Array, nonce: Uint8Array, additional: Uint8Array): Aead {
  return {
    seal(plaintext) {
      const cipher = make(NAME, key, nonce, TAG);
      cipher.setAAD(additional, { plaintextLength: plaintext.length });
      const sealed = cipher.update(plaintext);
      cipher.final();
      return concatBytes(sealed, cipher.getAuthTag());
    },
    open(sealed) {
      const length = sealed.length - TAG.authTagLength;
      if (length < 0) throw new RangeError('shorter than its tag');
      const cipher = unmake(NAME, key, nonce, TAG);
      cipher.setAAD(additional, { plaintextLength: length });
      cipher.setAuthTag(sealed.subarray(length));
      const plaintext = cipher.update(sealed.subarray(0, length));
      // Before it nothing of the plaintext may be used.
      cipher.final();
      return new Uint8Array(plaintext);
    },
  };
}

export type MakeAead = (key: Uint8Array, nonce: Uint8Array, additional: Uint8Array) => Aead;

export const portableChacha20poly1305: MakeAead = (key, nonce, additional) => {
  const cipher = portable(key, nonce, additional);
  return { seal: (plaintext) => cipher.encrypt(plaintext), open: (sealed) => cipher.decrypt(sealed) };
};

/** Node's own where there is one, in half the time; else portable code. */
export const chacha20poly1305: MakeAead =
  createCipheriv !== undefined && createDecipheriv !== undefined
    ? (key, nonce, additional) => native(createCipheriv, createDecipheriv, key, nonce, additional)
    : portableChacha20poly1305;
