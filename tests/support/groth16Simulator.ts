/**
 * Keys whose secrets are known: a valid proof of any public inputs follows from them without a circuit. What whoever made a
 * development key can do. A = a G1, B = b G2, C = (ab - alpha beta - gamma cpub) / delta G1.
 */
import { bls12_381 } from '@noble/curves/bls12-381';
import { contextWord, g1Bytes, g2Bytes, type Groth16Proof, type ProofContext, type VerificationKey } from '../../protocol/zk';
import { sha256 } from '../../protocol/sha256';

const { Fr } = bls12_381.fields;
const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;

/** Discrete logarithms of the points of a key. */
export interface Trapdoor {
  alpha: bigint;
  beta: bigint;
  gamma: bigint;
  delta: bigint;
  ic: bigint[];
}

/** A number of the field that follows from a text. */
export const scalarOf = (text: string): bigint => Fr.create(BigInt(`0x${Buffer.from(sha256(Buffer.from(text))).toString('hex')}`));

/** @param publicInputs how many, the context word among them */
export const trapdoorOf = (name: string, publicInputs = 3): Trapdoor => ({
  alpha: scalarOf(`${name} alpha`),
  beta: scalarOf(`${name} beta`),
  gamma: 1n,
  delta: scalarOf(`${name} delta`),
  ic: Array.from({ length: publicInputs + 1 }, (_, index) => scalarOf(`${name} ic ${index}`)),
});

export const g1Of = (scalar: bigint): Uint8Array => g1Bytes(G1.BASE.multiply(Fr.create(scalar)));
export const g2Of = (scalar: bigint): Uint8Array => g2Bytes(G2.BASE.multiply(Fr.create(scalar)));

export const keyOf = ({ alpha, beta, gamma, delta, ic }: Trapdoor): VerificationKey => ({
  alpha: g1Of(alpha),
  beta: g2Of(beta),
  gamma: g2Of(gamma),
  delta: g2Of(delta),
  ic: ic.map(g1Of),
});

/** Logarithm of cpub. */
export const cpubOf = ({ ic }: Trapdoor, publicInputs: readonly bigint[]): bigint =>
  Fr.create(publicInputs.reduce((sum, value, index) => sum + value * ic[index + 1], ic[0]));

/** @param seed another one makes another proof of the same */
export function proofOf(trapdoor: Trapdoor, publicInputs: readonly bigint[], seed = 'proof'): Groth16Proof {
  const { alpha, beta, gamma, delta } = trapdoor;
  const a = scalarOf(`${seed} a`);
  const b = scalarOf(`${seed} b`);
  const c = Fr.mul(Fr.create(a * b - alpha * beta - gamma * cpubOf(trapdoor, publicInputs)), Fr.inv(delta));
  return { a: g1Of(a), b: g2Of(b), c: g1Of(c) };
}

/** The proof that pays a payee: [commit, verdict, ...others, context]. */
export const proofFor = (trapdoor: Trapdoor, inputs: readonly bigint[], context: ProofContext, seed?: string): Groth16Proof =>
  proofOf(trapdoor, [...inputs, contextWord(context)], seed);
