import { ed25519 } from '@noble/curves/ed25519';
import { sha512 } from '@noble/hashes/sha2';
import { concatBytes, equalBytes } from './bytes';

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
      return verifiesAsOnChain(hash, signature, publicKey);
    } catch {
      return false;
    }
  },
  publicKey: (seed) => ed25519.getPublicKey(seed),
};

/**
 * The equation without the cofactor, compared as bytes: encode(sB - kA) = R, s below the order, as TVM's CHKSIGNU and OpenSSL judge.
 * RFC 8032 5.1.7 allows either; with the cofactor a signer of bad faith makes signatures that a client takes and no contract does.
 */
function verifiesAsOnChain(hash: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  const order = ed25519.CURVE.n;
  if (s >= order) return false;
  const k = littleEndian(sha512(concatBytes(r, publicKey, hash))) % order;
  const key = ed25519.ExtendedPoint.fromHex(publicKey);
  const sum = ed25519.ExtendedPoint.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k));
  return equalBytes(sum.toRawBytes(), r);
}

const littleEndian = (bytes: Uint8Array): bigint => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
