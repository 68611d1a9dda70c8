import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCircuit, inputCommitment, modelHash, parseModel, parseModelText, weightCommitment, witnessOf } from '../../circuits';
import { pack, perElement } from '../../circuits/commitment';
import { shippedModel } from './support';

type Json = Record<string, any>;

/** A model of two layers with one thing changed. */
function changed(change: (model: Json) => void): unknown {
  const model: Json = {
    format: 'cocoon-circuit-model-1', name: 'small', input: { height: 3, width: 3, channels: 1, minimum: -8, bits: 4 },
    range: { weightBits: 8, biasBits: 12 }, verdict: 'argmax',
    layers: [
      { kind: 'conv2d', weights: [[[[1], [2]], [[3], [4]]]], bias: [5], stride: 1, padding: 0, requantise: { multiplier: 1, shift: 3, bits: 4 } },
      { kind: 'dense', weights: [[1, 2, 3, 4], [-1, -2, -3, -4]], bias: [0, 1] },
    ],
  };
  change(model);
  return model;
}

test('a model that is not one is refused by a typed error that names what is wrong', () => {
  assert.ok(parseModel(changed(() => {})));
  const table: [string, (model: Json) => void, string][] = [
    ['another format', (m) => (m.format = 'cocoon-circuit-model-2'), 'model.zk.format'],
    ['a member too many', (m) => (m.layers[0].colour = 1), 'model.zk.format'],
    ['a name for a path', (m) => (m.name = '../up'), 'model.zk.format'],
    ['a fraction', (m) => (m.layers[1].weights[0][0] = 0.5), 'model.zk.format'],
    ['not a number', (m) => (m.layers[1].weights[0][0] = NaN), 'model.zk.format'],
    ['a weight beyond 16 bits', (m) => (m.layers[1].weights[0][0] = 40000), 'model.zk.format'],
    ['no layers', (m) => (m.layers = []), 'model.zk.format'],
    ['inputs of 17 bits', (m) => (m.input.bits = 17), 'model.zk.format'],
    ['a shift below 0', (m) => (m.layers[0].requantise.shift = -1), 'model.zk.format'],
    ['a multiplier of 0', (m) => (m.layers[0].requantise.multiplier = 0), 'model.zk.format'],
    ['a weight outside the stated range', (m) => (m.range.weightBits = 3), 'model.zk.range'],
    ['a bias outside the stated range', (m) => (m.layers[0].bias = [2048]), 'model.zk.range'],
    ['a bias too few', (m) => (m.layers[1].bias = [0]), 'model.zk.shape'],
    ['a row too short', (m) => m.layers[1].weights[1].pop(), 'model.zk.shape'],
    ['a kernel with holes', (m) => m.layers[0].weights[0][1].pop(), 'model.zk.shape'],
    ['a kernel of other channels', (m) => (m.input.channels = 2), 'model.zk.shape'],
    ['a kernel larger than the image', (m) => (m.input.height = 1), 'model.zk.shape'],
    ['padding as wide as the kernel', (m) => (m.layers[0].padding = 2), 'model.zk.shape'],
    ['a hidden layer that is not requantised', (m) => delete m.layers[0].requantise, 'model.zk.requantise'],
    ['outputs that are requantised', (m) => (m.layers[1].requantise = m.layers[0].requantise), 'model.zk.requantise'],
    ['a score that is not requantised', (m) => (m.verdict = 'score'), 'model.zk.requantise'],
    ['a score of two outputs', (m) => { m.verdict = 'score'; m.layers[1].requantise = m.layers[0].requantise; }, 'model.zk.verdict'],
    ['one class', (m) => { m.layers[1].weights.pop(); m.layers[1].bias.pop(); }, 'model.zk.verdict'],
    ['an image too large', (m) => (m.input.height = 4096), 'model.zk.size'],
  ];
  for (const [name, change, code] of table) assert.throws(() => parseModel(changed(change)), { code }, name);
  for (const text of ['', '[', 'null', '[]', '"model"']) assert.throws(() => parseModelText(text), { code: 'model.zk.format' }, text);
});

test('sums that could leave 52 bits are refused when the circuit is made', () => {
  const ofInputs = (width: number) => parseModel({
    format: 'cocoon-circuit-model-1', name: 'wide', input: { height: 1, width, channels: 1, minimum: 0, bits: 16 }, range: { weightBits: 16, biasBits: 2 }, verdict: 'score',
    layers: [{ kind: 'dense', weights: [new Array<number>(width).fill(32767)], bias: [0], requantise: { multiplier: 32767, shift: 1, bits: 8 } }],
  });
  assert.ok(createCircuit(ofInputs(64)));
  assert.throws(() => createCircuit(ofInputs(65)), { code: 'model.zk.width' });
});

test('an input of another length, out of range or not whole, a salt or a context too large are refused', () => {
  const model = shippedModel();
  const circuit = createCircuit(model);
  const values = new Array<number>(64).fill(3);
  const [salt, context] = [1n, 2n];
  for (const wrong of [[], values.slice(1), [...values, 0], values.map(() => 16), values.map(() => -1), values.map(() => 0.5), values.map(() => NaN)]) {
    assert.throws(() => witnessOf(circuit, { values: wrong, salt, context }), { code: 'input.zk.values' });
    assert.throws(() => inputCommitment(model, wrong, salt), { code: 'input.zk.values' });
  }
  const order = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
  for (const wrong of [-1n, order, order + 1n]) {
    assert.throws(() => witnessOf(circuit, { values, salt: wrong, context }), { code: 'input.zk.salt' });
    assert.throws(() => inputCommitment(model, values, wrong), { code: 'input.zk.salt' });
    assert.throws(() => weightCommitment(model, wrong), { code: 'input.zk.salt' });
  }
  for (const wrong of [-1n, 1n << 248n]) assert.throws(() => witnessOf(circuit, { values, salt, context: wrong }), { code: 'input.zk.context' });
});

test('the hash of a model changes with every part of it, and not with the order of its members', () => {
  const hex = (model: unknown) => Buffer.from(modelHash(parseModel(model))).toString('hex');
  const own = hex(changed(() => {}));
  assert.equal(hex(Object.fromEntries(Object.entries(changed(() => {}) as Json).reverse())), own);
  const others = [
    (m: Json) => (m.name = 'other'), (m: Json) => (m.input.minimum = -7), (m: Json) => (m.range.biasBits = 13), (m: Json) => (m.layers[0].weights[0][0][0][0] = 9),
    (m: Json) => (m.layers[0].bias = [6]), (m: Json) => (m.layers[0].requantise.shift = 4), (m: Json) => (m.layers[1].weights[1][3] = 4),
  ].map((change) => hex(changed(change)));
  assert.equal(new Set([own, ...others]).size, 8);
});

test('packing never fills an element: the largest values stay below 2^254, and what is packed can be read again', () => {
  for (let bits = 1; bits <= 32; bits++) {
    const packing = { minimum: -5, bits };
    const values = Array.from({ length: 2 * perElement(packing) + 1 }, (_, i) => (i % 3 === 0 ? -5 : 2 ** bits - 6));
    const elements = pack(values, packing);
    const largest = pack(values.map(() => 2 ** bits - 6), packing);
    assert.ok(elements.length === 3 && largest.every((element) => element < 1n << 254n), `${bits} bits`);
    assert.ok(largest[0] >= 1n << BigInt(254 - bits), `${bits} bits: room for one more`);
    const read = values.map((_, i) => Number((elements[Math.floor(i / perElement(packing))] >> BigInt(bits * (i % perElement(packing)))) & ((1n << BigInt(bits)) - 1n)) - 5);
    assert.deepEqual(read, values);
  }
});

test('two inputs, two salts and two models never have one commitment', () => {
  const model = shippedModel();
  const values = new Array<number>(64).fill(0);
  const moved = values.map((_, i) => (i === 0 ? 1 : 0));
  const last = values.map((_, i) => (i === 63 ? 1 : 0));
  const commitments = [inputCommitment(model, values, 1n), inputCommitment(model, values, 2n), inputCommitment(model, moved, 1n), inputCommitment(model, last, 1n)];
  assert.equal(new Set(commitments).size, 4);
  const other = shippedModel();
  other.layers[1].bias[9]++;
  assert.equal(new Set([weightCommitment(model), weightCommitment(other), weightCommitment(model, 1n)]).size, 3);
});
