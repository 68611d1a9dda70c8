import { beginCell, type Cell, Dictionary } from '@ton/core';

/** The same cell with one bit of its root the other way. */
export function flipBit(cell: Cell, at: number): Cell {
  const slice = cell.beginParse();
  const head = beginCell().storeBits(slice.loadBits(at)).storeBit(!slice.loadBit());
  return head.storeSlice(slice).endCell();
}

/** The same cell with another reference. */
export function withRef(cell: Cell, index: number, ref: Cell): Cell {
  const builder = beginCell().storeBits(cell.bits);
  cell.refs.forEach((known, position) => builder.storeRef(position === index ? ref : known));
  return builder.endCell();
}

/** The same cell without its last bit, or its last reference. */
export const withoutLastBit = (cell: Cell): Cell => {
  const builder = beginCell().storeBits(cell.bits.substring(0, cell.bits.length - 1));
  cell.refs.forEach((ref) => builder.storeRef(ref));
  return builder.endCell();
};
export const withoutLastRef = (cell: Cell): Cell => {
  const builder = beginCell().storeBits(cell.bits);
  cell.refs.slice(0, -1).forEach((ref) => builder.storeRef(ref));
  return builder.endCell();
};

/** The same cell and one bit, or one reference, more. */
export const withBit = (cell: Cell): Cell => beginCell().storeSlice(cell.beginParse()).storeBit(1).endCell();
export const withEmptyRef = (cell: Cell): Cell =>
  beginCell().storeSlice(cell.beginParse()).storeRef(beginCell().endCell()).endCell();

/** A library cell that names `cell`: TVM opens it only where the library is published. */
export const libraryOf = (cell: Cell): Cell =>
  beginCell().storeUint(2, 8).storeBuffer(cell.hash()).endCell({ exotic: true });

/** Libraries of a chain that has published these cells, for `Blockchain.libs`. */
export function published(...cells: Cell[]): Cell {
  const libraries = Dictionary.empty(Dictionary.Keys.Buffer(32), Dictionary.Values.Cell());
  for (const cell of cells) libraries.set(cell.hash(), cell);
  return beginCell().storeDictDirect(libraries).endCell();
}

/** First bits of consecutive fields of these widths. */
export function fieldStarts<T extends string>(widths: Record<T, number>): [T, number][] {
  let at = 0;
  return (Object.entries(widths) as [T, number][]).map(([name, width]) => {
    const start = at;
    at += width;
    return [name, start];
  });
}

/** The tree with the cell at a path replaced. */
export function replaced(cell: Cell, [next, ...rest]: number[], change: (cell: Cell) => Cell): Cell {
  if (next === undefined) return change(cell);
  const builder = beginCell().storeBits(cell.bits);
  cell.refs.forEach((child, i) => builder.storeRef(i === next ? replaced(child, rest, change) : child));
  return builder.endCell();
}

/** The same cell with its bits changed. */
export function withBits(cell: Cell, change: (bits: number[]) => void): Cell {
  const bits = Array.from({ length: cell.bits.length }, (_, i) => (cell.bits.at(i) ? 1 : 0));
  change(bits);
  const builder = beginCell();
  bits.forEach((bit) => builder.storeBit(bit));
  cell.refs.forEach((child) => builder.storeRef(child));
  return builder.endCell();
}

/**
 * The tree with one bit the other way: of every byte of each of its cells, or of some with a larger step; which bit changes from
 * one to the next.
 * @param first bits of the root that are left alone
 */
export function* flippedBits(tree: Cell, step: number, first = 0): Generator<{ where: string; cell: Cell }> {
  let tried = 0;
  for (const { path, cell } of pathsOf(tree)) {
    const begin = path.length === 0 ? first : 0;
    for (let byte = begin / 8 + (step === 1 ? 0 : tried % 40); byte < cell.bits.length / 8; byte += step) {
      const at = Math.min(8 * byte + ((5 * byte + tried) % 8), cell.bits.length - 1);
      yield { where: `${path.join('/')}:${at}`, cell: replaced(tree, path, (old) => withBits(old, (bits) => void (bits[at] ^= 1))) };
      tried++;
    }
  }
}

/** Every cell of a tree by its path, in depth-first order. */
const pathsOf = (cell: Cell, path: number[] = []): { path: number[]; cell: Cell }[] =>
  [{ path, cell }, ...cell.refs.flatMap((child, i) => pathsOf(child, [...path, i]))];
