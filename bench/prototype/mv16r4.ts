/**
 * The kernel that the wasm back end is measured against: int8 rows times a widened activation, four rows at a time, no
 * requantisation. AssemblyScript.
 * @param w [rows][columns] int8, @param x [columns] i16, @param out [rows] i32
 */
export function mv16r4(w: usize, x: usize, out: usize, rows: i32, columns: i32): void {
  for (let r = 0; r < rows; r += 4) {
    let a = i32x4.splat(0), b = a, c = a, d = a;
    const p = w + <usize>r * columns, q = p + columns, s = q + columns, t = s + columns;
    for (let k = 0; k < columns; k += 16) {
      const x0 = v128.load(x + (k << 1)), x1 = v128.load(x + (k << 1), 16);
      a = i32x4.add(a, dot(v128.load(p + k), x0, x1));
      b = i32x4.add(b, dot(v128.load(q + k), x0, x1));
      c = i32x4.add(c, dot(v128.load(s + k), x0, x1));
      d = i32x4.add(d, dot(v128.load(t + k), x0, x1));
    }
    const o = out + (<usize>r << 2);
    store<i32>(o, sum(a));
    store<i32>(o, sum(b), 4);
    store<i32>(o, sum(c), 8);
    store<i32>(o, sum(d), 12);
  }
}

@inline
function dot(v: v128, x0: v128, x1: v128): v128 {
  return i32x4.add(
    i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(v), x0), i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(v), x1),
  );
}

@inline
function sum(a: v128): i32 {
  return i32x4.extract_lane(a, 0) + i32x4.extract_lane(a, 1) + i32x4.extract_lane(a, 2) + i32x4.extract_lane(a, 3);
}
