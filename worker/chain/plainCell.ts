import { BitString, Cell } from '@ton/core';
import type { PlainCell } from '../../protocol/cells';

/** A cell of protocol/ as a cell of `@ton/core`. */
export function toTonCell(cell: PlainCell): Cell {
  return new Cell({
    bits: new BitString(Buffer.from(cell.bytes), 0, cell.bitLength),
    refs: cell.refs.map(toTonCell),
  });
}

/** The other way round. */
export function fromTonCell(cell: Cell): PlainCell {
  const bitLength = cell.bits.length;
  const bytes = new Uint8Array(Math.ceil(bitLength / 8));
  for (let bit = 0; bit < bitLength; bit++) if (cell.bits.at(bit)) bytes[bit >> 3] |= 0x80 >> (bit & 7);
  return { bytes, bitLength, refs: cell.refs.map(fromTonCell) };
}
