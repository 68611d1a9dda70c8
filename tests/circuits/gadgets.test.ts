/** Each gadget over all that it can be given, every choice of its bits included. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstBroken, unprovenWires } from '../../circuits';
import { Evaluator, Recorder, type ConstraintSystem, type Linear } from '../../circuits/constraintSystem';
import { argmax, bits, inRange, requantise } from '../../circuits/gadgets';
import { bitsOf, deriveWidths, requantised } from '../../circuits/widths';
import { parseModel } from '../../circuits';
import { sumsOf } from '../../circuits/rows';

type Gadget = (cs: ConstraintSystem, inputs: Linear[]) => Linear | void;

/** A circuit of the gadget alone: wire 1 is what it gives, then come its inputs. */
function circuitOf(gadget: Gadget, inputs: number) {
  const record = (cs: ConstraintSystem, values: readonly number[]) => {
    const result = gadget(cs, values.map((x) => cs.wire(BigInt(x))));
    if (result) cs.output(1, result);
  };
  const recorder = new Recorder(1);
  record(recorder, new Array<number>(inputs).fill(0));
  const r1cs = recorder.r1cs();
  const given = Array.from({ length: inputs }, (_, i) => 2 + i);
  const witnessOf = (values: readonly number[]): bigint[] => {
    const evaluator = new Evaluator(1);
    record(evaluator, values);
    return evaluator.witness;
  };
  return { r1cs, witnessOf, unproven: unprovenWires(r1cs, given) };
}

/** All lists of `length` numbers below `base`. */
function* choices(length: number, base: number): Iterable<number[]> {
  for (let n = 0; n < base ** length; n++) yield Array.from({ length }, (_, i) => Math.floor(n / base ** i) % base);
}

test('a range check of any width has a witness for what lies in the range and for nothing beside it', () => {
  for (const gadget of [inRange, bits]) for (let count = 1; count <= 4; count++) {
    const { r1cs, witnessOf } = circuitOf((cs, [x]) => void gadget(cs, x, count), 1);
    for (let x = -3; x < 2 ** count + 3; x++) {
      const witness = witnessOf([x]);
      const hints = r1cs.wires - 3;
      const satisfying = [...choices(hints, 2)].filter((hint) => firstBroken(r1cs, [...witness.slice(0, 3), ...hint.map(BigInt)]) < 0);
      assert.equal(satisfying.length, x >= 0 && x < 2 ** count ? 1 : 0, `${gadget.name}, ${count} bits, ${x}`);
    }
  }
});

test('requantisation equals its definition for every sum, shift, width and multiplier, with wires that are proven unique', () => {
  for (const multiplier of [1, 3]) for (const shift of [0, 1, 3]) for (const resultBits of [1, 2, 4]) for (const [low, high] of [[-9, 14], [0, 40], [-30, 2], [-40, -12], [3, 3]]) {
    const model = parseModel({
      format: 'cocoon-circuit-model-1', name: 'one', input: { height: 1, width: 1, channels: 1, minimum: low, bits: Math.max(1, bitsOf(high - low)) },
      range: { weightBits: 2, biasBits: 2 }, verdict: 'score',
      layers: [{ kind: 'dense', weights: [[1]], bias: [0], requantise: { multiplier, shift, bits: resultBits } }],
    });
    const rule = model.layers[0].requantise!;
    const [width] = deriveWidths(model, sumsOf(model), 'constant').layers[0].requantise;
    const { r1cs, witnessOf, unproven } = circuitOf((cs, [x]) => requantise(cs, x, rule, width), 1);
    assert.deepEqual(unproven, []);
    for (let sum = low; sum <= high; sum++) {
      const witness = witnessOf([sum]);
      const expected = Math.min(2 ** resultBits - 1, Math.max(0, Math.floor((sum * multiplier) / 2 ** shift + (shift === 0 ? 0 : 0.5))));
      const label = `${sum} x ${multiplier} >> ${shift} to ${resultBits} bits`;
      assert.equal(Number(witness[1]), expected, label);
      assert.equal(requantised(sum, rule), expected, label);
      assert.equal(firstBroken(r1cs, witness), -1, label);
    }
  }
});

test('argmax has one witness for all outputs, and it names the first of the largest', () => {
  const { r1cs, witnessOf } = circuitOf((cs, forms) => argmax(cs, forms, [2, 2, 2]), 3);
  assert.equal(r1cs.wires, 1 + 1 + 3 + 2 + 1 + 6);
  for (const values of choices(3, 3)) {
    const own = witnessOf(values);
    const found: bigint[][] = [];
    for (const chosen of choices(2, 2)) for (let largest = 0n; largest < 4n; largest++) {
      const verdict = BigInt(chosen[0] + 2 * chosen[1]);
      const start = [1n, verdict, ...values.map(BigInt), ...chosen.map(BigInt), largest];
      for (const opened of choices(6, 2)) {
        const witness = [...start, ...opened.map(BigInt)];
        if (firstBroken(r1cs, witness) < 0) found.push(witness);
      }
    }
    assert.deepEqual(found, [own], values.join());
    assert.equal(Number(own[1]), values.indexOf(Math.max(...values)), values.join());
  }
});
