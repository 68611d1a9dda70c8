import type { Cell } from '@ton/core';

/** Different cells of some trees and their bits, as storage and forwarding are charged. */
export function sizeOfCells(...roots: Cell[]): { cells: number; bits: number } {
  const seen = new Set<string>();
  let bits = 0;
  const visit = (cell: Cell): void => {
    const hash = cell.hash().toString('hex');
    if (seen.has(hash)) return;
    seen.add(hash);
    bits += cell.bits.length;
    cell.refs.forEach(visit);
  };
  roots.forEach(visit);
  return { cells: seen.size, bits };
}
