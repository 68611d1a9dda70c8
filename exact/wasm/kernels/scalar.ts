/** Scalars of docs/exact-arithmetic.md section 1, in 32- and 64-bit integers. AssemblyScript. */

export const MAX_I32: i64 = 2147483647;

/** bl(x) for a u32. */
@inline
export function bitLength(x: u32): i32 {
  return 32 - <i32>clz<u32>(x);
}

/** rsh(x, s) for 0 <= s <= 31. */
@inline
export function roundShift(x: i32, s: i32): i32 {
  return s == 0 ? x : (x >> s) + ((x >> (s - 1)) & 1);
}

/** sat32 */
@inline
export function saturate(x: i64): i32 {
  return <i32>min<i64>(MAX_I32, max<i64>(-MAX_I32, x));
}

/** RQ(a, m, s); |a m| < 2^47, so no step leaves 64 bits. */
@inline
export function requantizeInline(a: i32, m: i32, s: i32): i32 {
  if (s >= 48) return 0;
  const product = <i64>a * <i64>m;
  if (s >= 1) return saturate((product + (<i64>1 << (s - 1))) >> s);
  const up = min<i32>(-s, 31);
  if (product > MAX_I32 >> up || product < -(MAX_I32 >> up)) return product < 0 ? -0x7fffffff : 0x7fffffff;
  return <i32>(product << up);
}

/** RQ for whoever calls it from outside, and for the less frequent callers inside. */
export function requantize(a: i32, m: i32, s: i32): i32 {
  return requantizeInline(a, m, s);
}

/** floor(sqrt(x)), one bit of the root after the other. */
export function integerSquareRoot(x: u32): u32 {
  let root: u32 = 0;
  for (let bit: u32 = 1 << 15; bit != 0; bit >>= 1) {
    const tried = root | bit;
    if (<u64>tried * <u64>tried <= <u64>x) root = tried;
  }
  return root;
}

/** Two words, high first, at `out`. */
@inline
export function storeU64Words(out: usize, x: u64): void {
  store<u32>(out, <u32>(x >> 32));
  store<u32>(out, <u32>x, 4);
}
