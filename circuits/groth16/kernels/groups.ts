/**
 * Points of both groups, y^2 = x^3 + b. AssemblyScript. At rest a point is x and y; while sums run it is X, Y, Z with
 * x = X/Z^2, y = Y/Z^3 (Jacobian; hyperelliptic.org/EFD, shortw, a = 0). The neutral element is all zeros, or Z = 0.
 */
import { copyLines, GROUP, ONE, workspace, ZERO } from './workspace';

@inline function temporary(index: usize): usize { return workspace + GROUP + 128 * index; }

/** Of a point at rest: no point of odd order has y = 0. */
export function isNeutral<F>(point: usize): bool {
  const f = changetype<F>(0);
  let bits = i64x2.splat(0);
  for (let at: usize = 0; at < f.bytes; at += 16) bits = v128.or(bits, v128.load(point + f.bytes + at));
  return !v128.any_true(bits);
}

/** o = -a, points at rest; o may be a. */
export function negate<F>(o: usize, a: usize): void {
  const f = changetype<F>(0);
  copyLines(o, a, 2 * f.bytes);
  f.sub(o + f.bytes, workspace + ZERO, a + f.bytes);
}

/** sum = 2 sum (dbl-2009-l). */
export function double<F>(sum: usize): void {
  const f = changetype<F>(0);
  const x = sum, y = sum + f.bytes, z = sum + 2 * f.bytes;
  const a = temporary(0), b = temporary(1), c = temporary(2), d = temporary(3), e = temporary(4);
  f.square(a, x);
  f.square(b, y);
  f.square(c, b);
  f.add(d, x, b);
  f.square(d, d);
  f.sub(d, d, a);
  f.sub(d, d, c);
  f.add(d, d, d);
  f.add(e, a, a);
  f.add(e, e, a);
  f.mul(z, y, z);
  f.add(z, z, z);
  f.square(x, e);
  f.sub(x, x, d);
  f.sub(x, x, d);
  f.sub(d, d, x);
  f.mul(y, e, d);
  f.add(c, c, c);
  f.add(c, c, c);
  f.add(c, c, c);
  f.sub(y, y, c);
}

/** sum += point, which is at rest. */
export function addPoint<F>(sum: usize, point: usize): void {
  const f = changetype<F>(0);
  if (isNeutral<F>(point)) return;
  const x = sum, y = sum + f.bytes, z = sum + 2 * f.bytes;
  if (f.isZero(z)) {
    memory.copy(sum, point, 2 * f.bytes);
    memory.copy(z, f.one, f.bytes);
    return;
  }
  const square = temporary(0), h = temporary(1), r = temporary(2);
  f.square(square, z);
  f.mul(h, point, square);
  f.sub(h, h, x);
  f.mul(r, point + f.bytes, z);
  f.mul(r, r, square);
  f.sub(r, r, y);
  finish<F>(sum, x, y, h, r);
}

/** sum += other, which is X, Y, Z too. */
export function addSum<F>(sum: usize, other: usize): void {
  const f = changetype<F>(0);
  const x = sum, y = sum + f.bytes, z = sum + 2 * f.bytes;
  const otherZ = other + 2 * f.bytes;
  if (f.isZero(otherZ)) return;
  if (f.isZero(z)) {
    memory.copy(sum, other, 3 * f.bytes);
    return;
  }
  const square = temporary(0), h = temporary(1), r = temporary(2), otherSquare = temporary(3);
  f.square(square, z);
  f.square(otherSquare, otherZ);
  f.mul(h, other, square);
  f.mul(r, other + f.bytes, square);
  f.mul(r, r, z);
  f.mul(x, x, otherSquare);
  f.mul(y, y, otherSquare);
  f.mul(y, y, otherZ);
  f.sub(h, h, x);
  f.sub(r, r, y);
  // x, y and h belong to Z Z' from here on.
  f.mul(z, z, otherZ);
  finish<F>(sum, x, y, h, r);
}

/** The sum of x/Z^2, y/Z^3 and a point that differs from it by h/Z^2, r/Z^3. */
function finish<F>(sum: usize, x: usize, y: usize, h: usize, r: usize): void {
  const f = changetype<F>(0);
  const z = sum + 2 * f.bytes;
  if (f.isZero(h)) {
    if (f.isZero(r)) double<F>(sum);
    else memory.fill(sum, 0, 3 * f.bytes);
    return;
  }
  const square = temporary(4), cube = temporary(5), v = temporary(6);
  f.square(square, h);
  f.mul(cube, square, h);
  f.mul(v, x, square);
  f.mul(z, z, h);
  f.square(x, r);
  f.sub(x, x, cube);
  f.sub(x, x, v);
  f.sub(x, x, v);
  f.sub(v, v, x);
  f.mul(v, v, r);
  f.mul(y, y, cube);
  f.sub(y, v, y);
}

/** Writes a sum at rest. @param o not sum */
export function rest<F>(o: usize, sum: usize): void {
  const f = changetype<F>(0);
  const z = sum + 2 * f.bytes;
  if (f.isZero(z)) {
    memory.fill(o, 0, 2 * f.bytes);
    return;
  }
  const inverse = temporary(0), square = temporary(1);
  f.invert(inverse, z);
  f.square(square, inverse);
  f.mul(o, sum, square);
  f.mul(square, square, inverse);
  f.mul(o + f.bytes, sum + f.bytes, square);
}

/** The place of the first of these points at rest that is not on its curve, y^2 = x^3 + 4 or x^3 + 4 (1 + u); -1 where all are. */
export function firstOffCurve<F>(points: usize, count: i32): i32 {
  const f = changetype<F>(0);
  const four = temporary(0), cube = temporary(1), square = temporary(2);
  for (let part: usize = 0; part < f.bytes; part += 64) memory.copy(four + part, workspace + ONE, 64);
  f.add(four, four, four);
  f.add(four, four, four);
  for (let i = 0; i < count; i++) {
    const point = points + <usize>i * 2 * f.bytes;
    f.square(cube, point);
    f.mul(cube, cube, point);
    f.add(cube, cube, four);
    f.square(square, point + f.bytes);
    f.sub(cube, cube, square);
    if (!f.isZero(cube)) return i;
  }
  return -1;
}
