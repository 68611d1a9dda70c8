/**
 * The exact model file (docs/exact-arithmetic.md section 3): parsed, checked in full and hashed before anything runs.
 * A file that passes cannot overflow, cannot frame an honest worker and cannot shelter a liar (attacks.md 27).
 */
import { decodeConfig, type ExactConfig } from './config';
import { CONFIG_BYTES, MAGIC } from './constants';
import { ModelFileError } from './errors';
import { modelRowLeaves } from './leafLayout';
import { HASH_BYTES, node, sha256 } from './merkle';
import { fileBytes, memoryBytes, type ModelBytes } from './modelBytes';
import { parseTables, tablesLength, type Tables } from './tables';
import { Tokenizer } from './tokenizer';
import { TreeBuilder } from './treeBuilder';

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
  const matrices: Matrix[] = [];
  const file = readModel(source, (shape) => {
    const matrix = emptyMatrix(shape);
    matrices.push(matrix);
    return (row, header, weights) => keepRow(matrix, row, header, weights);
  });
  const layers = Array.from({ length: file.config.layers }, (_, layer): LayerMatrices => {
    const [query, key, value, output, gate, up, down] = matrices.slice(1 + 7 * layer, 8 + 7 * layer);
    return { query, key, value, output, gate, up, down };
  });
  return { ...file, embedding: matrices[0], layers, head: matrices[matrices.length - 1] };
}

/** Reads and checks a model without keeping its rows; memory stays at a few MB beside tables and tokenizer. */
export function checkModel(source: string | Uint8Array, onMatrix?: (done: number, all: number) => void): CheckedModel {
  let done = 0;
  return readModel(source, (_, all) => {
    onMatrix?.(done++, all);
    return () => {};
  });
}

/** A model but for its weights. */
export type CheckedModel = Omit<ExactModel, 'embedding' | 'layers' | 'head'>;

/** What a file says before its tables and rows, and at its end; nothing behind it is checked. */
export function inspectModel(path: string): Pick<ExactModel, 'config' | 'tokenizer' | 'modelRoot'> & { fileBytes: number } {
  const source = fileBytes(path);
  try {
    const { config, tokenizer } = parseFront(source);
    return { config, tokenizer, modelRoot: source.read(source.length - HASH_BYTES, HASH_BYTES), fileBytes: source.length };
  } finally {
    source.close();
  }
}

/** Hears a row that has passed its checks. */
type OnRow = (row: number, header: RowHeader, weights: Int8Array) => void;
/** Asked at the beginning of a matrix. */
type OnMatrix = (shape: MatrixShape, all: number) => OnRow;

function readModel(from: string | Uint8Array, onMatrix: OnMatrix): CheckedModel {
  const source = typeof from === 'string' ? fileBytes(from) : memoryBytes(from);
  try {
    return parseModel(source, onMatrix);
  } finally {
    source.close();
  }
}

interface Front {
  configBytes: Uint8Array;
  config: ExactConfig;
  tokenizerBytes: Uint8Array;
  tokenizer: Tokenizer;
  /** where the tables begin */
  end: number;
}

/** Magic, config, length of the file and tokenizer. */
function parseFront(source: ModelBytes): Front {
  const start = MAGIC.length + CONFIG_BYTES + 4;
  const front = source.read(0, Math.min(start, source.length));
  if (!MAGIC.every((byte, i) => front[i] === byte)) {
    const version = front.length >= MAGIC.length && MAGIC.slice(0, -1).every((byte, i) => front[i] === byte);
    const code = version ? 'magic.version' : 'magic';
    refuse(code, 'this is not an exact model file', 'OCEXACT, container 1', 'other bytes');
  }
  if (front.length < start) {
    refuse('file.length', 'the model file is truncated', `at least ${start} bytes`, `${front.length}`);
  }
  const configBytes = front.slice(MAGIC.length, MAGIC.length + CONFIG_BYTES);
  const config = decodeConfig(configBytes);
  const tokenizerLength = new DataView(front.buffer, front.byteOffset).getUint32(start - 4);
  const rowsLength = matrixShapes(config).reduce((sum, { rows, columns }) => sum + rows * (HEADER_BYTES + columns), 0);
  const expected = start + tokenizerLength + tablesLength(config) + rowsLength + HASH_BYTES;
  if (source.length !== expected) {
    const what = source.length < expected ? 'the model file is truncated' : 'the model file has bytes after its end';
    refuse('file.length', what, `${expected} bytes`, `${source.length}`);
  }
  const tokenizerBytes = source.read(start, tokenizerLength);
  const tokenizer = Tokenizer.parse(tokenizerBytes, config.vocab);
  return { configBytes, config, tokenizerBytes, tokenizer, end: start + tokenizerLength };
}

function parseModel(source: ModelBytes, onMatrix: OnMatrix): CheckedModel {
  const { configBytes, config, tokenizerBytes, tokenizer, end } = parseFront(source);
  let at = end;
  const cut = (length: number) => {
    at += length;
    return source.read(at - length, length);
  };
  const matrices = matrixShapes(config);
  const { tables, root: tablesRoot } = parseTables(config, cut(tablesLength(config)));
  const tree = new TreeBuilder();
  for (const shape of matrices) {
    const onRow = onMatrix(shape, matrices.length);
    readRows(shape, cut, (row, header, weights, bytes) => {
      for (const leaf of modelRowLeaves(bytes, weights)) tree.push(sha256(leaf));
      onRow(row, header, weights);
    });
  }
  const modelRoot = node(node(sha256(configBytes), tree.root(3)), node(sha256(tokenizerBytes), tablesRoot));
  const stored = cut(HASH_BYTES);
  if (!Buffer.from(modelRoot).equals(stored)) {
    refuse('root', 'the file is not what its root says', hex(stored), hex(modelRoot), 'get the file again');
  }
  return { config, tokenizer, tables, modelRoot };
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

interface RowHeader {
  multiplier: number;
  shift: number;
  bias: number;
}

/** Bytes of rows in memory at once. */
const BLOCK_BYTES = 4 * 2 ** 20;

/** Reads all rows of a matrix and checks each. */
function readRows(
  shape: MatrixShape, cut: (length: number) => Uint8Array,
  onRow: (row: number, header: RowHeader, weights: Int8Array, headerBytes: Uint8Array) => void,
): void {
  const rowBytes = HEADER_BYTES + shape.columns;
  const perBlock = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
  for (let from = 0; from < shape.rows; from += perBlock) {
    const count = Math.min(perBlock, shape.rows - from);
    const block = cut(count * rowBytes);
    for (let i = 0; i < count; i++) {
      const bytes = block.subarray(i * rowBytes, (i + 1) * rowBytes);
      const weights = new Int8Array(bytes.buffer, bytes.byteOffset + HEADER_BYTES, shape.columns);
      onRow(from + i, checkedHeader(shape, from + i, bytes, weights), weights, bytes.subarray(0, HEADER_BYTES));
    }
  }
}

function checkedHeader({ name, minShift, biased = false }: MatrixShape, row: number, bytes: Uint8Array, weights: Int8Array): RowHeader {
  const where = `row ${row} of ${name}`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const sum = view.getInt32(0);
  const multiplier = view.getUint16(4);
  const shift = view.getUint8(6);
  const bias = view.getInt32(7);
  let actual = 0;
  for (let i = 0; i < weights.length; i++) {
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
  if (bias !== 0 && !biased) refuse('rows.bias', `${where} has a bias`, '0 outside query, key and value', `${bias}`);
  return { multiplier, shift, bias };
}

const emptyMatrix = ({ name, rows, columns }: MatrixShape): Matrix => ({
  name, rows, columns,
  weights: new Int8Array(rows * columns),
  multipliers: new Uint16Array(rows),
  shifts: new Uint8Array(rows),
});

function keepRow(matrix: Matrix, row: number, { multiplier, shift, bias }: RowHeader, weights: Int8Array): void {
  matrix.weights.set(weights, row * matrix.columns);
  matrix.multipliers[row] = multiplier;
  matrix.shifts[row] = shift;
  if (bias === 0) return;
  matrix.biases ??= new Int32Array(matrix.rows);
  matrix.biases[row] = bias;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function refuse(code: string, message: string, expected: string, received: string, hint?: string): never {
  throw new ModelFileError(`model.${code}`, message, { expected, received, hint });
}
