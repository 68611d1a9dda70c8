/** A model file is checked in full before anything runs; what is wrong is refused by name (attacks.md 27). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModelConfigError, ModelFileError, loadModel } from '../../exact';
import { encodeConfig } from '../../exact/config';
import { matrixShapes } from '../../exact/modelFile';
import { tablesLength } from '../../exact/tables';
import { hex, modelBytes, modelPath, readVectors } from './support';

const original = modelBytes('grouped');
const model = loadModel(original);
const { config } = model;
const TOKENIZER = 8 + 32 + 4;
const TABLES = TOKENIZER + model.tokenizer.section.length;
const ROWS = TABLES + tablesLength(config);

/** Offset of a row's header. */
function rowAt(matrix: string, row: number): number {
  let at = ROWS;
  for (const { name, rows, columns } of matrixShapes(config)) {
    if (name === matrix) return at + row * (11 + columns);
    at += rows * (11 + columns);
  }
  throw new Error(`no matrix ${matrix}`);
}

/** A copy with some bytes replaced. */
function changed(at: number, ...bytes: number[]): Uint8Array {
  const copy = original.slice();
  copy.set(bytes, at);
  return copy;
}

function refused(bytes: Uint8Array, code: string, words: RegExp = /./): void {
  assert.throws(
    () => loadModel(bytes),
    (error) => {
      assert.ok(error instanceof ModelFileError || error instanceof ModelConfigError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, words);
      return true;
    },
  );
}

test('attack 27: a row with a wrong sum of weights is refused, naming row and matrix', () => {
  const at = rowAt('layers.1.gate', 3);
  refused(changed(at + 3, original[at + 3] ^ 1), 'model.rows.sum', /row 3 of layers\.1\.gate.*expected -?\d+/);
  const weight = at + 11 + 5;
  const other = original[weight] === 1 ? 2 : 1;
  refused(changed(weight, other), 'model.rows.sum');
});

test('attack 27: multipliers, shifts, weights and biases outside their limits are refused', () => {
  const at = rowAt('layers.0.down', 2);
  refused(changed(at + 4, 0x7f, 0xff), 'model.rows.multiplier', /32768\.\.65535.*32767/);
  refused(changed(at + 6, 0), 'model.rows.shift', /1\.\.47/);
  refused(changed(at + 6, 48), 'model.rows.shift');
  refused(changed(rowAt('embedding', 9) + 6, 16), 'model.rows.shift', /17\.\.47/);
  refused(changed(rowAt('layers.0.query', 0) + 6, 10), 'model.rows.shift', /11\.\.47/);
  refused(changed(rowAt('layers.0.up', 0) + 6, 2), 'model.rows.shift', /3\.\.47/);
  refused(changed(at + 11, 0x80), 'model.rows.weight', /row 2 of layers\.0\.down/);
  refused(changed(at + 10, 1), 'model.rows.bias', /outside query, key and value/);
});

test('attack 27: shapes that cannot be proven are refused', () => {
  refused(changed(8 + 7, 96), 'model.config.dim');
  refused(changed(8 + 9, 3), 'model.config.kvHeads');
  refused(changed(8 + 27, 4), 'model.config.flags', /0\.\.3/);
  refused(changed(8 + 1, 1), 'model.config.formatVersion');
  refused(changed(8 + 3, 1), 'model.config.semantics', /semantics/);
  const wider = original.slice();
  wider.set(encodeConfig({ ...config, ffn: config.ffn + 64 }), 8);
  refused(wider, 'model.file.length', /truncated/);
});

test('a truncated or longer file is refused', () => {
  for (const length of [0, 7, 39, 43, TABLES, ROWS + 1, original.length - 1]) {
    const code = length < 8 ? 'model.magic' : 'model.file.length';
    refused(original.slice(0, length), code);
  }
  refused(Uint8Array.from([...original, 0]), 'model.file.length', /after its end/);
});

test('another file, another format version and a missing file are refused', () => {
  refused(changed(0, 0), 'model.magic');
  refused(changed(7, 2), 'model.magic.version');
  assert.throws(() => loadModel('/nowhere/model.cocoon'), { code: 'model.file.unreadable' });
});

test('tables that break a proven width are refused by name', () => {
  refused(changed(TABLES, 0xff, 0xfe), 'model.tables.exp');
  refused(changed(TABLES + 512, 0x3f, 0xff), 'model.tables.sigmoid');
  refused(changed(TABLES + 512 + 1026, 0xff, 0xff, 0xfe), 'model.tables.sampling');
  refused(changed(TABLES + 512 + 1026 + 3072, 0x40, 0x01), 'model.tables.rope');
});

test('a tokenizer section that is not canonical is refused by name', () => {
  refused(changed(TOKENIZER + 1, 2), 'model.tokenizer.kind');
  refused(changed(TOKENIZER + 4, 0, 0xff, 0, 0), 'model.tokenizer.special-id');
  refused(changed(TOKENIZER + 12, 0, 1, 0, 0), 'model.tokenizer.size');
});

test('any other change of a byte is refused too, at the latest by the root', () => {
  fc.assert(
    fc.property(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      assert.throws(
        () => loadModel(changed(at, original[at] ^ flip)),
        (error) => error instanceof ModelFileError || error instanceof ModelConfigError,
      );
    }),
    { numRuns: 60, seed: 20261124 },
  );
  refused(changed(original.length - 1, original[original.length - 1] ^ 1), 'model.root');
});

test('the same model from a path and from bytes has the same root', () => {
  const { modelRoot } = readVectors<{ modelRoot: string }>('grouped');
  assert.equal(hex(loadModel(modelPath('grouped')).modelRoot), modelRoot);
  assert.equal(hex(model.modelRoot), modelRoot);
});
