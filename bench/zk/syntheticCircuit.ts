/** Constraints without a meaning, of any number and with the mix of wires that circuits of models have. */
import { FIELD_MODULUS, toField } from '../../circuits/field';
import { type Constraint, evaluate, type R1cs, type Term } from '../../circuits/r1cs';
import { randomOf } from '../slashing/largeModel';

/** Bits of a small number, numbers in a sum of weights. */
const BITS = 8;
const SUMMED = 28;
const PUBLIC_SIGNALS = 3;

export interface SyntheticCircuit { r1cs: R1cs; witness: bigint[] }

/**
 * Eleven constraints at a time: eight bits and the number they make, a weighted sum of such numbers, a product as a hash has it.
 * So three wires in four are 0 or 1, and one in eleven is of full size.
 * @param constraints at least 16
 * @param seed of every choice
 */
export function syntheticCircuit(constraints: number, seed: number): SyntheticCircuit {
  const random = randomOf(seed);
  const list: Constraint[] = [];
  const witness: bigint[] = [1n, 0n, 0n, BigInt(random(2 ** 31)) ** 8n % FIELD_MODULUS];
  const numbers: number[] = [];
  const wire = (value: bigint): number => witness.push(toField(value)) - 1;
  const one: Term = [0, 1n];
  const minusOne = FIELD_MODULUS - 1n;
  let hash = wire(witness[3] ** 2n);
  list.push([[[3, 1n]], [[3, 1n]], [[hash, 1n]]]);
  while (list.length < constraints - 2) {
    const kind = (list.length - 1) % (BITS + 3);
    if (kind < BITS) {
      const bit = wire(BigInt(random(2)));
      list.push([[[bit, 1n]], [[bit, 1n], [0, minusOne]], []]);
    } else if (kind === BITS) {
      const bits = Array.from({ length: BITS }, (_, i): Term => [witness.length - BITS + i, 1n << BigInt(i)]);
      const number = wire(evaluate(bits, witness));
      numbers.push(number);
      list.push([bits, [one], [[number, 1n]]]);
    } else if (kind === BITS + 1) {
      const terms = [...new Set(Array.from({ length: SUMMED }, () => numbers[random(numbers.length)]))].map((from): Term => [from, toField(BigInt(random(255) - 127))]);
      const sum = wire(evaluate(terms, witness));
      list.push([terms, [one], [[sum, 1n]]]);
    } else {
      const factor: Term[] = [[hash, 1n], [numbers[random(numbers.length)], 1n]];
      const product = wire(evaluate(factor, witness) ** 2n);
      list.push([factor, factor, [[product, 1n]]]);
      hash = product;
    }
  }
  witness[1] = witness[hash];
  witness[2] = witness[numbers[0]];
  list.push([[[hash, 1n]], [one], [[1, 1n]]], [[[numbers[0], 1n]], [one], [[2, 1n]]]);
  return { r1cs: { wires: witness.length, publicSignals: PUBLIC_SIGNALS, constraints: list }, witness };
}
