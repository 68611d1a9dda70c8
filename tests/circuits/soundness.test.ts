/**
 * What a prover could change. `npm run test:wires` changes every wire of the shipped model's circuit for every held-out image, and as many
 * pairs as there are wires; without it a few images and some pairs do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIELD_MODULUS, PUBLIC_SIGNALS, constraintsOf, createCircuit, firstBroken, freeGroups, unprovenWires, witnessOf, type Circuit, type CircuitModel, type R1cs } from '../../circuits';
import { synthesise } from '../../circuits/circuit';
import { Evaluator } from '../../circuits/constraintSystem';
import { draws, givenWires, heldOut, inputsOf, pixels, randomModel, shippedModel, type Draw } from './support';

const isWhole = process.env.COCOON_WIRES === '1';

const randomPairs = ({ wires }: R1cs, draw: Draw, count: number): number[][] => Array.from({ length: count }, () => [draw(1, wires - 1), draw(1, wires - 1)]);

/** Pairs that stand in one constraint, which are the likelier to make up for each other. */
function neighbours({ constraints }: R1cs, draw: Draw, count: number): number[][] {
  return Array.from({ length: count }, () => {
    const wires = constraints[draw(0, constraints.length - 1)].flat().map(([wire]) => wire).filter((wire) => wire !== 0);
    return [wires[draw(0, wires.length - 1)], wires[draw(0, wires.length - 1)]];
  });
}

/** The wires of an argmax: choices, largest, the bits of the gaps, and the verdict. */
const argmaxWires = ({ widths, layers, model }: Circuit): number => (model.verdict === 'score' ? 0 : layers[layers.length - 1].rows.length + widths.argmax.reduce((sum, x) => sum + x, 0) + 1);

test('no wire of small circuits can change, alone or in a random pair, in either kind', () => {
  for (let seed = 301; seed <= 308; seed++) for (const mode of ['constant', 'committed'] as const) {
    const draw = draws(seed);
    const model = randomModel(draw);
    const circuit = createCircuit(model, mode);
    const r1cs = constraintsOf(circuit);
    const [values] = inputsOf(model, draw, 1).slice(4);
    const { wires } = witnessOf(circuit, { values, salt: 12345n, context: 678n });
    assert.deepEqual(freeGroups(r1cs, wires), [], `seed ${seed}, ${mode}`);
    assert.deepEqual(freeGroups(r1cs, wires, [...randomPairs(r1cs, draw, 500), ...neighbours(r1cs, draw, 500)]), [], `pairs of seed ${seed}, ${mode}`);
  }
});

test('every wire is proven unique once input, salt, context and weights are given, save those of the argmax', () => {
  for (let seed = 401; seed <= 410; seed++) for (const mode of ['constant', 'committed'] as const) {
    const model = randomModel(draws(seed));
    const circuit = createCircuit(model, mode);
    const unproven = unprovenWires(constraintsOf(circuit), givenWires(model, mode === 'committed'));
    assert.ok(unproven.length <= argmaxWires(circuit), `seed ${seed}, ${mode}: ${unproven.length}`);
  }
  const circuit = createCircuit(shippedModel());
  assert.equal(unprovenWires(constraintsOf(circuit), givenWires(circuit.model)).length, argmaxWires(circuit));
});

test('a circuit that lacks any one of its constraints is found out', () => {
  let model: CircuitModel;
  for (let seed = 501; ; seed++) {
    model = randomModel(draws(seed));
    if (model.verdict === 'score' && model.layers.length === 2 && model.layers[0].kind === 'conv2d') break;
  }
  const circuit = createCircuit(model);
  const r1cs = constraintsOf(circuit);
  assert.ok(r1cs.constraints.length > 350);
  const unnoticed = r1cs.constraints.filter((_, without) => {
    const less = { ...r1cs, constraints: r1cs.constraints.filter((_, at) => at !== without) };
    return unprovenWires(less, givenWires(model)).length === 0;
  });
  assert.equal(unnoticed.length, 0);
});

test('no wire of the shipped circuit can change, alone or in a pair', () => {
  const circuit = createCircuit(shippedModel());
  const r1cs = constraintsOf(circuit);
  const { digits } = heldOut();
  const draw = draws(31);
  const images = isWhole ? digits : [digits[0], digits[211], digits[449]];
  images.forEach(([image], i) => {
    // Contexts 0 and 1 are their own squares: together with its square such a one becomes the other, as any context may.
    const { wires } = witnessOf(circuit, { values: pixels(image), salt: BigInt(i + 1) ** 40n % FIELD_MODULUS, context: BigInt(i + 2) });
    assert.deepEqual(freeGroups(r1cs, wires), [], `image ${i}`);
    const pairs = isWhole ? r1cs.wires : 300;
    assert.deepEqual(freeGroups(r1cs, wires, [...randomPairs(r1cs, draw, pairs), ...neighbours(r1cs, draw, pairs)]), [], `pairs of image ${i}`);
  });
});

/** The witness that the calculator would make if it checked nothing. */
function unchecked(circuit: Circuit, values: readonly number[]): bigint[] {
  const evaluator = new Evaluator(PUBLIC_SIGNALS);
  synthesise(evaluator, circuit, { values, salt: 5n, context: 6n, weightSalt: 0n });
  return evaluator.witness;
}

test('an input out of range has no witness, wherever it stands and however far it lies', () => {
  const circuit = createCircuit(shippedModel());
  const r1cs = constraintsOf(circuit);
  const inside = pixels(heldOut().digits[0][0]);
  assert.equal(firstBroken(r1cs, unchecked(circuit, inside)), -1);
  for (const at of [0, 31, 62, 63]) for (const wrong of [16, -1, 300, 2 ** 31, -(2 ** 40)]) {
    const values = inside.map((x, i) => (i === at ? wrong : x));
    assert.notEqual(firstBroken(r1cs, unchecked(circuit, values)), -1, `${wrong} at ${at}`);
    assert.throws(() => witnessOf(circuit, { values, salt: 5n, context: 6n }), { code: 'input.zk.values' });
  }
});

test('a weight out of its range has no witness where weights are committed, so that no two models have one commitment', () => {
  const model = randomModel(draws(301));
  const circuit = createCircuit(model, 'committed');
  const r1cs = constraintsOf(circuit);
  const [values] = inputsOf(model, draws(1), 1).slice(4);
  assert.equal(firstBroken(r1cs, unchecked(circuit, values)), -1);
  for (const change of [2 ** model.range.weightBits, -(2 ** model.range.weightBits)]) {
    const layers = circuit.layers.map((layer) => ({ ...layer, weights: layer.weights.map((w, i) => (i === 0 ? w + change : w)) }));
    assert.notEqual(firstBroken(r1cs, unchecked({ ...circuit, layers }, values)), -1);
  }
});
