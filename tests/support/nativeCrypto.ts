import { createPrivateKey, createPublicKey, hash, type KeyObject, sign as nativeSign } from 'node:crypto';

/**
 * @ton/crypto's SHA-256 and Ed25519 are written in JavaScript and make most of what a sandbox test takes: 3 to 40 ms a
 * signature, and every cell that is read is hashed. Importing this file puts Node's in their place: the same bytes.
 */
const hashes = jest.requireActual<{ sha256_sync: (source: Buffer | string) => Buffer }>(
  '@ton/crypto/dist/primitives/sha256',
);
const signatures = jest.requireActual<{
  sign: (data: Buffer, secretKey: Buffer) => Buffer;
  keyPairFromSeed: (seed: Buffer) => { publicKey: Buffer; secretKey: Buffer };
}>('@ton/crypto/dist/primitives/nacl');

const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const keyOf = (seed: Buffer) =>
  createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });

/** Keys that have signed, by their seed in hex. */
const signers = new Map<string, KeyObject>();
function signerOf(seed: Buffer): KeyObject {
  const name = seed.toString('hex');
  const known = signers.get(name) ?? keyOf(seed);
  signers.set(name, known);
  return known;
}

hashes.sha256_sync = (source) => hash('sha256', source, 'buffer');
signatures.sign = (data, secretKey) => nativeSign(null, data, signerOf(Buffer.from(secretKey.subarray(0, 32))));
signatures.keyPairFromSeed = (seed) => {
  const publicKey = createPublicKey(keyOf(seed)).export({ format: 'der', type: 'spki' }).subarray(12);
  return { publicKey, secretKey: Buffer.concat([seed, publicKey]) };
};
