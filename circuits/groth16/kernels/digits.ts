/** Scalars as signed digits. AssemblyScript. */

/** (r - 1)/2 and r, 64 bits a word. */
const H0: u64 = 0x7fffffff80000000; const H1: u64 = 0xa9ded2017fff2dff; const H2: u64 = 0x199cec0404d0ec02; const H3: u64 = 0x39f6d3a994cebea4;
const R0: u64 = 0xffffffff00000001; const R1: u64 = 0x53bda402fffe5bfe; const R2: u64 = 0x3339d80809a1d805; const R3: u64 = 0x73eda753299d7d48;

/**
 * Writes the digits of scalars, from -2^(bits - 1) + 1 to 2^(bits - 1): scalar = sum of digit 2^(bits window) modulo r. Whatever
 * is more than half of r is written as what it lacks to r, with the signs turned, so that small negative numbers have few digits.
 * @param scalars below r, 32 bytes each, little-endian
 * @param from @param to of the scalars
 * @param o i16, `stride` for each window
 * @param windows at least 255/bits
 */
export function writeDigits(scalars: usize, from: i32, to: i32, bits: i32, windows: i32, stride: i32, o: usize): void {
  const half: i32 = 1 << (bits - 1);
  const mask: u64 = (1 << bits) - 1;
  for (let i = from; i < to; i++) {
    const at = scalars + 32 * <usize>i;
    let s0 = load<u64>(at, 0), s1 = load<u64>(at, 8), s2 = load<u64>(at, 16), s3 = load<u64>(at, 24);
    const turned = isMore(s0, s1, s2, s3);
    if (turned) {
      const b0 = <u64>(R0 < s0);
      const b1 = <u64>(R1 < s1) | (<u64>(R1 === s1) & b0);
      const b2 = <u64>(R2 < s2) | (<u64>(R2 === s2) & b1);
      s0 = R0 - s0;
      s1 = R1 - s1 - b0;
      s2 = R2 - s2 - b1;
      s3 = R3 - s3 - b2;
    }
    let to16 = o + 2 * <usize>i;
    let carry: i32 = 0;
    for (let window = 0; window < windows; window++) {
      let digit = <i32>(s0 & mask) + carry;
      carry = <i32>(digit > half);
      digit -= carry << bits;
      store<i16>(to16, <i16>(turned ? -digit : digit));
      to16 += 2 * <usize>stride;
      s0 = (s0 >> bits) | (s1 << (64 - bits));
      s1 = (s1 >> bits) | (s2 << (64 - bits));
      s2 = (s2 >> bits) | (s3 << (64 - bits));
      s3 >>= bits;
    }
  }
}

/** Whether a scalar is more than half of r. */
@inline function isMore(s0: u64, s1: u64, s2: u64, s3: u64): bool {
  if (s3 !== H3) return s3 > H3;
  if (s2 !== H2) return s2 > H2;
  if (s1 !== H1) return s1 > H1;
  return s0 > H0;
}
