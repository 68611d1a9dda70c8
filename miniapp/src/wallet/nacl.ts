/**
 * NaCl's crypto_box (X25519, HSalsa20, XSalsa20-Poly1305) out of the curves and ciphers that the page has anyway. It stands for the package
 * `tweetnacl` in the page's bundle, of which TON Connect's sessions use no more; vite.config.mjs says so.
 */
import { hsalsa, secretbox } from '@noble/ciphers/salsa';
import { x25519 } from '@noble/curves/ed25519';

export interface BoxKeyPair {
  publicKey: Uint8Array;
  secretKey: Uint8Array;
}

const SIGMA = words(new TextEncoder().encode('expand 32-byte k'));

/** Words of little-endian bytes, whatever this machine's order. */
function words(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index, true));
}

function sharedKey(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array {
  const out = new Uint32Array(8);
  hsalsa(SIGMA, words(x25519.getSharedSecret(secretKey, publicKey)), new Uint32Array(4), out);
  const bytes = new Uint8Array(32);
  out.forEach((word, index) => new DataView(bytes.buffer).setUint32(4 * index, word, true));
  return bytes;
}

function box(message: Uint8Array, nonce: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return secretbox(sharedKey(publicKey, secretKey), nonce).seal(message);
}

/** null for what was not sealed to this key by that one. */
box.open = (sealed: Uint8Array, nonce: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array | null => {
  try {
    return secretbox(sharedKey(publicKey, secretKey), nonce).open(sealed);
  } catch {
    return null;
  }
};

box.keyPair = (): BoxKeyPair => {
  const secretKey = randomBytes(32);
  return { publicKey: x25519.getPublicKey(secretKey), secretKey };
};

const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export default { box, randomBytes };
