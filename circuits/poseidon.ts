/**
 * Poseidon (eprint 2019/458) over the scalar field of BLS12-381 with the reference script's parameters: x^5, t = 5, 8 full and
 * 60 partial rounds. circomlib's Poseidon, built for another curve, is another function here.
 */
import { grainGenConstants, poseidon } from '@noble/curves/abstract/poseidon';
import { Field } from '@noble/curves/abstract/modular';
import { FIELD_MODULUS } from './field';

export const WIDTH = 5;
export const RATE = WIDTH - 1;
export const FULL_ROUNDS = 8;
export const PARTIAL_ROUNDS = 60;

/** What a hash is of; it goes into the capacity beside the length, so that no two kinds share a hash. */
export const DOMAINS = { input: 1n, weights: 2n, binding: 3n } as const;
export type Domain = keyof typeof DOMAINS;

export interface PoseidonConstants {
  /** [rounds][width] */
  roundConstants: bigint[][];
  /** [width][width] */
  mds: bigint[][];
}

let generated: (PoseidonConstants & { permute(state: bigint[]): bigint[] }) | undefined;

function parameters(): NonNullable<typeof generated> {
  if (generated === undefined) {
    const options = { Fp: Field(FIELD_MODULUS), t: WIDTH, roundsFull: FULL_ROUNDS, roundsPartial: PARTIAL_ROUNDS, sboxPower: 5 };
    const constants = grainGenConstants(options);
    generated = { ...constants, permute: poseidon({ ...options, ...constants }) };
  }
  return generated;
}

export const poseidonConstants = (): PoseidonConstants => parameters();

/** The permutation of five elements below r. */
export const permute = (state: readonly bigint[]): bigint[] => parameters().permute([...state]);

/** What the first element of the sponge's state begins as. */
export const capacityOf = (domain: Domain, length: number): bigint => (DOMAINS[domain] << 64n) + BigInt(length);

/**
 * Sponge: capacity one element (domain and length), rate four, zero padding, output the first element of the rate.
 * @param elements each below r, at least one
 */
export function hash(domain: Domain, elements: readonly bigint[]): bigint {
  let state = [capacityOf(domain, elements.length), 0n, 0n, 0n, 0n];
  for (let at = 0; at < elements.length; at += RATE) {
    state = permute(state.map((x, i) => (i === 0 ? x : (x + (elements[at + i - 1] ?? 0n)) % FIELD_MODULUS)));
  }
  return state[1];
}
