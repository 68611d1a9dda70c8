/**
 * Where gadgets write. The same gadgets run twice: once with a Recorder, which keeps the constraints, and for every proof with an
 * Evaluator, which keeps the wires' values; so the two can never number the wires differently.
 */
import { FIELD_MODULUS, toField } from './field';
import type { R1cs, Term } from './r1cs';

/** A constant plus wires times constants. */
export interface Linear {
  /** Its value with the current assignment: an integer that may be negative, or an element, always within (-r, r). */
  readonly value: bigint;
  /** Coefficient of each wire, wire 0 being 1; nothing where values alone are computed. */
  readonly terms: ReadonlyMap<number, bigint>;
}

export interface ConstraintSystem {
  /** constant + sum of coefficients[i] forms[i]. */
  combine(constant: bigint, forms: readonly Linear[], coefficients: ArrayLike<bigint | number>): Linear;
  /** A new private wire. */
  wire(value: bigint): Linear;
  /** The public input `index` (1 is the first public signal). */
  publicInput(index: number, value: bigint): Linear;
  /** a b = c */
  enforce(a: Linear, b: Linear, c: Linear): void;
  /** The public signal `index` is this form. */
  output(index: number, form: Linear): void;
}

const NO_TERMS: ReadonlyMap<number, bigint> = new Map();
export const ZERO: Linear = { value: 0n, terms: NO_TERMS };
export const ONE: Linear = { value: 1n, terms: new Map([[0, 1n]]) };

/** Keeps the constraints; values are those of whatever assignment it is given. */
export class Recorder implements ConstraintSystem {
  private readonly constraints: R1cs['constraints'] = [];
  private wires: number;

  constructor(private readonly publicSignals: number) {
    this.wires = 1 + publicSignals;
  }

  combine(constant: bigint, forms: readonly Linear[], coefficients: ArrayLike<bigint | number>): Linear {
    const terms = new Map<number, bigint>();
    if (constant !== 0n) terms.set(0, constant);
    forms.forEach((form, i) => {
      const coefficient = BigInt(coefficients[i]);
      for (const [wire, factor] of form.terms) terms.set(wire, (terms.get(wire) ?? 0n) + factor * coefficient);
    });
    // Once for each wire, not for each summand: the slow part of a long sum.
    for (const [wire, sum] of terms) terms.set(wire, toField(sum));
    return { value: valueOf(constant, forms, coefficients), terms };
  }

  wire(value: bigint): Linear {
    return { value, terms: new Map([[this.wires++, 1n]]) };
  }

  publicInput(index: number, value: bigint): Linear {
    return { value, terms: new Map([[index, 1n]]) };
  }

  enforce(a: Linear, b: Linear, c: Linear): void {
    this.constraints.push([termsOf(a), termsOf(b), termsOf(c)]);
  }

  output(index: number, form: Linear): void {
    this.enforce(ZERO, ZERO, this.combine(0n, [this.publicInput(index, form.value), form], [1, -1]));
  }

  r1cs(): R1cs {
    return { wires: this.wires, publicSignals: this.publicSignals, constraints: this.constraints };
  }
}

/** Keeps the value of every wire. */
export class Evaluator implements ConstraintSystem {
  /** [wires], each in [0, r); wire 0 is 1. */
  readonly witness: bigint[];

  constructor(publicSignals: number) {
    this.witness = [1n, ...new Array<bigint>(publicSignals).fill(0n)];
  }

  combine(constant: bigint, forms: readonly Linear[], coefficients: ArrayLike<bigint | number>): Linear {
    return { value: valueOf(constant, forms, coefficients), terms: NO_TERMS };
  }

  wire(value: bigint): Linear {
    this.witness.push(toField(value));
    return { value, terms: NO_TERMS };
  }

  publicInput(index: number, value: bigint): Linear {
    this.witness[index] = toField(value);
    return { value, terms: NO_TERMS };
  }

  enforce(): void {}

  output(index: number, form: Linear): void {
    this.witness[index] = toField(form.value);
  }
}

function valueOf(constant: bigint, forms: readonly Linear[], coefficients: ArrayLike<bigint | number>): bigint {
  let sum = constant;
  for (let i = 0; i < forms.length; i++) sum += forms[i].value * BigInt(coefficients[i]);
  return sum % FIELD_MODULUS;
}

/** Terms by wire, without those that cancelled. */
const termsOf = ({ terms }: Linear): Term[] => [...terms].filter(([, coefficient]) => coefficient !== 0n).sort(([a], [b]) => a - b);
