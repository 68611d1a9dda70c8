/**
 * The field of the coordinates, p of 381 bits. AssemblyScript. An element is 13 limbs of 30 bits, a word of 32 bits each, in 64
 * bytes; it stands for its value times 2^390 (Montgomery, Math. Comp. 44, 1985). Elements at rest are below 2 p, so 0 has two forms.
 * As 2^390 > 600 p, products need no comparison with p, and sums may go into them as they are.
 */
// The modulus and its double, limb by limb.
const P0: i64 = 0x3fffaaab; const P1: i64 = 0x27fbffff; const P2: i64 = 0x153ffffb; const P3: i64 = 0x2affffac;
const P4: i64 = 0x30f6241e; const P5: i64 = 0x34a83da; const P6: i64 = 0x112bf673; const P7: i64 = 0x12e13ce1;
const P8: i64 = 0x2cd76477; const P9: i64 = 0x1ed90d2e; const P10: i64 = 0x29a4b1ba; const P11: i64 = 0x3a8e5ff9;
const P12: i64 = 0x1a0111;
const D0: i64 = 0x3fff5556; const D1: i64 = 0xff7ffff; const D2: i64 = 0x2a7ffff7; const D3: i64 = 0x15ffff58;
const D4: i64 = 0x21ec483d; const D5: i64 = 0x69507b5; const D6: i64 = 0x2257ece6; const D7: i64 = 0x25c279c2;
const D8: i64 = 0x19aec8ee; const D9: i64 = 0x3db21a5d; const D10: i64 = 0x13496374; const D11: i64 = 0x351cbff3;
const D12: i64 = 0x340223;
const MASK: i64 = 0x3fffffff;
/** -1/p modulo 2^30. */
const INVERSE: i64 = 0x3ffcfffd;

/** o = a b / 2^390 modulo p. @param a @param b below 4 p @param o below 1.3 p; may be a or b */
export function mulP(o: usize, a: usize, b: usize): void {
  const b0 = <i64>load<u32>(b, 0); const b1 = <i64>load<u32>(b, 4); const b2 = <i64>load<u32>(b, 8); const b3 = <i64>load<u32>(b, 12);
  const b4 = <i64>load<u32>(b, 16); const b5 = <i64>load<u32>(b, 20); const b6 = <i64>load<u32>(b, 24); const b7 = <i64>load<u32>(b, 28);
  const b8 = <i64>load<u32>(b, 32); const b9 = <i64>load<u32>(b, 36); const b10 = <i64>load<u32>(b, 40); const b11 = <i64>load<u32>(b, 44);
  const b12 = <i64>load<u32>(b, 48);
  let t0: i64 = 0, t1: i64 = 0, t2: i64 = 0, t3: i64 = 0, t4: i64 = 0, t5: i64 = 0, t6: i64 = 0;
  let t7: i64 = 0, t8: i64 = 0, t9: i64 = 0, t10: i64 = 0, t11: i64 = 0, t12: i64 = 0;
  let from = a;
  for (const end = a + 28; from < end; from += 4) {
    const x = <i64>load<u32>(from);
    t0 += x * b0;
    const q = (t0 * INVERSE) & MASK;
    const carry = <i64>(<u64>(t0 + q * P0) >> 30);
    t0 = t1 + x * b1 + q * P1 + carry;
    t1 = t2 + x * b2 + q * P2;
    t2 = t3 + x * b3 + q * P3;
    t3 = t4 + x * b4 + q * P4;
    t4 = t5 + x * b5 + q * P5;
    t5 = t6 + x * b6 + q * P6;
    t6 = t7 + x * b7 + q * P7;
    t7 = t8 + x * b8 + q * P8;
    t8 = t9 + x * b9 + q * P9;
    t9 = t10 + x * b10 + q * P10;
    t10 = t11 + x * b11 + q * P11;
    t11 = t12 + x * b12 + q * P12;
    t12 = 0;
  }
  // 14 products of 60 bits: a sum holds no more.
  t1 += <i64>(<u64>t0 >> 30); t0 &= MASK;
  t2 += <i64>(<u64>t1 >> 30); t1 &= MASK;
  t3 += <i64>(<u64>t2 >> 30); t2 &= MASK;
  t4 += <i64>(<u64>t3 >> 30); t3 &= MASK;
  t5 += <i64>(<u64>t4 >> 30); t4 &= MASK;
  t6 += <i64>(<u64>t5 >> 30); t5 &= MASK;
  t7 += <i64>(<u64>t6 >> 30); t6 &= MASK;
  t8 += <i64>(<u64>t7 >> 30); t7 &= MASK;
  t9 += <i64>(<u64>t8 >> 30); t8 &= MASK;
  t10 += <i64>(<u64>t9 >> 30); t9 &= MASK;
  t11 += <i64>(<u64>t10 >> 30); t10 &= MASK;
  t12 += <i64>(<u64>t11 >> 30); t11 &= MASK;
  for (const end = a + 52; from < end; from += 4) {
    const x = <i64>load<u32>(from);
    t0 += x * b0;
    const q = (t0 * INVERSE) & MASK;
    const carry = <i64>(<u64>(t0 + q * P0) >> 30);
    t0 = t1 + x * b1 + q * P1 + carry;
    t1 = t2 + x * b2 + q * P2;
    t2 = t3 + x * b3 + q * P3;
    t3 = t4 + x * b4 + q * P4;
    t4 = t5 + x * b5 + q * P5;
    t5 = t6 + x * b6 + q * P6;
    t6 = t7 + x * b7 + q * P7;
    t7 = t8 + x * b8 + q * P8;
    t8 = t9 + x * b9 + q * P9;
    t9 = t10 + x * b10 + q * P10;
    t10 = t11 + x * b11 + q * P11;
    t11 = t12 + x * b12 + q * P12;
    t12 = 0;
  }
  t1 += <i64>(<u64>t0 >> 30); t0 &= MASK;
  t2 += <i64>(<u64>t1 >> 30); t1 &= MASK;
  t3 += <i64>(<u64>t2 >> 30); t2 &= MASK;
  t4 += <i64>(<u64>t3 >> 30); t3 &= MASK;
  t5 += <i64>(<u64>t4 >> 30); t4 &= MASK;
  t6 += <i64>(<u64>t5 >> 30); t5 &= MASK;
  t7 += <i64>(<u64>t6 >> 30); t6 &= MASK;
  t8 += <i64>(<u64>t7 >> 30); t7 &= MASK;
  t9 += <i64>(<u64>t8 >> 30); t8 &= MASK;
  t10 += <i64>(<u64>t9 >> 30); t9 &= MASK;
  t11 += <i64>(<u64>t10 >> 30); t10 &= MASK;
  t12 += <i64>(<u64>t11 >> 30); t11 &= MASK;
  store<u32>(o, <u32>t0, 0); store<u32>(o, <u32>t1, 4); store<u32>(o, <u32>t2, 8); store<u32>(o, <u32>t3, 12);
  store<u32>(o, <u32>t4, 16); store<u32>(o, <u32>t5, 20); store<u32>(o, <u32>t6, 24); store<u32>(o, <u32>t7, 28);
  store<u32>(o, <u32>t8, 32); store<u32>(o, <u32>t9, 36); store<u32>(o, <u32>t10, 40); store<u32>(o, <u32>t11, 44);
  store<u32>(o, <u32>t12, 48);
}

/** o = a + b. All below 2 p. */
export function addP(o: usize, a: usize, b: usize): void {
  let t0 = <i64>load<u32>(a, 0) + <i64>load<u32>(b, 0) - D0;
  let t1 = <i64>load<u32>(a, 4) + <i64>load<u32>(b, 4) - D1 + (t0 >> 30);
  let t2 = <i64>load<u32>(a, 8) + <i64>load<u32>(b, 8) - D2 + (t1 >> 30);
  let t3 = <i64>load<u32>(a, 12) + <i64>load<u32>(b, 12) - D3 + (t2 >> 30);
  let t4 = <i64>load<u32>(a, 16) + <i64>load<u32>(b, 16) - D4 + (t3 >> 30);
  let t5 = <i64>load<u32>(a, 20) + <i64>load<u32>(b, 20) - D5 + (t4 >> 30);
  let t6 = <i64>load<u32>(a, 24) + <i64>load<u32>(b, 24) - D6 + (t5 >> 30);
  let t7 = <i64>load<u32>(a, 28) + <i64>load<u32>(b, 28) - D7 + (t6 >> 30);
  let t8 = <i64>load<u32>(a, 32) + <i64>load<u32>(b, 32) - D8 + (t7 >> 30);
  let t9 = <i64>load<u32>(a, 36) + <i64>load<u32>(b, 36) - D9 + (t8 >> 30);
  let t10 = <i64>load<u32>(a, 40) + <i64>load<u32>(b, 40) - D10 + (t9 >> 30);
  let t11 = <i64>load<u32>(a, 44) + <i64>load<u32>(b, 44) - D11 + (t10 >> 30);
  let t12 = <i64>load<u32>(a, 48) + <i64>load<u32>(b, 48) - D12 + (t11 >> 30);
  const less = t12 >> 63;
  t0 = (t0 & MASK) + (D0 & less);
  t1 = (t1 & MASK) + (D1 & less) + (t0 >> 30);
  t2 = (t2 & MASK) + (D2 & less) + (t1 >> 30);
  t3 = (t3 & MASK) + (D3 & less) + (t2 >> 30);
  t4 = (t4 & MASK) + (D4 & less) + (t3 >> 30);
  t5 = (t5 & MASK) + (D5 & less) + (t4 >> 30);
  t6 = (t6 & MASK) + (D6 & less) + (t5 >> 30);
  t7 = (t7 & MASK) + (D7 & less) + (t6 >> 30);
  t8 = (t8 & MASK) + (D8 & less) + (t7 >> 30);
  t9 = (t9 & MASK) + (D9 & less) + (t8 >> 30);
  t10 = (t10 & MASK) + (D10 & less) + (t9 >> 30);
  t11 = (t11 & MASK) + (D11 & less) + (t10 >> 30);
  t12 = t12 + (D12 & less) + (t11 >> 30);
  store<u32>(o, <u32>(t0 & MASK), 0); store<u32>(o, <u32>(t1 & MASK), 4); store<u32>(o, <u32>(t2 & MASK), 8);
  store<u32>(o, <u32>(t3 & MASK), 12); store<u32>(o, <u32>(t4 & MASK), 16); store<u32>(o, <u32>(t5 & MASK), 20);
  store<u32>(o, <u32>(t6 & MASK), 24); store<u32>(o, <u32>(t7 & MASK), 28); store<u32>(o, <u32>(t8 & MASK), 32);
  store<u32>(o, <u32>(t9 & MASK), 36); store<u32>(o, <u32>(t10 & MASK), 40); store<u32>(o, <u32>(t11 & MASK), 44);
  store<u32>(o, <u32>(t12), 48);
}

/** o = a - b. All below 2 p. */
export function subP(o: usize, a: usize, b: usize): void {
  let t0 = <i64>load<u32>(a, 0) - <i64>load<u32>(b, 0);
  let t1 = <i64>load<u32>(a, 4) - <i64>load<u32>(b, 4) + (t0 >> 30);
  let t2 = <i64>load<u32>(a, 8) - <i64>load<u32>(b, 8) + (t1 >> 30);
  let t3 = <i64>load<u32>(a, 12) - <i64>load<u32>(b, 12) + (t2 >> 30);
  let t4 = <i64>load<u32>(a, 16) - <i64>load<u32>(b, 16) + (t3 >> 30);
  let t5 = <i64>load<u32>(a, 20) - <i64>load<u32>(b, 20) + (t4 >> 30);
  let t6 = <i64>load<u32>(a, 24) - <i64>load<u32>(b, 24) + (t5 >> 30);
  let t7 = <i64>load<u32>(a, 28) - <i64>load<u32>(b, 28) + (t6 >> 30);
  let t8 = <i64>load<u32>(a, 32) - <i64>load<u32>(b, 32) + (t7 >> 30);
  let t9 = <i64>load<u32>(a, 36) - <i64>load<u32>(b, 36) + (t8 >> 30);
  let t10 = <i64>load<u32>(a, 40) - <i64>load<u32>(b, 40) + (t9 >> 30);
  let t11 = <i64>load<u32>(a, 44) - <i64>load<u32>(b, 44) + (t10 >> 30);
  let t12 = <i64>load<u32>(a, 48) - <i64>load<u32>(b, 48) + (t11 >> 30);
  const less = t12 >> 63;
  t0 = (t0 & MASK) + (D0 & less);
  t1 = (t1 & MASK) + (D1 & less) + (t0 >> 30);
  t2 = (t2 & MASK) + (D2 & less) + (t1 >> 30);
  t3 = (t3 & MASK) + (D3 & less) + (t2 >> 30);
  t4 = (t4 & MASK) + (D4 & less) + (t3 >> 30);
  t5 = (t5 & MASK) + (D5 & less) + (t4 >> 30);
  t6 = (t6 & MASK) + (D6 & less) + (t5 >> 30);
  t7 = (t7 & MASK) + (D7 & less) + (t6 >> 30);
  t8 = (t8 & MASK) + (D8 & less) + (t7 >> 30);
  t9 = (t9 & MASK) + (D9 & less) + (t8 >> 30);
  t10 = (t10 & MASK) + (D10 & less) + (t9 >> 30);
  t11 = (t11 & MASK) + (D11 & less) + (t10 >> 30);
  t12 = t12 + (D12 & less) + (t11 >> 30);
  store<u32>(o, <u32>(t0 & MASK), 0); store<u32>(o, <u32>(t1 & MASK), 4); store<u32>(o, <u32>(t2 & MASK), 8);
  store<u32>(o, <u32>(t3 & MASK), 12); store<u32>(o, <u32>(t4 & MASK), 16); store<u32>(o, <u32>(t5 & MASK), 20);
  store<u32>(o, <u32>(t6 & MASK), 24); store<u32>(o, <u32>(t7 & MASK), 28); store<u32>(o, <u32>(t8 & MASK), 32);
  store<u32>(o, <u32>(t9 & MASK), 36); store<u32>(o, <u32>(t10 & MASK), 40); store<u32>(o, <u32>(t11 & MASK), 44);
  store<u32>(o, <u32>(t12), 48);
}

/** o = a + b below 4 p, for a product. @param a @param b below 2 p */
export function plusP(o: usize, a: usize, b: usize): void {
  let t: i64 = 0;
  t = <i64>load<u32>(a, 0) + <i64>load<u32>(b, 0); store<u32>(o, <u32>(t & MASK), 0);
  t = <i64>load<u32>(a, 4) + <i64>load<u32>(b, 4) + (t >> 30); store<u32>(o, <u32>(t & MASK), 4);
  t = <i64>load<u32>(a, 8) + <i64>load<u32>(b, 8) + (t >> 30); store<u32>(o, <u32>(t & MASK), 8);
  t = <i64>load<u32>(a, 12) + <i64>load<u32>(b, 12) + (t >> 30); store<u32>(o, <u32>(t & MASK), 12);
  t = <i64>load<u32>(a, 16) + <i64>load<u32>(b, 16) + (t >> 30); store<u32>(o, <u32>(t & MASK), 16);
  t = <i64>load<u32>(a, 20) + <i64>load<u32>(b, 20) + (t >> 30); store<u32>(o, <u32>(t & MASK), 20);
  t = <i64>load<u32>(a, 24) + <i64>load<u32>(b, 24) + (t >> 30); store<u32>(o, <u32>(t & MASK), 24);
  t = <i64>load<u32>(a, 28) + <i64>load<u32>(b, 28) + (t >> 30); store<u32>(o, <u32>(t & MASK), 28);
  t = <i64>load<u32>(a, 32) + <i64>load<u32>(b, 32) + (t >> 30); store<u32>(o, <u32>(t & MASK), 32);
  t = <i64>load<u32>(a, 36) + <i64>load<u32>(b, 36) + (t >> 30); store<u32>(o, <u32>(t & MASK), 36);
  t = <i64>load<u32>(a, 40) + <i64>load<u32>(b, 40) + (t >> 30); store<u32>(o, <u32>(t & MASK), 40);
  t = <i64>load<u32>(a, 44) + <i64>load<u32>(b, 44) + (t >> 30); store<u32>(o, <u32>(t & MASK), 44);
  t = <i64>load<u32>(a, 48) + <i64>load<u32>(b, 48) + (t >> 30); store<u32>(o, <u32>(t), 48);
}

/** o = a - b below 4 p, for a product. @param a @param b below 2 p */
export function minusP(o: usize, a: usize, b: usize): void {
  let t: i64 = 0;
  t = <i64>load<u32>(a, 0) - <i64>load<u32>(b, 0) + D0; store<u32>(o, <u32>(t & MASK), 0);
  t = <i64>load<u32>(a, 4) - <i64>load<u32>(b, 4) + D1 + (t >> 30); store<u32>(o, <u32>(t & MASK), 4);
  t = <i64>load<u32>(a, 8) - <i64>load<u32>(b, 8) + D2 + (t >> 30); store<u32>(o, <u32>(t & MASK), 8);
  t = <i64>load<u32>(a, 12) - <i64>load<u32>(b, 12) + D3 + (t >> 30); store<u32>(o, <u32>(t & MASK), 12);
  t = <i64>load<u32>(a, 16) - <i64>load<u32>(b, 16) + D4 + (t >> 30); store<u32>(o, <u32>(t & MASK), 16);
  t = <i64>load<u32>(a, 20) - <i64>load<u32>(b, 20) + D5 + (t >> 30); store<u32>(o, <u32>(t & MASK), 20);
  t = <i64>load<u32>(a, 24) - <i64>load<u32>(b, 24) + D6 + (t >> 30); store<u32>(o, <u32>(t & MASK), 24);
  t = <i64>load<u32>(a, 28) - <i64>load<u32>(b, 28) + D7 + (t >> 30); store<u32>(o, <u32>(t & MASK), 28);
  t = <i64>load<u32>(a, 32) - <i64>load<u32>(b, 32) + D8 + (t >> 30); store<u32>(o, <u32>(t & MASK), 32);
  t = <i64>load<u32>(a, 36) - <i64>load<u32>(b, 36) + D9 + (t >> 30); store<u32>(o, <u32>(t & MASK), 36);
  t = <i64>load<u32>(a, 40) - <i64>load<u32>(b, 40) + D10 + (t >> 30); store<u32>(o, <u32>(t & MASK), 40);
  t = <i64>load<u32>(a, 44) - <i64>load<u32>(b, 44) + D11 + (t >> 30); store<u32>(o, <u32>(t & MASK), 44);
  t = <i64>load<u32>(a, 48) - <i64>load<u32>(b, 48) + D12 + (t >> 30); store<u32>(o, <u32>(t), 48);
}

/** o = a - p, where that is not negative. @returns whether it is so */
export function reduceP(o: usize, a: usize): bool {
  let t: i64 = 0;
  t = <i64>load<u32>(a, 0) - P0; store<u32>(o, <u32>(t & MASK), 0);
  t = <i64>load<u32>(a, 4) - P1 + (t >> 30); store<u32>(o, <u32>(t & MASK), 4);
  t = <i64>load<u32>(a, 8) - P2 + (t >> 30); store<u32>(o, <u32>(t & MASK), 8);
  t = <i64>load<u32>(a, 12) - P3 + (t >> 30); store<u32>(o, <u32>(t & MASK), 12);
  t = <i64>load<u32>(a, 16) - P4 + (t >> 30); store<u32>(o, <u32>(t & MASK), 16);
  t = <i64>load<u32>(a, 20) - P5 + (t >> 30); store<u32>(o, <u32>(t & MASK), 20);
  t = <i64>load<u32>(a, 24) - P6 + (t >> 30); store<u32>(o, <u32>(t & MASK), 24);
  t = <i64>load<u32>(a, 28) - P7 + (t >> 30); store<u32>(o, <u32>(t & MASK), 28);
  t = <i64>load<u32>(a, 32) - P8 + (t >> 30); store<u32>(o, <u32>(t & MASK), 32);
  t = <i64>load<u32>(a, 36) - P9 + (t >> 30); store<u32>(o, <u32>(t & MASK), 36);
  t = <i64>load<u32>(a, 40) - P10 + (t >> 30); store<u32>(o, <u32>(t & MASK), 40);
  t = <i64>load<u32>(a, 44) - P11 + (t >> 30); store<u32>(o, <u32>(t & MASK), 44);
  t = <i64>load<u32>(a, 48) - P12 + (t >> 30); store<u32>(o, <u32>(t & MASK), 48);
  return t >= 0;
}

/** Whether an element stands for 0. */
export function isZeroP(a: usize): bool {
  const low = <i64>load<u32>(a);
  if (low !== 0 && low !== P0) return false;
  const all: i64 = low === 0 ? 0 : -1;
  return (
    (<i64>load<u32>(a, 4) ^ (P1 & all)) | (<i64>load<u32>(a, 8) ^ (P2 & all)) | (<i64>load<u32>(a, 12) ^ (P3 & all)) |
    (<i64>load<u32>(a, 16) ^ (P4 & all)) | (<i64>load<u32>(a, 20) ^ (P5 & all)) | (<i64>load<u32>(a, 24) ^ (P6 & all)) |
    (<i64>load<u32>(a, 28) ^ (P7 & all)) | (<i64>load<u32>(a, 32) ^ (P8 & all)) | (<i64>load<u32>(a, 36) ^ (P9 & all)) |
    (<i64>load<u32>(a, 40) ^ (P10 & all)) | (<i64>load<u32>(a, 44) ^ (P11 & all)) | (<i64>load<u32>(a, 48) ^ (P12 & all))
  ) === 0;
}
