/** Many multiples of one point, for keys whose secrets are known (bench/zk/insecureKey.ts). AssemblyScript. */
import { addPoint, rest } from './groups';
import { halve } from './pairs';

/** Digits of four bits of a scalar, and multiples of each digit's weight in the table. */
const DIGITS: usize = 64;
const MULTIPLES: usize = 15;

/** o = base, 2 base, ... 15 base, at rest. @param scratch X, Y, Z */
export function writeMultiples<F>(base: usize, scratch: usize, o: usize): void {
  const f = changetype<F>(0);
  memory.fill(scratch, 0, 3 * f.bytes);
  for (let i: usize = 0; i < MULTIPLES; i++) {
    addPoint<F>(scratch, base);
    rest<F>(o + i * 2 * f.bytes, scratch);
  }
}

/**
 * o = scalars times the base, at rest.
 * @param table multiples of base, of 2^4 base, ... of 2^252 base
 * @param scalars 32 bytes each, little-endian
 * @param points room for 64 points for each scalar
 * @param scratch for `halve` of 32 pairs for each, and u32 for each before that
 */
export function multiplyBase<F>(table: usize, scalars: usize, count: i32, points: usize, scratch: usize, o: usize): void {
  const f = changetype<F>(0);
  const size = 2 * f.bytes;
  let total: i32 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const before = total;
    for (let place: usize = 0; place < DIGITS; place++) {
      const digit = (<usize>load<u8>(scalars + (DIGITS * i + place) / 2) >> (4 * (place & 1))) & 15;
      if (digit === 0) continue;
      memory.copy(points + <usize>total * size, table + (MULTIPLES * place + digit - 1) * size, size);
      total++;
    }
    store<u32>(scratch + 4 * i, total - before);
  }
  for (;;) {
    let pairs: i32 = 0;
    for (let i: usize = 0; i < <usize>count; i++) pairs += <i32>(load<u32>(scratch + 4 * i) >> 1);
    if (pairs === 0) break;
    halve<F>(points, scratch, count, total, pairs, (scratch + 4 * <usize>count + 63) & ~63);
    total -= pairs;
  }
  for (let i: usize = 0; i < <usize>count; i++, o += size) {
    if (load<u32>(scratch + 4 * i) === 0) {
      memory.fill(o, 0, size);
      continue;
    }
    memory.copy(o, points, size);
    points += size;
  }
}
