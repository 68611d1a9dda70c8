/** Evidence as contracts/slashing/evidence.tact reads it: leaves and their ways up in chains of cells. */
import { beginCell, Cell } from '@ton/core';
import { CELL_BYTES } from '../exact/constants';

/** Siblings in one cell: 768 bits. */
const SIBLINGS_PER_CELL = 3;

/** Bytes of a leaf, cut after every 120; a model row's header stands in a cell of its own. */
export function leafCells(bytes: Uint8Array, headerBytes = 0): Uint8Array[] {
  const cells = headerBytes > 0 ? [bytes.subarray(0, headerBytes)] : [];
  for (let at = headerBytes; at < bytes.length; at += CELL_BYTES) cells.push(bytes.subarray(at, at + CELL_BYTES));
  return cells;
}

/** Siblings, bottom up, three to a cell. */
export function pathCells(siblings: readonly Uint8Array[]): Uint8Array[] {
  const cells: Uint8Array[] = [];
  for (let at = 0; at < siblings.length; at += SIBLINGS_PER_CELL) cells.push(Buffer.concat(siblings.slice(at, at + SIBLINGS_PER_CELL)));
  return cells;
}

/** Each cell with the next as its only reference; an empty one stands behind the last. */
export function chainOf(parts: readonly Uint8Array[]): Cell {
  return parts.reduceRight((next, bytes) => beginCell().storeBuffer(Buffer.from(bytes)).storeRef(next).endCell(), Cell.EMPTY);
}

/** So many bytes of such a chain, or as many as there are: whatever somebody hung behind them is left alone. */
export function bytesOf(chain: Cell, length: number): Buffer {
  const bytes: Buffer[] = [];
  for (let [slice, missing] = [chain.beginParse(), length]; ; slice = slice.loadRef().beginParse()) {
    bytes.push(slice.loadBuffer(Math.min(missing, slice.remainingBits >> 3)));
    missing -= bytes.at(-1)!.length;
    if (missing === 0 || slice.remainingRefs === 0) return Buffer.concat(bytes);
  }
}
