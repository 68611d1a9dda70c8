import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIELD_MODULUS, hash, permute } from '../../circuits';
import { Evaluator, Recorder, type Linear } from '../../circuits/constraintSystem';
import * as gadgets from '../../circuits/gadgets';

test('the permutation gives the published vector poseidonperm_x5_255_5 of the reference implementation', () => {
  assert.deepEqual(permute([0n, 1n, 2n, 3n, 4n]), [
    0x2a918b9c9f9bd7bb509331c81e297b5707f6fc7393dcee1b13901a0b22202e18n,
    0x65ebf8671739eeb11fb217f2d5c5bf4a0c3f210e3f3cd3b08b5db75675d797f7n,
    0x2cc176fc26bc70737a696a9dfd1b636ce360ee76926d182390cdb7459cf585cen,
    0x4dc4e29d283afd2a491fe6aef122b9a968e74eff05341f3cc23fda1781dcb566n,
    0x03ff622da276830b9451b88b85e6184fd6ae15c8ab3ee25a5667be8592cce3b1n,
  ]);
});

test('the circuit computes the same permutation in 300 constraints, at the ends of the field too', () => {
  for (const state of [[0n, 1n, 2n, 3n, 4n], [0n, 0n, 0n, 0n, 0n], [1n, 2n, 3n, 4n, 5n].map((x) => FIELD_MODULUS - x)]) {
    const cs = new Evaluator(0);
    const out = gadgets.permutation(cs, state.map((x) => cs.wire(x)));
    assert.deepEqual(out.map(({ value }) => (value + FIELD_MODULUS) % FIELD_MODULUS), permute(state));
  }
  const recorder = new Recorder(0);
  gadgets.permutation(recorder, [0n, 1n, 2n, 3n, 4n].map((x) => recorder.wire(x)));
  assert.equal(recorder.r1cs().constraints.length, 300);
});

test('the sponge of the circuit equals the one outside it for one to nine elements', () => {
  for (let length = 1; length <= 9; length++) {
    const elements = Array.from({ length }, (_, i) => FIELD_MODULUS - BigInt(i * i + 1));
    const cs = new Evaluator(0);
    const out: Linear = gadgets.hash(cs, 'input', elements.map((x) => cs.wire(x)));
    assert.equal((out.value + FIELD_MODULUS) % FIELD_MODULUS, hash('input', elements), `${length} elements`);
  }
});

test('domain, length and order of what is hashed make another hash', () => {
  const hashes = [
    hash('input', [1n, 2n]), hash('weights', [1n, 2n]), hash('binding', [1n, 2n]), hash('input', [2n, 1n]), hash('input', [1n, 2n, 0n]), hash('input', [1n]),
    hash('input', [1n, 2n, 0n, 0n, 0n]),
  ];
  assert.equal(new Set(hashes).size, hashes.length);
});
