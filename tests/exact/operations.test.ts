/** Single operations of the reference against the independent Python integers of exact/vectors/ops.json. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadModel, type ExactConfig } from '../../exact';
import type { Matrix } from '../../exact/modelFile';
import * as arithmetic from '../../exact/reference/arithmetic';
import { createAttentionOutput, score, weigh } from '../../exact/reference/attention';
import { downInput, hadamard64, swiGlu, wideSwiGlu } from '../../exact/reference/feedForward';
import { normHeads } from '../../exact/reference/headNorm';
import { linear } from '../../exact/reference/linear';
import { normalize } from '../../exact/reference/norm';
import { rotate } from '../../exact/reference/rope';
import { i32, i8, modelPath, readVectors, u16, u8 } from './support';

type Named<T> = ({ name?: string } & T)[];
interface Int8Vector {
  exponent: number;
  int8: string;
}
interface OpVectors {
  rsh: [number, number, number][];
  requantize: [number, number, number, number][];
  swiglu: [number, number, number][];
  residual: [number, number, number][];
  norm: Named<{
    h: string; epsTerm: number; M: number; i: number; partial: number[]; ssq: number; r: number; inv: number; e: number;
    x: string;
  }>;
  linear: Named<{ weights: string; x: string; m: number; sh: number; e: number; fraction: number; y: number }>;
  rope: Named<Int8Vector & {
    y: string; cos: number[]; sin: number[]; M: number; i: number; rotated: string; M2: number; i2: number;
  }>;
  int8: Named<Int8Vector & { values: string; M: number; i: number }>;
  score: { q: string; eq: number; k: string; ek: number; score: number }[];
  attention: Named<{
    scores: string; ev: string; v8: string; mx: number; jx: number; e: string; Z: number; Z2: number; E: number;
    jE: number; p: string; partial: number[][]; o: number[];
  }>;
  hadamard64: Named<Int8Vector & {
    y: string; My: number; iy: number; pre: number; T: string; Mt: number; it: number;
  }>;
  embedding: { weights: string; m: number; sh: number; h: string }[];
  biased: { weights: string; x: string; m: number; sh: number; e: number; bias: number; y: number }[];
  headNorm: Named<{
    y: string; gain: number[]; gs: number; epsHead: number; M: number; i: number; ssq: number; r: number; inv: number;
    normed: string;
  }>;
  wideSwiglu: Named<{
    g: string; u: string; Ma: number; ia: number; Mu: number; iu: number; shift: number; y: string;
  }>;
}

const vectors = readVectors<OpVectors>('ops');
const { tables } = loadModel(modelPath('grouped'));
const plain = (values: ArrayLike<number>): number[] => Array.from(values);
const u64 = (x: number): number[] => [Math.floor(x / 2 ** 32), x % 2 ** 32];

test('rounding shifts equal the vectors', () => {
  for (const [x, s, result] of vectors.rsh) assert.equal(arithmetic.roundShift(x, s), result, `rsh(${x}, ${s})`);
});

test('requantisation equals the vectors for every shift, saturation included', () => {
  for (const [a, m, s, y] of vectors.requantize) {
    assert.equal(arithmetic.requantize(a, m, s) + 0, y, `RQ(${a}, ${m}, ${s})`);
  }
});

test('requantisation equals exact rational arithmetic on random and extreme values', () => {
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const limit = 2n ** 31n - 1n;
  for (let i = 0; i < 20000; i++) {
    const a = i % 7 === 0 ? [-(2 ** 31), 2 ** 31 - 1, -1, 0][next() % 4] : next() | 0;
    const m = i % 5 === 0 ? 65535 : next() >>> 16;
    const s = (next() % 90) - 35;
    const product = BigInt(a) * BigInt(m);
    const exact = s >= 1 ? (product + 2n ** BigInt(s - 1)) >> BigInt(s) : product << BigInt(-s);
    const expected = exact > limit ? limit : exact < -limit ? -limit : exact;
    assert.equal(BigInt(arithmetic.requantize(a, m, s)), expected, `RQ(${a}, ${m}, ${s})`);
  }
});

test('the integer square root is exact around squares', () => {
  for (let r = 32768; r < 65536; r += 97) {
    assert.equal(arithmetic.integerSquareRoot(r * r), r);
    assert.equal(arithmetic.integerSquareRoot(r * r - 1), r - 1);
    assert.equal(arithmetic.integerSquareRoot(r * r + 2 * r), r);
  }
});

test('norms equal the vectors: committed words, exponent and int8', () => {
  for (const v of vectors.norm) {
    const { x, words } = normalize(i32(v.h), v.epsTerm);
    const expected = [v.M, v.i, ...v.partial.flatMap(u64), ...u64(v.ssq), v.r, v.inv];
    assert.deepEqual(plain(words), expected, v.name);
    assert.equal(x.exponent, v.e, v.name);
    assert.deepEqual(x.values, i8(v.x), v.name);
  }
});

test('linear elements equal the vectors', () => {
  for (const v of vectors.linear) {
    const weights = i8(v.weights);
    const matrix: Matrix = {
      name: 'vector', rows: 1, columns: weights.length, weights,
      multipliers: Uint16Array.of(v.m), shifts: Uint8Array.of(v.sh),
    };
    assert.equal(linear(matrix, { values: i8(v.x), exponent: v.e }, v.fraction)[0], v.y, v.name);
  }
});

test('elements with a bias equal the vectors, saturated sums included', () => {
  for (const v of vectors.biased) {
    const weights = i8(v.weights);
    const matrix: Matrix = {
      name: 'vector', rows: 1, columns: weights.length, weights,
      multipliers: Uint16Array.of(v.m), shifts: Uint8Array.of(v.sh), biases: Int32Array.of(v.bias),
    };
    assert.equal(linear(matrix, { values: i8(v.x), exponent: v.e }, 16)[0], v.y, `bias ${v.bias}`);
  }
});

test('norms of heads equal the vectors: committed words and every element', () => {
  for (const v of vectors.headNorm) {
    const y = i32(v.y);
    const words = normHeads(y, y.length, { shift: v.gs, gains: Int16Array.from(v.gain) }, v.epsHead);
    assert.deepEqual(words, [v.M, v.i, ...u64(v.ssq), v.r, v.inv], v.name);
    assert.deepEqual(y, i32(v.normed), `${v.name}, gain shift ${v.gs}`);
  }
});

test('rotations and the int8 of heads equal the vectors', () => {
  for (const v of vectors.rope) {
    const y = i32(v.y);
    const before = rotate(y, 0, y.length, Int16Array.from(v.cos), Int16Array.from(v.sin));
    assert.deepEqual(before, { max: v.M, index: v.i });
    assert.deepEqual(y, i32(v.rotated));
    assertInt8(y, { M: v.M2, i: v.i2, exponent: v.exponent, int8: v.int8 });
  }
});

test('int8 with a power-of-two exponent equals the vectors', () => {
  for (const v of vectors.int8) assertInt8(i32(v.values), v);
});

function assertInt8(values: Int32Array, expected: { M: number; i: number; exponent: number; int8: string }): void {
  const { max, index } = arithmetic.maximum(values);
  const exponent = arithmetic.int8Exponent(max);
  const out = new Int8Array(values.length);
  arithmetic.toInt8(values, exponent, out);
  assert.deepEqual({ max, index, exponent }, { max: expected.M, index: expected.i, exponent: expected.exponent });
  assert.deepEqual(out, i8(expected.int8));
}

test('scores equal the vectors', () => {
  for (const v of vectors.score) {
    const k = i8(v.k);
    const sum = i8(v.q).reduce((total, q, i) => total + q * k[i], 0);
    assert.equal(score(sum, v.eq, v.ek) + 0, v.score);
  }
});

test('softmax and weighted values equal the vectors, up to several position blocks', () => {
  for (const v of vectors.attention) {
    const scores = i32(v.scores);
    const blocks = v.partial[0].length;
    const headDim = v.o.length;
    const config = { heads: 1, kvHeads: 1, headDim, context: 256 * blocks } as ExactConfig;
    const out = createAttentionOutput(config, scores.length);
    const cache = {
      keys: new Int8Array(0), keyExponents: new Uint8Array(0), values: i8(v.v8), valueExponents: u8(v.ev),
    };
    weigh(config, 0, scores, cache, tables.exp, out);
    assert.deepEqual(plain(out.attMax), [v.mx >>> 0, v.jx, v.E, v.jE], v.name);
    assert.deepEqual(out.e, u16(v.e), v.name);
    assert.equal(out.attSums[blocks], v.Z, v.name);
    assert.equal(out.attSums[2 * blocks + 1], v.Z2, v.name);
    assert.deepEqual(out.p, u16(v.p), v.name);
    assert.deepEqual(plain(out.pv), v.partial.flat(), v.name);
    assert.deepEqual(plain(out.o), v.o, v.name);
  }
});

test('SwiGLU equals the vectors', () => {
  for (const [g, u, y] of vectors.swiglu) {
    assert.equal(swiGlu(Int16Array.of(g), Int16Array.of(u), tables.sigmoid)[0], y, `g ${g}, u ${u}`);
  }
});

test('the wide SwiGLU equals the vectors', () => {
  for (const v of vectors.wideSwiglu) {
    const { y, shift, words } = wideSwiGlu(i32(v.g), i32(v.u), tables.sigmoid);
    assert.deepEqual(words, [v.Ma, v.ia, v.Mu, v.iu], v.name);
    assert.equal(shift, v.shift, v.name);
    assert.deepEqual(y, i32(v.y), v.name);
  }
});

test('the Hadamard transform and the int8 of down equal the vectors', () => {
  for (const v of vectors.hadamard64) {
    const y = i32(v.y);
    const { x, words } = downInput(y);
    assert.deepEqual(plain(words), [v.My, v.iy, v.Mt, v.it], v.name);
    assert.equal(x.exponent, v.exponent + v.pre - 16, v.name);
    assert.deepEqual(x.values, i8(v.int8), v.name);
    const transformed = y.map((value) => arithmetic.roundShift(value, v.pre));
    hadamard64(transformed);
    assert.deepEqual(transformed, i32(v.T), v.name);
  }
});

test('64 equal products that round up do not overflow the Hadamard transform', () => {
  const { words } = downInput(new Int32Array(64).fill(32764 * 16386));
  assert.equal(words[2], 64 * arithmetic.roundShift(32764 * 16386, 5));
});

test('embeddings and residual additions equal the vectors', () => {
  for (const v of vectors.embedding) {
    const h = Int32Array.from(i8(v.weights), (w) => arithmetic.requantize(w, v.m, v.sh - 16));
    assert.deepEqual(h, i32(v.h));
  }
  for (const [h, delta, sum] of vectors.residual) assert.equal(arithmetic.saturate32(h + delta), sum);
});
