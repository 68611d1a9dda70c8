/** Witnesses: the value of every wire for an input. */
import { PUBLIC_SIGNALS, synthesise, type Assignment, type Circuit } from './circuit';
import { checkedSalt } from './commitment';
import { Evaluator } from './constraintSystem';
import { CircuitError, CircuitInputError } from './errors';
import { firstBroken, type R1cs } from './r1cs';
import { checkInput } from './reference';

/** A context word has 248 bits: the contract makes it from a hash without its last byte. */
const CONTEXT_BITS = 248n;

export interface Witness {
  /** [wires] of the circuit's constraints, each in [0, r). */
  wires: bigint[];
  commit: bigint;
  verdict: number;
  context: bigint;
}

/** What a prover fills in; a `weightSalt` only where the weights are committed with one. */
export type WitnessInput = Omit<Assignment, 'weightSalt'> & { weightSalt?: bigint };

/**
 * @example
 * const circuit = createCircuit(parseModelText(text));
 * const { wires, commit, verdict } = witnessOf(circuit, { values, salt: drawSalt(), context });
 * @throws CircuitInputError `input.zk.values`, `input.zk.salt`, `input.zk.context`
 */
export function witnessOf(circuit: Circuit, { values, salt, context, weightSalt = 0n }: WitnessInput): Witness {
  checkInput(circuit.model, values);
  checkedSalt(salt);
  checkedSalt(weightSalt);
  if (context < 0n || context >> CONTEXT_BITS !== 0n) {
    throw new CircuitInputError('input.zk.context', 'the context word has too many bits', { expected: `${CONTEXT_BITS} bits` });
  }
  const evaluator = new Evaluator(PUBLIC_SIGNALS);
  synthesise(evaluator, circuit, { values, salt, context, weightSalt });
  const wires = evaluator.witness;
  return { wires, commit: wires[1], verdict: Number(wires[2]), context: wires[3] };
}

/** @throws CircuitError `circuit.witness` with the constraint that does not hold */
export function checkWitness(r1cs: R1cs, witness: readonly bigint[]): void {
  if (witness.length !== r1cs.wires || witness[0] !== 1n) {
    throw new CircuitError('circuit.witness', 'the witness is not of this circuit', { expected: `${r1cs.wires} wires, the first 1`, received: `${witness.length} wires` });
  }
  const broken = firstBroken(r1cs, witness);
  if (broken < 0) return;
  throw new CircuitError('circuit.witness', 'the witness breaks a constraint', { expected: `all ${r1cs.constraints.length} to hold`, received: `constraint ${broken}` });
}
