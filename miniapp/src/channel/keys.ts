/** The key of a channel's vouchers: Ed25519 of WebCrypto, which cannot be extracted and lies in the database as it is. */
import { toHex } from '../../../protocol/bytes';
import { walletError } from '../wallet/errors';
import type { Database } from './database';

export interface ChannelKey {
  /** 32 bytes, lowercase hex. */
  readonly publicKey: string;
  /** Signature of 64 bytes over a hash. */
  sign(hash: Uint8Array): Promise<Uint8Array>;
  /** Whether this key signed the hash. */
  verify(hash: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

const ALGORITHM = 'Ed25519';

/** Whether this browser has Ed25519. Where it has not, no channel is opened: a key that scripts can read would be no match for one that they cannot. */
export async function canSign(): Promise<boolean> {
  try {
    return (await generated()).privateKey.extractable === false;
  } catch {
    return false;
  }
}

/** A new key, on disk. @throws PageError `wallet.noEd25519`, `wallet.storage` */
export async function createKey(database: Database): Promise<ChannelKey> {
  let pair: CryptoKeyPair;
  try {
    pair = await generated();
  } catch (cause) {
    throw walletError('wallet.noEd25519', {}, cause);
  }
  const publicKey = toHex(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
  await database.update('keys', publicKey, () => ({ privateKey: pair.privateKey, publicKey: pair.publicKey }));
  return keyOf(publicKey, pair);
}

/** null where this browser does not have it (any more). @throws PageError `wallet.storage` */
export async function loadKey(database: Database, publicKey: string): Promise<ChannelKey | null> {
  const pair = (await database.get('keys', publicKey)) as CryptoKeyPair | undefined;
  return pair === undefined ? null : keyOf(publicKey, pair);
}

const generated = async (): Promise<CryptoKeyPair> => (await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify'])) as CryptoKeyPair;

const keyOf = (publicKey: string, pair: CryptoKeyPair): ChannelKey => ({
  publicKey,
  sign: async (hash) => new Uint8Array(await crypto.subtle.sign(ALGORITHM, pair.privateKey, hash as BufferSource)),
  verify: (hash, signature) => crypto.subtle.verify(ALGORITHM, pair.publicKey, signature as BufferSource, hash as BufferSource),
});
