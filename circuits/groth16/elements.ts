/** Field elements as the kernels keep them (kernels/fp.ts, kernels/fr.ts), and as numbers. */
import { FIELD_MODULUS } from '../field';

/** p: prime, 381 bits. */
export const COORDINATE_MODULUS = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn;

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

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** 1/x modulo p, for x that is not 0 modulo p (Fermat). */
export const invertCoordinate = (x: bigint): bigint => power(x % COORDINATE_MODULUS, COORDINATE_MODULUS - 2n, COORDINATE_MODULUS);

const INVERSE_RADIX = invertCoordinate(radix(COORDINATES));

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

/** The least number that is no square modulo r; whoever makes .zkey files takes its power. */
const NON_SQUARE = 5n;

/** A root of 1 of order 2^log, for log up to 32: 2^32 divides r - 1. */
export const rootOfUnity = (log: number): bigint =>
  power(NON_SQUARE, (FIELD_MODULUS - 1n) >> BigInt(log), FIELD_MODULUS);
