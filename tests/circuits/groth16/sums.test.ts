import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bls12_381 } from '@noble/curves/bls12-381';
import fc from 'fast-check';
import { writeElement } from '../../../circuits/field';
import { restBytes, sumBytes, windowsOf } from '../../../circuits/groth16/layout';
import { bestBits } from '../../../circuits/groth16/prover';
import { below, bytes, FREE, type G1, type G2, kernels, readG1, readG2, writeG1, writeG2 } from './support';

const { Fr } = bls12_381.fields;
const [BASE1, BASE2] = [bls12_381.G1.Point.BASE, bls12_381.G2.Point.BASE];
const [POINTS, PLACES, SCALARS, DIGITS, SUMS, JOINED, SCRATCH] = [0, 1, 2, 3, 4, 5, 6].map((part) => FREE + part * 2 ** 20);

/** [count windows][i16]. */
function digitsOf(scalars: readonly bigint[], bits: number): void {
  const view = new DataView(bytes, SCALARS, 32 * scalars.length);
  scalars.forEach((scalar, i) => writeElement(scalar, view, 32 * i));
  kernels.writeDigits(SCALARS, 0, scalars.length, bits, windowsOf(bits), scalars.length, DIGITS);
}

function sumOf(group: 1 | 2, count: number, bits: number): void {
  new Uint32Array(bytes, PLACES, count).forEach((_, i, places) => (places[i] = i));
  for (let window = 0; window < windowsOf(bits); window++) {
    kernels[`windowSum${group}`](POINTS, PLACES, count, DIGITS + 2 * window * count, 2 ** (bits - 1), SCRATCH, SUMS + window * sumBytes(group));
  }
  kernels[`joinWindows${group}`](SUMS, windowsOf(bits), bits, SCRATCH, JOINED);
}

function sum1(points: readonly G1[], scalars: readonly bigint[], bits: number): G1 {
  points.forEach((point, i) => writeG1(POINTS + i * restBytes(1), point));
  digitsOf(scalars, bits);
  sumOf(1, points.length, bits);
  return readG1(JOINED);
}

function sum2(points: readonly G2[], scalars: readonly bigint[], bits: number): G2 {
  points.forEach((point, i) => writeG2(POINTS + i * restBytes(2), point));
  digitsOf(scalars, bits);
  sumOf(2, points.length, bits);
  return readG2(JOINED);
}

/** k and k times the generator are known: so is every sum. */
const multiples = (count: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(i + 1));

test('digits of any scalar make it up again, and none is more than half of its range', () => {
  fc.assert(fc.property(below(Fr.ORDER, Fr.ORDER), fc.integer({ min: 4, max: 13 }), (scalar, bits) => {
    digitsOf([scalar], bits);
    const digits = Array.from(new Int16Array(bytes, DIGITS, windowsOf(bits)));
    const sum = digits.reduceRight((all, digit) => (all << BigInt(bits)) + BigInt(digit), 0n);
    assert.equal(Fr.create(sum), scalar);
    assert.ok(digits.every((digit) => Math.abs(digit) <= 2 ** (bits - 1)));
  }), { seed: 5, numRuns: 300 });
});

test('a small number has few digits, and so has what lacks little to the order', () => {
  for (const scalar of [1n, 200n, Fr.ORDER - 1n, Fr.ORDER - 200n]) {
    digitsOf([scalar], 9);
    assert.ok(new Int16Array(bytes, DIGITS, windowsOf(9)).slice(1).every((digit) => digit === 0), String(scalar));
  }
});

test('sums over G1 are those of noble, whatever the scalars', () => {
  const numbers = multiples(300);
  const points = bls12_381.G1.Point.normalizeZ(numbers.map((k) => BASE1.multiplyUnsafe(k)));
  const kinds: [string, (i: number) => bigint][] = [
    ['bits', (i) => BigInt(i % 3 === 0)],
    ['all the same', () => 77n],
    ['all the same or its opposite', (i) => (i % 2 ? 77n : Fr.ORDER - 77n)],
    ['of full size', (i) => Fr.create(BigInt(i + 2) ** 60n)],
    ['extremes', (i) => [0n, 1n, Fr.ORDER - 1n, (Fr.ORDER - 1n) / 2n, (Fr.ORDER + 1n) / 2n][i % 5]],
    ['zeros', () => 0n],
  ];
  for (const [kind, scalarOf] of kinds) {
    const scalars = numbers.map((_, i) => scalarOf(i));
    const expected = Fr.create(numbers.reduce((sum, k, i) => sum + k * scalars[i], 0n));
    assert.ok(sum1(points, scalars, 6).equals(BASE1.multiplyUnsafe(expected)), kind);
  }
});

test('the same point many times, and with its opposite, makes no sum wrong', () => {
  const [same, opposite] = [BASE1.multiply(9n), BASE1.multiply(9n).negate()];
  const points = Array.from({ length: 600 }, (_, i) => (i % 3 === 0 ? opposite : same));
  const expected = 9n * (400n - 200n) * 5n;
  assert.ok(sum1(points, points.map(() => 5n), 4).equals(BASE1.multiply(expected)));
  const balanced = Array.from({ length: 600 }, (_, i) => (i % 2 === 0 ? opposite : same));
  assert.ok(sum1(balanced, balanced.map(() => 5n), 4).is0());
});

test('sums over G2 are those of noble', () => {
  const numbers = multiples(150);
  const points = bls12_381.G2.Point.normalizeZ(numbers.map((k) => BASE2.multiplyUnsafe(k)));
  for (const scalarOf of [(i: number) => BigInt(i % 2), (i: number) => Fr.create(BigInt(i + 2) ** 60n), () => Fr.ORDER - 3n]) {
    const scalars = numbers.map((_, i) => scalarOf(i));
    const expected = Fr.create(numbers.reduce((sum, k, i) => sum + k * scalars[i], 0n));
    assert.ok(sum2(points, scalars, 5).equals(BASE2.multiplyUnsafe(expected)));
  }
});

test('a point off its curve is found', () => {
  for (let i = 0; i < 5; i++) writeG1(POINTS + i * restBytes(1), BASE1.multiply(BigInt(i + 1)));
  for (let i = 0; i < 5; i++) writeG2(SUMS + i * restBytes(2), BASE2.multiply(BigInt(i + 1)));
  assert.equal(kernels.firstOffCurve1(POINTS, 5), -1);
  assert.equal(kernels.firstOffCurve2(SUMS, 5), -1);
  new Uint32Array(bytes, POINTS + 3 * restBytes(1), 1)[0] ^= 1;
  new Uint32Array(bytes, SUMS + 2 * restBytes(2), 1)[0] ^= 1;
  assert.equal(kernels.firstOffCurve1(POINTS, 5), 3);
  assert.equal(kernels.firstOffCurve2(SUMS, 5), 2);
});

test('more scalars take digits of more bits', () => {
  assert.deepEqual([1, 500, 16384].map(bestBits), [4, 6, 10]);
});
