/** RMSNorm without gain: ops 2 and 3; the norm of heads: op 5n. AssemblyScript. */
import { bitLength, integerSquareRoot, roundShift, saturate, storeU64Words } from './scalar';
import { maximum, roundShift4, storeInt8 } from './vector';

/** Sum of squares of rsh(h[n], k1): below 2^38. */
@inline
function sumOfSquares(h: usize, n: i32, k1: i32): u64 {
  let sum = i64x2.splat(0);
  for (let i = 0; i < n; i += 4) {
    const g = roundShift4(v128.load(h + (<usize>i << 2)), k1);
    sum = i64x2.add(sum, i64x2.add(i64x2.extmul_low_i32x4_s(g, g), i64x2.extmul_high_i32x4_s(g, g)));
  }
  return i64x2.extract_lane(sum, 0) + i64x2.extract_lane(sum, 1);
}

/** k1 of values whose largest is m. */
@inline
function normShift(m: u32): i32 {
  return max<i32>(0, bitLength(m) - 15);
}

/** z of a sum of squares of 1 to 2^44. */
@inline
function normExponent(squares: u64): i32 {
  return ((64 - <i32>clz<u64>(squares) + 1) >> 1) - 16;
}

/** Stores ssq (u64), r, inv at `out`; returns inv. */
@inline
function storeInverse(squares: u64, z: i32, out: usize): u32 {
  const r = integerSquareRoot(<u32>(z >= 0 ? squares >> (2 * z) : squares << (-2 * z)));
  const inverse = <u32>(1 << 30) / r;
  storeU64Words(out, squares);
  store<u32>(out, r, 8);
  store<u32>(out, inverse, 12);
  return inverse;
}

/**
 * @param h [n] i32, n a multiple of 64
 * @param words gets M, index, P_b (u64 per 256), ssq (u64), r, inv
 * @param narrow [n] int8, `wide` the same as i16
 * @returns e: real value = int8 * 2^e
 */
export function norm(h: usize, n: i32, epsTerm: u32, words: usize, narrow: usize, wide: usize): i32 {
  const m = maximum(h, n, words);
  const k1 = normShift(m);
  let out = words + 8;
  let squares = <u64>epsTerm >> (2 * k1);
  for (let first = 0; first < n; first += 256) {
    const partial = sumOfSquares(h + (<usize>first << 2), min<i32>(256, n - first), k1);
    squares += partial;
    storeU64Words(out, partial);
    out += 8;
  }
  const z = normExponent(squares);
  const inverse = storeInverse(squares, z, out);

  const k = max<i32>(0, bitLength(<u32>roundShift(<i32>m, k1) * inverse) - 7);
  const factor = i32x4.splat(<i32>inverse);
  for (let i = 0; i < n; i += 16) {
    const at = h + (<usize>i << 2);
    storeInt8(
      roundShift4(i32x4.mul(roundShift4(v128.load(at), k1), factor), k),
      roundShift4(i32x4.mul(roundShift4(v128.load(at, 16), k1), factor), k),
      roundShift4(i32x4.mul(roundShift4(v128.load(at, 32), k1), factor), k),
      roundShift4(i32x4.mul(roundShift4(v128.load(at, 48), k1), factor), k),
      narrow + i, wide + (<usize>i << 1),
    );
  }
  return k - 30 - z;
}

/**
 * Op 5n of all heads of q or k.
 * @param y [heads D] i32; `out` alike
 * @param epsTerm of the model, over `dim` values
 * @param gains [D] i16 with `gainShift` fraction bits
 * @param words gets M, index, ssq (u64), r, inv per head
 */
export function normHeads(
  y: usize, heads: i32, headDim: i32, epsTerm: u32, dim: i32, gains: usize, gainShift: i32, out: usize, words: usize,
): void {
  const eps = max<u64>(1, (<u64>epsTerm * <u64>headDim) / <u64>dim);
  const bytes = <usize>headDim << 2;
  for (let head = 0; head < heads; head++) {
    const k1 = normShift(maximum(y, headDim, words));
    const squares = (eps >> (2 * k1)) + sumOfSquares(y, headDim, k1);
    const z = normExponent(squares);
    const inverse = <i32>storeInverse(squares, z, words + 8);
    const down = z + gainShift - 1; // -16..17
    for (let i: usize = 0; i < bytes; i += 4) {
      const n = roundShift(roundShift(load<i32>(y + i), k1) * inverse, 15);
      const product = n * <i32>load<i16>(gains + (i >> 1));
      store<i32>(out + i, down >= 0 ? roundShift(product, down) : saturate(<i64>product << -down));
    }
    y += bytes;
    out += bytes;
    words += 24;
  }
}
