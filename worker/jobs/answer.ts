import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import {
  declineHash,
  encodeReceiptClaims,
  FinishReason,
  prepareAnswer,
  receiptHash,
  type Decline,
  type Ed25519,
  type RequestPayload,
  type Terms,
} from '../../protocol';
import { toCell, type JobDelivery } from '../../wrappers';
import type { Answered } from '../engine';
import { ed25519PrivateKey, rawPublicKey } from '../keys/workerKeys';

/** SubjectPublicKeyInfo header (RFC 8410) in front of a raw 32-byte Ed25519 public key. */
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');

/** Making a key object takes longer than verifying with it, and a channel's keys come again with every voucher. */
const publicKeys = new Map<string, KeyObject>();
const MAX_PUBLIC_KEYS = 1_024;

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey).toString('latin1');
  let key = publicKeys.get(name);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([SPKI_ED25519, publicKey]), format: 'der', type: 'spki' });
    if (publicKeys.size === MAX_PUBLIC_KEYS) publicKeys.delete(publicKeys.keys().next().value!);
    publicKeys.set(name, key);
  }
  return key;
}

/** By the array that holds the seed, and forgotten with it; seeds are not written over. */
const privateKeys = new WeakMap<Uint8Array, KeyObject>();

function privateKeyObject(seed: Uint8Array): KeyObject {
  let key = privateKeys.get(seed);
  if (key === undefined) privateKeys.set(seed, (key = ed25519PrivateKey(seed)));
  return key;
}

/** Ed25519 of node:crypto, a hundred times faster than the portable one. */
export const nodeEd25519: Ed25519 = {
  sign: (hash, seed) => new Uint8Array(sign(null, hash, privateKeyObject(seed))),
  verify: (hash, signature, publicKey) => {
    return signature.length === 64 && verify(null, hash, publicKeyObject(publicKey), signature);
  },
  publicKey: (seed) => new Uint8Array(rawPublicKey(ed25519PrivateKey(seed))),
};

/**
 * Seals an answer under the client's response key and signs its receipt. A pure function of its arguments: after a
 * crash the same arguments give the same bytes.
 * @param escrow basechain hash of the job
 * @param issuedAt Unix seconds
 */
export function signAnswer(
  terms: Terms,
  payload: RequestPayload,
  escrow: Uint8Array,
  result: Answered,
  issuedAt: number,
  signingSecret: Uint8Array,
): { delivery: JobDelivery; receiptHash: Uint8Array } {
  const answer = {
    finishReason: FinishReason[result.finishReason],
    tokens: result.tokens,
    traceRoot: result.traceRoot,
  };
  const { receipt, output } = prepareAnswer(terms, payload, escrow, answer, issuedAt);
  const hash = receiptHash(receipt);
  const delivery = {
    signature: nodeEd25519.sign(hash, signingSecret),
    finishReason: receipt.finishReason,
    issuedAt,
    claims: toCell(encodeReceiptClaims(receipt)),
    output,
  };
  return { delivery, receiptHash: hash };
}

/** Signature of a decline. */
export function signDecline(decline: Decline, signingSecret: Uint8Array): Uint8Array {
  return nodeEd25519.sign(declineHash(decline), signingSecret);
}
