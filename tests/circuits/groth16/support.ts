/** The kernels over a memory of their own, and numbers in it. */
import fc from 'fast-check';
import { bls12_381 } from '@noble/curves/bls12-381';
import { COORDINATE_MODULUS, COORDINATES, type ElementForm, radix, readCoordinate, SCALARS, writeLimbs } from '../../../circuits/groth16/elements';
import { compiledKernels, instantiate, sharedMemory } from '../../../circuits/groth16/kernels';

export const memory = sharedMemory(16 * 2 ** 20);
export const kernels = instantiate(compiledKernels(), memory);
export const bytes = memory.buffer;

const WORKSPACE = 65536;
writeLimbs(COORDINATES, bytes, WORKSPACE, COORDINATE_MODULUS - 2n);
writeLimbs(COORDINATES, bytes, WORKSPACE + COORDINATES.bytes, radix(COORDINATES) % COORDINATE_MODULUS);
kernels.prepare(WORKSPACE);

/** From here on tests put what they like. */
export const FREE = 2 * 65536;

/** Any number below a limit, those at the ends, beside the modulus and with nothing but ones in their limbs often. */
export function below(limit: bigint, modulus: bigint): fc.Arbitrary<bigint> {
  const extremes = [0n, 1n, 2n, modulus - 1n, modulus, modulus + 1n, (modulus - 1n) / 2n, limit - 1n, 2n ** 254n - 1n, 2n ** 360n - 1n, 2n ** 382n - 1n].filter((x) => x < limit);
  return fc.oneof(fc.constantFrom(...extremes), fc.bigInt({ min: 0n, max: limit - 1n }));
}

/** Writes a number times the form's radix. */
export const writeElementOf = (form: ElementForm, at: number, number: bigint): void => writeLimbs(form, bytes, at, (number * radix(form)) % form.modulus);

export type G1 = InstanceType<typeof bls12_381.G1.Point>;
export type G2 = InstanceType<typeof bls12_381.G2.Point>;

export function writeG1(at: number, point: G1): void {
  const { x, y } = point.toAffine();
  [x, y].forEach((number, i) => writeElementOf(COORDINATES, at + 64 * i, number));
}

export function writeG2(at: number, point: G2): void {
  const { x, y } = point.toAffine();
  [x.c0, x.c1, y.c0, y.c1].forEach((number, i) => writeElementOf(COORDINATES, at + 64 * i, number));
}

export function readG1(at: number): G1 {
  return bls12_381.G1.Point.fromAffine({ x: readCoordinate(bytes, at), y: readCoordinate(bytes, at + 64) });
}

export function readG2(at: number): G2 {
  const [x0, x1, y0, y1] = [0, 1, 2, 3].map((i) => readCoordinate(bytes, at + 64 * i));
  return bls12_381.G2.Point.fromAffine({ x: { c0: x0, c1: x1 }, y: { c0: y0, c1: y1 } });
}

export { COORDINATES, SCALARS };
