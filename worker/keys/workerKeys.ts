import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { loadOrCreateKey } from './keyFile';

/** PKCS #8 headers (RFC 8410) in front of a raw 32-byte secret. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The two key pairs of a worker; secrets are raw 32-byte strings as RFC 8032 and RFC 7748 name them. */
export interface WorkerKeys {
  /** Ed25519: signs receipts and declines. */
  signingSecret: Uint8Array;
  signingPublic: Uint8Array;
  /** X25519: opens sealed requests. */
  sealingSecret: Uint8Array;
  sealingPublic: Uint8Array;
}

/** The provider's key that claims from channels; it outlives worker keys. */
export interface ClaimKey {
  secret: Uint8Array;
  publicKey: Uint8Array;
}

/** Loads `<dataFolder>/keys/claim-ed25519.json`, creating it at the first start. */
export function loadClaimKey(dataFolder: string, passphrase?: string): ClaimKey {
  const secret = loadOrCreateKey(join(dataFolder, 'keys', 'claim-ed25519.json'), 'claim-ed25519', passphrase);
  return { secret, publicKey: rawPublicKey(ed25519PrivateKey(secret)) };
}

/** Loads the worker's keys from `<dataFolder>/keys`, creating them at the first start. */
export function loadWorkerKeys(dataFolder: string, passphrase?: string): WorkerKeys {
  const signingSecret = loadOrCreateKey(join(dataFolder, 'keys', 'worker-ed25519.json'), 'worker-ed25519', passphrase);
  const sealingSecret = loadOrCreateKey(join(dataFolder, 'keys', 'worker-x25519.json'), 'worker-x25519', passphrase);
  return {
    signingSecret,
    signingPublic: rawPublicKey(ed25519PrivateKey(signingSecret)),
    sealingSecret,
    sealingPublic: rawPublicKey(privateKey(PKCS8_X25519, sealingSecret)),
  };
}

/** An Ed25519 secret (32 raw bytes) as a key object of `node:crypto`. */
export function ed25519PrivateKey(secret: Uint8Array): KeyObject {
  return privateKey(PKCS8_ED25519, secret);
}

/** The 32 raw bytes of the public key that belongs to `key`. */
export function rawPublicKey(key: KeyObject): Buffer {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return Buffer.from(spki.subarray(spki.length - 32));
}

function privateKey(header: Buffer, secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([header, secret]), format: 'der', type: 'pkcs8' });
}
