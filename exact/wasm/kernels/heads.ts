/** Rotary embedding and int8 per head: ops 6 and 7, and the cache. AssemblyScript. */
import { bitLength, roundShift, saturate } from './scalar';
import { maximum, quantize } from './vector';

/**
 * Op 6 of one head.
 * @param y [D] i32, `out` alike
 * @param cos [D / 2] i16 Q14 of the position; `sin` alike
 * @param words gets M and its index before the rotation
 */
export function rotate(y: usize, headDim: i32, cos: usize, sin: usize, out: usize, words: usize): void {
  const s = max<i32>(0, bitLength(maximum(y, headDim, words)) - 15);
  const half = <usize>headDim << 1; // bytes from j to j + D / 2
  for (let j: usize = 0; j < half; j += 4) {
    const a = roundShift(load<i32>(y + j), s);
    const b = roundShift(load<i32>(y + j + half), s);
    const c = <i32>load<i16>(cos + (j >> 1));
    const n = <i32>load<i16>(sin + (j >> 1));
    store<i32>(out + j, saturate(<i64>roundShift(a * c - b * n, 14) << s));
    store<i32>(out + j + half, saturate(<i64>roundShift(b * c + a * n, 14) << s));
  }
}

/**
 * Ops 6 and 7 of all heads of q or k.
 * @param scratch [D] i32
 * @param words gets M, i, M', i' per head
 * @param narrow [heads D] int8, `wide` the same as i16; `exponents` [heads] u8
 */
export function rotatedHeads(
  y: usize, heads: i32, headDim: i32, cos: usize, sin: usize, scratch: usize,
  words: usize, narrow: usize, wide: usize, exponents: usize,
): void {
  for (let head = 0; head < heads; head++) {
    const first = <usize>(head * headDim);
    const out = words + (<usize>head << 4);
    rotate(y + (first << 2), headDim, cos, sin, scratch, out);
    store<u8>(exponents + head, <u8>quantize(scratch, headDim, out + 8, narrow + first, wide + (first << 1)));
  }
}

/** Op 7 of all heads of v; words gets M, i per head. */
export function plainHeads(
  y: usize, heads: i32, headDim: i32, words: usize, narrow: usize, wide: usize, exponents: usize,
): void {
  for (let head = 0; head < heads; head++) {
    const first = <usize>(head * headDim);
    const out = words + (<usize>head << 3);
    store<u8>(exponents + head, <u8>quantize(y + (first << 2), headDim, out, narrow + first, wide + (first << 1)));
  }
}

/**
 * Keeps a position's keys or values.
 * @param rows [G][D] int8, `exponents` [G] u8
 * @param cache [G][C][D] int8, `cacheExponents` [G][C] u8
 */
export function remember(
  rows: usize, exponents: usize, kvHeads: i32, headDim: i32, context: i32, t: i32, cache: usize, cacheExponents: usize,
): void {
  for (let head = 0; head < kvHeads; head++) {
    const at = <usize>(head * context + t);
    memory.copy(cache + at * <usize>headDim, rows + <usize>(head * headDim), <usize>headDim);
    store<u8>(cacheExponents + at, load<u8>(exponents + head));
  }
}
