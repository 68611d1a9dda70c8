/** Circuit, reference and wasm give the same integers for the same model and input. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WasmBackend, boundCommitment, buildCircuit, checkWitness, constraintsOf, createCircuit, infer, inputCommitment, parseModel, weightCommitment, witnessOf, type CircuitModel, type WeightMode } from '../../circuits';
import { draws, heldOut, inputsOf, pixels, randomModel, shippedModel } from './support';

const R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

/** How many inputs agree; the constraints are evaluated for each. */
function agree(model: CircuitModel, mode: WeightMode, inputs: number[][], label: string): number {
  const circuit = createCircuit(model, mode);
  const r1cs = constraintsOf(circuit);
  const wasm = new WasmBackend(model);
  inputs.forEach((values, i) => {
    const [salt, weightSalt, context] = [BigInt(i) * 7919n + 1n, mode === 'committed' ? R - 1n : 0n, (1n << 248n) - 1n - BigInt(i)];
    const expected = infer(model, values);
    assert.deepEqual(wasm.infer(values), expected, `${label}: wasm, input ${i}`);
    const witness = witnessOf(circuit, { values, salt, context, weightSalt });
    checkWitness(r1cs, witness.wires);
    assert.equal(witness.verdict, expected.verdict, `${label}: circuit, input ${i}`);
    assert.equal(witness.context, context);
    const hidden = inputCommitment(model, values, salt);
    assert.equal(witness.commit, mode === 'constant' ? hidden : boundCommitment(weightCommitment(model, weightSalt), hidden), `${label}: commitment`);
  });
  return inputs.length;
}

test('circuit, reference and wasm agree on random models, with extreme and random inputs', () => {
  const kinds = new Set<string>();
  let agreed = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const draw = draws(seed);
    const model = randomModel(draw);
    kinds.add(`${model.verdict} ${model.layers.map(({ kind }) => kind).join(' ')}`);
    agreed += agree(model, 'constant', inputsOf(model, draw, 4), `seed ${seed}`);
  }
  assert.equal(agreed, 320);
  assert.ok(kinds.size >= 6, [...kinds].join(', '));
});

test('they agree where the weights are committed', () => {
  for (let seed = 201; seed <= 210; seed++) {
    const draw = draws(seed);
    const model = randomModel(draw);
    agree(model, 'committed', inputsOf(model, draw, 2), `seed ${seed}`);
  }
});

test('they agree on the shipped model, with extreme, random and held-out inputs', () => {
  const model = shippedModel();
  const inputs = [...inputsOf(model, draws(7), 20), ...heldOut().digits.slice(0, 20).map(([image]) => pixels(image))];
  assert.equal(agree(model, 'constant', inputs, 'digits'), 44);
});

test('they agree on a model of 784-128-10, whose witness takes well under a second and fits a domain of 2^14', () => {
  const draw = draws(9);
  const rows = (outputs: number, inputs: number) => Array.from({ length: outputs }, () => Array.from({ length: inputs }, () => draw(-128, 127)));
  const model = parseModel({
    format: 'cocoon-circuit-model-1', name: 'large', input: { height: 28, width: 28, channels: 1, minimum: 0, bits: 8 }, range: { weightBits: 8, biasBits: 16 }, verdict: 'argmax',
    layers: [
      { kind: 'dense', weights: rows(128, 784), bias: new Array<number>(128).fill(5), requantise: { multiplier: 1, shift: 12, bits: 7 } },
      { kind: 'dense', weights: rows(10, 128), bias: new Array<number>(10).fill(-5) },
    ],
  });
  const { circuit, r1cs, record } = buildCircuit(model);
  const [values] = inputsOf(model, draw, 1).slice(4);
  const started = performance.now();
  const witness = witnessOf(circuit, { values, salt: 1n, context: 2n });
  assert.ok(performance.now() - started < 1000);
  checkWitness(r1cs, witness.wires);
  assert.equal(witness.verdict, infer(model, values).verdict);
  assert.deepEqual(new WasmBackend(model).infer(values), infer(model, values));
  assert.equal(record.domain, 2 ** 14);
});

test('of equal outputs the first is the verdict', () => {
  const equal = shippedModel();
  const last = equal.layers[1];
  if (last.kind !== 'dense') throw new Error('another model is shipped');
  last.weights = last.weights.map(() => last.weights[3]);
  last.bias = [1, 1, 5, 4, 5, 5, 1, 5, 0, 5];
  for (const values of inputsOf(equal, draws(8), 3)) {
    assert.equal(infer(equal, values).verdict, 2);
    agree(equal, 'constant', [values], 'ties');
  }
});
