import { beginCell, BitString, Cell, type Slice } from '@ton/core';
import { decodeByteChain, encodeByteChain, type PlainCell } from '../protocol';

/** A cell of protocol/ as @ton/core's. */
export function toCell(cell: PlainCell): Cell {
  const builder = beginCell().storeBits(new BitString(Buffer.from(cell.bytes), 0, cell.bitLength));
  for (const ref of cell.refs) builder.storeRef(toCell(ref));
  return builder.endCell();
}

/**
 * A cell of @ton/core as protocol/ reads it. A cell that several others refer to is converted once: the tree that a
 * stranger's few cells unfold to can be exponential.
 */
export function fromCell(cell: Cell, known = new Map<Cell, PlainCell>()): PlainCell {
  let plain = known.get(cell);
  if (!plain) {
    const { bits } = cell;
    const bytes = new Uint8Array(Math.ceil(bits.length / 8));
    for (let bit = 0; bit < bits.length; bit++) if (bits.at(bit)) bytes[bit >> 3] |= 0x80 >> (bit & 7);
    plain = { bytes, bitLength: bits.length, refs: cell.refs.map((ref) => fromCell(ref, known)) };
    known.set(cell, plain);
  }
  return plain;
}

/** Bytes as a chain of cells (docs/protocol.md), to be appended to a builder. */
export function byteChain(bytes: Uint8Array, inlineBytes: number): Slice {
  return toCell(encodeByteChain(bytes, inlineBytes)).beginParse();
}

/** Reads all that is left of a slice as such bytes. @throws ProtocolError NOT_A_BYTE_CHAIN */
export function readByteChain(slice: Slice, inlineBytes: number): Uint8Array {
  return decodeByteChain(fromCell(slice.asCell()), inlineBytes);
}

/** Bytes as the integer that contracts hold: keys, hashes. */
export const toInteger = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

/** The 32 bytes of such an integer. */
export const toBytes = (value: bigint): Uint8Array => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
