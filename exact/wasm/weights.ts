/** Model data resident in the memory: int8 rows, row scales, tables; read once from the parsed model. */
import type { ExactModel, Matrix } from '../modelFile';
import type { Arena } from './arena';

/** The kernels compute four rows at a time; the rows that fill up are zero. */
const ROWS_AT_A_TIME = 4;
const LANES = 16;

/** Matrices of equal width whose rows are computed together. */
export interface Stack {
  /**
   * Address of int8: four rows woven together, 16 bytes of each in turn, so that memory is read in one stream; the rows
   * of the embedding one after the other.
   */
  weights: number;
  /** Address of [rows] u32: multiplier in bits 0..15, shift above. */
  scales: number;
  /** Address of [rows] i32; undefined where no row has one. */
  biases?: number;
  /** A multiple of 4. */
  rows: number;
  columns: number;
}

export interface LayerStacks {
  qkv: Stack;
  output: Stack;
  gateUp: Stack;
  down: Stack;
}

/** Addresses of the tables, by the names of `Tables`. */
export interface TableAddresses {
  exp: number;
  sigmoid: number;
  sampling: number;
  cos: number;
  sin: number;
  /** Per layer, of the head norm of q and k; none without it. */
  gains: { q: number; k: number }[];
}

/** Plans first, since the memory's size must be known; then copies. */
export class ResidentModel {
  readonly embedding: Stack;
  readonly layers: LayerStacks[];
  readonly head: Stack;
  readonly tables: TableAddresses;
  private readonly writes: ((memory: ArrayBufferLike) => void)[] = [];

  constructor(model: ExactModel, arena: Arena) {
    const { exp, sigmoid, sampling, cos, sin, gains = [] } = model.tables;
    this.embedding = this.stack(arena, [model.embedding], false);
    this.layers = model.layers.map((m) => ({
      qkv: this.stack(arena, [m.query, m.key, m.value]),
      output: this.stack(arena, [m.output]),
      gateUp: this.stack(arena, [m.gate, m.up]),
      down: this.stack(arena, [m.down]),
    }));
    this.head = this.stack(arena, [model.head]);
    this.tables = {
      exp: this.table(arena, exp), sigmoid: this.table(arena, sigmoid), sampling: this.table(arena, sampling),
      cos: this.table(arena, cos), sin: this.table(arena, sin),
      gains: gains.map(({ q, k }) => ({ q: this.table(arena, q.gains), k: this.table(arena, k.gains) })),
    };
  }

  /** Copies everything to the memory that the arena was planned for; the parsed model is not needed afterwards. */
  writeTo(memory: ArrayBufferLike): void {
    for (const write of this.writes.splice(0)) write(memory);
  }

  private stack(arena: Arena, matrices: Matrix[], woven = true): Stack {
    const { columns } = matrices[0];
    if (columns % LANES !== 0) throw new RangeError(`${columns} columns are not a multiple of ${LANES}`);
    const used = matrices.reduce((sum, matrix) => sum + matrix.rows, 0);
    const rows = Math.ceil(used / ROWS_AT_A_TIME) * ROWS_AT_A_TIME;
    const weights = arena.take(rows * columns);
    const scales = arena.take(4 * rows);
    this.writes.push((memory) => {
      const rowsOut = new Int8Array(memory, weights, rows * columns);
      const scalesOut = new Uint32Array(memory, scales, rows);
      let done = 0;
      for (const matrix of matrices) {
        if (woven) weave(matrix, rowsOut, done);
        else rowsOut.set(matrix.weights, done * columns);
        for (let row = 0; row < matrix.rows; row++) {
          scalesOut[done + row] = matrix.multipliers[row] | (matrix.shifts[row] << 16);
        }
        done += matrix.rows;
      }
    });
    return { weights, scales, biases: this.biases(arena, matrices, rows), rows, columns };
  }

  private biases(arena: Arena, matrices: Matrix[], rows: number): number | undefined {
    if (matrices.every(({ biases }) => biases === undefined)) return undefined;
    const all = new Int32Array(rows);
    let done = 0;
    for (const matrix of matrices) {
      if (matrix.biases) all.set(matrix.biases, done);
      done += matrix.rows;
    }
    return this.table(arena, all);
  }

  private table(arena: Arena, table: Uint16Array | Int16Array | Uint32Array | Int32Array): number {
    const at = arena.take(table.byteLength);
    const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
    this.writes.push((memory) => new Uint8Array(memory, at, bytes.length).set(bytes));
    return at;
  }
}

/** Writes a matrix's rows at row `first` of a woven stack. */
function weave({ weights, rows, columns }: Matrix, out: Int8Array, first: number): void {
  for (let row = 0; row < rows; row++) {
    const at = first + row;
    const four = (at - (at % ROWS_AT_A_TIME)) * columns + (at % ROWS_AT_A_TIME) * LANES;
    for (let k = 0; k < columns; k += LANES) {
      out.set(weights.subarray(row * columns + k, row * columns + k + LANES), four + k * ROWS_AT_A_TIME);
    }
  }
}
