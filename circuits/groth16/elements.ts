/** Field elements as the kernels keep them (kernels/fp.ts, kernels/fr.ts), and as numbers. */
import { bls12_381 } from '@noble/curves/bls12-381';
import { FIELD_MODULUS } from '../field';

export const COORDINATE_MODULUS = bls12_381.fields.Fp.ORDER;

export interface ElementForm {
  modulus: bigint;
  limbs: number;
  limbBits: number;
  /** Of one element in memory. */
  bytes: number;
}

export const COORDINATES: ElementForm = { modulus: COORDINATE_MODULUS, limbs: 13, limbBits: 30, bytes: 64 };
export const SCALARS: ElementForm = { modulus: FIELD_MODULUS, limbs: 9, limbBits: 29, bytes: 40 };

/** What an element is its number times (Montgomery's R). */
export const radix = ({ limbs, limbBits }: ElementForm): bigint => 1n << BigInt(limbs * limbBits);

const INVERSE_RADIX = bls12_381.fields.Fp.inv(radix(COORDINATES) % COORDINATE_MODULUS);

/** Writes a number's limbs as they are. */
export function writeLimbs(form: ElementForm, memory: ArrayBufferLike, at: number, number: bigint): void {
  const words = new Uint32Array(memory, at, form.limbs);
  for (let i = 0; i < form.limbs; i++) words[i] = Number(BigInt.asUintN(form.limbBits, number >> BigInt(form.limbBits * i)));
}

/** The number whose limbs these are. */
export function readLimbs(form: ElementForm, memory: ArrayBufferLike, at: number): bigint {
  return new Uint32Array(memory, at, form.limbs).reduceRight((number, limb) => (number << BigInt(form.limbBits)) | BigInt(limb), 0n);
}

/** The coordinate that an element stands for, below p. */
export const readCoordinate = (memory: ArrayBufferLike, at: number): bigint =>
  (readLimbs(COORDINATES, memory, at) * INVERSE_RADIX) % COORDINATE_MODULUS;

/** 2^32 divides r - 1. */
const TWO_ADICITY = 32;
/** The least number that is no square modulo r; whoever makes .zkey files takes its power. */
const NON_SQUARE = 5n;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % FIELD_MODULUS;
    square = (square * square) % FIELD_MODULUS;
  }
  return result;
}

/** A root of 1 of order 2^log. */
export const rootOfUnity = (log: number): bigint =>
  power(power(NON_SQUARE, (FIELD_MODULUS - 1n) >> BigInt(TWO_ADICITY)), 1n << BigInt(TWO_ADICITY - log));
