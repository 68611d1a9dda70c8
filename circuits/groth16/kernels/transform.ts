/** The number theoretic transform over the scalars, and what happens to polynomials between two of them. AssemblyScript. */
import { addR, minusR, mulR, subR } from './fr';
import { FIELD, workspace } from './workspace';

const BYTES: usize = 40;

/**
 * From a polynomial's values at the n-th roots of 1 to its values at w times them, w being a 2n-th root. In place. There by
 * decimation in frequency, which leaves coefficients at bit-reversed places, and back by decimation in time, which takes them there.
 * @param values 2^log
 * @param roots w^0 to w^(n - 1)
 * @param scale 1/n
 */
export function shiftValues(values: usize, log: i32, roots: usize, scale: usize): void {
  toCoefficients(values, log, roots);
  const n: u32 = 1 << log;
  for (let i: u32 = 0; i < n; i++) {
    const at = values + i * BYTES;
    mulR(at, at, scale);
    mulR(at, at, roots + reversed(i, log) * BYTES);
  }
  toValues(values, log, roots);
}

/** Values at w^0, w^2, ... in order to coefficients at bit-reversed places, times n. */
export function toCoefficients(values: usize, log: i32, roots: usize): void {
  const n: u32 = 1 << log;
  const factor = workspace + FIELD;
  for (let half = n >> 1; half > 0; half >>= 1) {
    const step = n / half;
    for (let j: u32 = 0; j < half; j++) {
      // 1/w^(j step) = -w^(n - j step).
      const root = roots + (n - j * step) * BYTES;
      for (let i = j; i < n; i += 2 * half) {
        const low = values + i * BYTES;
        const high = low + half * BYTES;
        if (j === 0) subR(factor, low, high);
        else minusR(factor, high, low);
        addR(low, low, high);
        if (j === 0) memory.copy(high, factor, BYTES);
        else mulR(high, factor, root);
      }
    }
  }
}

/** Coefficients at bit-reversed places to values at w^0, w^2, ... in order. */
export function toValues(values: usize, log: i32, roots: usize): void {
  const n: u32 = 1 << log;
  const factor = workspace + FIELD;
  for (let half: u32 = 1; half < n; half <<= 1) {
    const step = n / half;
    for (let j: u32 = 0; j < half; j++) {
      const root = roots + j * step * BYTES;
      for (let i = j; i < n; i += 2 * half) {
        const low = values + i * BYTES;
        const high = low + half * BYTES;
        mulR(factor, high, root);
        subR(high, low, factor);
        addR(low, low, factor);
      }
    }
  }
}

@inline function reversed(index: u32, log: i32): usize {
  let bits = ((index >> 1) & 0x55555555) | ((index & 0x55555555) << 1);
  bits = ((bits >> 2) & 0x33333333) | ((bits & 0x33333333) << 2);
  bits = ((bits >> 4) & 0x0f0f0f0f) | ((bits & 0x0f0f0f0f) << 4);
  return bswap<u32>(bits) >> (32 - log);
}

/** o = first^0 to first^(count - 1). @param one first^0 */
export function writePowers(o: usize, first: usize, one: usize, count: i32): void {
  memory.copy(o, one, BYTES);
  for (let i = 1; i < count; i++) mulR(o + <usize>i * BYTES, o + <usize>(i - 1) * BYTES, first);
}
