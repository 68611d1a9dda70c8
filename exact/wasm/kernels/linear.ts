/** Matrices: ops 1, 4, 14 and 19. Rows are padded to a multiple of 4, columns are a multiple of 16. AssemblyScript. */
import { requantizeInline, saturate } from './scalar';

/** The four sums of a row's lanes. */
@inline
export function lanesSum(a: v128): i32 {
  return i32x4.extract_lane(a, 0) + i32x4.extract_lane(a, 1) + i32x4.extract_lane(a, 2) + i32x4.extract_lane(a, 3);
}

/** Sixteen products of weights (int8) and activations (i16), added in fours. */
@inline
export function dot16(w: v128, low: v128, high: v128): v128 {
  return i32x4.add(
    i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(w), low), i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(w), high),
  );
}

/** Where a row's result goes: see `linear`. */
@inline
function finish(sum: i32, scale: u32, shift: i32, mode: i32, row: i32, out: usize, residual: usize): void {
  const y = requantizeInline(sum, <i32>(scale & 0xffff), <i32>(scale >> 16) + shift);
  const at = <usize>row << 2;
  if (mode == 0) store<i32>(out + at, y);
  else if (mode == 1) store<i16>(out + (<usize>row << 1), <i16>min<i32>(32767, max<i32>(-32768, y)));
  else store<i32>(out + at, saturate(<i64>load<i32>(residual + at) + <i64>y));
}

/** The results of four rows, from their lanes. */
@inline
function finishFour(
  a: v128, b: v128, c: v128, d: v128, scale: usize, shift: i32, mode: i32, row: i32, out: usize, residual: usize,
): void {
  finish(lanesSum(a), load<u32>(scale), shift, mode, row, out, residual);
  finish(lanesSum(b), load<u32>(scale, 4), shift, mode, row + 1, out, residual);
  finish(lanesSum(c), load<u32>(scale, 8), shift, mode, row + 2, out, residual);
  finish(lanesSum(d), load<u32>(scale, 12), shift, mode, row + 3, out, residual);
}

/** Four rows on one activation; `p` is where their woven weights begin. */
@inline
function fourRows(
  p: usize, row: i32, columns: i32, scale: usize, x: usize, shift: i32, mode: i32, out: usize, residual: usize,
): void {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let k: usize = x, end = x + (<usize>columns << 1); k < end; k += 32) {
    const low = v128.load(k);
    const high = v128.load(k, 16);
    a = i32x4.add(a, dot16(v128.load(p), low, high));
    b = i32x4.add(b, dot16(v128.load(p, 16), low, high));
    c = i32x4.add(c, dot16(v128.load(p, 32), low, high));
    d = i32x4.add(d, dot16(v128.load(p, 48), low, high));
    p += 64;
  }
  finishFour(a, b, c, d, scale, shift, mode, row, out, residual);
}

/** The same on two activations, `stride` bytes apart as their results: each weight is widened once for both. */
@inline
function fourRowsTwice(
  p: usize, row: i32, columns: i32, scale: usize, x: usize, stride: usize, shiftA: i32, shiftB: i32, mode: i32,
  out: usize, residual: usize,
): void {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let e = a;
  let f = a;
  let g = a;
  let h = a;
  for (let k: usize = x, end = x + (<usize>columns << 1); k < end; k += 32) {
    const other = k + stride;
    let w = v128.load(p);
    let wide = i16x8.extend_low_i8x16_s(w);
    a = i32x4.add(a, i32x4.dot_i16x8_s(wide, v128.load(k)));
    e = i32x4.add(e, i32x4.dot_i16x8_s(wide, v128.load(other)));
    wide = i16x8.extend_high_i8x16_s(w);
    a = i32x4.add(a, i32x4.dot_i16x8_s(wide, v128.load(k, 16)));
    e = i32x4.add(e, i32x4.dot_i16x8_s(wide, v128.load(other, 16)));
    w = v128.load(p, 16);
    wide = i16x8.extend_low_i8x16_s(w);
    b = i32x4.add(b, i32x4.dot_i16x8_s(wide, v128.load(k)));
    f = i32x4.add(f, i32x4.dot_i16x8_s(wide, v128.load(other)));
    wide = i16x8.extend_high_i8x16_s(w);
    b = i32x4.add(b, i32x4.dot_i16x8_s(wide, v128.load(k, 16)));
    f = i32x4.add(f, i32x4.dot_i16x8_s(wide, v128.load(other, 16)));
    w = v128.load(p, 32);
    wide = i16x8.extend_low_i8x16_s(w);
    c = i32x4.add(c, i32x4.dot_i16x8_s(wide, v128.load(k)));
    g = i32x4.add(g, i32x4.dot_i16x8_s(wide, v128.load(other)));
    wide = i16x8.extend_high_i8x16_s(w);
    c = i32x4.add(c, i32x4.dot_i16x8_s(wide, v128.load(k, 16)));
    g = i32x4.add(g, i32x4.dot_i16x8_s(wide, v128.load(other, 16)));
    w = v128.load(p, 48);
    wide = i16x8.extend_low_i8x16_s(w);
    d = i32x4.add(d, i32x4.dot_i16x8_s(wide, v128.load(k)));
    h = i32x4.add(h, i32x4.dot_i16x8_s(wide, v128.load(other)));
    wide = i16x8.extend_high_i8x16_s(w);
    d = i32x4.add(d, i32x4.dot_i16x8_s(wide, v128.load(k, 16)));
    h = i32x4.add(h, i32x4.dot_i16x8_s(wide, v128.load(other, 16)));
    p += 64;
  }
  finishFour(a, b, c, d, scale, shiftA, mode, row, out, residual);
  finishFour(e, f, g, h, scale, shiftB, mode, row, out + stride, residual + stride);
}

/**
 * y = RQ(W x, m, sh + shift) for rows [first, end) of W on `count` activations. Every four rows meet all activations
 * while they are in the cache, so the weights stream from memory once.
 * @param w int8, four rows woven together: 16 bytes of each in turn
 * @param scales [rows] m in bits 0..15, sh above
 * @param first a multiple of 4, `end` alike
 * @param x [columns] i16, the int8 activation widened; the next one `stride` bytes further, as all per activation
 * @param shift address of -e - F, i32
 * @param mode 0: i32 to `out`; 1: c16 of it as i16; 2: sat32(residual + y)
 */
export function linear(
  w: usize, scales: usize, first: i32, end: i32, columns: i32, x: usize, shift: usize, mode: i32, out: usize,
  residual: usize, count: i32, stride: usize,
): void {
  for (let row = first; row < end; row += 4) {
    const p = w + <usize>row * <usize>columns;
    const scale = scales + (<usize>row << 2);
    let at: usize = 0;
    let left = count;
    for (; left >= 2; left -= 2) {
      fourRowsTwice(
        p, row, columns, scale, x + at, stride, load<i32>(shift + at), load<i32>(shift + at + stride), mode, out + at,
        residual + at,
      );
      at += 2 * stride;
    }
    if (left == 1) fourRows(p, row, columns, scale, x + at, load<i32>(shift + at), mode, out + at, residual + at);
  }
}

/** y = sat32(y + bias) for n rows, in place. */
export function addBiases(y: usize, biases: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n << 2; i += 4) {
    store<i32>(y + i, saturate(<i64>load<i32>(y + i) + <i64>load<i32>(biases + i)));
  }
}

/** Op 1: one row of the embedding as i32 with 16 fraction bits. */
export function embed(row: usize, columns: i32, scale: u32, out: usize): void {
  const m = <i32>(scale & 0xffff);
  const s = <i32>(scale >> 16) - 16;
  for (let i = 0; i < columns; i++) store<i32>(out + (<usize>i << 2), requantizeInline(load<i8>(row + i), m, s));
}
