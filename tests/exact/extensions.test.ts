/** Biases, head norms and the wide SwiGLU against their formulas in whole numbers of any size, extremes included. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadModel } from '../../exact';
import type { Matrix } from '../../exact/modelFile';
import { downInput, swiGlu, wideSwiGlu } from '../../exact/reference/feedForward';
import { headEpsTerm, normHeads } from '../../exact/reference/headNorm';
import { linear } from '../../exact/reference/linear';
import { modelPath } from './support';
import { RQ, headNorm, sat32, wideSwiGlu as inWholeNumbers } from './wholeNumbers';

const { tables } = loadModel(modelPath('single'));
const OPTIONS = { numRuns: 300, seed: 20261126 };

/** Any i32 that a linear can give, extremes and small values often. */
const i32 = fc.oneof(
  fc.integer({ min: -(2 ** 31 - 1), max: 2 ** 31 - 1 }),
  fc.constantFrom(2 ** 31 - 1, -(2 ** 31 - 1), 2 ** 30, 32768, -32768, 1, -1, 0),
  fc.integer({ min: -40000, max: 40000 }),
);
const gain = fc.oneof(fc.integer({ min: -32768, max: 32767 }), fc.constantFrom(-32768, 32767, 0));

test('head norms equal their formula for any heads, gains, shift and epsilon, within the stated widths', () => {
  const heads = fc.constantFrom(16, 32, 64, 128).chain((D) => fc.record({
    D: fc.constant(D),
    y: fc.oneof(
      fc.array(i32, { minLength: 2 * D, maxLength: 2 * D }),
      i32.map((value) => Array<number>(2 * D).fill(value)),
      // One value alone is the whole length of its head: the largest result that there is.
      fc.tuple(i32, fc.nat(2 * D - 1)).map(([value, at]) => Array.from({ length: 2 * D }, (_, i) => (i === at ? value : 0))),
    ),
    gains: fc.oneof(fc.array(gain, { minLength: D, maxLength: D }), fc.constant(Array<number>(D).fill(-32768))),
    shift: fc.oneof(fc.integer({ min: 0, max: 15 }), fc.constant(0)),
    eps: fc.oneof(fc.constantFrom(1, 2 ** 33 - 2), fc.integer({ min: 1, max: 2 ** 31 })),
  }));
  fc.assert(
    fc.property(heads, ({ D, y, gains, shift, eps }) => {
      const received = Int32Array.from(y);
      const words = normHeads(received, D, { shift, gains: Int16Array.from(gains) }, eps);
      const expected = [0, D].map((from) =>
        headNorm(y.slice(from, from + D).map(BigInt), gains.map(BigInt), BigInt(shift), BigInt(eps)));
      assert.deepEqual(words.map(BigInt), expected.flatMap((head) => head.words));
      assert.deepEqual(Array.from(received, BigInt), expected.flatMap(({ out }) => out));
    }),
    OPTIONS,
  );
});

test('a head norm is that of the float model, y / |y| times the gain, from values of 1/2 on', () => {
  const gains = Int16Array.from({ length: 64 }, (_, i) => (i - 30) * 500);
  for (const size of [33000, 70000, 5e6, 2e9]) {
    const y = Int32Array.from({ length: 64 }, (_, i) => Math.round(size * Math.sin(i * i)));
    const length = Math.hypot(...y);
    const expected = Array.from(y, (value, i) => (value / length) * (gains[i] / 2 ** 12) * 65536);
    normHeads(y, 64, { shift: 12, gains }, 1);
    const largest = Math.max(...expected.map(Math.abs));
    const off = expected.map((value, i) => Math.abs(y[i] - value));
    assert.ok(Math.max(...off) < largest / 5000, `${size}: ${Math.max(...off)} of ${largest}`);
  }
});

test('the epsilon of a head is that of the model over its own number of values, and never 0', () => {
  const eps = (epsTerm: number, headDim: number, dim: number) =>
    headEpsTerm({ epsTerm, headDim, dim } as Parameters<typeof headEpsTerm>[0]);
  assert.equal(eps(0xffffffff, 128, 64), 2 * 0xffffffff);
  assert.equal(eps(10995116, 128, 2048), Math.floor(10995116 / 16));
  assert.equal(eps(1000, 32, 192), 166);
  assert.equal(eps(1, 16, 8192), 1);
});

test('the wide SwiGLU equals its formula for any gate and up, with its words and the exponent of down', () => {
  const pairs = fc.array(fc.tuple(i32, i32), { minLength: 64, maxLength: 64 });
  const sigmoids = fc.constantFrom(tables.sigmoid, new Uint16Array(513).fill(32768));
  fc.assert(
    fc.property(pairs, sigmoids, (pair, sigmoid) => {
      const [g, u] = [0, 1].map((i) => pair.map((both) => BigInt(both[i])));
      const expected = inWholeNumbers(g, u, sigmoid);
      const [gate, up] = [0, 1].map((i) => Int32Array.from(pair, (both) => both[i]));
      const { y, shift, words } = wideSwiGlu(gate, up, sigmoid);
      assert.deepEqual(Array.from(y, BigInt), expected.y);
      assert.deepEqual(words, expected.words);
      assert.equal(shift, Number(expected.shift));
      const [wide, plain] = [downInput(y, shift), downInput(y)];
      assert.equal(wide.x.exponent, plain.x.exponent + shift);
      assert.deepEqual([wide.x.values, wide.words], [plain.x.values, plain.words]);
    }),
    OPTIONS,
  );
});

test('a wide SwiGLU of numbers that fit 15 bits is the narrow one', () => {
  const i16 = fc.array(fc.integer({ min: -32767, max: 32767 }), { minLength: 64, maxLength: 64 });
  fc.assert(
    fc.property(i16, i16, (g, u) => {
      const wide = wideSwiGlu(Int32Array.from(g), Int32Array.from(u), tables.sigmoid);
      assert.equal(wide.shift, 0);
      assert.deepEqual(wide.y, swiGlu(Int16Array.from(g), Int16Array.from(u), tables.sigmoid));
    }),
    { ...OPTIONS, numRuns: 100 },
  );
});

test('a bias is added after the requantisation, and the sum saturates', () => {
  const row = fc.record({
    a: fc.integer({ min: -127 * 127, max: 127 * 127 }), m: fc.integer({ min: 32768, max: 65535 }),
    s: fc.integer({ min: -20, max: 40 }), bias: fc.oneof(i32, fc.constant(-(2 ** 31))),
  });
  fc.assert(
    fc.property(row, ({ a, m, s, bias }) => {
      const x = Int8Array.of(Math.trunc(a / 127), a % 127, 0, 0);
      const matrix: Matrix = {
        name: 'row', rows: 1, columns: 4, weights: Int8Array.of(127, 1, 0, 0), multipliers: Uint16Array.of(m),
        shifts: Uint8Array.of(40), biases: Int32Array.of(bias),
      };
      const [y] = linear(matrix, { values: x, exponent: 40 - 16 - s }, 16);
      assert.equal(BigInt(y), sat32(RQ(BigInt(a), BigInt(m), BigInt(s)) + BigInt(bias)), `${y}`);
    }),
    OPTIONS,
  );
});
