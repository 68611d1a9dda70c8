/** Cells that stand for others which a library of the masterchain has; whoever put one there may take it away. */
import { beginCell, Cell, Dictionary } from '@ton/core';

/** TVM reads the other cell in its place, for as long as a library has it. */
export const standIn = (cell: Cell): Cell => new Cell({ exotic: true, bits: beginCell().storeUint(2, 8).storeBuffer(cell.hash()).endCell().bits });

/** `libs` of a sandbox. */
export function librariesOf(...cells: readonly Cell[]): Cell {
  const dictionary = Dictionary.empty(Dictionary.Keys.Buffer(32), Dictionary.Values.Cell());
  for (const cell of cells) dictionary.set(cell.hash(), cell);
  return beginCell().storeDictDirect(dictionary).endCell();
}
