import { concatBytes, toHex } from '../bytes';
import { ProtocolError } from '../protocolError';
import { G1_BYTES, G2_BYTES, parseG1, parseG2, sameUpToSign } from './points';
import type { KeySetup, VerificationKey } from './types';

/** Public inputs of a circuit that the contract takes: commitment, verdict, perhaps one more, context word. */
export const MIN_PUBLIC_INPUTS = 3;
export const MAX_PUBLIC_INPUTS = 4;

/** A verification key and where it comes from, as JSON: bytes are hex. */
export interface VerificationKeyRecord {
  format: 'open-cocoon-groth16-key-1';
  curve: 'bls12-381';
  key: { alpha: string; beta: string; gamma: string; delta: string; ic: string[] };
  setup: KeySetup;
}

/**
 * Sees that a key is one that proofs can be checked with. Beta, gamma and delta must differ, signs aside: with gamma = delta,
 * which is what a setup without a contribution leaves, A = alpha, B = beta, C = -cpub proves anything, and the other two pairs
 * are as bad. It cannot see whether somebody kept the secrets of the setup.
 * @throws ProtocolError BAD_VERIFICATION_KEY, BAD_KEY_FORGEABLE, BAD_POINT
 */
export function checkVerificationKey(key: VerificationKey): void {
  const inputs = key.ic.length - 1;
  if (inputs < MIN_PUBLIC_INPUTS || inputs > MAX_PUBLIC_INPUTS) {
    throw new ProtocolError('BAD_VERIFICATION_KEY', 'the key is of a circuit that the contract cannot take', {
      expected: `${MIN_PUBLIC_INPUTS} to ${MAX_PUBLIC_INPUTS} public inputs`,
      received: String(inputs),
    });
  }
  parseG1('alpha', key.alpha);
  for (const name of ['beta', 'gamma', 'delta'] as const) parseG2(name, key[name]);
  key.ic.forEach((point, index) => parseG1(`ic[${index}]`, point));
  for (const [a, b] of [['gamma', 'delta'], ['beta', 'gamma'], ['beta', 'delta']] as const) {
    if (!sameUpToSign(key[a], key[b])) continue;
    throw new ProtocolError('BAD_KEY_FORGEABLE', `${a} and ${b} of the key are the same: anyone can forge its proofs`, {
      expected: 'a key after at least one contribution of phase 2',
      received: toHex(key[a]).slice(0, 24),
      hint: 'snarkjs zkey contribute, then export the key again',
    });
  }
}

/** alpha, beta, gamma, delta, then the points of the public inputs. */
export const encodeVerificationKey = (key: VerificationKey): Uint8Array =>
  concatBytes(key.alpha, key.beta, key.gamma, key.delta, ...key.ic);

/** Reads and checks a key. @throws ProtocolError BAD_VERIFICATION_KEY, BAD_KEY_FORGEABLE, BAD_POINT */
export function decodeVerificationKey(bytes: Uint8Array): VerificationKey {
  const head = G1_BYTES + 3 * G2_BYTES;
  if (bytes.length < head || (bytes.length - head) % G1_BYTES !== 0) {
    throw new ProtocolError('BAD_VERIFICATION_KEY', 'these bytes are no verification key', {
      expected: `${head} bytes and ${G1_BYTES} for each public input and the constant`,
      received: `${bytes.length} bytes`,
    });
  }
  const g2At = (index: number): Uint8Array => bytes.slice(G1_BYTES + index * G2_BYTES, G1_BYTES + (index + 1) * G2_BYTES);
  const ic: Uint8Array[] = [];
  for (let at = head; at < bytes.length; at += G1_BYTES) ic.push(bytes.slice(at, at + G1_BYTES));
  const key = { alpha: bytes.slice(0, G1_BYTES), beta: g2At(0), gamma: g2At(1), delta: g2At(2), ic };
  checkVerificationKey(key);
  return key;
}

export function writeKeyRecord(key: VerificationKey, setup: KeySetup): VerificationKeyRecord {
  checkVerificationKey(key);
  const { alpha, beta, gamma, delta, ic } = key;
  return {
    format: 'open-cocoon-groth16-key-1',
    curve: 'bls12-381',
    key: { alpha: toHex(alpha), beta: toHex(beta), gamma: toHex(gamma), delta: toHex(delta), ic: ic.map(toHex) },
    setup,
  };
}

/** Reads a record that came from outside, and checks the key. @throws ProtocolError BAD_KEY_RECORD and those of the key */
export function readKeyRecord(json: unknown): { key: VerificationKey; setup: KeySetup } {
  const record = json as Partial<VerificationKeyRecord> | null;
  if (record?.format !== 'open-cocoon-groth16-key-1' || record.curve !== 'bls12-381' || !isKeySetup(record.setup)) {
    throw new ProtocolError('BAD_KEY_RECORD', 'this is no record of a verification key', {
      expected: 'format "open-cocoon-groth16-key-1", curve "bls12-381", key and setup',
    });
  }
  const { alpha, beta, gamma, delta, ic } = record.key ?? {};
  const points = [alpha, beta, gamma, delta, ...(Array.isArray(ic) ? ic : [undefined])].map(hexBytes);
  return { key: decodeVerificationKey(concatBytes(...points)), setup: record.setup };
}

function isKeySetup(value: unknown): value is KeySetup {
  const setup = value as Partial<KeySetup> | null | undefined;
  const isHash = (hash: unknown): boolean => typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash);
  return (
    (setup?.kind === 'development' || setup?.kind === 'ceremony') &&
    isHash(setup.phase1Hash) &&
    isHash(setup.r1csHash) &&
    isHash(setup.zkeyHash) &&
    Number.isInteger(setup.contributions) &&
    (setup.beacon === null || (typeof setup.beacon === 'string' && /^([0-9a-f]{2})+$/.test(setup.beacon)))
  );
}

function hexBytes(value: unknown): Uint8Array {
  if (typeof value === 'string' && /^([0-9a-f]{2})+$/.test(value)) {
    return Uint8Array.from(value.match(/../g)!, (byte) => parseInt(byte, 16));
  }
  throw new ProtocolError('BAD_KEY_RECORD', 'a point of the record is not hex', { expected: 'lower-case hex digits' });
}
