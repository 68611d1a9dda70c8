/** Attention of one position over all positions so far: ops 8 to 12. AssemblyScript. */
import { dot16, lanesSum } from './linear';
import { bitLength, requantize, roundShift } from './scalar';

/** Op 8 for one position. */
export function score(sum: i32, qExponent: i32, kExponent: i32): i32 {
  const shift = 24 - qExponent - kExponent;
  return shift >= 0 ? roundShift(sum, shift) : sum << min<i32>(-shift, 9);
}

/**
 * Op 8 of one head.
 * @param q [D] i16
 * @param keys [positions][D] int8 of its kv head; `kExponents` [positions] u8
 * @param out [positions] i32
 */
export function scores(
  q: usize, qExponent: i32, headDim: i32, keys: usize, kExponents: usize, positions: i32, out: usize,
): void {
  for (let j = 0; j < positions; j++) {
    const key = keys + <usize>j * <usize>headDim;
    let sum = i32x4.splat(0);
    for (let i: usize = 0; i < <usize>headDim; i += 16) {
      sum = i32x4.add(sum, dot16(v128.load(key + i), v128.load(q + (i << 1)), v128.load(q + (i << 1), 16)));
    }
    store<i32>(out + (<usize>j << 2), score(lanesSum(sum), qExponent, <i32>load<u8>(kExponents + j)));
  }
}

/** Sums of u16 values per block of 256 and in total: [blocks] then one word. */
function sumsOf(values: usize, positions: i32, blocks: i32, out: usize): u32 {
  let total: u32 = 0;
  for (let block = 0; block < blocks; block++) {
    let sum: u32 = 0;
    const end = min<i32>(positions, 256 * (block + 1));
    for (let j = 256 * block; j < end; j++) sum += <u32>load<u16>(values + (<usize>j << 1));
    store<u32>(out + (<usize>block << 2), sum);
    total += sum;
  }
  store<u32>(out + (<usize>blocks << 2), total);
  return total;
}

/** A_b of op 12 for 16 dims of one block: sum of p''_j v8_j over `count` positions, to every nP-th word of `out`. */
@inline
function weightedValues(p: usize, v: usize, headDim: usize, count: i32, out: usize, stride: usize): void {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let j = 0; j < count; j++) {
    const bytes = v128.load(v);
    const low = i16x8.extend_low_i8x16_s(bytes);
    const high = i16x8.extend_high_i8x16_s(bytes);
    const weight = i32x4.splat(<i32>load<u16>(p));
    a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_s(low), weight));
    b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_s(low), weight));
    c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_s(high), weight));
    d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_s(high), weight));
    v += headDim;
    p += 2;
  }
  storeLanes(a, out, stride);
  storeLanes(b, out + 4 * stride, stride);
  storeLanes(c, out + 8 * stride, stride);
  storeLanes(d, out + 12 * stride, stride);
}

@inline
function storeLanes(x: v128, out: usize, stride: usize): void {
  store<i32>(out, i32x4.extract_lane(x, 0));
  store<i32>(out + stride, i32x4.extract_lane(x, 1));
  store<i32>(out + 2 * stride, i32x4.extract_lane(x, 2));
  store<i32>(out + 3 * stride, i32x4.extract_lane(x, 3));
}

/**
 * Ops 9 to 12 of one head, from its scores.
 * @param z [positions] i32
 * @param values [positions][D] int8 of its kv head; `vExponents` [positions] u8
 * @param expTable [256] u16
 * @param attMax gets mx, jx, E, jE
 * @param e [positions] u16; `p` alike
 * @param attSums [2 nP + 2] words; blocks beyond the last position become 0
 * @param pv [D][nP] i32; blocks beyond the last position are neither read nor written
 * @param o [D] i32 with 16 fraction bits
 */
export function weigh(
  z: usize, positions: i32, headDim: i32, blocks: i32, values: usize, vExponents: usize, expTable: usize,
  attMax: usize, e: usize, attSums: usize, p: usize, pv: usize, o: usize,
): void {
  let best = load<i32>(z);
  let bestAt = 0;
  let exponent = <i32>load<u8>(vExponents);
  let exponentAt = 0;
  for (let j = 1; j < positions; j++) {
    const s = load<i32>(z + (<usize>j << 2));
    if (s > best) {
      best = s;
      bestAt = j;
    }
    const ev = <i32>load<u8>(vExponents + j);
    if (ev > exponent) {
      exponent = ev;
      exponentAt = j;
    }
  }
  store<i32>(attMax, best);
  store<u32>(attMax, <u32>bestAt, 4);
  store<u32>(attMax, <u32>exponent, 8);
  store<u32>(attMax, <u32>exponentAt, 12);

  for (let j = 0; j < positions; j++) {
    const below = <u32>(best - load<i32>(z + (<usize>j << 2)));
    const power = <i32>load<u16>(expTable + (<usize>(below & 255) << 1));
    store<u16>(e + (<usize>j << 1), <u16>roundShift(power, <i32>min<u32>(31, below >> 8)));
  }
  const total = sumsOf(e, positions, blocks, attSums);
  const u = max<i32>(0, bitLength(total) - 23);
  for (let j = 0; j < positions; j++) {
    store<u16>(p + (<usize>j << 1), <u16>roundShift(<i32>load<u16>(e + (<usize>j << 1)), u));
  }
  const reduced = sumsOf(p, positions, blocks, attSums + (<usize>(blocks + 1) << 2));
  const bits = bitLength(reduced);
  const reciprocal = <i32>min<u32>(65535, <u32>0x80000000 / (reduced >> (bits - 16)));

  for (let j = 0; j < positions; j++) {
    const at = p + (<usize>j << 1);
    const lower = min<i32>(31, exponent - <i32>load<u8>(vExponents + j));
    store<u16>(at, <u16>roundShift(<i32>load<u16>(at), lower));
  }
  const stride = <usize>blocks << 2;
  for (let first = 0; first < positions; first += 256) {
    const count = min<i32>(256, positions - first);
    for (let i = 0; i < headDim; i += 16) {
      weightedValues(
        p + (<usize>first << 1), values + <usize>(first * headDim + i), headDim, count,
        pv + <usize>i * stride + (<usize>(first >> 8) << 2), stride,
      );
    }
  }
  const used = <usize>((positions + 255) >> 8) << 2;
  for (let i = 0; i < headDim; i++) {
    let sum = 0;
    for (let at: usize = 0; at < used; at += 4) sum += load<i32>(pv + <usize>i * stride + at);
    store<i32>(o + (<usize>i << 2), requantize(sum, reciprocal, 15 + bits - exponent));
  }
}
