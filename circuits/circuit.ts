/** The circuit of a model: public [commit, verdict, context], hidden input, salt and, where they are committed, weights. */
import { type ConstraintSystem, type Linear, Recorder } from './constraintSystem';
import { perElement, signedPacking, type Packing } from './commitment';
import { argmax, hash, inRange, product, requantise } from './gadgets';
import { sizeOf, type CircuitModel } from './model';
import type { R1cs } from './r1cs';
import { sumsOf, type SummedLayer } from './rows';
import { deriveWidths, type WeightMode, type Widths } from './widths';

export const PUBLIC_SIGNALS = 3;
const [COMMIT, VERDICT, CONTEXT] = [1, 2, 3];

/** A model made ready to become constraints or a witness. */
export interface Circuit {
  model: CircuitModel;
  mode: WeightMode;
  layers: SummedLayer[];
  widths: Widths;
}

/** What a witness is made of. */
export interface Assignment {
  /** [height][width][channels] */
  values: readonly number[];
  salt: bigint;
  context: bigint;
  /** Of committed weights. */
  weightSalt: bigint;
}

/** @throws CircuitModelError `model.zk.width` */
export function createCircuit(model: CircuitModel, mode: WeightMode = 'constant'): Circuit {
  const layers = sumsOf(model);
  return { model, mode, layers, widths: deriveWidths(model, layers, mode) };
}

/** The constraints. The same circuit gives the same ones, and of committed weights they do not depend on the weights. */
export function constraintsOf(circuit: Circuit): R1cs {
  const recorder = new Recorder(PUBLIC_SIGNALS);
  const { minimum } = circuit.model.input;
  const values = new Array<number>(sizeOf(circuit.model.input)).fill(minimum);
  synthesise(recorder, circuit, { values, salt: 0n, context: 0n, weightSalt: 0n });
  return recorder.r1cs();
}

/** Writes the circuit with the values of an assignment. */
export function synthesise(cs: ConstraintSystem, circuit: Circuit, { values, salt, context, weightSalt }: Assignment): void {
  const { model, mode, layers, widths } = circuit;
  const saltWire = cs.wire(salt);
  const input = values.map((x) => cs.wire(BigInt(x)));
  const hidden = mode === 'committed' ? openWeights(cs, circuit, weightSalt) : undefined;

  const inputHash = hash(cs, 'input', [saltWire, ...packed(cs, input, model.input)]);
  cs.output(COMMIT, hidden === undefined ? inputHash : hash(cs, 'binding', [hidden.hash, inputHash]));
  // Without a constraint of its own a public input could be replaced in a finished proof.
  const contextWire = cs.publicInput(CONTEXT, context);
  product(cs, contextWire, contextWire);

  let current = input;
  layers.forEach((layer, index) => {
    const sums = hidden === undefined ? constantSums(cs, layer, current) : hiddenSums(cs, layer, hidden.layers[index], current);
    const { requantise: rule } = layer;
    current = rule === undefined ? sums : sums.map((sum, i) => requantise(cs, sum, rule, widths.layers[index].requantise[i]));
  });
  cs.output(VERDICT, model.verdict === 'score' ? current[0] : argmax(cs, current, widths.argmax));
}

/** Checks that each integer lies in its range, and gives the elements they pack to: the reverse of `pack`, for forms. */
function packed(cs: ConstraintSystem, values: readonly Linear[], packing: Packing): Linear[] {
  const offset = BigInt(-packing.minimum);
  const raised = values.map((value) => cs.combine(offset, [value], [1]));
  raised.forEach((value) => inRange(cs, value, packing.bits));
  const elements: Linear[] = [];
  for (let at = 0; at < raised.length; at += perElement(packing)) {
    const inside = raised.slice(at, at + perElement(packing));
    elements.push(cs.combine(0n, inside, inside.map((_, i) => 1n << BigInt(i * packing.bits))));
  }
  return elements;
}

/** No constraint: constants times wires. */
const constantSums = (cs: ConstraintSystem, { weights, biases, rows }: SummedLayer, values: readonly Linear[]): Linear[] => rows.map((row) =>
  cs.combine(BigInt(biases[row.bias]), Array.from(row.inputs, (i) => values[i]), row.weights.map((i) => weights[i])));

interface HiddenLayer { weights: Linear[]; biases: Linear[] }

/** Weights and biases as wires, and the hash they are committed by. */
function openWeights(cs: ConstraintSystem, { model, layers }: Circuit, salt: bigint): { layers: HiddenLayer[]; hash: Linear } {
  const { weightBits, biasBits } = model.range;
  const saltWire = cs.wire(salt);
  const wires = (values: Int32Array) => Array.from(values, (x) => cs.wire(BigInt(x)));
  const hidden = layers.map(({ weights, biases }) => ({ weights: wires(weights), biases: wires(biases) }));
  return {
    layers: hidden,
    hash: hash(cs, 'weights', [
      saltWire,
      ...packed(cs, hidden.flatMap(({ weights }) => weights), signedPacking(weightBits)),
      ...packed(cs, hidden.flatMap(({ biases }) => biases), signedPacking(biasBits)),
    ]),
  };
}

/** One constraint for each weight and value. */
const hiddenSums = (cs: ConstraintSystem, { rows }: SummedLayer, { weights, biases }: HiddenLayer, values: readonly Linear[]): Linear[] => rows.map((row) => {
  const products = Array.from(row.inputs, (input, i) => product(cs, weights[row.weights[i]], values[input]));
  return cs.combine(0n, [biases[row.bias], ...products], [1, ...products.map(() => 1)]);
});
