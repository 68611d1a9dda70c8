/** Whole models with biases, head norms and a wide SwiGLU: their files, their runs at the extremes, their proofs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  GREEDY, ModelFileError, ModelProver, TraceProver, createReferenceEngine, loadModel, verifyInnerLeaf, verifyLeaf,
  verifyModelPart, type ExactConfig, type ExactModel, type ModelPart,
} from '../../exact';
import { hasHeadNorm, hasWideSwiGlu } from '../../exact/config';
import { UNUSED, placedSlots } from '../../exact/leafAddress';
import { leafBytes } from '../../exact/leafShape';
import { matrixShapes, type Matrix } from '../../exact/modelFile';
import { embeddingSlots, headSlots, keyLeaves, layerSlots, treeDepths } from '../../exact/opTable';
import { PositionLayout } from '../../exact/positionLayout';
import { gainsBytes, tablesLength } from '../../exact/tables';
import type { PositionTensors } from '../../exact/tensors';
import { Random, randomModel } from './randomModels';
import { hex } from './support';
import { RQ, bl, headNorm, maxi, most, rsh, sat32, wideSwiGlu } from './wholeNumbers';
import { writeModel } from './writeModel';

/** One model of every mixture of flags, with and without biases, as it comes out of a file. */
const models = new Map<string, ExactModel>();
const files = new Map<string, Uint8Array>();
for (let seed = 1; models.size < 8; seed++) {
  const model = randomModel(new Random(seed), { extended: true, hard: seed % 2 === 0, small: true });
  const name = `flags ${model.config.flags}${model.layers[0].query.biases ? ', biases' : ''}`;
  if (models.has(name)) continue;
  files.set(name, writeModel(model));
  models.set(name, loadModel(files.get(name) ?? assert.fail()));
  assert.deepEqual(strip(models.get(name)), strip(model), 'the file holds the model');
}
function strip(model: ExactModel | undefined) {
  assert.ok(model);
  const { config, tables, layers } = model;
  const matrices = layers.flatMap((layer) => Object.values(layer) as Matrix[]);
  const bare = matrices.map((matrix) => ({ ...matrix, name: '', biases: matrix.biases }));
  return { config, tables: { ...tables, gains: tables.gains }, bare };
}

async function run(model: ExactModel, promptTokens: number[], maxTokens: number): Promise<PositionTensors[]> {
  const positions: PositionTensors[] = [];
  const engine = createReferenceEngine(model, (tensors) => positions.push(tensors));
  await engine.generate({ promptTokens, maxTokens, stopTokens: [], sampling: GREEDY });
  return positions;
}

for (const [name, model] of models) {
  const { config } = model;

  test(`a model with ${name}: every leaf of both trees has the length of the op table, proves and verifies`, async () => {
    const job = { promptTokens: [1, 2, 3], maxTokens: 2, stopTokens: [], sampling: GREEDY };
    const prover = new TraceProver(model, job);
    const { traceRoot } = await prover.result();
    const shape = await prover.shape();
    for (const tree of ['commit', 'inner'] as const) {
      const root = tree === 'commit' ? traceRoot : await prover.positionRoot(3);
      for (let group = 0; group <= config.layers + 1; group++) {
        for (const { name: slot, slot: of, leaves } of placedSlots(config, tree, group)) {
          for (const leaf of new Set([0, leaves - 1])) {
            const address = { block: 0, position: 3, group, slot, leaf };
            const { bytes, path } = await prover.leaf(tree, address);
            (tree === 'commit' ? verifyLeaf : verifyInnerLeaf)(config, root, address, bytes, path, shape);
            if (of && bytes) assert.equal(bytes.length, leafBytes(config, of, leaf), slot);
            assert.equal(slot === UNUSED && bytes !== null, false);
          }
        }
      }
    }
  });

  test(`a model with ${name}: every part proves, and no two have one place`, () => {
    const prover = new ModelProver(model);
    const parts: ModelPart[] = [
      { part: 'config' }, { part: 'tokenizer' }, { part: 'exp' }, { part: 'sigmoid' }, { part: 'sampling' },
      { part: 'rope', t: 0 }, { part: 'rope', t: config.context - 1 },
      ...matrixShapes(config).map(({ name: matrix, rows }) => ({ part: 'row' as const, matrix, row: rows - 1, leaf: 0 })),
      ...Array.from({ length: hasHeadNorm(config) ? config.layers : 0 }, (_, layer) => (['q', 'k'] as const).map((of) =>
        ({ part: 'gains' as const, layer, of }))).flat(),
    ];
    for (const part of parts) {
      const { bytes, path } = prover.part(part);
      verifyModelPart(config, model.modelRoot, part, bytes, path);
      const bent = Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
      assert.throws(() => verifyModelPart(config, model.modelRoot, part, bent, path), { name: 'ProofError' });
      for (const other of parts.filter((o) => o !== part && o.part === part.part)) {
        assert.throws(() => verifyModelPart(config, model.modelRoot, other, bytes, path), { name: 'ProofError' });
      }
    }
    const absent: [ModelPart, string][] = hasHeadNorm(config)
      ? [[{ part: 'gains', layer: config.layers, of: 'q' }, 'layer']] : [[{ part: 'gains', layer: 0, of: 'q' }, 'part']];
    for (const [part, field] of absent) {
      assert.throws(() => prover.part(part), { code: `input.model.${field}` });
      assert.throws(() => verifyModelPart(config, model.modelRoot, part, new Uint8Array(gainsBytes(config)), []), {
        code: `verification.proof.${field}`,
      });
    }
  });
}

test('each flag adds its slots and nothing else', () => {
  const { config } = [...models.values()][0];
  const names = (flags: number) => layerSlots({ ...config, flags }).map((slot) => `${slot.name} ${slot.elementBytes}`);
  const plain = names(0);
  assert.deepEqual(names(1).filter((name) => !plain.includes(name)), ['headNorm 4', 'qn 4', 'kn 4']);
  assert.deepEqual(names(1).slice(4, 9), ['v 4', 'headNorm 4', 'qn 4', 'kn 4', 'headMax 4']);
  assert.deepEqual(names(2).filter((name) => !plain.includes(name)), ['gate 4', 'up 4']);
  const words = (flags: number, wanted: string) =>
    layerSlots({ ...config, flags }).find(({ name }) => name === wanted)?.elements;
  assert.deepEqual([words(0, 'mlpMax'), words(2, 'mlpMax')], [4, 8]);
  assert.equal(words(1, 'headNorm'), 6 * (config.heads + config.kvHeads));
  assert.deepEqual(treeDepths({ ...config, flags: 3 }).commit, treeDepths({ ...config, flags: 0 }).commit);
});

test('a file with gains is longer by them; their shift, and a bias where none is allowed, are refused by name', () => {
  const [name, model] = [...models].find(([, { config }]) => config.flags === 1) ?? assert.fail();
  const { config, tokenizer } = model;
  assert.equal(tablesLength(config) - tablesLength({ ...config, flags: 0 }), 2 * config.layers * (1 + 2 * config.headDim));
  const file = files.get(name) ?? assert.fail();
  const rows = 8 + 32 + 4 + tokenizer.section.length + tablesLength(config);
  const gains = rows - 2 * config.layers * gainsBytes(config);
  const refused = (at: number, bytes: number[], code: string) => {
    const bent = Uint8Array.from(file);
    bent.set(bytes, at);
    assert.throws(() => loadModel(bent), (error) => error instanceof ModelFileError && error.code === code, code);
  };
  refused(gains, [16], 'model.tables.gains');
  refused(gains + gainsBytes(config), [255], 'model.tables.gains');
  refused(gains + 1, [file[gains + 1] ^ 1], 'model.root');
  let at = rows;
  for (const { name: matrix, columns, rows: count } of matrixShapes(config)) {
    const allowed = /query|key|value/.test(matrix);
    refused(at + 10, [file[at + 10] ^ 1], allowed ? 'model.root' : 'model.rows.bias');
    at += count * (11 + columns);
  }
  assert.throws(() => loadModel(file.subarray(0, gains + 5)), { code: 'model.file.length' });
});

test('q, k, v, their norms and maxima, gate, up and both residuals follow from the slots before them, row by row', async () => {
  for (const [name, model] of models) {
    const { config, layers, tables } = model;
    const { heads, kvHeads, headDim, dim, ffn } = config;
    const [tensors] = (await run(model, [5, 6, 7], 1)).slice(-1);
    tensors.layers.forEach((t, l) => {
      const m = layers[l];
      const where = `${name}, layer ${l}`;
      const big = (values: ArrayLike<number>): bigint[] => Array.from(values, BigInt);
      /** op 4 of some rows */
      const rowsOf = (matrix: Matrix, x: Int8Array, e: number, F: number) => {
        const rows = [0, 1, matrix.rows >> 1, matrix.rows - 1];
        return rows.map((row): [number, bigint] => {
          const weights = matrix.weights.subarray(row * matrix.columns, (row + 1) * matrix.columns);
          const a = weights.reduce((sum, w, i) => sum + w * x[i], 0);
          const y = RQ(BigInt(a), BigInt(matrix.multipliers[row]), BigInt(matrix.shifts[row] - e - F));
          return [row, sat32(y + BigInt(matrix.biases?.[row] ?? 0))];
        });
      };
      /** op 3, from the words of a norm */
      const exponentOf = (words: Uint32Array) => {
        const [ssqHigh, ssqLow, , inv] = [...words.slice(-4)].map(BigInt);
        const M = BigInt(words[0]);
        const top = rsh(M, most(0n, bl(M) - 15n)) * inv;
        const z = (bl((ssqHigh << 32n) | ssqLow) + 1n) / 2n - 16n;
        return Number(most(0n, bl(top) - 7n) - 30n - z);
      };
      const equalRows = (of: ArrayLike<number>, rows: [number, bigint][], what: string) =>
        rows.forEach(([row, y]) => assert.equal(BigInt(of[row]), y, `${where}, ${what} ${row}`));
      const e1 = exponentOf(t.norm1);
      equalRows(t.q, rowsOf(m.query, t.x1, e1, 16), 'q');
      equalRows(t.k, rowsOf(m.key, t.x1, e1, 16), 'k');
      equalRows(t.v, rowsOf(m.value, t.x1, e1, 16), 'v');
      const gains = tables.gains?.[l];
      const eps = BigInt(Math.max(1, Math.floor((config.epsTerm * headDim) / dim)));
      for (let head = 0; head < heads + kvHeads; head++) {
        const [of, normed, at] = head < heads ? [t.q, t.qn, head] : [t.k, t.kn, head - heads];
        const slice = (y: Int32Array) => y.slice(at * headDim, (at + 1) * headDim);
        const [M, i] = maxi(big(slice(normed ?? of)));
        assert.deepEqual([...t.headMax.slice(4 * head, 4 * head + 2)], [Number(M), i], `${where}, head ${head}`);
        if (!gains || !normed) continue;
        const { shift, gains: own } = head < heads ? gains.q : gains.k;
        const { words, out } = headNorm(big(slice(of)), big(own), BigInt(shift), eps);
        assert.deepEqual(big(slice(normed)), out, `${where}, head ${head}`);
        assert.deepEqual(big(t.headNorm?.slice(6 * head, 6 * head + 6) ?? []), words);
      }
      const e2 = exponentOf(t.norm2);
      const narrow = (rows: [number, bigint][]): [number, bigint][] => hasWideSwiGlu(config) ? rows
        : rows.map(([row, y]) => [row, y > 32767n ? 32767n : y < -32768n ? -32768n : y]);
      equalRows(t.gate, narrow(rowsOf(m.gate, t.x2, e2, 8)), 'gate');
      equalRows(t.up, narrow(rowsOf(m.up, t.x2, e2, 8)), 'up');
      let shift = 0n;
      const [My, iy, Mt] = [...t.mlpMax.slice(-4)].map(BigInt);
      if (hasWideSwiGlu(config)) {
        const mlp = wideSwiGlu(big(t.gate), big(t.up), tables.sigmoid);
        assert.deepEqual([...t.mlpMax.slice(0, 4)], mlp.words, where);
        assert.deepEqual(maxi(mlp.y), [My, Number(iy)], where);
        shift = mlp.shift;
      }
      assert.equal(t.xd.length, ffn);
      const e = Number(most(0n, bl(Mt) - 7n) + most(0n, bl(My) - 24n) + shift) - 16;
      const h2 = rowsOf(m.down, t.xd, e, 16).map(([row, y]): [number, bigint] => [row, sat32(BigInt(t.h1[row]) + y)]);
      equalRows(t.h2, h2, 'h2');
    });
  }
});

/** Every number that a contract derives something from lies within the widths that section 4 states. */
function assertWidths(config: ExactConfig, { layers, embedding, head }: PositionTensors, where: string): void {
  const { heads, kvHeads } = config;
  const within = (what: string, values: Iterable<number>, low: number, high: number) => {
    for (const x of values) if (!(x >= low && x <= high)) assert.fail(`${where}, ${what}: ${x}`);
  };
  const signed = 2 ** 31 - 1;
  const normWords = (what: string, words: Uint32Array) => {
    within(`${what}: r`, [words[words.length - 2]], 2 ** 15, 2 ** 16 - 1);
    within(`${what}: inv`, [words[words.length - 1]], 2 ** 14, 2 ** 15);
    within(`${what}: ssq`, [words[words.length - 4] * 2 ** 32 + words[words.length - 3]], 1, 2 ** 44 - 1);
  };
  within('h', embedding.h, -signed, signed);
  layers.forEach((t, l) => {
    const at = (what: string) => `layer ${l} ${what}`;
    for (const what of ['q', 'k', 'v', 'qn', 'kn', 'h1', 'h2', 'gate', 'up'] as const) {
      within(at(what), t[what] ?? [], -signed, signed);
    }
    normWords(at('norm1'), t.norm1);
    normWords(at('norm2'), t.norm2);
    assert.equal(t.headNorm !== undefined, hasHeadNorm(config));
    for (let head = 0; t.headNorm && head < heads + kvHeads; head++) {
      normWords(at('headNorm'), t.headNorm.subarray(6 * head, 6 * head + 6));
      within(at('headNorm: ssq'), [t.headNorm[6 * head + 2]], 0, 63);
    }
    for (const exponents of [t.qExponents, t.kExponents, t.vExponents]) within(at('exponents'), exponents, 0, 24);
    within(at('attMax'), t.attMax, 0, 2 ** 32 - 1);
    const wide = hasWideSwiGlu(config);
    assert.equal(t.gate instanceof Int32Array, wide);
    const max = [...t.mlpMax].filter((_, i) => i % 2 === 0);
    assert.equal(max.length, wide ? 4 : 2);
    within(at('mlpMax'), max.slice(-2), 0, 2 ** 30);
    within(at('mlpMax'), max.slice(0, -2), 0, signed);
  });
  if (!head) return;
  normWords('norm', head.norm);
  within('logits', head.logits, -signed, signed);
}

test('models of extreme weights, biases and gains compute within the stated widths, and prefill is decode', async () => {
  for (let seed = 100; seed < 112; seed++) {
    const random = new Random(seed);
    const model = randomModel(random, { extended: true, hard: seed % 3 !== 0, small: seed % 4 !== 0 });
    const { config } = model;
    const tokens = random.list(random.integer(3, 8), 0, config.vocab - 1);
    const full = await run(model, tokens, 3);
    full.forEach((tensors, t) => assertWidths(config, tensors, `seed ${seed}, position ${t}`));
    const drawn = full.flatMap(({ head }) => head?.draw[3] ?? []);
    const again = await run(model, [...tokens, ...drawn.slice(0, 2)], 1);
    const rootsOf = (positions: PositionTensors[]) => {
      const layout = new PositionLayout(model);
      return positions.map((tensors) => layout.position({ ...tensors, head: undefined }).flat().map(({ leaves }) =>
        leaves.map((leaf) => leaf && hex(leaf))));
    };
    assert.deepEqual(rootsOf(again), rootsOf(full), `seed ${seed}`);
  }
});

test('leaves hold no byte that the tensors do not give: the slots of all groups cover every element once', () => {
  for (const { config } of models.values()) {
    for (const slot of [...embeddingSlots(config), ...layerSlots(config), ...headSlots(config)]) {
      if (slot.layout === 'positions' || slot.layout === 'planes' || slot.name === 'top') continue;
      let bytes = 0;
      for (let leaf = 0; leaf < slot.leaves; leaf++) bytes += leafBytes(config, slot, leaf);
      const padded = (values: number) => 120 * Math.ceil(values / 120);
      const heads = slot.elements / config.headDim;
      const expected = slot.layout === 'row' ? padded(slot.elements)
        : slot.layout === 'headRow' || slot.layout === 'headKeyRow' ? heads * (1 + padded(config.headDim))
          : slot.elements * slot.elementBytes;
      assert.equal(bytes, expected, slot.name);
    }
    assert.ok(keyLeaves(config) >= 1);
  }
});
