/** Every kernel of the engine against the golden vectors of single operations, on the device, in two variants. */
import assert from 'node:assert/strict';
import { loadModel } from '../../exact/modelFile';
import { i32, i8, modelPath, type OpVectors, readVectors, u16 } from '../exact/support';
import { MLP_CHANNELS } from '../../exact/webgpu/shaders/mlp';
import { gpuTest } from './gpuTest';
import { KernelHarness, packInt8, tableWords, unpackInt8, VARIANTS } from './harness';

const vectors = readVectors<OpVectors>('ops');
const { tables: shippedTables } = loadModel(modelPath('single'));
const exponentOf = (word: number) => word | 0;

for (const variant of VARIANTS) {
  const title = `${variant.lanes} lanes, ${variant.packedDot ? 'dot4I8Packed' : 'plain dot'}`;
  const withHarness = (name: string, body: (harness: KernelHarness) => Promise<void>) =>
    gpuTest(`${name} equals the golden vectors (${title})`, async () => {
      const harness = await KernelHarness.open(variant);
      try {
        await body(harness);
      } finally {
        harness.close();
      }
    });

  const mapped = (name: 'rsh' | 'requantize' | 'residual', width: number, expression: string) =>
    withHarness(name, async (harness) => {
      const cases = vectors[name];
      const arena = new Int32Array(cases.length * (width + 1));
      cases.forEach((c, i) => c.slice(0, width).forEach((x, k) => (arena[width * i + k] = x)));
      const step = await harness.mapStep(cases.length, cases.length * width, expression);
      const out = await harness.run([step], { arena });
      assert.deepEqual([...out.arena.subarray(cases.length * width, cases.length * (width + 1))],
        cases.map((c) => c[width]));
    });
  mapped('rsh', 2, 'rsh(signedAt(2u * i), arena[2u * i + 1u])');
  mapped('requantize', 3, 'requantize(signedAt(3u * i), arena[3u * i + 1u], signedAt(3u * i + 2u))');
  mapped('residual', 2, 'saturatedSum(signedAt(2u * i), signedAt(2u * i + 1u))');

  withHarness('norm', async (harness) => {
    for (const c of vectors.norm) {
      const h = i32(c.h);
      const width = h.length;
      const blocks = c.partial.length;
      const scalars = width;
      const output = scalars + 6 + 2 * blocks;
      const exponent = output + width / 4;
      const arena = new Int32Array(exponent + 1);
      arena.set(h);
      const step = await harness.step('norm', { input: 0, width, epsTerm: c.epsTerm, scalars, output, exponent });
      const out = (await harness.run([step], { arena })).arena;
      const u64 = (x: number) => [Math.floor(x / 2 ** 32), x % 2 ** 32];
      assert.deepEqual([...new Uint32Array(out.slice(scalars, output).buffer)],
        [c.M, c.i, ...c.partial.flatMap(u64), ...u64(c.ssq), c.r, c.inv], c.name);
      assert.equal(exponentOf(out[exponent]), c.e, c.name);
      assert.deepEqual(unpackInt8(out.subarray(output, exponent), width), i8(c.x), c.name);
    }
  });

  const kernels = ['linearByThread', 'linearByGroup', 'matmul'] as const;
  for (const kernel of [...kernels, ...(variant.subgroups ? ['linearBySubgroup' as const] : [])]) {
    withHarness(kernel, async (harness) => {
      for (const c of vectors.linear) {
        const x = packInt8(i8(c.x));
        const arena = new Int32Array(x.length + 2);
        arena.set(x);
        arena[x.length] = c.e;
        const step = await harness.step(kernel, {
          input: 0, exponent: x.length, output: x.length + 1, residual: 0, mode: 0, fraction: c.fraction, rows: 1,
          rowVectors: x.length / 4, weightBase: 0, scaleBase: 0, rowLanes: 8,
          biasBase: 0,
        });
        const out = await harness.run([step], { arena, weights: i8(c.weights), rowScales: [c.m | (c.sh << 16)] });
        assert.equal(out.arena[x.length + 1], c.y, c.name);
      }
    });
  }

  withHarness('embedding', async (harness) => {
    for (const c of vectors.embedding) {
      const weights = i8(c.weights);
      const step = await harness.step('embedding', {
        firstRow: 5, rows: 1, weightBase: 0, scaleBase: 0, width: weights.length, output: 0,
      });
      const input = { arena: new Int32Array(weights.length), weights, rowScales: [c.m | (c.sh << 16)] };
      const out = await harness.run([step], { ...input, state: { token: 5 } });
      assert.deepEqual(out.arena.slice(0, weights.length), i32(c.h));
      for (const token of [4, 6]) { // rows of other shards are left alone
        assert.ok((await harness.run([step], { ...input, state: { token } })).arena.every((word) => word === 0));
      }
    }
  });

  /** One head each of q, k and v from the same y, at position 1 of 2. */
  async function runHeads(harness: KernelHarness, y: Int32Array, cos: number[], sin: number[]) {
    const D = y.length;
    const output = 3 * D + 10;
    const exponents = output + 3 * (D / 4);
    const at = {
      headMax: 3 * D, output, exponents, committed: output + D / 4, committedExponents: exponents + 1, gains: 0,
      epsTerm: 0, headNorm: 0, normed: 0,
    };
    const arena = new Int32Array(at.exponents + 3);
    [0, 1, 2].forEach((head) => arena.set(y, head * D));
    const step = await harness.step('heads', { qkv: 0, heads: 1, kvHeads: 1, headDim: D, ...at }, [3, 1]);
    const zeros = cos.map(() => 0);
    const tables = tableWords({ cos: [...zeros, ...cos], sin: [...zeros, ...sin] });
    const cache = new Uint32Array(512 * (D / 4) + 512);
    const out = await harness.run([step], { arena, tables, state: { position: 1 }, keys: cache, values: cache });
    const rowAt = (head: number) => at.output + head * (D / 4);
    const rows = [0, 1, 2].map((head) => unpackInt8(out.arena.subarray(rowAt(head), rowAt(head + 1)), D));
    const cached = (words: Uint32Array) => {
      return { row: unpackInt8(words.subarray(D / 4, D / 2), D), exponent: words[512 * (D / 4) + 1] };
    };
    return {
      maxima: [...out.arena.subarray(at.headMax, at.headMax + 10)], rows,
      exponents: [...out.arena.subarray(at.exponents, at.exponents + 3)],
      key: cached(out.keys), value: cached(out.values),
    };
  }

  withHarness('rope', async (harness) => {
    for (const c of vectors.rope) {
      const { maxima, rows, exponents, key } = await runHeads(harness, i32(c.y), c.cos, c.sin);
      const expected = [c.M, c.i, c.M2, c.i2];
      assert.deepEqual(maxima.slice(0, 8), [...expected, ...expected]);
      assert.deepEqual(exponents.slice(0, 2), [c.exponent, c.exponent]);
      const row = i8(c.int8);
      assert.deepEqual(rows.slice(0, 2), [row, row]);
      assert.deepEqual(key, { row, exponent: c.exponent });
    }
  });

  withHarness('int8', async (harness) => {
    for (const c of vectors.int8) {
      const values = i32(c.values);
      const zeros = Array<number>(values.length / 2).fill(0);
      const { maxima, rows, exponents, value } = await runHeads(harness, values, zeros, zeros);
      assert.deepEqual(maxima.slice(8), [c.M, c.i]);
      assert.equal(exponents[2], c.exponent);
      assert.deepEqual(rows[2], i8(c.int8));
      assert.deepEqual(value, { row: i8(c.int8), exponent: c.exponent });
    }
  });

  withHarness('score', async (harness) => {
    for (const c of vectors.score) {
      const q = packInt8(i8(c.q));
      const arena = new Int32Array(q.length + 1 + 256);
      arena.set(q);
      arena[q.length] = c.eq;
      const step = await harness.step('scores', {
        queries: 0, exponents: q.length, heads: 1, kvHeads: 1, headDim: 4 * q.length, blocks: q.length + 1,
        blockStride: 0,
      });
      const keys = new Uint32Array(512 * (q.length + 1));
      keys.set(packInt8(i8(c.k)));
      keys[512 * q.length] = c.ek;
      const out = await harness.run([step], { arena, keys });
      assert.equal(out.arena[q.length + 1], c.score);
    }
  });

  withHarness('attention', async (harness) => {
    for (const c of vectors.attention) {
      const scores = i32(c.scores);
      const ev = i8(c.ev);
      const e = u16(c.e);
      const p = u16(c.p);
      const count = scores.length;
      const D = c.partial.length;
      const chunk = 256 + D + 2;
      const reached = Math.ceil(count / 256);
      const at = { attMax: 2 * chunk, totals: 2 * chunk + 4, scratch: 2 * chunk + 8, maxima: 2 * chunk + 8 + D,
        output: 2 * chunk + 10 + D, exponent: 2 * chunk + 10 + D + D / 4 };
      const arena = new Int32Array(at.exponent + 1).fill(-1); // what a longer job may have left behind
      scores.forEach((s, j) => (arena[Math.floor(j / 256) * chunk + (j % 256)] = s));
      const values = new Uint32Array(512 * (D / 4) + 512).fill(0xffffffff);
      values.set(packInt8(i8(c.v8)));
      ev.forEach((exponent, j) => (values[512 * (D / 4) + j] = exponent));
      const shape = { heads: 1, kvHeads: 1, headDim: D, blocks: 0, blockStride: chunk };
      const out = (await harness.run([
        await harness.step('softmax', { ...shape, attMax: at.attMax, totals: at.totals }),
        await harness.step('weightedValues', shape, [Math.ceil(D / 4 / 16), reached]),
        await harness.step('attentionOutput', {
          heads: 1, headDim: D, blocks: 0, blockStride: chunk, totals: at.totals, scratch: at.scratch,
          maxima: at.maxima, output: at.output, exponent: at.exponent,
        }),
      ], { arena, values, tables: tableWords(shippedTables), state: { position: count - 1 } })).arena;
      assert.deepEqual([...out.subarray(at.attMax, at.attMax + 4)], [c.mx, c.jx, c.E, c.jE], c.name);
      assert.deepEqual([...out.subarray(at.totals, at.totals + 3)], [c.Z, c.Z2, c.R], c.name);
      let sumE = 0;
      let sumP = 0;
      for (let b = 0; b < reached; b++) {
        for (let j = 0; j < 256; j++) {
          const word = out[b * chunk + j] >>> 0;
          const k = 256 * b + j;
          assert.deepEqual([word & 0xffff, word >>> 16], k < count ? [e[k], p[k]] : [0, 0], `${c.name}, position ${k}`);
        }
        sumE += out[b * chunk + 256 + D];
        sumP += out[b * chunk + 256 + D + 1];
        const partial = [...out.subarray(b * chunk + 256, b * chunk + 256 + D)];
        assert.deepEqual(partial, c.partial.map((dim) => dim[b]), c.name);
      }
      assert.deepEqual([sumE, sumP], [c.Z, c.Z2], `${c.name}: sums per block`);
      assert.deepEqual([...out.subarray(at.scratch, at.scratch + D)], c.o, c.name);
    }
  });

  withHarness('swiglu', async (harness) => {
    const cases = vectors.swiglu;
    const ffn = Math.ceil(cases.length / 2) * 2;
    const groups = Math.ceil(ffn / MLP_CHANNELS);
    const arena = new Int32Array(4 * ffn + 2 * groups);
    cases.forEach(([g, u], i) => {
      arena[i] = g;
      arena[ffn + i] = u;
    });
    const step = await harness.step('swiglu', { gates: 0, ffn, output: 2 * ffn, gateOut: 3 * ffn,
      upOut: 3 * ffn + ffn / 2, partials: 4 * ffn, upPartials: 0, wide: 0 }, [groups, 1]);
    const out = await harness.run([step], { arena, tables: tableWords(shippedTables) });
    assert.deepEqual([...out.arena.subarray(2 * ffn, 2 * ffn + cases.length)], cases.map(([, , y]) => y));
    const packed = new Int16Array(out.arena.slice(3 * ffn, 4 * ffn).buffer);
    assert.deepEqual([...packed.subarray(0, cases.length)], cases.map(([g]) => g));
    assert.deepEqual([...packed.subarray(ffn, ffn + cases.length)], cases.map(([, u]) => u));
    const largest = Math.max(...cases.map(([, , y]) => Math.abs(y)));
    const partials = out.arena.subarray(4 * ffn);
    assert.equal(Math.max(...Array.from({ length: groups }, (_, group) => partials[2 * group])), largest);
  });

  withHarness('hadamard64', async (harness) => {
    for (const c of vectors.hadamard64) {
      const y = i32(c.y);
      const width = y.length;
      const count = Math.ceil(width / MLP_CHANNELS);
      const at = { maxima: width, output: width + 4, exponent: width + 4 + width / 4 };
      const [before, shift, partials, outPartials] = [1, 2, 3, 3 + 2 * count].map((offset) => at.exponent + offset);
      const arena = new Int32Array(outPartials + 2 * count);
      arena.set(y);
      for (let group = 0; group < count; group++) { // as swiglu leaves them
        const own = y.subarray(group * MLP_CHANNELS, (group + 1) * MLP_CHANNELS).map(Math.abs);
        const largest = Math.max(...own);
        arena.set([largest, group * MLP_CHANNELS + own.indexOf(largest)], partials + 2 * group);
      }
      const shape = { values: 0, width, count };
      const out = (await harness.run([
        await harness.step('hadamard', { ...shape, partials, outPartials, maxima: at.maxima, before }, [count, 1]),
        await harness.step('packDown', {
          ...shape, partials: outPartials, maxima: at.maxima + 2, before, shift, output: at.output, exponent: at.exponent,
        }, [count, 1]),
      ], { arena })).arena;
      assert.deepEqual(out.slice(0, width), i32(c.T));
      assert.deepEqual([...out.subarray(at.maxima, at.maxima + 4)], [c.My, c.iy, c.Mt, c.it]);
      assert.equal(out[at.exponent], c.exponent + c.pre - 16);
      assert.deepEqual(unpackInt8(out.subarray(at.output, at.exponent), width), i8(c.int8));
    }
  });
}
