/**
 * Scalar operations of the exact arithmetic (docs/exact-arithmetic.md section 1). A JS number holds every value here
 * exactly: the largest product, a multiplier times an i32, is below 2^47.
 */

export const MAX_I32 = 2147483647;

const POWERS = new Float64Array(129);
for (let i = 0; i <= 64; i++) {
  POWERS[64 + i] = i === 0 ? 1 : POWERS[63 + i] * 2;
  POWERS[64 - i] = 1 / POWERS[64 + i];
}

/** 2^n for -64 <= n <= 64, exactly: the library's power function is not bound to be exact. */
export function powerOfTwo(n: number): number {
  return POWERS[64 + n];
}

/** Bit length of x >= 0: 0 for 0, else floor(log2 x) + 1. x < 2^53. */
export function bitLength(x: number): number {
  return x < 2 ** 32 ? 32 - Math.clz32(x) : 64 - Math.clz32(Math.floor(x / 2 ** 32));
}

/** rsh: floor((x + 2^(s-1)) / 2^s) for an i32 x and 0 <= s <= 31. */
export function roundShift(x: number, s: number): number {
  return s === 0 ? x : (x >> s) + ((x >> (s - 1)) & 1);
}

/** sat32: clamp to +-(2^31 - 1). */
export function saturate32(x: number): number {
  return x > MAX_I32 ? MAX_I32 : x < -MAX_I32 ? -MAX_I32 : x;
}

/** c8 */
export function clamp8(x: number): number {
  return x > 127 ? 127 : x < -128 ? -128 : x;
}

/** c16 */
export function clamp16(x: number): number {
  return x > 32767 ? 32767 : x < -32768 ? -32768 : x;
}

/**
 * RQ: sat32(floor((a m + 2^(s-1)) / 2^s)), for s <= 0 sat32(a m 2^(-s)). This is TVM's MULRSHIFTR with a clamp.
 * @param a i32
 * @param m 0 <= m < 2^16
 * @param s any integer
 */
export function requantize(a: number, m: number, s: number): number {
  if (s >= 48) return 0; // |a m| < 2^47, so the rounded quotient is 0
  if (s <= 0) return saturate32(a * m * powerOfTwo(Math.min(-s, 31)));
  return saturate32(Math.floor(a * m * powerOfTwo(-s) + 0.5));
}

/** floor(sqrt(x)) for 0 <= x < 2^32; the corrections make it independent of the last bit of Math.sqrt. */
export function integerSquareRoot(x: number): number {
  let r = Math.floor(Math.sqrt(x));
  while (r * r > x) r--;
  while ((r + 1) * (r + 1) <= x) r++;
  return r;
}

/** maxi: the largest absolute value of v[from, to) and the lowest index (from `from`) that attains it. */
export function maximum(v: Int32Array, from = 0, to = v.length): { max: number; index: number } {
  let max = -1;
  let index = 0;
  for (let i = from; i < to; i++) {
    const x = Math.abs(v[i]);
    if (x > max) {
      max = x;
      index = i - from;
    }
  }
  return { max, index };
}

/** Exponent of an int8 activation whose largest absolute value is M: max(0, bl(M) - 7). */
export function int8Exponent(max: number): number {
  return Math.max(0, bitLength(max) - 7);
}

/** c8(rsh(v, exponent)) for v[from, to), written to `out` from the same index on. */
export function toInt8(v: Int32Array, exponent: number, out: Int8Array, from = 0, to = v.length): void {
  for (let i = from; i < to; i++) out[i] = clamp8(roundShift(v[i], exponent));
}

/** A u64 below 2^53 as two words, high first. */
export function u64Words(x: number): [number, number] {
  return [Math.floor(x / 2 ** 32), x % 2 ** 32];
}
