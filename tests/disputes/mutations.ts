/** Evidence that somebody has bent: bits flipped, cells cut, merged, left out, exchanged. */
import { Builder, beginCell, Cell } from '@ton/core';

/** Numbers below a limit, the same for the same seed. */
export function randomOf(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** The bits of each cell of a chain. */
function bitsOf(chain: Cell): string[] {
  const cells: string[] = [];
  for (let at = chain; at.bits.length > 0 || at.refs.length > 0; at = at.refs[0]) {
    cells.push(Array.from({ length: at.bits.length }, (_, i) => (at.bits.at(i) ? '1' : '0')).join(''));
    if (at.refs.length === 0) break;
  }
  return cells;
}

function withBits(bits: string): Builder {
  const builder = beginCell();
  for (const bit of bits) builder.storeBit(bit === '1');
  return builder;
}

const chainOfBits = (cells: readonly string[]): Cell => cells.reduceRight((next, bits) => withBits(bits).storeRef(next).endCell(), Cell.EMPTY);

const flip = (bits: string, at: number): string => bits.slice(0, at) + (bits[at] === '1' ? '0' : '1') + bits.slice(at + 1);

/** One change of evidence whose references are chains of leaves. */
export function mutated(evidence: Cell, random: (limit: number) => number): Cell {
  let head = bitsOf(new Cell({ bits: evidence.bits }))[0] ?? '';
  if (evidence.refs.length === 0) return withBits(flip(head, random(head.length))).endCell();
  const parts = evidence.refs.map(bitsOf);
  const cells = parts[random(parts.length)];
  const at = random(cells.length);
  const kind = random(7);
  if (kind === 0 && head !== '') head = flip(head, random(head.length));
  else if (kind === 1 || cells.length < 2) cells[at] = flip(cells[at], random(cells[at].length));
  else if (kind === 2) cells.splice(at, 1);
  else if (kind === 3) [cells[at], cells[(at + 1) % cells.length]] = [cells[(at + 1) % cells.length], cells[at]];
  else if (kind === 4) cells.splice(at, 1, cells[at].slice(0, -8), cells[at].slice(-8));
  else if (kind === 5) [cells[0], cells[1]] = [cells[0].slice(0, -8), cells[0].slice(-8) + cells[1].slice(0, 1015)];
  else parts.reverse();
  return parts.reduce((builder, part) => builder.storeRef(chainOfBits(part)), withBits(head)).endCell();
}
