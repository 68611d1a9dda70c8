/**
 * The field of the scalars, r of 255 bits. AssemblyScript. An element is 9 limbs of 29 bits, a word of 32 bits each, in 40
 * bytes; it stands for its value times 2^261 (Montgomery, Math. Comp. 44, 1985). Elements at rest are below 2 r, so 0 has two forms.
 * 18 products of 58 bits fit a sum of 64 bits, and 2^261 > 70 r, so that products need no comparison with r.
 */
// The modulus and its double, limb by limb.
const P0: i64 = 0x1; const P1: i64 = 0x1ffffff8; const P2: i64 = 0x1f96ffbf; const P3: i64 = 0x1b4805ff;
const P4: i64 = 0x1d80553b; const P5: i64 = 0xc0404d0; const P6: i64 = 0x1520cce7; const P7: i64 = 0xa6533af;
const P8: i64 = 0x73eda7;
const D0: i64 = 0x2; const D1: i64 = 0x1ffffff0; const D2: i64 = 0x1f2dff7f; const D3: i64 = 0x16900bff;
const D4: i64 = 0x1b00aa77; const D5: i64 = 0x180809a1; const D6: i64 = 0xa4199ce; const D7: i64 = 0x14ca675f;
const D8: i64 = 0xe7db4e;
const MASK: i64 = 0x1fffffff;
/** -1/r modulo 2^29. */
const INVERSE: i64 = 0x1fffffff;

/** o = a b / 2^261 modulo r. @param a @param b below 4 r @param o below 1.3 r; may be a or b */
export function mulR(o: usize, a: usize, b: usize): void {
  const b0 = <i64>load<u32>(b, 0); const b1 = <i64>load<u32>(b, 4); const b2 = <i64>load<u32>(b, 8); const b3 = <i64>load<u32>(b, 12);
  const b4 = <i64>load<u32>(b, 16); const b5 = <i64>load<u32>(b, 20); const b6 = <i64>load<u32>(b, 24); const b7 = <i64>load<u32>(b, 28);
  const b8 = <i64>load<u32>(b, 32);
  let t0: i64 = 0, t1: i64 = 0, t2: i64 = 0, t3: i64 = 0, t4: i64 = 0, t5: i64 = 0, t6: i64 = 0;
  let t7: i64 = 0, t8: i64 = 0;
  for (let from = a, end = a + 36; from < end; from += 4) {
    const x = <i64>load<u32>(from);
    t0 += x * b0;
    const q = (t0 * INVERSE) & MASK;
    const carry = <i64>(<u64>(t0 + q * P0) >> 29);
    t0 = t1 + x * b1 + q * P1 + carry;
    t1 = t2 + x * b2 + q * P2;
    t2 = t3 + x * b3 + q * P3;
    t3 = t4 + x * b4 + q * P4;
    t4 = t5 + x * b5 + q * P5;
    t5 = t6 + x * b6 + q * P6;
    t6 = t7 + x * b7 + q * P7;
    t7 = t8 + x * b8 + q * P8;
    t8 = 0;
  }
  t1 += <i64>(<u64>t0 >> 29); t0 &= MASK;
  t2 += <i64>(<u64>t1 >> 29); t1 &= MASK;
  t3 += <i64>(<u64>t2 >> 29); t2 &= MASK;
  t4 += <i64>(<u64>t3 >> 29); t3 &= MASK;
  t5 += <i64>(<u64>t4 >> 29); t4 &= MASK;
  t6 += <i64>(<u64>t5 >> 29); t5 &= MASK;
  t7 += <i64>(<u64>t6 >> 29); t6 &= MASK;
  t8 += <i64>(<u64>t7 >> 29); t7 &= MASK;
  store<u32>(o, <u32>t0, 0); store<u32>(o, <u32>t1, 4); store<u32>(o, <u32>t2, 8); store<u32>(o, <u32>t3, 12);
  store<u32>(o, <u32>t4, 16); store<u32>(o, <u32>t5, 20); store<u32>(o, <u32>t6, 24); store<u32>(o, <u32>t7, 28);
  store<u32>(o, <u32>t8, 32);
}

/** o = a + b. All below 2 r. */
export function addR(o: usize, a: usize, b: usize): void {
  let t0 = <i64>load<u32>(a, 0) + <i64>load<u32>(b, 0) - D0;
  let t1 = <i64>load<u32>(a, 4) + <i64>load<u32>(b, 4) - D1 + (t0 >> 29);
  let t2 = <i64>load<u32>(a, 8) + <i64>load<u32>(b, 8) - D2 + (t1 >> 29);
  let t3 = <i64>load<u32>(a, 12) + <i64>load<u32>(b, 12) - D3 + (t2 >> 29);
  let t4 = <i64>load<u32>(a, 16) + <i64>load<u32>(b, 16) - D4 + (t3 >> 29);
  let t5 = <i64>load<u32>(a, 20) + <i64>load<u32>(b, 20) - D5 + (t4 >> 29);
  let t6 = <i64>load<u32>(a, 24) + <i64>load<u32>(b, 24) - D6 + (t5 >> 29);
  let t7 = <i64>load<u32>(a, 28) + <i64>load<u32>(b, 28) - D7 + (t6 >> 29);
  let t8 = <i64>load<u32>(a, 32) + <i64>load<u32>(b, 32) - D8 + (t7 >> 29);
  const less = t8 >> 63;
  t0 = (t0 & MASK) + (D0 & less);
  t1 = (t1 & MASK) + (D1 & less) + (t0 >> 29);
  t2 = (t2 & MASK) + (D2 & less) + (t1 >> 29);
  t3 = (t3 & MASK) + (D3 & less) + (t2 >> 29);
  t4 = (t4 & MASK) + (D4 & less) + (t3 >> 29);
  t5 = (t5 & MASK) + (D5 & less) + (t4 >> 29);
  t6 = (t6 & MASK) + (D6 & less) + (t5 >> 29);
  t7 = (t7 & MASK) + (D7 & less) + (t6 >> 29);
  t8 = t8 + (D8 & less) + (t7 >> 29);
  store<u32>(o, <u32>(t0 & MASK), 0); store<u32>(o, <u32>(t1 & MASK), 4); store<u32>(o, <u32>(t2 & MASK), 8);
  store<u32>(o, <u32>(t3 & MASK), 12); store<u32>(o, <u32>(t4 & MASK), 16); store<u32>(o, <u32>(t5 & MASK), 20);
  store<u32>(o, <u32>(t6 & MASK), 24); store<u32>(o, <u32>(t7 & MASK), 28); store<u32>(o, <u32>(t8), 32);
}

/** o = a - b. All below 2 r. */
export function subR(o: usize, a: usize, b: usize): void {
  let t0 = <i64>load<u32>(a, 0) - <i64>load<u32>(b, 0);
  let t1 = <i64>load<u32>(a, 4) - <i64>load<u32>(b, 4) + (t0 >> 29);
  let t2 = <i64>load<u32>(a, 8) - <i64>load<u32>(b, 8) + (t1 >> 29);
  let t3 = <i64>load<u32>(a, 12) - <i64>load<u32>(b, 12) + (t2 >> 29);
  let t4 = <i64>load<u32>(a, 16) - <i64>load<u32>(b, 16) + (t3 >> 29);
  let t5 = <i64>load<u32>(a, 20) - <i64>load<u32>(b, 20) + (t4 >> 29);
  let t6 = <i64>load<u32>(a, 24) - <i64>load<u32>(b, 24) + (t5 >> 29);
  let t7 = <i64>load<u32>(a, 28) - <i64>load<u32>(b, 28) + (t6 >> 29);
  let t8 = <i64>load<u32>(a, 32) - <i64>load<u32>(b, 32) + (t7 >> 29);
  const less = t8 >> 63;
  t0 = (t0 & MASK) + (D0 & less);
  t1 = (t1 & MASK) + (D1 & less) + (t0 >> 29);
  t2 = (t2 & MASK) + (D2 & less) + (t1 >> 29);
  t3 = (t3 & MASK) + (D3 & less) + (t2 >> 29);
  t4 = (t4 & MASK) + (D4 & less) + (t3 >> 29);
  t5 = (t5 & MASK) + (D5 & less) + (t4 >> 29);
  t6 = (t6 & MASK) + (D6 & less) + (t5 >> 29);
  t7 = (t7 & MASK) + (D7 & less) + (t6 >> 29);
  t8 = t8 + (D8 & less) + (t7 >> 29);
  store<u32>(o, <u32>(t0 & MASK), 0); store<u32>(o, <u32>(t1 & MASK), 4); store<u32>(o, <u32>(t2 & MASK), 8);
  store<u32>(o, <u32>(t3 & MASK), 12); store<u32>(o, <u32>(t4 & MASK), 16); store<u32>(o, <u32>(t5 & MASK), 20);
  store<u32>(o, <u32>(t6 & MASK), 24); store<u32>(o, <u32>(t7 & MASK), 28); store<u32>(o, <u32>(t8), 32);
}

/** o = a + b below 4 r, for a product. @param a @param b below 2 r */
export function plusR(o: usize, a: usize, b: usize): void {
  let t: i64 = 0;
  t = <i64>load<u32>(a, 0) + <i64>load<u32>(b, 0); store<u32>(o, <u32>(t & MASK), 0);
  t = <i64>load<u32>(a, 4) + <i64>load<u32>(b, 4) + (t >> 29); store<u32>(o, <u32>(t & MASK), 4);
  t = <i64>load<u32>(a, 8) + <i64>load<u32>(b, 8) + (t >> 29); store<u32>(o, <u32>(t & MASK), 8);
  t = <i64>load<u32>(a, 12) + <i64>load<u32>(b, 12) + (t >> 29); store<u32>(o, <u32>(t & MASK), 12);
  t = <i64>load<u32>(a, 16) + <i64>load<u32>(b, 16) + (t >> 29); store<u32>(o, <u32>(t & MASK), 16);
  t = <i64>load<u32>(a, 20) + <i64>load<u32>(b, 20) + (t >> 29); store<u32>(o, <u32>(t & MASK), 20);
  t = <i64>load<u32>(a, 24) + <i64>load<u32>(b, 24) + (t >> 29); store<u32>(o, <u32>(t & MASK), 24);
  t = <i64>load<u32>(a, 28) + <i64>load<u32>(b, 28) + (t >> 29); store<u32>(o, <u32>(t & MASK), 28);
  t = <i64>load<u32>(a, 32) + <i64>load<u32>(b, 32) + (t >> 29); store<u32>(o, <u32>(t), 32);
}

/** o = a - b below 4 r, for a product. @param a @param b below 2 r */
export function minusR(o: usize, a: usize, b: usize): void {
  let t: i64 = 0;
  t = <i64>load<u32>(a, 0) - <i64>load<u32>(b, 0) + D0; store<u32>(o, <u32>(t & MASK), 0);
  t = <i64>load<u32>(a, 4) - <i64>load<u32>(b, 4) + D1 + (t >> 29); store<u32>(o, <u32>(t & MASK), 4);
  t = <i64>load<u32>(a, 8) - <i64>load<u32>(b, 8) + D2 + (t >> 29); store<u32>(o, <u32>(t & MASK), 8);
  t = <i64>load<u32>(a, 12) - <i64>load<u32>(b, 12) + D3 + (t >> 29); store<u32>(o, <u32>(t & MASK), 12);
  t = <i64>load<u32>(a, 16) - <i64>load<u32>(b, 16) + D4 + (t >> 29); store<u32>(o, <u32>(t & MASK), 16);
  t = <i64>load<u32>(a, 20) - <i64>load<u32>(b, 20) + D5 + (t >> 29); store<u32>(o, <u32>(t & MASK), 20);
  t = <i64>load<u32>(a, 24) - <i64>load<u32>(b, 24) + D6 + (t >> 29); store<u32>(o, <u32>(t & MASK), 24);
  t = <i64>load<u32>(a, 28) - <i64>load<u32>(b, 28) + D7 + (t >> 29); store<u32>(o, <u32>(t & MASK), 28);
  t = <i64>load<u32>(a, 32) - <i64>load<u32>(b, 32) + D8 + (t >> 29); store<u32>(o, <u32>(t), 32);
}
