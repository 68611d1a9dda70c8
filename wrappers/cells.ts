import { beginCell, BitString, Cell, type Slice } from '@ton/core';
import { decodeByteChain, encodeByteChain, type PlainCell } from '../protocol';

/** A cell of protocol/ as @ton/core's. */
export function toCell(cell: PlainCell): Cell {
  const builder = beginCell().storeBits(new BitString(Buffer.from(cell.bytes), 0, cell.bitLength));
  for (const ref of cell.refs) builder.storeRef(toCell(ref));
  return builder.endCell();
}

/** A cell of @ton/core as protocol/ reads it. */
export function fromCell(cell: Cell): PlainCell {
  const padded = beginCell().storeBits(cell.bits);
  const bitLength = cell.bits.length;
  if (bitLength % 8 !== 0) padded.storeUint(0, 8 - (bitLength % 8));
  const bytes = padded.endCell().beginParse().loadBuffer(Math.ceil(bitLength / 8));
  return { bytes: new Uint8Array(bytes), bitLength, refs: cell.refs.map(fromCell) };
}

/** Bytes as a chain of cells (docs/protocol.md), to be appended to a builder. */
export function byteChain(bytes: Uint8Array, inlineBytes: number): Slice {
  return toCell(encodeByteChain(bytes, inlineBytes)).beginParse();
}

/** Reads all that is left of a slice as such bytes. @throws ProtocolError NOT_A_BYTE_CHAIN */
export function readByteChain(slice: Slice, inlineBytes: number): Uint8Array {
  return decodeByteChain(fromCell(slice.asCell()), inlineBytes);
}
