import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundCommitment, buildCircuit, drawSalt, inputCommitment, weightCommitment, witnessOf } from '../../circuits';
import { draws, inputsOf, randomModel } from './support';

test('the circuit of committed weights is the same for every model of its shape, and binds which one it was', () => {
  const model = randomModel(draws(301));
  const other = randomModel(draws(301));
  other.layers[0].bias = other.layers[0].bias.map((b) => -1 - b);
  const [own, built] = [model, other].map((each) => buildCircuit(each, 'committed'));
  assert.equal(built.record.r1csHash, own.record.r1csHash);
  assert.notEqual(built.record.weightCommitment, own.record.weightCommitment);
  const [values] = inputsOf(model, draws(1), 1).slice(4);
  const commits = [own, built].map(({ circuit }) => witnessOf(circuit, { values, salt: 1n, context: 2n }).commit);
  assert.deepEqual(commits, [model, other].map((each) => boundCommitment(weightCommitment(each), inputCommitment(model, values, 1n))));
  assert.notEqual(commits[0], commits[1]);
});

test('a salt keeps committed weights from being guessed, and is bound as they are', () => {
  const model = randomModel(draws(301));
  const { circuit } = buildCircuit(model, 'committed');
  const [values] = inputsOf(model, draws(1), 1).slice(4);
  const commits = [0n, 1n].map((weightSalt) => witnessOf(circuit, { values, salt: 1n, context: 2n, weightSalt }).commit);
  assert.notEqual(commits[0], commits[1]);
  assert.equal(commits[1], boundCommitment(weightCommitment(model, 1n), inputCommitment(model, values, 1n)));
});

test('a drawn salt is a field element of 248 bits, another each time', () => {
  const salts = Array.from({ length: 50 }, () => drawSalt());
  assert.equal(new Set(salts).size, 50);
  assert.ok(salts.every((salt) => salt < 1n << 248n) && salts.some((salt) => salt >= 1n << 244n));
});
