/** Rank-1 constraint systems: the form of a circuit that Groth16 proves. */
import { FIELD_MODULUS } from './field';

/** A wire and its coefficient, below r and not 0. */
export type Term = [wire: number, coefficient: bigint];

/** (sum of a)(sum of b) = (sum of c). */
export type Constraint = [a: Term[], b: Term[], c: Term[]];

export interface R1cs {
  /** Wire 0 is 1, then come the public signals, then the private wires. */
  wires: number;
  publicSignals: number;
  constraints: Constraint[];
}

/** The value of a sum of wires, in [0, r). */
export function evaluate(terms: readonly Term[], witness: readonly bigint[]): bigint {
  let sum = 0n;
  for (const [wire, coefficient] of terms) sum += coefficient * witness[wire];
  return sum % FIELD_MODULUS;
}

export const holds = ([a, b, c]: Constraint, witness: readonly bigint[]): boolean =>
  (evaluate(a, witness) * evaluate(b, witness) - evaluate(c, witness)) % FIELD_MODULUS === 0n;

/** The first constraint that a witness breaks; -1 when it satisfies all. */
export const firstBroken = ({ constraints }: R1cs, witness: readonly bigint[]): number => constraints.findIndex((constraint) => !holds(constraint, witness));
