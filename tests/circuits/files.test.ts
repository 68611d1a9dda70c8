/** iden3's files, read by a reader of their own description. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIELD_MODULUS, buildCircuit, checkWitness, witnessOf, writeR1cs, writeWtns, type R1cs, type Term } from '../../circuits';
import { readElement } from '../../circuits/field';
import { readSections } from '../../circuits/iden3File';
import { draws, inputsOf, randomModel, shippedModel } from './support';

/** https://github.com/iden3/r1csfile/blob/master/doc/r1cs_bin_format.md */
function readR1cs(file: Uint8Array): R1cs {
  const sections = readSections(file, 'r1cs', 1);
  const header = sections.get(1)!;
  assert.equal(header.getUint32(0, true), 32);
  assert.equal(readElement(header, 4), FIELD_MODULUS);
  const [wires, outputs, publicInputs, privateInputs] = [36, 40, 44, 48].map((at) => header.getUint32(at, true));
  assert.deepEqual([outputs, publicInputs, privateInputs], [2, 1, 0]);
  assert.equal(header.getBigUint64(52, true), BigInt(wires));
  const body = sections.get(2)!;
  let at = 0;
  const terms = (): Term[] => {
    const count = body.getUint32(at, true);
    at += 4;
    return Array.from({ length: count }, () => {
      at += 36;
      return [body.getUint32(at - 36, true), readElement(body, at - 32)];
    });
  };
  const constraints = Array.from({ length: header.getUint32(60, true) }, () => [terms(), terms(), terms()] as R1cs['constraints'][number]);
  assert.equal(at, body.byteLength);
  const labels = sections.get(3)!;
  assert.equal(labels.byteLength, 8 * wires);
  for (let wire = 0; wire < wires; wire++) assert.equal(labels.getBigUint64(8 * wire, true), BigInt(wire));
  return { wires, publicSignals: outputs + publicInputs, constraints };
}

test('constraints that are written and read are the same, and their terms are ordered, below r and never 0', () => {
  for (const model of [shippedModel(), randomModel(draws(3)), randomModel(draws(4))]) {
    const { r1cs, r1csFile } = buildCircuit(model);
    assert.deepEqual(readR1cs(r1csFile), r1cs);
    for (const terms of r1cs.constraints.flat()) terms.forEach(([wire, coefficient], i) => {
      assert.ok(coefficient > 0n && coefficient < FIELD_MODULUS && wire < r1cs.wires && (i === 0 || wire > terms[i - 1][0]));
    });
  }
});

test('a witness that is written and read satisfies the constraints; one wire changed, one too few and a first wire of 2 do not', () => {
  const model = shippedModel();
  const { circuit, r1cs } = buildCircuit(model);
  const { wires } = witnessOf(circuit, { values: inputsOf(model, draws(1), 1)[4], salt: FIELD_MODULUS - 1n, context: 77n });
  const sections = readSections(writeWtns(wires), 'wtns', 2);
  const header = sections.get(1)!;
  assert.deepEqual([header.getUint32(0, true), readElement(header, 4), header.getUint32(36, true)], [32, FIELD_MODULUS, wires.length]);
  const read = wires.map((_, i) => readElement(sections.get(2)!, 32 * i));
  checkWitness(r1cs, read);
  for (const wrong of [read.map((x, i) => (i === 1700 ? x + 1n : x)), read.slice(1), read.slice(0, -1), read.map((x, i) => (i === 0 ? 2n : x))]) {
    assert.throws(() => checkWitness(r1cs, wrong), { code: 'circuit.witness' });
  }
});

test('a file that is cut, longer, of another kind or version, or has a section twice is refused', () => {
  const file = writeR1cs(buildCircuit(randomModel(draws(3))).r1cs);
  const changed = (at: number, byte: number) => file.map((x, i) => (i === at ? byte : x));
  const twice = changed(12 + 12 + 64, 1);
  for (const wrong of [file.subarray(0, 0), file.subarray(0, 20), file.subarray(0, -1), new Uint8Array([...file, 0]), changed(0, 0), changed(4, 2), changed(8, 2), changed(8, 4), twice]) {
    assert.throws(() => readSections(wrong, 'r1cs', 1), { code: 'circuit.file' });
  }
});
