/** Circuit, reference and wasm give the same integers for the same model and input. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WasmBackend, boundCommitment, checkWitness, constraintsOf, createCircuit, infer, inputCommitment, weightCommitment, witnessOf, type CircuitModel, type WeightMode } from '../../circuits';
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
