/** Sums of pairs of points at rest, with one inversion for all of them (Montgomery's trick). AssemblyScript. */
import { isNeutral } from './groups';
import { copyLines, GROUP, workspace } from './workspace';

@inline function temporary(index: usize): usize { return workspace + GROUP + 128 * (8 + index); }

/** What the sum of two points is. */
const enum Kind { secant = 0, first = 1, second = 2, tangent = 3, neutral = 4 }

/**
 * Halves the runs of points: each two neighbours of a run become their sum, in place.
 * @param points run after run, without gaps, before and after
 * @param lengths of the runs, u32; of the runs that are left, after
 * @param pairs in all runs, at least 1
 * @param scratch `pairBytes`
 */
export function halve<F>(points: usize, lengths: usize, runs: i32, total: i32, pairs: i32, scratch: usize): void {
  const f = changetype<F>(0);
  const size = 2 * f.bytes;
  const slopes = scratch;
  const products = slopes + <usize>pairs * f.bytes;
  const kinds = products + <usize>(pairs + 1) * f.bytes;
  let at = points + <usize>total * size;
  let pair = <usize>pairs;
  copyLines(products + pair * f.bytes, f.one, f.bytes);
  // From the last to the first, so that the sums may go from the first to the last.
  for (let run = runs - 1; run >= 0; run--) {
    const length = load<u32>(lengths + 4 * <usize>run);
    at -= length * size;
    for (let index = <i32>(length >> 1) - 1; index >= 0; index--) {
      pair--;
      const below = slopes + pair * f.bytes;
      store<u8>(kinds + pair, <u8>denominator<F>(below, at + 2 * <usize>index * size));
      f.mul(products + pair * f.bytes, products + (pair + 1) * f.bytes, below);
    }
  }
  const inverse = temporary(0), own = temporary(1);
  f.invert(inverse, products);
  let to = points;
  for (let run = 0; run < runs; run++) {
    const length = load<u32>(lengths + 4 * <usize>run);
    for (let index: u32 = 0; index < length >> 1; index++, at += 2 * size, to += size, pair++) {
      f.mul(own, inverse, products + (pair + 1) * f.bytes);
      f.mul(inverse, inverse, slopes + pair * f.bytes);
      addPair<F>(to, at, own, load<u8>(kinds + pair));
    }
    if (length & 1) {
      copyLines(to, at, size);
      at += size;
      to += size;
    }
    store<u32>(lengths + 4 * <usize>run, (length + 1) >> 1);
  }
}

export function pairBytes<F>(pairs: i32): usize {
  return <usize>(2 * pairs + 1) * changetype<F>(0).bytes + <usize>pairs;
}

/** Writes what the slope of the line through two neighbours is divided by. */
function denominator<F>(o: usize, first: usize): Kind {
  const f = changetype<F>(0);
  const second = first + 2 * f.bytes;
  let kind = Kind.secant;
  if (isNeutral<F>(second)) kind = Kind.first;
  else if (isNeutral<F>(first)) kind = Kind.second;
  else {
    f.sub(o, second, first);
    if (!f.isZero(o)) return Kind.secant;
    f.add(o, first + f.bytes, second + f.bytes);
    if (!f.isZero(o)) return Kind.tangent;
    kind = Kind.neutral;
  }
  copyLines(o, f.one, f.bytes);
  return kind;
}

/** o = the sum of two neighbours. @param inverse of the denominator @param o not behind `first` */
function addPair<F>(o: usize, first: usize, inverse: usize, kind: Kind): void {
  const f = changetype<F>(0);
  const second = first + 2 * f.bytes;
  const slope = temporary(2), x = temporary(3);
  switch (kind) {
    case Kind.first: copyLines(o, first, 2 * f.bytes); return;
    case Kind.second: copyLines(o, second, 2 * f.bytes); return;
    case Kind.neutral: memory.fill(o, 0, 2 * f.bytes); return;
    case Kind.secant: f.minus(slope, second + f.bytes, first + f.bytes); break;
    default: {
      f.square(x, first);
      f.add(slope, x, x);
      f.add(slope, slope, x);
    }
  }
  f.mul(slope, slope, inverse);
  f.square(x, slope);
  f.sub(x, x, first);
  f.sub(x, x, second);
  f.minus(inverse, first, x);
  f.mul(slope, slope, inverse);
  f.sub(o + f.bytes, slope, first + f.bytes);
  copyLines(o, x, f.bytes);
}
