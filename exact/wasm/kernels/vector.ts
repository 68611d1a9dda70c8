/** Vectors of i32: maximum, and int8 with a power-of-two exponent. Lengths are multiples of 16. AssemblyScript. */
import { bitLength, roundShift } from './scalar';

/** rsh of four lanes by one s in 0..31. */
@inline
export function roundShift4(x: v128, s: i32): v128 {
  if (s == 0) return x;
  return i32x4.add(i32x4.shr_s(x, s), v128.and(i32x4.shr_s(x, s - 1), i32x4.splat(1)));
}

/**
 * maxi of v[n].
 * @param words gets M and the lowest index that attains it, both u32
 * @returns M
 */
export function maximum(v: usize, n: i32, words: usize): u32 {
  let largest = i32x4.splat(0);
  for (let i = 0; i < n; i += 4) largest = i32x4.max_u(largest, i32x4.abs(v128.load(v + (<usize>i << 2))));
  const m = max<u32>(
    max<u32>(<u32>i32x4.extract_lane(largest, 0), <u32>i32x4.extract_lane(largest, 1)),
    max<u32>(<u32>i32x4.extract_lane(largest, 2), <u32>i32x4.extract_lane(largest, 3)),
  );
  const wanted = i32x4.splat(<i32>m);
  let index = 0;
  while (!v128.any_true(i32x4.eq(i32x4.abs(v128.load(v + (<usize>index << 2))), wanted))) index += 4;
  while (<u32>abs<i32>(load<i32>(v + (<usize>index << 2))) != m) index++;
  store<u32>(words, m);
  store<u32>(words, <u32>index, 4);
  return m;
}

/** max(0, bl(M) - 7) */
@inline
export function int8Exponent(m: u32): i32 {
  return max<i32>(0, bitLength(m) - 7);
}

/** Sixteen i32 clamped to i8 at `narrow`, and the same as i16 at `wide`. Both narrowings saturate, as c8 does. */
@inline
export function storeInt8(a: v128, b: v128, c: v128, d: v128, narrow: usize, wide: usize): void {
  const bytes = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
  v128.store(narrow, bytes);
  v128.store(wide, i16x8.extend_low_i8x16_s(bytes));
  v128.store(wide, i16x8.extend_high_i8x16_s(bytes), 16);
}

/** c8(rsh(v, s)) of v[n]: int8 at `narrow`, the same as i16 at `wide`. */
export function toInt8(v: usize, n: i32, s: i32, narrow: usize, wide: usize): void {
  for (let i = 0; i < n; i += 16) {
    const at = v + (<usize>i << 2);
    storeInt8(
      roundShift4(v128.load(at), s), roundShift4(v128.load(at, 16), s),
      roundShift4(v128.load(at, 32), s), roundShift4(v128.load(at, 48), s),
      narrow + i, wide + (<usize>i << 1),
    );
  }
}

/**
 * Op 13, and op 7 of one head: maximum, then int8.
 * @param words gets M and its index
 * @returns the exponent max(0, bl(M) - 7)
 */
export function quantize(v: usize, n: i32, words: usize, narrow: usize, wide: usize): i32 {
  const exponent = int8Exponent(maximum(v, n, words));
  toInt8(v, n, exponent, narrow, wide);
  return exponent;
}

/** rsh for tests. */
export function roundedShift(x: i32, s: i32): i32 {
  return roundShift(x, s);
}
