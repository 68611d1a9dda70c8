/**
 * Proofs that bytes are part of a model: its config, tokenizer, a table, or a leaf of a weight row, up to modelRoot
 * (docs/exact-arithmetic.md sections 3, 10).
 */
import { decodeConfig, encodeConfig, hasHeadNorm, type ExactConfig } from './config';
import { CONFIG_BYTES } from './constants';
import { ProofError } from './errors';
import { bigEndian, modelRowLeaves } from './leafLayout';
import { segmentBytes } from './leafShape';
import { node, sha256, treePath, treeRoot } from './merkle';
import { HEADER_BYTES, matrixShapes, type ExactModel, type Matrix } from './modelFile';
import { depthFor, segmentsOf } from './opTable';
import { climbTo } from './proof';
import { gainsBytes } from './tables';

/** What of a model is proven. */
export type ModelPart =
  | { part: 'config' | 'tokenizer' | 'exp' | 'sigmoid' | 'sampling' }
  /** cos and sin of position t */
  | { part: 'rope'; t: number }
  /** gains of the head norm of a layer's q or k; only of a model with QK_NORM */
  | { part: 'gains'; layer: number; of: 'q' | 'k' }
  /** leaf `leaf` of row `row` of a matrix named as in `matrixShapes`, for instance layers.0.query */
  | { part: 'row'; matrix: string; row: number; leaf: number };

export interface ModelProof {
  address: ModelPart;
  bytes: Uint8Array;
  /** siblings of 32 bytes, bottom up, up to modelRoot */
  path: Uint8Array[];
}

/** kind, pretokenizer, bos, eos and three empty lists */
const SHORTEST_TOKENIZER = 24;

/** Where a part hangs below modelRoot, and how long it is; `bytes` undefined: at least SHORTEST_TOKENIZER. */
interface Place {
  depth: number;
  index: number;
  bytes?: number;
}

/**
 * Place of a part, from the config alone.
 * @throws ProofError `<code>.part`, `.t`, `.layer`, `.matrix`, `.row`, `.leaf`
 */
export function modelPlace(config: ExactConfig, address: ModelPart, code = 'verification.proof'): Place {
  switch (address.part) {
    case 'config':
      return { depth: 2, index: 0b00, bytes: CONFIG_BYTES };
    case 'tokenizer':
      return { depth: 2, index: 0b10 };
    case 'exp':
      return { depth: 4, index: 0b1100, bytes: 512 };
    case 'sigmoid':
      return { depth: 4, index: 0b1101, bytes: 1026 };
    case 'sampling':
      return { depth: 4, index: 0b1110, bytes: 3072 };
    case 'rope': {
      below(`${code}.t`, address.t, config.context);
      const depth = depthFor(config.context);
      const [levels, head] = hasHeadNorm(config) ? [5, 0b11110] : [4, 0b1111];
      return { depth: levels + depth, index: head * 2 ** depth + address.t, bytes: 2 * config.headDim };
    }
    case 'gains': {
      if (!hasHeadNorm(config)) throw noPart(code, 'a model with the flag QK_NORM');
      below(`${code}.layer`, address.layer, config.layers);
      const depth = depthFor(2 * config.layers);
      const index = 0b11111 * 2 ** depth + gainsIndex(address);
      return { depth: 5 + depth, index, bytes: gainsBytes(config) };
    }
    case 'row':
      return rowPlace(config, address, code);
    default:
      throw noPart(code, 'a part of section 10');
  }
}

const noPart = (code: string, expected: string) => new ProofError(`${code}.part`, 'the model has no such part', {
  expected,
});

const gainsIndex = ({ layer, of }: ModelPart & { part: 'gains' }): number => 2 * layer + (of === 'q' ? 0 : 1);

function rowPlace(config: ExactConfig, at: ModelPart & { part: 'row' }, code: string): Place {
  const shapes = matrixShapes(config);
  const shape = shapes.find(({ name }) => name === at.matrix);
  if (shape === undefined) {
    throw new ProofError(`${code}.matrix`, 'the model has no such matrix', {
      expected: 'embedding, layers.<n>.<name> or head',
      received: JSON.stringify(at.matrix),
    });
  }
  const perRow = segmentsOf(shape.columns);
  below(`${code}.row`, at.row, shape.rows);
  below(`${code}.leaf`, at.leaf, perRow);
  const leaves = (list: typeof shapes) => list.reduce((sum, { rows, columns }) => sum + rows * segmentsOf(columns), 0);
  const depth = depthFor(leaves(shapes), 3);
  const before = leaves(shapes.slice(0, shapes.indexOf(shape)));
  return {
    depth: 2 + depth,
    index: 2 ** depth + before + at.row * perRow + at.leaf,
    bytes: segmentBytes(shape.columns, at.leaf) + (at.leaf === 0 ? HEADER_BYTES : 0),
  };
}

function below(code: string, value: number, limit: number): void {
  if (Number.isInteger(value) && value >= 0 && value < limit) return;
  const what = code.slice(code.lastIndexOf('.') + 1);
  throw new ProofError(code, `the model has no such ${what}`, { expected: `0..${limit - 1}`, received: String(value) });
}

/**
 * Checks that bytes are part of a model. Prove `config` first: with a config that is not the model's, lengths and
 * depths are another model's.
 * @throws ProofError `verification.proof.` `part`, `t`, `layer`, `matrix`, `row`, `leaf` (no such part), `bytes` (length, or
 * another config), `root-length`, `path`, `root`
 */
export function verifyModelPart(
  config: ExactConfig, modelRoot: Uint8Array, address: ModelPart, bytes: Uint8Array, path: readonly Uint8Array[],
): void {
  const place = modelPlace(config, address);
  const fits = place.bytes === undefined ? bytes.length >= SHORTEST_TOKENIZER : bytes.length === place.bytes;
  if (!fits) {
    throw new ProofError('verification.proof.bytes', 'the bytes cannot be this part of the model', {
      expected: place.bytes === undefined ? `at least ${SHORTEST_TOKENIZER} bytes` : `${place.bytes} bytes`,
      received: `${bytes.length} bytes`,
    });
  }
  if (address.part === 'config' && !Buffer.from(encodeConfig(config)).equals(bytes)) {
    throw new ProofError('verification.proof.bytes', 'the proof is for another config');
  }
  climbTo(modelRoot, sha256(bytes), place.index, path, place.depth);
}

/** The config of a model whose root is known. @throws ProofError as `verifyModelPart`; ModelConfigError */
export function provenConfig(modelRoot: Uint8Array, bytes: Uint8Array, path: readonly Uint8Array[]): ExactConfig {
  const config = decodeConfig(bytes);
  verifyModelPart(config, modelRoot, { part: 'config' }, bytes, path);
  return config;
}

/** Proofs of a loaded model. Hashes all rows once, 32 bytes a leaf. */
export class ModelProver {
  private rows?: Uint8Array[];

  constructor(private readonly model: ExactModel) {}

  /** @throws ProofError `input.model.part`, `.t`, `.layer`, `.matrix`, `.row`, `.leaf` */
  part(address: ModelPart): ModelProof {
    const { config, tokenizer } = this.model;
    modelPlace(config, address, 'input.model');
    const bytes = this.bytes(address);
    const tables = this.tables();
    const rope = () => treeRoot(this.ropeHashes(), depthFor(config.context));
    const gains = () => treeRoot(this.gainHashes(), depthFor(2 * config.layers));
    const turns = () => (hasHeadNorm(config) ? node(rope(), gains()) : rope());
    const [exp, sigmoid, sampling] = [tables.exp, tables.sigmoid, tables.sampling].map(sha256);
    const left = () => node(sha256(encodeConfig(config)), this.rowsRoot());
    const tablesRoot = () => node(node(exp, sigmoid), node(sampling, turns()));
    const right = () => node(sha256(tokenizer.section), tablesRoot());
    // From a table to modelRoot the way always ends with the tokenizer and the left half.
    const above = (...siblings: Uint8Array[]) => [...siblings, sha256(tokenizer.section), left()];
    switch (address.part) {
      case 'config':
        return { address, bytes, path: [this.rowsRoot(), right()] };
      case 'tokenizer':
        return { address, bytes, path: [tablesRoot(), left()] };
      case 'exp':
        return { address, bytes, path: above(sigmoid, node(sampling, turns())) };
      case 'sigmoid':
        return { address, bytes, path: above(exp, node(sampling, turns())) };
      case 'sampling':
        return { address, bytes, path: above(turns(), node(exp, sigmoid)) };
      case 'rope': {
        const path = treePath(this.ropeHashes(), depthFor(config.context), address.t);
        const beside = hasHeadNorm(config) ? [gains()] : [];
        return { address, bytes, path: [...path, ...beside, ...above(sampling, node(exp, sigmoid))] };
      }
      case 'gains': {
        const path = treePath(this.gainHashes(), depthFor(2 * config.layers), gainsIndex(address));
        return { address, bytes, path: [...path, rope(), ...above(sampling, node(exp, sigmoid))] };
      }
      case 'row': {
        const { depth, index } = modelPlace(config, address);
        const path = treePath(this.rowHashes(), depth - 2, index - 2 ** (depth - 2));
        return { address, bytes, path: [...path, sha256(encodeConfig(config)), right()] };
      }
    }
  }

  private bytes(address: ModelPart): Uint8Array {
    const { config, tokenizer } = this.model;
    switch (address.part) {
      case 'config':
        return encodeConfig(config);
      case 'tokenizer':
        return tokenizer.section;
      case 'rope':
        return this.ropeLeaf(address.t);
      case 'gains':
        return this.gainLeaves()[gainsIndex(address)];
      case 'row': {
        const matrix = this.matrices().find(({ name }) => name === address.matrix);
        if (matrix === undefined) throw new RangeError(`the model lacks ${address.matrix}`);
        return rowLeaves(matrix, address.row)[address.leaf];
      }
      default:
        return this.tables()[address.part];
    }
  }

  private tables(): Record<'exp' | 'sigmoid' | 'sampling', Uint8Array> {
    const { exp, sigmoid, sampling } = this.model.tables;
    const u24 = Buffer.alloc(3 * sampling.length);
    sampling.forEach((value, i) => u24.writeUIntBE(value, 3 * i, 3));
    return { exp: bigEndian(exp), sigmoid: bigEndian(sigmoid), sampling: u24 };
  }

  private ropeLeaf(t: number): Uint8Array {
    const half = this.model.config.headDim / 2;
    const { cos, sin } = this.model.tables;
    return Buffer.concat([cos, sin].map((table) => bigEndian(table, t * half, (t + 1) * half)));
  }

  private ropeHashes(): Uint8Array[] {
    return Array.from({ length: this.model.config.context }, (_, t) => sha256(this.ropeLeaf(t)));
  }

  private gainLeaves(): Uint8Array[] {
    const { gains = [] } = this.model.tables;
    return gains.flatMap(({ q, k }) => [q, k]).map(({ shift, gains: values }) =>
      Buffer.concat([Buffer.of(shift), bigEndian(values)]));
  }

  private gainHashes(): Uint8Array[] {
    return this.gainLeaves().map(sha256);
  }

  /** In file order. */
  private matrices(): Matrix[] {
    const { embedding, layers, head } = this.model;
    const ofLayer = layers.flatMap(({ query, key, value, output, gate, up, down }) =>
      [query, key, value, output, gate, up, down]);
    return [embedding, ...ofLayer, head];
  }

  private rowHashes(): Uint8Array[] {
    this.rows ??= this.matrices().flatMap((matrix) =>
      Array.from({ length: matrix.rows }, (_, row) => rowLeaves(matrix, row).map(sha256)).flat());
    return this.rows;
  }

  private rowsRoot(): Uint8Array {
    const hashes = this.rowHashes();
    return treeRoot(hashes, depthFor(hashes.length, 3));
  }
}

/** A row's leaves as in the model file: sum, multiplier, shift and bias in front of the weights. */
function rowLeaves({ weights, multipliers, shifts, biases, columns }: Matrix, row: number): Buffer[] {
  const values = weights.subarray(row * columns, (row + 1) * columns);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32BE(values.reduce((sum, w) => sum + w, 0));
  header.writeUInt16BE(multipliers[row], 4);
  header.writeUInt8(shifts[row], 6);
  header.writeInt32BE(biases?.[row] ?? 0, 7);
  return modelRowLeaves(header, values);
}
