/**
 * Building blocks of circuits. Each proves what its comment says of every witness, not only of those that the calculator makes.
 * Long forms stand in c, which costs a proving key nothing but the wires' points, else in a, which costs less than b.
 */
import { ONE, ZERO, type ConstraintSystem, type Linear } from './constraintSystem';
import { FULL_ROUNDS, PARTIAL_ROUNDS, RATE, WIDTH, capacityOf, poseidonConstants, type Domain } from './poseidon';
import type { Requantise } from './model';
import type { RequantiseWidth } from './widths';

const minus = (cs: ConstraintSystem, a: Linear, b: Linear): Linear => cs.combine(0n, [a, b], [1, -1]);

/** A wire that is a b. One constraint. */
export function product(cs: ConstraintSystem, a: Linear, b: Linear): Linear {
  const wire = cs.wire(a.value * b.value);
  cs.enforce(a, b, wire);
  return wire;
}

/** A wire that is 0 or 1. One constraint. */
function boolean(cs: ConstraintSystem, value: bigint): Linear {
  const wire = cs.wire(value);
  cs.enforce(wire, cs.combine(-1n, [wire], [1]), ZERO);
  return wire;
}

/** form = sum of 2^i times bit i, every bit 0 or 1, and so 0 <= form < 2^count. count + 1 constraints; the form stands in one of them, in c. */
export function bits(cs: ConstraintSystem, form: Linear, count: number): Linear[] {
  const opened = Array.from({ length: count }, (_, i) => boolean(cs, (form.value >> BigInt(i)) & 1n));
  cs.enforce(ZERO, ZERO, cs.combine(0n, [form, ...opened], [-1n, ...powers(count)]));
  return opened;
}

/**
 * 0 <= form < 2^count, for a form of few wires. count constraints: the highest bit has no wire, it is what the others leave, which
 * must be 0 or 2^(count-1).
 */
export function inRange(cs: ConstraintSystem, form: Linear, count: number): void {
  const lower = Array.from({ length: count - 1 }, (_, i) => boolean(cs, (form.value >> BigInt(i)) & 1n));
  const rest = cs.combine(0n, [form, ...lower], [1n, ...powers(count - 1).map((power) => -power)]);
  cs.enforce(rest, cs.combine(-(1n << BigInt(count - 1)), [rest], [1]), ZERO);
}

const powers = (count: number): bigint[] => Array.from({ length: count }, (_, i) => 1n << BigInt(i));

/**
 * h = min(2^bits - 1, max(0, floor((sum m + 2^(s-1)) / 2^s))), for a sum within the bounds of its width.
 * u = sum m + 2^(s-1) is opened to its bits, offset so that the highest is 1 exactly for u >= 0; the bits above h's tell saturation.
 */
export function requantise(cs: ConstraintSystem, sum: Linear, { multiplier, shift, bits: resultBits }: Requantise, width: RequantiseWidth): Linear {
  if (width.dead) return ZERO;
  const { magnitude, signed, overflow } = width;
  const half = shift === 0 ? 0n : 1n << BigInt(shift - 1);
  const u = cs.combine(half + (signed ? 1n << BigInt(magnitude) : 0n), [sum], [multiplier]);
  const opened = bits(cs, u, magnitude + (signed ? 1 : 0));
  const result = opened.slice(shift, Math.min(shift + resultBits, magnitude));
  const value = cs.combine(0n, result, powers(result.length));
  const isPositive = signed ? opened[magnitude] : ONE;
  if (overflow === 0) return signed ? product(cs, value, isPositive) : value;
  // `fits` is 1 when u is not negative and no bit above the result's is set.
  let fits = isPositive;
  for (const bit of opened.slice(shift + resultBits, magnitude)) {
    const clear = cs.combine(1n, [bit], [-1]);
    fits = fits === ONE ? clear : product(cs, fits, clear);
  }
  // h = fits (value - top) + isPositive top
  const top = (1n << BigInt(resultBits)) - 1n;
  const h = cs.wire(fits.value * (value.value - top) + isPositive.value * top);
  cs.enforce(cs.combine(-top, [value], [1]), fits, cs.combine(0n, [h, isPositive], [1n, -top]));
  return h;
}

/**
 * The index of the largest form; of equal ones the first.
 * One of `chosen` is 1; the largest is the chosen form, and no form is larger, nor, before the chosen one, as large.
 * @param widths largest - form i < 2^widths[i] for all forms that the circuit can compute
 */
export function argmax(cs: ConstraintSystem, forms: readonly Linear[], widths: readonly number[]): Linear {
  let best = 0;
  forms.forEach(({ value }, i) => {
    if (value > forms[best].value) best = i;
  });
  const chosen = forms.slice(1).map((_, i) => boolean(cs, i + 1 === best ? 1n : 0n));
  const first = cs.combine(1n, chosen, chosen.map(() => -1));
  cs.enforce(first, cs.combine(-1n, [first], [1]), ZERO);
  chosen.unshift(first);
  const largest = cs.wire(forms[best].value);
  forms.forEach((form, i) => {
    const gap = minus(cs, largest, form);
    cs.enforce(gap, chosen[i], ZERO);
    const later = chosen.slice(i + 1);
    bits(cs, cs.combine(0n, [gap, ...later], [1, ...later.map(() => -1)]), widths[i]);
  });
  return cs.combine(0n, chosen, chosen.map((_, i) => i));
}

/** x^5. Three constraints. */
function fifthPower(cs: ConstraintSystem, x: Linear): Linear {
  const square = product(cs, x, x);
  return product(cs, x, product(cs, square, square));
}

/** The permutation. 3 (5 * 8 + 60) = 300 constraints. */
export function permutation(cs: ConstraintSystem, input: readonly Linear[]): Linear[] {
  const { roundConstants, mds } = poseidonConstants();
  let state = input;
  roundConstants.forEach((constants, round) => {
    const isFull = round < FULL_ROUNDS / 2 || round >= FULL_ROUNDS / 2 + PARTIAL_ROUNDS;
    const added = state.map((form, i) => cs.combine(constants[i], [form], [1]));
    const powered = added.map((form, i) => (isFull || i === 0 ? fifthPower(cs, form) : form));
    state = mds.map((row) => cs.combine(0n, powered, row));
  });
  return [...state];
}

/** The sponge of poseidon.ts. 300 constraints for every four elements. */
export function hash(cs: ConstraintSystem, domain: Domain, elements: readonly Linear[]): Linear {
  let state: Linear[] = [cs.combine(capacityOf(domain, elements.length), [], []), ...new Array<Linear>(WIDTH - 1).fill(ZERO)];
  for (let at = 0; at < elements.length; at += RATE) {
    state = permutation(cs, state.map((form, i) => (i === 0 ? form : cs.combine(0n, [form, elements[at + i - 1] ?? ZERO], [1, 1]))));
  }
  return state[1];
}
