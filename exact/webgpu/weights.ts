/** Model data resident on the device: int8 rows in shards, row scales, tables. */
import type { ExactConfig } from '../config';
import type { ExactModel, Matrix } from '../modelFile';
import { TABLE_OFFSETS } from './shaders/common';

/** Rows of one stack that lie together in one shard. */
export interface Piece {
  shard: number;
  firstRow: number;
  rows: number;
  /** Index of the first row in the shard, in vectors of 16 weights. */
  weightBase: number;
  /** Index of the first row's scale. */
  scaleBase: number;
  /** Index of the first row's bias among the scales; 0 where the rows have none. */
  biasBase: number;
}

/** Matrices of equal width whose rows are computed together. */
export interface Stack {
  rows: number;
  columns: number;
  pieces: Piece[];
}

export interface ResidentModel {
  shards: GPUBuffer[];
  rowScales: GPUBuffer;
  tables: GPUBuffer;
  embedding: Stack;
  layers: { qkv: Stack; output: Stack; gateUp: Stack; down: Stack }[];
  head: Stack;
  buffers: GPUBuffer[];
  destroy(): void;
}

/** Every WebGPU device can bind this much; a larger limit makes fewer shards. */
export const SHARD_BYTES = 128 * 1024 * 1024;
/** Destroyed or staged memory is only released on submits: upload in pieces, with a submit after each. */
const UPLOAD_BYTES = 16 * 1024 * 1024;

export async function uploadModel(
  device: GPUDevice, model: ExactModel, shardBytes = SHARD_BYTES,
): Promise<ResidentModel> {
  const packer = new Packer(shardBytes);
  const embedding = packer.stack([model.embedding]);
  const layers = model.layers.map((m) => ({
    qkv: packer.stack([m.query, m.key, m.value]),
    output: packer.stack([m.output]),
    gateUp: packer.stack([m.gate, m.up]),
    down: packer.stack([m.down]),
  }));
  const head = packer.stack([model.head]);

  const storage = (label: string, size: number) =>
    device.createBuffer({ label, size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  const shards = packer.shardSizes.map((size, i) => storage(`weights ${i}`, size));
  for (const { shard, at, bytes } of packer.writes) {
    for (let from = 0; from < bytes.length; from += UPLOAD_BYTES) {
      const part = bytes.subarray(from, from + UPLOAD_BYTES);
      device.queue.writeBuffer(shards[shard], at + from, part as Int8Array<ArrayBuffer>);
      if (part.length === UPLOAD_BYTES) {
        device.queue.submit([]);
        await device.queue.onSubmittedWorkDone();
      }
    }
  }
  const scaleWords = Uint32Array.from(packer.scales);
  const rowScales = storage('row scales', scaleWords.byteLength);
  device.queue.writeBuffer(rowScales, 0, scaleWords);
  const tableWords = packTables(model);
  const tables = storage('tables', tableWords.byteLength);
  device.queue.writeBuffer(tables, 0, tableWords);
  device.queue.submit([]);
  await device.queue.onSubmittedWorkDone();
  const buffers = [...shards, rowScales, tables];
  const destroy = () => buffers.forEach((buffer) => buffer.destroy());
  return { shards, rowScales, tables, embedding, layers, head, buffers, destroy };
}

class Packer {
  readonly shardSizes: number[] = [0];
  readonly writes: { shard: number; at: number; bytes: Int8Array }[] = [];
  readonly scales: number[] = [];

  constructor(private readonly shardBytes: number) {}

  stack(matrices: Matrix[]): Stack {
    const { columns } = matrices[0];
    const rows = matrices.reduce((sum, m) => sum + m.rows, 0);
    const pieces: Piece[] = [];
    let done = 0; // rows of the stack
    for (const matrix of matrices) {
      for (let row = 0; row < matrix.rows; ) {
        let shard = this.shardSizes.length - 1;
        let fits = Math.floor((this.shardBytes - this.shardSizes[shard]) / columns);
        if (fits < 1) {
          this.shardSizes.push(0);
          shard++;
          fits = Math.max(1, Math.floor(this.shardBytes / columns));
        }
        const count = Math.min(fits, matrix.rows - row);
        const at = this.shardSizes[shard];
        const last = pieces[pieces.length - 1];
        if (last && last.shard === shard) last.rows += count;
        else {
          pieces.push({
            shard, firstRow: done, rows: count, weightBase: at / 16, scaleBase: this.scales.length, biasBase: 0,
          });
        }
        this.writes.push({ shard, at, bytes: matrix.weights.subarray(row * columns, (row + count) * columns) });
        this.shardSizes[shard] = at + count * columns;
        for (let r = row; r < row + count; r++) this.scales.push(matrix.multipliers[r] | (matrix.shifts[r] << 16));
        row += count;
        done += count;
      }
    }
    this.addBiases(matrices, pieces);
    return { rows, columns, pieces };
  }

  private addBiases(matrices: Matrix[], pieces: Piece[]): void {
    if (matrices.every(({ biases }) => biases === undefined)) return;
    for (const piece of pieces) piece.biasBase = this.scales.length + piece.firstRow;
    for (const { biases, rows } of matrices) {
      for (let row = 0; row < rows; row++) this.scales.push((biases?.[row] ?? 0) >>> 0);
    }
  }
}

/** Where a layer's head gains begin in the tables: q's shift and [D], then k's. */
export const gainsOffset = ({ context, headDim }: ExactConfig, layer: number): number =>
  TABLE_OFFSETS.rope + (context * headDim) / 2 + layer * 2 * (headDim + 1);

/** exp, sigmoid, sampling entries a word each; then (cos, sin) pairs; then the head gains, if any. */
export function packTables({ tables }: Pick<ExactModel, 'tables'>): Uint32Array<ArrayBuffer> {
  const gains = (tables.gains ?? []).flatMap(({ q, k }) => [q, k]).flatMap(({ shift, gains: g }) => [shift, ...g]);
  const words = new Uint32Array(TABLE_OFFSETS.rope + tables.cos.length + gains.length);
  words.set(tables.exp, TABLE_OFFSETS.exp);
  words.set(tables.sigmoid, TABLE_OFFSETS.sigmoid);
  words.set(tables.sampling, TABLE_OFFSETS.sampling);
  for (let i = 0; i < tables.cos.length; i++) {
    words[TABLE_OFFSETS.rope + i] = (tables.cos[i] & 0xffff) | (tables.sin[i] << 16);
  }
  words.set(gains, TABLE_OFFSETS.rope + tables.cos.length);
  return words;
}
