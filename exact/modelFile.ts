/**
 * The exact model file (docs/exact-arithmetic.md section 3): parsed, checked in full and hashed before anything runs.
 * A file that passes cannot overflow, cannot frame an honest worker and cannot shelter a liar (attacks.md 27).
 */
import { readFileSync } from 'node:fs';
import { decodeConfig, type ExactConfig } from './config';
import { CONFIG_BYTES, MAGIC } from './constants';
import { ModelFileError } from './errors';
import { modelRowLeaves } from './leafLayout';
import { HASH_BYTES, node, sha256, treeRoot } from './merkle';
import { depthFor } from './opTable';
import { parseTables, tablesLength, type Tables } from './tables';
import { Tokenizer } from './tokenizer';

/** Bytes in front of a row's weights: sum, multiplier, shift, bias. */
export const HEADER_BYTES = 11;
const MIN_MULTIPLIER = 32768;
const MAX_SHIFT = 47;

/** A matrix of int8 rows: real weight = weight * multiplier / 2^shift. */
export interface Matrix {
  name: string;
  rows: number;
  columns: number;
  /** [rows][columns], -127..127 */
  weights: Int8Array;
  /** [rows] 32768..65535 */
  multipliers: Uint16Array;
  /** [rows] */
  shifts: Uint8Array;
  /** [rows] i32 in the output's units, 16 fraction bits; absent where every row's is 0 */
  biases?: Int32Array;
}

export interface LayerMatrices {
  query: Matrix;
  key: Matrix;
  value: Matrix;
  output: Matrix;
  gate: Matrix;
  up: Matrix;
  down: Matrix;
}

export interface ExactModel {
  config: ExactConfig;
  tokenizer: Tokenizer;
  tables: Tables;
  embedding: Matrix;
  layers: LayerMatrices[];
  head: Matrix;
  /** 32 bytes: names the model everywhere */
  modelRoot: Uint8Array;
}

/** Reads and checks a model; `source` is a path or the file's bytes. Throws ModelFileError or ModelConfigError. */
export function loadModel(source: string | Uint8Array): ExactModel {
  return parseModel(typeof source === 'string' ? readModelFile(source) : source);
}

function readModelFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ModelFileError('model.file.unreadable', 'the model file cannot be read', {
      expected: 'an exact model file',
      received: (cause as NodeJS.ErrnoException).code ?? 'an error',
      hint: 'check the path and its permissions',
      cause,
    });
  }
}

function parseModel(bytes: Uint8Array): ExactModel {
  const start = MAGIC.length + CONFIG_BYTES + 4;
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) {
    const version = bytes.length >= MAGIC.length && MAGIC.slice(0, -1).every((byte, i) => bytes[i] === byte);
    const code = version ? 'magic.version' : 'magic';
    refuse(code, 'this is not an exact model file', 'OCEXACT, container 1', 'other bytes');
  }
  if (bytes.length < start) {
    refuse('file.length', 'the model file is truncated', `at least ${start} bytes`, `${bytes.length}`);
  }
  const configBytes = bytes.subarray(MAGIC.length, MAGIC.length + CONFIG_BYTES);
  const config = decodeConfig(configBytes);
  const tokenizerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(start - 4);
  const matrices = matrixShapes(config);
  const rowsLength = matrices.reduce((sum, { rows, columns }) => sum + rows * (HEADER_BYTES + columns), 0);
  const expected = start + tokenizerLength + tablesLength(config) + rowsLength + HASH_BYTES;
  if (bytes.length !== expected) {
    const what = bytes.length < expected ? 'the model file is truncated' : 'the model file has bytes after its end';
    refuse('file.length', what, `${expected} bytes`, `${bytes.length}`);
  }
  let at = start;
  const cut = (length: number) => bytes.subarray(at, (at += length));
  const tokenizerBytes = cut(tokenizerLength);
  const tokenizer = Tokenizer.parse(tokenizerBytes, config.vocab);
  const { tables, root: tablesRoot } = parseTables(config, cut(tablesLength(config)));
  const leaves: Uint8Array[] = [];
  const parsed = matrices.map((shape) => parseMatrix(shape, cut(shape.rows * (HEADER_BYTES + shape.columns)), leaves));
  const rowsRoot = treeRoot(leaves, depthFor(leaves.length, 3));
  const modelRoot = node(node(sha256(configBytes), rowsRoot), node(sha256(tokenizerBytes), tablesRoot));
  const stored = cut(HASH_BYTES);
  if (!Buffer.from(modelRoot).equals(stored)) {
    refuse('root', 'the file is not what its root says', hex(stored), hex(modelRoot), 'get the file again');
  }
  const layers = Array.from({ length: config.layers }, (_, layer): LayerMatrices => {
    const [query, key, value, output, gate, up, down] = parsed.slice(1 + 7 * layer, 8 + 7 * layer);
    return { query, key, value, output, gate, up, down };
  });
  return { config, tokenizer, tables, embedding: parsed[0], layers, head: parsed[parsed.length - 1], modelRoot };
}

interface MatrixShape {
  name: string;
  rows: number;
  columns: number;
  minShift: number;
  /** rows may have a bias */
  biased?: boolean;
}

/** All matrices in file order, with the smallest shift that keeps the requantisation shift positive. */
export function matrixShapes(config: ExactConfig): MatrixShape[] {
  const { dim, ffn, vocab } = config;
  const queryDim = config.heads * config.headDim;
  const keyDim = config.kvHeads * config.headDim;
  const layer = (l: number): MatrixShape[] => [
    { name: `layers.${l}.query`, rows: queryDim, columns: dim, minShift: 11, biased: true },
    { name: `layers.${l}.key`, rows: keyDim, columns: dim, minShift: 11, biased: true },
    { name: `layers.${l}.value`, rows: keyDim, columns: dim, minShift: 11, biased: true },
    { name: `layers.${l}.output`, rows: dim, columns: queryDim, minShift: 1 },
    { name: `layers.${l}.gate`, rows: ffn, columns: dim, minShift: 3 },
    { name: `layers.${l}.up`, rows: ffn, columns: dim, minShift: 3 },
    { name: `layers.${l}.down`, rows: dim, columns: ffn, minShift: 1 },
  ];
  return [
    { name: 'embedding', rows: vocab, columns: dim, minShift: 17 },
    ...Array.from({ length: config.layers }, (_, l) => layer(l)).flat(),
    { name: 'head', rows: vocab, columns: dim, minShift: 11 },
  ];
}

/** Checks every row and appends its leaf hashes. */
function parseMatrix(shape: MatrixShape, bytes: Uint8Array, leaves: Uint8Array[]): Matrix {
  const { name, rows, columns, minShift, biased = false } = shape;
  const matrix: Matrix = {
    name, rows, columns,
    weights: new Int8Array(rows * columns),
    multipliers: new Uint16Array(rows),
    shifts: new Uint8Array(rows),
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let row = 0; row < rows; row++) {
    const at = row * (HEADER_BYTES + columns);
    const where = `row ${row} of ${name}`;
    const weights = signed.subarray(at + HEADER_BYTES, at + HEADER_BYTES + columns);
    const sum = view.getInt32(at);
    const multiplier = view.getUint16(at + 4);
    const shift = view.getUint8(at + 6);
    const bias = view.getInt32(at + 7);
    let actual = 0;
    for (let i = 0; i < columns; i++) {
      if (weights[i] === -128) refuse('rows.weight', `${where} has a weight that is not allowed`, '-127..127', '-128');
      actual += weights[i];
    }
    if (actual !== sum) refuse('rows.sum', `${where} states a wrong sum of its weights`, `${actual}`, `${sum}`);
    if (multiplier < MIN_MULTIPLIER) {
      refuse('rows.multiplier', `${where} has a multiplier that is not allowed`, '32768..65535', `${multiplier}`);
    }
    if (shift < minShift || shift > MAX_SHIFT) {
      refuse('rows.shift', `${where} has a shift that is not allowed`, `${minShift}..${MAX_SHIFT}`, `${shift}`);
    }
    if (bias !== 0) {
      if (!biased) refuse('rows.bias', `${where} has a bias`, '0 outside query, key and value', `${bias}`);
      matrix.biases ??= new Int32Array(rows);
      matrix.biases[row] = bias;
    }
    matrix.weights.set(weights, row * columns);
    matrix.multipliers[row] = multiplier;
    matrix.shifts[row] = shift;
    for (const leaf of modelRowLeaves(bytes.subarray(at, at + HEADER_BYTES), weights)) leaves.push(sha256(leaf));
  }
  return matrix;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function refuse(code: string, message: string, expected: string, received: string, hint?: string): never {
  throw new ModelFileError(`model.${code}`, message, { expected, received, hint });
}
