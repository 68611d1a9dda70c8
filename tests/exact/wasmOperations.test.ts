/** Every kernel of the wasm back end against the independent integers of exact/vectors, extremes included. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadModel } from '../../exact';
import { drawBytes } from '../../exact/scheduler';
import { i32, i8, modelPath, readVectors, u16, u8, type DrawCase, type OpVectors } from './support';
import { KernelBench } from './wasmKernels';

const vectors = readVectors<OpVectors>('ops');
const { tables } = loadModel(modelPath('grouped'));
const bench = new KernelBench();
const { kernels } = bench;
const u64 = (x: number): number[] => [Math.floor(x / 2 ** 32), x % 2 ** 32];
const signed = (words: number[]): number[] => words.map((x) => x | 0);

/** A test whose cases each start with a dirty memory. */
const each = <T extends object>(name: string, cases: T[], body: (c: T, label: string) => void) =>
  test(name, () => cases.forEach((c, i) => {
    bench.clear();
    body(c, `${i} ${(c as { name?: string }).name ?? JSON.stringify(c).slice(0, 100)}`);
  }));

each('the rounding shift in wasm equals the vectors', vectors.rsh, ([x, s, y], label) => {
  assert.equal(kernels.roundedShift(x, s), y, label);
});

each('requantisation in wasm equals the vectors for every shift, saturation included', vectors.requantize,
  ([a, m, s, y], label) => assert.equal(kernels.requantize(a, m, s), y, label));

test('requantisation in wasm equals exact rational arithmetic on random and extreme values', () => {
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const limit = 2n ** 31n - 1n;
  for (let i = 0; i < 20000; i++) {
    const a = i % 7 === 0 ? [-(2 ** 31), 2 ** 31 - 1, -1, 0][next() % 4] : (next() | 0) >> (next() % 32);
    const m = i % 5 === 0 ? 65535 : next() >>> 16;
    const s = (next() % 130) - 65;
    const product = BigInt(a) * BigInt(m);
    const exact = s >= 1 ? (product + 2n ** BigInt(s - 1)) >> BigInt(s) : product << BigInt(-s);
    const expected = exact > limit ? limit : exact < -limit ? -limit : exact;
    assert.equal(BigInt(kernels.requantize(a, m, s)), expected, `RQ(${a}, ${m}, ${s})`);
  }
});

test('the integer square root in wasm is exact around squares', () => {
  for (let r = 32768; r < 65536; r += 97) {
    for (const [x, root] of [[r * r, r], [r * r - 1, r - 1], [r * r + 2 * r, r], [2 ** 32 - 1, 65535]]) {
      assert.equal(kernels.integerSquareRoot(x), root, `${x}`);
    }
  }
});

each('norms in wasm equal the vectors: committed words, exponent and int8', vectors.norm, (c, label) => {
  const h = i32(c.h);
  const n = h.length;
  const expected = [c.M, c.i, ...c.partial.flatMap(u64), ...u64(c.ssq), c.r, c.inv];
  const [at, words, narrow, wide] = [bench.put(h), bench.room(4 * expected.length), bench.room(n), bench.room(2 * n)];
  assert.equal(kernels.norm(at, n, c.epsTerm, words, narrow, wide), c.e, label);
  assert.deepEqual(bench.words(words, expected.length), expected, label);
  assert.deepEqual(bench.i8(narrow, n), i8(c.x), label);
  assert.deepEqual(bench.i16(wide, n), Int16Array.from(i8(c.x)), label);
});

each('linear rows in wasm equal the vectors, whatever their place among four', vectors.linear, (c, label) => {
  const row = i8(c.weights);
  const columns = row.length;
  for (let place = 0; place < 4; place++) {
    bench.clear();
    const weights = new Int8Array(4 * columns);
    for (let k = 0; k < columns; k += 16) weights.set(row.subarray(k, k + 16), 4 * k + 16 * place); // four rows woven
    const scales = new Uint32Array(4);
    scales[place] = c.m | (c.sh << 16);
    const at = [bench.put(weights), bench.put(scales), bench.put(Int16Array.from(i8(c.x))), bench.room(16)] as const;
    const shift = bench.put(Int32Array.of(-c.e - c.fraction));
    kernels.linear(at[0], at[1], 0, 4, columns, at[2], shift, 0, at[3], 0, 1, 0);
    assert.deepEqual([...bench.i32(at[3], 4)], [0, 1, 2, 3].map((i) => (i === place ? c.y : 0)), label);
    kernels.linear(at[0], at[1], 0, 4, columns, at[2], shift, 1, at[3], 0, 1, 0);
    assert.equal(bench.i16(at[3], 4)[place], Math.max(-32768, Math.min(32767, c.y)), label);
  }
});

test('linear rows on several activations in wasm equal those on each alone, odd and even, from any row on', () => {
  bench.clear();
  const [rows, columns, count, stride] = [12, 32, 5, 192];
  const weights = Int8Array.from({ length: rows * columns }, (_, i) => ((i * 89) % 255) - 127);
  const scales = Uint32Array.from({ length: rows }, (_, row) => (40000 + row) | (20 << 16));
  const values = new Int32Array((count * stride) / 4); // x, shift and residual of an activation, one stride apart
  for (let c = 0; c < count; c++) {
    const at = (c * stride) / 4;
    new Int16Array(values.buffer, c * stride, columns).forEach((_, i, x) => (x[i] = ((i * 37 + c * 11) % 255) - 127));
    values[at + 16] = c - 3;
    values.fill(c === 4 ? 2 ** 31 - 1 : 100 * c, at + 17, at + 17 + rows);
  }
  const [w, s, x] = [bench.put(weights), bench.put(scales), bench.put(values)];
  for (const mode of [0, 1, 2]) {
    const [together, alone] = [bench.room(count * stride), bench.room(count * stride)];
    for (const first of [0, 4]) {
      kernels.linear(w, s, first, first + 8, columns, x, x + 64, mode, together, x + 68, count, stride);
      for (let c = 0; c < count; c++) {
        const at = c * stride;
        kernels.linear(w, s, first, first + 8, columns, x + at, x + 64 + at, mode, alone + at, x + 68 + at, 1, 0);
      }
    }
    assert.deepEqual(bench.i8(together, count * stride), bench.i8(alone, count * stride), `mode ${mode}`);
    assert.ok(new Set(bench.i32(together, rows)).size > 5);
  }
});

each('linear rows with a bias in wasm equal the vectors, and the sum saturates', vectors.biased, (c, label) => {
  const row = i8(c.weights);
  const columns = row.length;
  const weights = new Int8Array(4 * columns);
  for (let k = 0; k < columns; k += 16) weights.set(row.subarray(k, k + 16), 4 * k); // four rows woven
  const at = [
    bench.put(weights), bench.put(Uint32Array.of(c.m | (c.sh << 16), 0, 0, 0)), bench.put(Int16Array.from(i8(c.x))),
    bench.put(Int32Array.of(c.bias, 1, -(2 ** 31), 2)), bench.room(16),
  ] as const;
  const shift = bench.put(Int32Array.of(-c.e - 16));
  kernels.linear(at[0], at[1], 0, 4, columns, at[2], shift, 0, at[4], 0, 1, 0);
  kernels.addBiases(at[4], at[3], 4);
  assert.deepEqual([...bench.i32(at[4], 4)], [c.y, 1, -(2 ** 31 - 1), 2], label);
});

each('norms of heads in wasm equal the vectors: committed words and every element', vectors.headNorm, (c, label) => {
  const [y, gains] = [i32(c.y), Int16Array.from(c.gain)];
  const D = y.length;
  const half = c.epsHead >= 2 ** 32 ? 2 : 1; // epsilons beyond 32 bits are those of models narrower than a head
  assert.equal(c.epsHead % half, 0, label);
  const two = new Int32Array(2 * D); // a head of zeros in front, for the addresses of the second
  two.set(y, D);
  const at = [bench.put(two), bench.put(gains), bench.room(8 * D), bench.room(48)] as const;
  kernels.normHeads(at[0], 2, D, c.epsHead / half, D / half, at[1], c.gs, at[2], at[3]);
  const words = bench.words(at[3], 12);
  assert.deepEqual(words.slice(6), [c.M, c.i, ...u64(c.ssq), c.r, c.inv], label);
  assert.deepEqual(words.slice(0, 4), [0, 0, ...u64(c.epsHead)], label);
  const out = bench.i32(at[2], 2 * D);
  assert.deepEqual(out.subarray(D), i32(c.normed), `${label}, gain shift ${c.gs}`);
  assert.deepEqual(out.slice(0, D), new Int32Array(D), label);
});

test('the epsilon of a head in wasm is floored, and never 0', () => {
  for (const [epsTerm, D, dim, eps] of [[1000, 32, 192, 166], [1, 16, 8192, 1], [2 ** 32 - 1, 128, 64, 2 ** 33 - 2]]) {
    bench.clear();
    const at = [bench.put(new Int32Array(D)), bench.put(new Int16Array(D)), bench.room(4 * D), bench.room(24)] as const;
    kernels.normHeads(at[0], 1, D, epsTerm, dim, at[1], 0, at[2], at[3]);
    assert.deepEqual(bench.words(at[3], 4), [0, 0, ...u64(eps)]);
  }
});

each('residual additions in wasm saturate as the vectors do', vectors.residual, ([h, delta, sum], label) => {
  // A row whose result is delta: spread over 1,023 columns of weight 127, the rest in a last column of weight 1.
  const columns = 1024;
  const weights = new Int8Array(4 * columns).fill(127);
  weights[4 * (columns - 16) + 15] = 1; // four rows woven
  const x = new Int16Array(columns);
  let left = Math.trunc(delta / 127);
  for (let i = 0; left !== 0; i++) left -= x[i] = Math.max(-32767, Math.min(32767, left));
  x[columns - 1] = delta % 127;
  const at = [bench.put(weights), bench.put(Uint32Array.of(1, 0, 0, 0)), bench.put(x), bench.room(16)] as const;
  const [shift, residual] = [bench.put(Int32Array.of(0)), bench.put(Int32Array.of(h, 5, 6, 7))];
  kernels.linear(at[0], at[1], 0, 4, columns, at[2], shift, 2, at[3], residual, 1, 0);
  assert.deepEqual([...bench.i32(at[3], 4)], [sum, 5, 6, 7], label);
});

each('embeddings in wasm equal the vectors', vectors.embedding, (c, label) => {
  const row = i8(c.weights);
  const [at, out] = [bench.put(row), bench.room(4 * row.length)];
  kernels.embed(at, row.length, c.m | (c.sh << 16), out);
  assert.deepEqual(bench.i32(out, row.length), i32(c.h), label);
});

each('rotations in wasm equal the vectors', vectors.rope, (c, label) => {
  const y = i32(c.y);
  const D = y.length;
  const [at, cos, sin] = [bench.put(y), bench.put(Int16Array.from(c.cos)), bench.put(Int16Array.from(c.sin))];
  const [rotated, words] = [bench.room(4 * D), bench.room(16)];
  const [narrow, wide, exponents] = [bench.room(D), bench.room(2 * D), bench.room(1)];
  kernels.rotatedHeads(at, 1, D, cos, sin, rotated, words, narrow, wide, exponents);
  assert.deepEqual(bench.i32(rotated, D), i32(c.rotated), label);
  assert.deepEqual(bench.words(words, 4), [c.M, c.i, c.M2, c.i2], label);
  assert.equal(bench.i8(exponents, 1)[0], c.exponent, label);
  assert.deepEqual(bench.i8(narrow, D), i8(c.int8), label);
  assert.deepEqual(bench.i16(wide, D), Int16Array.from(i8(c.int8)), label);
});

each('int8 with a power-of-two exponent in wasm equals the vectors', vectors.int8, (c, label) => {
  const values = i32(c.values);
  const n = values.length;
  const [at, words, narrow, wide] = [bench.put(values), bench.room(8), bench.room(n), bench.room(2 * n)];
  assert.equal(kernels.quantize(at, n, words, narrow, wide), c.exponent, label);
  assert.deepEqual(bench.words(words, 2), [c.M, c.i], label);
  assert.deepEqual(bench.i8(narrow, n), i8(c.int8), label);
});

each('scores in wasm equal the vectors', vectors.score, (c, label) => {
  const q = i8(c.q);
  const [at, keys, exponents, out] =
    [bench.put(Int16Array.from(q)), bench.put(i8(c.k)), bench.put(Uint8Array.of(c.ek)), bench.room(4)];
  kernels.scores(at, c.eq, q.length, keys, exponents, 1, out);
  assert.equal(bench.i32(out, 1)[0], c.score, label);
});

each('softmax and weighted values in wasm equal the vectors, up to several position blocks', vectors.attention,
  (c, label) => {
    const z = i32(c.scores);
    const n = z.length;
    const D = c.o.length;
    const nP = c.partial[0].length;
    const at = {
      z: bench.put(z), values: bench.put(i8(c.v8)), exponents: bench.put(u8(c.ev)), exp: bench.put(tables.exp),
      max: bench.room(16), e: bench.room(2 * n), sums: bench.room(8 * nP + 8), p: bench.room(2 * n),
      pv: bench.put(new Int32Array(D * nP)), o: bench.room(4 * D),
    };
    kernels.weigh(at.z, n, D, nP, at.values, at.exponents, at.exp, at.max, at.e, at.sums, at.p, at.pv, at.o);
    assert.deepEqual(bench.words(at.max, 4), [c.mx >>> 0, c.jx, c.E, c.jE], label);
    assert.deepEqual(bench.u16(at.e, n), u16(c.e), label);
    const sums = bench.words(at.sums, 2 * nP + 2);
    assert.deepEqual([sums[nP], sums[2 * nP + 1]], [c.Z, c.Z2], label);
    assert.deepEqual(bench.u16(at.p, n), u16(c.p), label);
    assert.deepEqual(signed(bench.words(at.pv, D * nP)), c.partial.flat(), label);
    assert.deepEqual([...bench.i32(at.o, D)], c.o, label);
  });

test('SwiGLU in wasm equals the vectors', () => {
  bench.clear();
  const n = vectors.swiglu.length;
  const column = (i: number) => bench.put(Int16Array.from(vectors.swiglu, (c) => c[i]));
  const [gate, up, sigmoid, y] = [column(0), column(1), bench.put(tables.sigmoid), bench.room(4 * n)];
  kernels.swiGlu(gate, up, n, sigmoid, y);
  assert.deepEqual([...bench.i32(y, n)], vectors.swiglu.map((c) => c[2]));
});

each('the wide SwiGLU in wasm equals the vectors: committed words, shift and every product', vectors.wideSwiglu,
  (c, label) => {
    const n = i32(c.g).length;
    const at = [bench.put(i32(c.g)), bench.put(i32(c.u)), bench.put(tables.sigmoid), bench.room(4 * n), bench.room(16)] as const;
    assert.equal(kernels.wideSwiGlu(at[0], at[1], n, at[2], at[3], at[4]), c.shift, label);
    assert.deepEqual(bench.words(at[4], 4), [c.Ma, c.ia, c.Mu, c.iu], label);
    assert.deepEqual(bench.i32(at[3], n), i32(c.y), label);
  });

function downInput(y: Int32Array) {
  const n = y.length;
  const at = [bench.put(y), bench.room(4 * n), bench.room(16), bench.room(n), bench.room(2 * n)] as const;
  const exponent = kernels.downInput(at[0], n, at[1], at[2], at[3], at[4]);
  return { exponent, transformed: bench.i32(at[1], n), words: bench.words(at[2], 4), int8: bench.i8(at[3], n) };
}

each('the Hadamard transform and the int8 of down in wasm equal the vectors', vectors.hadamard64, (c, label) => {
  const { exponent, transformed, words, int8 } = downInput(i32(c.y));
  assert.deepEqual(words, [c.My, c.iy, c.Mt, c.it], label);
  assert.equal(exponent, c.exponent + c.pre - 16, label);
  assert.deepEqual(transformed, i32(c.T), label);
  assert.deepEqual(int8, i8(c.int8), label);
});

test('64 equal products that round up do not overflow the Hadamard transform in wasm', () => {
  bench.clear();
  assert.equal(downInput(new Int32Array(64).fill(32764 * 16386)).words[2], 64 * Math.round((32764 * 16386) / 32));
});

for (const { name, logits, cases } of readVectors<{ name: string; logits: string; cases: DrawCase[] }[]>('sampling')) {
  each(`draws in wasm from the logits "${name}" equal the vectors in every mode`, cases, (c, label) => {
    const z = i32(logits);
    const V = z.length;
    const length = Math.min(c.topK, V);
    const random = bench.put(drawBytes(Buffer.from(c.seed, 'hex'), c.step));
    const at = [bench.put(z), bench.put(tables.sampling), bench.room(8), bench.room(16)] as const;
    const [zs, table, max, draw] = at;
    const best = kernels.argmax(zs, V, max);
    assert.deepEqual(bench.words(max, 2), [c.zmax >>> 0, c.index], label);
    if (c.t === 0) return void assert.equal(best, c.token, label);
    const list = bench.room(length > 0 ? 12 * length : 8 * Math.ceil(V / 64));
    const token = length > 0
      ? kernels.drawTop(zs, V, max, c.t, c.minPX, length, c.topP16, table, random, list, draw)
      : kernels.drawFull(zs, V, max, c.t, c.minPX, table, random, list, draw);
    assert.deepEqual(bench.words(draw, 4), [c.kept, ...u64(c.W), c.token], label);
    assert.equal(token, c.token, label);
    if (length > 0) {
      const last = bench.words(list, 3 * length).slice(-3 * c.lastEntries.length);
      assert.deepEqual(last, c.lastEntries.flatMap(([zi, id, w]) => [zi >>> 0, id, w]), label);
    } else if (c.sums.length > 0) {
      assert.deepEqual(bench.words(list, 2 * c.sums.length), c.sums.flatMap(u64), label);
    }
  });
}

test('a draw in wasm that falls exactly on a running sum takes the id after it', () => {
  const V = 128; // equal weights, so that r = k 2^121 draws at k weights
  for (const k of [0, 1, 63, 64, 127]) {
    bench.clear();
    const random = bench.put(Uint8Array.of(2 * k, ...new Uint8Array(15)));
    const [z, table] = [bench.put(new Int32Array(V)), bench.put(tables.sampling)];
    const [max, draw] = [bench.room(8), bench.room(16)];
    const list = bench.room(12 * V);
    kernels.argmax(z, V, max);
    assert.equal(kernels.drawFull(z, V, max, 94548, 0, table, random, list, draw), k);
    assert.equal(kernels.drawTop(z, V, max, 94548, 0, V, 0, table, random, list, draw), k);
  }
});
