/**
 * Bytes of every leaf of a trace, from raw tensors (docs/exact-arithmetic.md section 5). Shared by all back ends: it
 * moves bytes and computes nothing. Every byte written here is either a tensor's or canonical padding.
 */
import { BLOCK, CELL_BYTES, SEGMENT_BYTES, TRANSPOSED_DIMS, WORD_BYTES, ZERO_BYTE } from './constants';
import type { ExactConfig } from './config';
import { TraceLayoutError } from './errors';
import { paddedRowBytes, type Slot } from './opTable';

// An imported constant costs a call per use in the CommonJS that tsx writes: loops over elements use these copies.
const ZERO = ZERO_BYTE;
const POSITIONS = BLOCK;
const WORD = WORD_BYTES;

type AnyTensor = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** A tensor's elements [from, to) as big-endian bytes. */
export function bigEndian(tensor: AnyTensor, from = 0, to = tensor.length): Buffer {
  const size = tensor.BYTES_PER_ELEMENT;
  const bytes = Buffer.from(Buffer.from(tensor.buffer, tensor.byteOffset + from * size, (to - from) * size));
  if (HOST_IS_LITTLE_ENDIAN && size === 2) bytes.swap16();
  if (HOST_IS_LITTLE_ENDIAN && size === 4) bytes.swap32();
  return bytes;
}

/** q + 128 for each value, padded with 128 to whole cells; each 30-byte word reversed if asked. */
export function rowBytes(values: Int8Array, reversedWords: boolean): Buffer {
  const bytes = Buffer.allocUnsafe(paddedRowBytes(values.length));
  writeRow(values, 0, values.length, reversedWords, bytes, 0);
  return bytes;
}

/** The same for values [from, to), written to `out` at `at`; returns where the row ends. */
function writeRow(
  values: Int8Array, from: number, to: number, reversedWords: boolean, out: Uint8Array, at: number,
): number {
  const end = at + paddedRowBytes(to - from);
  const full = reversedWords ? to - ((to - from) % WORD) : from;
  let i = from;
  for (; i < full; at += WORD) {
    for (let j = at + WORD - 1; j >= at; j--) out[j] = values[i++] + ZERO;
  }
  // What follows the full words is written in order, and a word that it begins reversed as a whole.
  const start = at;
  while (i < to) out[at++] = values[i++] + ZERO;
  out.fill(ZERO, at, end);
  if (reversedWords && start < at) out.subarray(start, start + WORD).reverse();
  return end;
}

/** Pieces of a padded row, each at most 30 cells of 120 bytes. */
export function segments(row: Buffer): Buffer[] {
  const out: Buffer[] = [];
  for (let i = 0; i < row.length; i += SEGMENT_BYTES) out.push(row.subarray(i, i + SEGMENT_BYTES));
  return out;
}

/** Leaves of a `words`, `blocks` or `row` slot. A `words` tensor may be shorter only where the slot says so. */
export function plainLeaves(slot: Slot, tensor: AnyTensor): Buffer[] {
  expectElements(slot, tensor, slot.elements);
  if (slot.layout === 'row') return segments(rowBytes(tensor as Int8Array, false));
  const out: Buffer[] = [];
  for (let i = 0; i < tensor.length; i += slot.perLeaf) {
    out.push(bigEndian(tensor, i, Math.min(i + slot.perLeaf, tensor.length)));
  }
  return out;
}

/** Leaves of a `headRow` or `headKeyRow` slot, each in memory of its own. */
export function headRowLeaves(config: ExactConfig, slot: Slot, values: Int8Array, exponents: Uint8Array): Buffer[] {
  expectHeads(config, slot, values, exponents);
  const heads = slot.perLeaf / config.headDim;
  const room = heads * (1 + paddedRowBytes(config.headDim));
  return Array.from({ length: slot.leaves }, (_, leaf) => {
    const out = Buffer.allocUnsafe(room);
    return out.subarray(0, writeHeadRows(config, slot, values, exponents, leaf, out));
  });
}

/** Writes one leaf: the exponents of its heads, then their rows. Returns its length. */
export function writeHeadRows(
  config: ExactConfig, slot: Slot, values: Int8Array, exponents: Uint8Array, leaf: number, out: Uint8Array,
): number {
  const { headDim } = config;
  const first = (leaf * slot.perLeaf) / headDim;
  const end = Math.min(first + slot.perLeaf / headDim, exponents.length);
  let at = 0;
  for (let head = first; head < end; head++) out[at++] = exponents[head];
  const reversed = slot.layout === 'headKeyRow';
  for (let head = first; head < end; head++) {
    at = writeRow(values, head * headDim, (head + 1) * headDim, reversed, out, at);
  }
  return at;
}

export function expectHeads(config: ExactConfig, slot: Slot, values: Int8Array, exponents: Uint8Array): void {
  if (values.length !== slot.elements) expectElements(slot, values, slot.elements);
  const heads = slot.elements / config.headDim;
  if (exponents.length !== heads) expectElements({ name: `${slot.name}.exponents` }, exponents, heads);
}

/**
 * Per head and position block: 256 u16, or the two byte planes. null stands for a padding leaf: a block beyond t.
 * @param tensor [heads][stride]; entries beyond t are ignored and written as zero
 */
export function positionLeaves(slot: Slot, tensor: Uint16Array, heads: number, t: number): (Buffer | null)[] {
  const stride = tensor.length / heads;
  if (!Number.isInteger(stride) || stride < t + 1) {
    throw new TraceLayoutError(`exact.trace.${slot.name}`, `slot ${slot.name} has a wrong length`, {
      expected: `${heads} rows of at least ${t + 1}`,
      received: `${tensor.length} elements`,
    });
  }
  const blocks = slot.leaves / heads;
  const out: (Buffer | null)[] = [];
  for (let head = 0; head < heads; head++) {
    for (let block = 0; block < blocks; block++) {
      const first = block * BLOCK;
      if (first > t) {
        out.push(null);
        continue;
      }
      const used = Math.min(BLOCK, t + 1 - first);
      const full = new Uint16Array(BLOCK);
      full.set(tensor.subarray(head * stride + first, head * stride + first + used));
      out.push(slot.layout === 'planes' ? planes(full) : bigEndian(full));
    }
  }
  return out;
}

function planes(values: Uint16Array): Buffer {
  const bytes = Buffer.allocUnsafe(2 * POSITIONS);
  for (let i = 0; i < POSITIONS; i++) {
    bytes[i] = values[i] & 255;
    bytes[POSITIONS + i] = values[i] >> 8;
  }
  return bytes;
}

/**
 * V of all positions up to t, per position block and four dims: 256 bytes for each dim. null stands for a padding
 * leaf: a position block beyond t.
 * @param values v8 [G D] of the positions 0 .. t
 */
export function transposedLeaves(config: ExactConfig, values: readonly Int8Array[]): (Buffer | null)[] {
  const dims = TRANSPOSED_DIMS;
  const out: (Buffer | null)[] = [];
  for (let block = 0; block < config.context; block += POSITIONS) {
    const columns = values.slice(block, block + POSITIONS);
    for (let first = 0; first < config.kvHeads * config.headDim; first += dims) {
      if (columns.length === 0) {
        out.push(null);
        continue;
      }
      const bytes = Buffer.allocUnsafe(dims * POSITIONS).fill(ZERO);
      columns.forEach((v8, j) => {
        for (let i = 0; i < dims; i++) bytes[i * POSITIONS + j] = v8[first + i] + ZERO;
      });
      out.push(bytes);
    }
  }
  return out;
}

export function expectElements(slot: Pick<Slot, 'name'>, tensor: { length: number }, elements: number): void {
  if (tensor.length === elements) return;
  throw new TraceLayoutError(`exact.trace.${slot.name}`, `slot ${slot.name} has a wrong length`, {
    expected: `${elements} elements`,
    received: String(tensor.length),
  });
}

/** A model row's leaves: header in front of the first piece, weights reversed per word (section 3). */
export function modelRowLeaves(header: Uint8Array, weights: Int8Array): Buffer[] {
  const [first, ...rest] = segments(rowBytes(weights, true));
  return [Buffer.concat([header, first]), ...rest];
}

/** Cells of 120 bytes of a padded row; what a one-step proof opens. */
export const cellsOf = (values: number): number => paddedRowBytes(values) / CELL_BYTES;
