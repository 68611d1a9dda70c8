/** The shipped circuit: models/digits-8x8.json. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WasmBackend, buildCircuit, infer, witnessOf } from '../../circuits';
import { givenWires, heldOut, pixels, shippedModel } from './support';

const { accuracyFloat, accuracyInteger, digits } = heldOut();

/** The share of held-out images whose verdict is what they show. */
const accuracyOf = (verdictOf: (values: number[]) => number): number => digits.filter(([image, digit]) => verdictOf(pixels(image)) === digit).length / digits.length;

test('the integer accuracy on the held-out images is the recorded one, with the reference and with wasm, and no worse than in floats; the circuit gives the same verdicts', () => {
  const model = shippedModel();
  const { circuit } = buildCircuit(model);
  const wasm = new WasmBackend(model);
  assert.equal(digits.length, 450);
  for (const verdictOf of [
    (values: number[]) => infer(model, values).verdict,
    (values: number[]) => wasm.infer(values).verdict,
  ]) assert.equal(accuracyOf(verdictOf).toFixed(4), accuracyInteger.toFixed(4));
  for (const [image] of digits.filter((_, i) => i % 5 === 0)) {
    assert.equal(witnessOf(circuit, { values: pixels(image), salt: 1n, context: 2n }).verdict, infer(model, pixels(image)).verdict, image);
  }
  assert.ok(accuracyInteger > 0.96 && accuracyInteger >= accuracyFloat, `${accuracyInteger} against ${accuracyFloat}`);
});

test('its constraints are the ones that its proving key was made from, bit for bit, and fit a domain of 2^11', () => {
  const { record, r1cs } = buildCircuit(shippedModel());
  assert.equal(record.r1csHash, 'dd72874ea927c38c229b33d4372112ff5ee117d2e4491f9f8a8a5588330f3150');
  assert.equal(buildCircuit(shippedModel()).record.r1csHash, record.r1csHash);
  assert.deepEqual([record.constraints, record.wires, record.domain], [1782, 1704, 2048]);
  assert.equal(r1cs.publicSignals, 3);
  assert.equal(givenWires(shippedModel()).length, 66);
});
