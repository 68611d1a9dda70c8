/**
 * Sums of many points, each times a number (Pippenger, SIAM J. Comput. 9, 1980). AssemblyScript. The numbers come as signed
 * digits (digits.ts); all points with one digit form a run, runs shrink by pairs, and the runs' sums are weighted by theirs.
 */
import { addPoint, addSum, double, negate } from './groups';
import { halve, pairBytes } from './pairs';
import { copyLines } from './workspace';

/**
 * The sum of one window's digits times their points.
 * @param points at rest, none of them neutral
 * @param wires the place of each point's number, u32
 * @param digits i16 of one window, by place
 * @param most absolute value of a digit
 * @param scratch `windowBytes`
 * @param o X, Y, Z
 */
export function windowSum<F>(points: usize, wires: usize, count: i32, digits: usize, most: i32, scratch: usize, o: usize): void {
  const f = changetype<F>(0);
  const size = 2 * f.bytes;
  const lengths = scratch;
  const ends = lengths + 4 * <usize>most;
  const gathered = (ends + 4 * <usize>most + 63) & ~63;
  memory.fill(lengths, 0, 4 * <usize>most);
  memory.fill(o, 0, 3 * f.bytes);
  let total: i32 = 0;
  for (let i = 0; i < count; i++) {
    const digit = digitOf(digits, wires, i);
    if (digit === 0) continue;
    const length = lengths + 4 * <usize>(abs(digit) - 1);
    store<u32>(length, load<u32>(length) + 1);
    total++;
  }
  if (total === 0) return;
  let end: u32 = 0;
  for (let run = 0; run < most; run++) {
    store<u32>(ends + 4 * <usize>run, end);
    end += load<u32>(lengths + 4 * <usize>run);
  }
  for (let i = 0; i < count; i++) {
    const digit = digitOf(digits, wires, i);
    if (digit === 0) continue;
    const at = ends + 4 * <usize>(abs(digit) - 1);
    const to = gathered + <usize>load<u32>(at) * size;
    store<u32>(at, load<u32>(at) + 1);
    if (digit > 0) copyLines(to, points + <usize>i * size, size);
    else negate<F>(to, points + <usize>i * size);
  }
  const pairsScratch = gathered + <usize>total * size;
  for (;;) {
    let pairs: i32 = 0;
    for (let run = 0; run < most; run++) pairs += <i32>(load<u32>(lengths + 4 * <usize>run) >> 1);
    if (pairs < f.worthInverting) break;
    halve<F>(gathered, lengths, most, total, pairs, pairsScratch);
    total -= pairs;
  }
  weigh<F>(gathered, lengths, most, total, o);
}

/** Bytes that a window of so many points may need besides them. */
export function windowBytes<F>(count: i32, most: i32): usize {
  return 8 * <usize>most + 64 + <usize>count * 2 * changetype<F>(0).bytes + pairBytes<F>(count >> 1) + 64;
}

@inline function digitOf(digits: usize, wires: usize, index: i32): i32 {
  return <i32>load<i16>(digits + 2 * <usize>load<u32>(wires + 4 * <usize>index));
}

/** o = the sum of the runs' points, those of run k times k + 1. @param points run after run @param o neutral */
function weigh<F>(points: usize, lengths: usize, runs: i32, total: i32, o: usize): void {
  const f = changetype<F>(0);
  const running = points + <usize>total * 2 * f.bytes;
  memory.fill(running, 0, 3 * f.bytes);
  let at = running;
  for (let run = runs - 1; run >= 0; run--) {
    for (let left = load<u32>(lengths + 4 * <usize>run); left > 0; left--) {
      at -= 2 * f.bytes;
      addPoint<F>(running, at);
    }
    addSum<F>(o, running);
  }
}

/** o = the sum of windows, each 2^bits times the one before it. @param sums X, Y, Z of each @param o X, Y, Z, not among them */
export function joinWindows<F>(sums: usize, windows: i32, bits: i32, o: usize): void {
  const f = changetype<F>(0);
  memory.fill(o, 0, 3 * f.bytes);
  for (let window = windows - 1; window >= 0; window--) {
    for (let bit = 0; bit < bits; bit++) double<F>(o);
    addSum<F>(o, sums + <usize>window * 3 * f.bytes);
  }
}
