import { ed25519 } from '@noble/curves/ed25519';

/** Ed25519 over 32-byte hashes. Programs with a faster one (node:crypto) pass their own. */
export interface Ed25519 {
  sign(hash: Uint8Array, seed: Uint8Array): Uint8Array;
  verify(hash: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
  publicKey(seed: Uint8Array): Uint8Array;
}

/** Pure JavaScript (RFC 8032), for browsers. */
export const portableEd25519: Ed25519 = {
  sign: (hash, seed) => ed25519.sign(hash, seed),
  verify: (hash, signature, publicKey) => {
    try {
      return ed25519.verify(signature, hash, publicKey, { zip215: false });
    } catch {
      return false;
    }
  },
  publicKey: (seed) => ed25519.getPublicKey(seed),
};
