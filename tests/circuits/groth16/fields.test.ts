import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bls12_381 } from '@noble/curves/bls12-381';
import fc from 'fast-check';
import { type ElementForm, radix, readCoordinate, readLimbs, rootOfUnity, writeLimbs } from '../../../circuits/groth16/elements';
import { littleEndian } from '../../../circuits/groth16/zkey';
import { below, bytes, COORDINATES, FREE, kernels, SCALARS, writeElementOf } from './support';

const [A, B, O] = [FREE, FREE + 128, FREE + 256];
const RUNS = { seed: 381, numRuns: 400 };
const { Fp, Fp2, Fr } = bls12_381.fields;

type Operation = 'mul' | 'add' | 'sub' | 'plus' | 'minus';
const FIELDS = [['P', COORDINATES], ['R', SCALARS]] as const;

function apply(name: 'P' | 'R', form: ElementForm, operation: Operation, a: bigint, b: bigint, at = O): bigint {
  writeLimbs(form, bytes, A, a);
  writeLimbs(form, bytes, B, b);
  kernels[`${operation}${name}`](at, A, B);
  return readLimbs(form, bytes, at);
}

for (const [name, form] of FIELDS) {
  const { modulus } = form;
  const congruent = (a: bigint, b: bigint) => (a - b) % modulus === 0n;

  test(`${name}: a product of any two numbers below 4 times the modulus is right, and below 1.3 times it`, () => {
    const number = below(4n * modulus, modulus);
    fc.assert(fc.property(number, number, (a, b) => {
      const product = apply(name, form, 'mul', a, b);
      assert.ok(congruent(product * radix(form), a * b));
      assert.ok(10n * product < 13n * modulus);
    }), RUNS);
  });

  test(`${name}: sums and differences of numbers at rest are right and at rest, and those for a product below 4 times the modulus`, () => {
    const number = below(2n * modulus, modulus);
    fc.assert(fc.property(number, number, (a, b) => {
      for (const [operation, expected, limit] of [['add', a + b, 2n], ['sub', a - b, 2n], ['plus', a + b, 4n], ['minus', a - b, 4n]] as const) {
        const result = apply(name, form, operation, a, b);
        assert.ok(congruent(result, expected), operation);
        assert.ok(result < limit * modulus, operation);
      }
    }), RUNS);
  });

  test(`${name}: a result may take the place of either number`, () => {
    const [a, b] = [modulus - 5n, modulus + 77n];
    for (const operation of ['mul', 'add', 'sub', 'plus', 'minus'] as const) {
      const expected = apply(name, form, operation, a, b);
      assert.equal(apply(name, form, operation, a, b, A), expected, operation);
      assert.equal(apply(name, form, operation, a, b, B), expected, operation);
    }
  });
}

test('a product of numbers whose sums pass 64 bits, were they not carried halfway, is right', () => {
  const [a, b] = [2n ** 382n - 1n, 2n ** 382n - 1n - 0xdc2000038780000000n];
  for (const [x, y] of [[a, b], [b, a], [a, a]]) assert.equal((apply('P', COORDINATES, 'mul', x, y) * radix(COORDINATES) - x * y) % Fp.ORDER, 0n);
});

test('both forms of 0 are 0, and nothing else is', () => {
  fc.assert(fc.property(below(2n * Fp.ORDER, Fp.ORDER), (a) => {
    writeLimbs(COORDINATES, bytes, A, a);
    assert.equal(kernels.isZeroP(A) !== 0, a % Fp.ORDER === 0n);
  }), RUNS);
});

test('inverses are those of noble, and that of 0 is 0', () => {
  for (const a of [0n, 1n, 2n, Fp.ORDER - 1n, 0x1234567890abcdefn ** 5n]) {
    writeElementOf(COORDINATES, A, a);
    kernels.invertP(O, A);
    assert.equal(readCoordinate(bytes, O), a === 0n ? 0n : Fp.inv(a));
  }
});

const writeTwo = (at: number, c0: bigint, c1: bigint): void => [c0, c1].forEach((part, i) => writeElementOf(COORDINATES, at + 64 * i, part));
const readTwo = (at: number) => ({ c0: readCoordinate(bytes, at), c1: readCoordinate(bytes, at + 64) });

test('products, squares and inverses of the quadratic field are those of noble', () => {
  const part = below(Fp.ORDER, Fp.ORDER);
  fc.assert(fc.property(part, part, part, part, (a0, a1, b0, b1) => {
    const [a, b] = [{ c0: a0, c1: a1 }, { c0: b0, c1: b1 }];
    writeTwo(A, a0, a1);
    writeTwo(B, b0, b1);
    kernels.mulTwo(O, A, B);
    assert.deepEqual(readTwo(O), Fp2.mul(a, b));
    kernels.squareTwo(O, A);
    assert.deepEqual(readTwo(O), Fp2.sqr(a));
    kernels.mulTwo(A, A, B);
    assert.deepEqual(readTwo(A), Fp2.mul(a, b));
    if (Fp2.is0(b)) return;
    kernels.invertTwo(O, B);
    assert.deepEqual(readTwo(O), Fp2.inv(b));
  }), { seed: 382, numRuns: 60 });
});

test('coordinates come from the bytes of a file and go back to them', () => {
  const factor = FREE + 512;
  fc.assert(fc.property(below(Fp.ORDER, Fp.ORDER), (a) => {
    const stored = (a << 384n) % Fp.ORDER;
    const view = new DataView(bytes, A, 48);
    for (let i = 0; i < 48; i += 8) view.setBigUint64(i, BigInt.asUintN(64, stored >> BigInt(8 * i)), true);
    writeLimbs(COORDINATES, bytes, factor, (radix(COORDINATES) ** 2n >> 384n) % Fp.ORDER);
    kernels.readCoordinates(A, factor, 1, O);
    assert.equal(readCoordinate(bytes, O), a);
    writeLimbs(COORDINATES, bytes, factor, (1n << 384n) % Fp.ORDER);
    kernels.writeCoordinates(O, factor, 1, A + 64);
    assert.equal(littleEndian(new Uint8Array(bytes, A + 64, 48)), stored);
  }), RUNS);
});

const LOG = 5;
const SIZE = 2 ** LOG;
const [ROOTS, VALUES, FACTOR] = [FREE + 4096, FREE + 8192, FREE + 1024];

function writeRoots(): void {
  writeElementOf(SCALARS, FACTOR, rootOfUnity(LOG + 1));
  writeElementOf(SCALARS, FACTOR + 64, 1n);
  kernels.writePowers(ROOTS, FACTOR, FACTOR + 64, SIZE);
}

const readScalar = (at: number): bigint => (readLimbs(SCALARS, bytes, at) * Fr.inv(radix(SCALARS) % Fr.ORDER)) % Fr.ORDER;

test('the transform gives the values between the rows of the polynomial that has these values at them', () => {
  writeRoots();
  writeElementOf(SCALARS, FACTOR, Fr.inv(BigInt(SIZE)));
  const polynomial = Array.from({ length: SIZE }, (_, i) => Fr.create(BigInt(i * i + 3) ** 40n));
  const at = (x: bigint) => polynomial.reduceRight((sum, coefficient) => Fr.create(sum * x + coefficient), 0n);
  const root = rootOfUnity(LOG + 1);
  for (let i = 0; i < SIZE; i++) writeElementOf(SCALARS, VALUES + 40 * i, at(Fr.pow(root, BigInt(2 * i))));
  kernels.shiftValues(VALUES, LOG, ROOTS, FACTOR);
  for (let i = 0; i < SIZE; i++) assert.equal(readScalar(VALUES + 40 * i), at(Fr.pow(root, BigInt(2 * i + 1))), String(i));
});

test('the root of 1 has the order that it is asked for', () => {
  for (const log of [1, 5, 14, 32]) assert.equal(Fr.pow(rootOfUnity(log), 1n << BigInt(log - 1)), Fr.ORDER - 1n);
});
