/** The quadratic field Fp[u]/(u^2 + 1), for G2. AssemblyScript. An element is c0 and c1 of fp.ts, 64 bytes each. */
import { addP, minusP, mulP, plusP, subP } from './fp';
import { EXPONENT, FIELD, ONE, workspace, ZERO } from './workspace';

/** Of the modulus. */
const BITS = 381;
const LIMB_BITS = 30;
const C1: usize = 64;

/** o = a b, by three products (Karatsuba). @param a @param b with limbs below 2 p @param o may be a or b */
export function mulTwo(o: usize, a: usize, b: usize): void {
  const low = workspace + FIELD;
  const high = low + 64;
  const sum = low + 128;
  const other = low + 192;
  plusP(sum, a, a + C1);
  plusP(other, b, b + C1);
  mulP(low, a, b);
  mulP(high, a + C1, b + C1);
  mulP(sum, sum, other);
  subP(o, low, high);
  subP(sum, sum, low);
  subP(o + C1, sum, high);
}

/** o = a^2, by two products. */
export function squareTwo(o: usize, a: usize): void {
  const sum = workspace + FIELD;
  const difference = sum + 64;
  plusP(sum, a, a + C1);
  minusP(difference, a, a + C1);
  mulP(o + C1, a, a + C1);
  mulP(o, sum, difference);
  addP(o + C1, o + C1, o + C1);
}

/** o = 1/a, 0 for 0 (Fermat). @param o not a */
export function invertP(o: usize, a: usize): void {
  memory.copy(o, workspace + ONE, 64);
  for (let bit = BITS - 1; bit >= 0; bit--) {
    mulP(o, o, o);
    if ((load<u32>(workspace + EXPONENT + 4 * <usize>(bit / LIMB_BITS)) >> (bit % LIMB_BITS)) & 1) mulP(o, o, a);
  }
}

/** o = 1/a = (c0 - c1 u)/(c0^2 + c1^2), 0 for 0. @param o not a */
export function invertTwo(o: usize, a: usize): void {
  const norm = workspace + FIELD;
  const inverse = norm + 64;
  mulP(norm, a, a);
  mulP(inverse, a + C1, a + C1);
  addP(norm, norm, inverse);
  invertP(inverse, norm);
  mulP(o, a, inverse);
  subP(norm, workspace + ZERO, a + C1);
  mulP(o + C1, norm, inverse);
}
