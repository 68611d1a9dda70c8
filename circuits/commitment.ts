/** Commitments to inputs and weights: Poseidon over a salt and packed integers. Whoever makes one outside a circuit comes here. */
import { bytesToHex, randomBytes } from '@noble/hashes/utils';
import { CircuitInputError } from './errors';
import { SAFE_BITS, isFieldElement } from './field';
import type { CircuitModel } from './model';
import { hash } from './poseidon';
import { checkInput } from './reference';
import { sumsOf } from './rows';

/** Integers of one width, from `minimum` on. */
export interface Packing { minimum: number; bits: number }

/** How many integers one element takes: they fill less than 254 bits, so that no two lists pack to the same elements. */
export const perElement = ({ bits }: Packing): number => Math.floor(SAFE_BITS / bits);

/** Integers as elements: the first in the lowest bits, each less its minimum. Every one must lie in its range. */
export function pack(values: ArrayLike<number>, packing: Packing): bigint[] {
  const elements: bigint[] = [];
  for (let at = 0; at < values.length; at += perElement(packing)) {
    let element = 0n;
    for (let i = Math.min(at + perElement(packing), values.length) - 1; i >= at; i--) {
      element = (element << BigInt(packing.bits)) | BigInt(values[i] - packing.minimum);
    }
    elements.push(element);
  }
  return elements;
}

/** Two's complement integers of this width. */
export const signedPacking = (bits: number): Packing => ({ minimum: -(2 ** (bits - 1)), bits });

/**
 * What hides an input: without a salt that nobody can guess, whoever can guess the input can check the guess.
 * @throws CircuitInputError `input.zk.salt`, `input.zk.values`
 */
export function inputCommitment(model: CircuitModel, values: readonly number[], salt: bigint): bigint {
  checkInput(model, values);
  return hash('input', [checkedSalt(salt), ...pack(values, model.input)]);
}

/**
 * What binds a model's weights and biases. A salt of 0 lets everybody check which model it is; a drawn one keeps the weights secret.
 * @throws CircuitInputError `input.zk.salt`
 */
export function weightCommitment(model: CircuitModel, salt = 0n): bigint {
  const { weightBits, biasBits } = model.range;
  const layers = sumsOf(model);
  return hash('weights', [
    checkedSalt(salt),
    ...pack(layers.flatMap(({ weights }) => [...weights]), signedPacking(weightBits)),
    ...pack(layers.flatMap(({ biases }) => [...biases]), signedPacking(biasBits)),
  ]);
}

/** The first public signal of a circuit with committed weights. */
export const boundCommitment = (weights: bigint, input: bigint): bigint => hash('binding', [weights, input]);

/** 248 random bits. */
export const drawSalt = (): bigint => BigInt(`0x${bytesToHex(randomBytes(31))}`);

/** @throws CircuitInputError `input.zk.salt` */
export function checkedSalt(salt: bigint): bigint {
  if (isFieldElement(salt)) return salt;
  throw new CircuitInputError('input.zk.salt', 'the salt is no field element', { expected: '0 up to the order of BLS12-381' });
}
