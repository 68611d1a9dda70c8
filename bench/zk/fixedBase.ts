/** Multiples of a group's generator, by the prover's kernels. */
import { bls12_381 } from '@noble/curves/bls12-381';
import { FIELD_BYTES, writeElement } from '../../circuits/field';
import { COORDINATE_MODULUS, COORDINATES, radix, writeLimbs } from '../../circuits/groth16/elements';
import { compiledKernels, instantiate, type Kernels, sharedMemory } from '../../circuits/groth16/kernels';
import { type GroupNumber, restBytes, sumBytes } from '../../circuits/groth16/layout';
import { COORDINATE_BYTES } from '../../circuits/groth16/zkey';

const BATCH = 128;
/** Of four bits each. */
const DIGITS = 64;
const MULTIPLES = 15;
const WORKSPACE = 65536;

/** In memory: workspace, a factor, the base, the table, and what a batch needs. */
export class FixedBase {
  private readonly memory: WebAssembly.Memory;
  private readonly kernels: Kernels;
  private readonly at: Record<'factor' | 'base' | 'table' | 'scalars' | 'points' | 'scratch' | 'results' | 'bytes', number>;

  private static readonly made = new Map<GroupNumber, FixedBase>();

  /** Its table takes a while: one for each group. */
  static of(group: GroupNumber): FixedBase {
    const made = FixedBase.made.get(group) ?? new FixedBase(group);
    FixedBase.made.set(group, made);
    return made;
  }

  private constructor(private readonly group: GroupNumber) {
    const size = restBytes(group);
    const lengths = {
      factor: COORDINATES.bytes, base: size, table: DIGITS * MULTIPLES * size, scalars: BATCH * FIELD_BYTES, points: BATCH * DIGITS * size,
      scratch: BATCH * (DIGITS + 1) * size, results: BATCH * size, bytes: BATCH * group * 2 * COORDINATE_BYTES,
    };
    let next = WORKSPACE + 4096;
    this.at = Object.fromEntries(Object.entries(lengths).map(([name, bytes]) => {
      const place = next;
      next += Math.ceil(bytes / 64) * 64;
      return [name, place];
    })) as typeof this.at;
    this.memory = sharedMemory(next + 64);
    this.kernels = instantiate(compiledKernels(), this.memory);
    const write = (at: number, number: bigint) => writeLimbs(COORDINATES, this.memory.buffer, at, number % COORDINATE_MODULUS);
    write(WORKSPACE, COORDINATE_MODULUS - 2n);
    write(WORKSPACE + COORDINATES.bytes, radix(COORDINATES));
    this.kernels.prepare(WORKSPACE);
    let weight = 1n;
    for (let place = 0; place < DIGITS; place++, weight <<= 4n) {
      coordinatesOf(group, weight).forEach((number, i) => write(this.at.base + i * COORDINATES.bytes, number * radix(COORDINATES)));
      this.kernels[`writeMultiples${group}`](this.at.base, this.at.scratch, this.at.table + place * MULTIPLES * size);
      new Uint8Array(this.memory.buffer, this.at.scratch, sumBytes(group)).fill(0);
    }
    write(this.at.factor, 1n << 384n);
  }

  /** @returns points as a .zkey file has them, zeros for 0 */
  multiply(scalars: readonly bigint[]): Uint8Array {
    const { factor, table, scalars: from, points, scratch, results, bytes } = this.at;
    const size = this.group * 2 * COORDINATE_BYTES;
    const all = new Uint8Array(scalars.length * size);
    const view = new DataView(this.memory.buffer, from, BATCH * FIELD_BYTES);
    for (let first = 0; first < scalars.length; first += BATCH) {
      const batch = scalars.slice(first, first + BATCH);
      batch.forEach((scalar, i) => writeElement(scalar, view, i * FIELD_BYTES));
      this.kernels[`multiplyBase${this.group}`](table, from, batch.length, points, scratch, results);
      this.kernels.writeCoordinates(results, factor, 2 * this.group * batch.length, bytes);
      all.set(new Uint8Array(this.memory.buffer, bytes, batch.length * size), first * size);
    }
    return all;
  }
}

function coordinatesOf(group: GroupNumber, scalar: bigint): bigint[] {
  const order = bls12_381.fields.Fr.ORDER;
  if (group === 1) {
    const { x, y } = bls12_381.G1.Point.BASE.multiply(scalar % order).toAffine();
    return [x, y];
  }
  const { x, y } = bls12_381.G2.Point.BASE.multiply(scalar % order).toAffine();
  return [x.c0, x.c1, y.c0, y.c1];
}
