import { AeadId, type AeadInterface, CipherSuite, HkdfSha256 } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import { chacha20poly1305 } from './aead';

/** HPKE (RFC 9180), base mode, one message: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. */
const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: aead(),
});

/** The cipher of everything else that is sealed here, as the library takes one. */
function aead(): AeadInterface {
  type Given = ArrayBufferLike | ArrayBufferView;
  const bytes = (given: Given): Uint8Array => (ArrayBuffer.isView(given) ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength) : new Uint8Array(given));
  const on = (key: Given, iv: Given, additional: Given) => chacha20poly1305(bytes(key), bytes(iv), bytes(additional));
  return {
    id: AeadId.Chacha20Poly1305, keySize: 32, nonceSize: 12, tagSize: 16,
    createEncryptionContext: (key) => ({
      seal: async (iv, data, additional) => buffer(on(key, iv, additional).seal(bytes(data))),
      open: async (iv, data, additional) => buffer(on(key, iv, additional).open(bytes(data))),
    }),
  };
}

/** Bytes of an encapsulated key. */
export const HPKE_ENC_BYTES = 32;
const SECRET_BYTES = 32;

const NO_AAD = new Uint8Array(0);
const buffer = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer as ArrayBuffer;

/**
 * @param publicKey X25519, 32 bytes
 * @param ephemeralKeyMaterial ikmE of the RFC, for test vectors only: whoever repeats it gives the plaintext away
 * @returns the encapsulated key of 32 bytes, and the ciphertext with its tag of 16 bytes
 */
export async function hpkeSeal(
  plaintext: Uint8Array,
  publicKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array = NO_AAD,
  ephemeralKeyMaterial?: Uint8Array,
): Promise<{ enc: Uint8Array; ciphertext: Uint8Array }> {
  const sender = await senderContext(publicKey, info, ephemeralKeyMaterial);
  const ciphertext = await sender.seal(buffer(plaintext), buffer(aad));
  return { enc: new Uint8Array(sender.enc), ciphertext: new Uint8Array(ciphertext) };
}

/** @throws the library's error when key, info, aad or a bit of the message differ */
export async function hpkeOpen(
  sealed: { enc: Uint8Array; ciphertext: Uint8Array },
  privateKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array = NO_AAD,
): Promise<Uint8Array> {
  const recipient = await recipientContext(sealed.enc, privateKey, info);
  return new Uint8Array(await recipient.open(buffer(sealed.ciphertext), buffer(aad)));
}

/** The encapsulated key and an exported secret of 32 bytes (RFC 9180 5.3). @throws the library's error for a bad key */
export async function hpkeSenderSecret(
  publicKey: Uint8Array,
  info: Uint8Array,
  exporterContext: Uint8Array,
  ephemeralKeyMaterial?: Uint8Array,
): Promise<{ enc: Uint8Array; secret: Uint8Array }> {
  const sender = await senderContext(publicKey, info, ephemeralKeyMaterial);
  return { enc: new Uint8Array(sender.enc), secret: new Uint8Array(await sender.export(buffer(exporterContext), SECRET_BYTES)) };
}

/** The same secret at the other end. @throws the library's error for a bad key */
export async function hpkeReceiverSecret(
  enc: Uint8Array,
  privateKey: Uint8Array,
  info: Uint8Array,
  exporterContext: Uint8Array,
): Promise<Uint8Array> {
  const recipient = await recipientContext(enc, privateKey, info);
  return new Uint8Array(await recipient.export(buffer(exporterContext), SECRET_BYTES));
}

const senderContext = async (publicKey: Uint8Array, info: Uint8Array, ephemeralKeyMaterial?: Uint8Array) =>
  suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(buffer(publicKey)),
    info: buffer(info),
    ...(ephemeralKeyMaterial ? { ekm: buffer(ephemeralKeyMaterial) } : {}),
  });

const recipientContext = async (enc: Uint8Array, privateKey: Uint8Array, info: Uint8Array) =>
  suite.createRecipientContext({
    recipientKey: await suite.kem.deserializePrivateKey(buffer(privateKey)),
    enc: buffer(enc),
    info: buffer(info),
  });
