import { bls12_381 } from '@noble/curves/bls12-381';
import { concatBytes } from '../bytes';
import { ProtocolError } from '../protocolError';
import { checkVerificationKey } from './key';
import { G1_BYTES, G2_BYTES, negated, parseG1, parseG2, requireScalar } from './points';
import type { Groth16Proof, VerificationKey } from './types';

export const PROOF_BYTES = 2 * G1_BYTES + G2_BYTES;

/** a, b, c: 192 bytes. */
export const encodeProof = ({ a, b, c }: Groth16Proof): Uint8Array => concatBytes(a, b, c);

/** Its points are checked where it is verified. @throws ProtocolError BAD_PROOF_LENGTH */
export function decodeProof(bytes: Uint8Array): Groth16Proof {
  if (bytes.length !== PROOF_BYTES) {
    throw new ProtocolError('BAD_PROOF_LENGTH', 'these bytes are no proof', {
      expected: `${PROOF_BYTES} bytes`,
      received: `${bytes.length} bytes`,
    });
  }
  return {
    a: bytes.slice(0, G1_BYTES),
    b: bytes.slice(G1_BYTES, G1_BYTES + G2_BYTES),
    c: bytes.slice(G1_BYTES + G2_BYTES),
  };
}

/**
 * Whether a proof shows that the circuit of this key has a solution with these public inputs: what Groth16Verifier.tact
 * checks, e(A, B) = e(alpha, beta) e(cpub, gamma) e(C, delta).
 * @throws ProtocolError for a key, a point or a number that no honest prover makes
 */
export function verifyProof(key: VerificationKey, proof: Groth16Proof, publicInputs: readonly bigint[]): boolean {
  checkVerificationKey(key);
  if (publicInputs.length !== key.ic.length - 1) {
    throw new ProtocolError('BAD_PUBLIC_INPUTS', 'the circuit has another number of public inputs', {
      expected: String(key.ic.length - 1),
      received: String(publicInputs.length),
    });
  }
  const points = key.ic.map((point, index) => parseG1(`ic[${index}]`, point));
  const cpub = publicInputs.reduce((sum, value, index) => {
    const scalar = requireScalar(`public input ${index}`, value);
    return scalar === 0n ? sum : sum.add(points[index + 1].multiply(scalar));
  }, points[0]);
  const pairs = [
    { g1: parseG1('A', proof.a), g2: parseG2('B', proof.b) },
    { g1: parseG1('alpha', negated(key.alpha)), g2: parseG2('beta', key.beta) },
    { g1: cpub.negate(), g2: parseG2('gamma', key.gamma) },
    { g1: parseG1('C', proof.c).negate(), g2: parseG2('delta', key.delta) },
  ].filter(({ g1 }) => !g1.is0());
  const { Fp12 } = bls12_381.fields;
  return Fp12.eql(bls12_381.pairingBatch(pairs), Fp12.ONE);
}
