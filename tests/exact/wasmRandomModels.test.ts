/**
 * Random shapes, flags, weights and jobs: every tensor of wasm against the reference. COCOON_FUZZ=N tries N models from
 * other seeds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReferenceEngine } from '../../exact';
import type { HeadTensors, PositionTensors } from '../../exact/tensors';
import { createWasmEngine } from '../../exact/wasm';
import { Random, randomModel, randomSampling } from './randomModels';
import { hex } from './support';

const fuzz = Number(process.env.COCOON_FUZZ ?? 0);
/** Between them every mixture of flags, biases and hard weights. */
const MIXTURES = [52, 53, 55, 49, 68, 10, 11, 3, 18, 26, 14, 13, 34, 33, 32, 30];
const seeds = fuzz > 0 ? Array.from({ length: fuzz }, (_, i) => 2000 + i) : MIXTURES;
const mixtures = new Set<string>();

/** e and p of [heads][stride] cut to the positions so far. */
const upTo = (t: number, heads: number, values: Uint16Array): number[] =>
  Array.from({ length: heads }, (_, head) => head * (values.length / heads)).flatMap((first) =>
    [...values.subarray(first, first + t + 1)]);

function assertSame(t: number, heads: number, received: PositionTensors, expected: PositionTensors): void {
  assert.deepEqual(received.embedding, expected.embedding, `embedding of position ${t}`);
  expected.layers.forEach((layer, l) => {
    const { e, p, ...rest } = received.layers[l];
    const { e: expectedE, p: expectedP, ...expectedRest } = layer;
    assert.deepEqual(Object.keys(rest).sort(), Object.keys(expectedRest).filter((name) =>
      expectedRest[name as keyof typeof rest] !== undefined).sort());
    for (const [name, tensor] of Object.entries(rest)) {
      assert.deepEqual(tensor, expectedRest[name as keyof typeof rest], `${name} of layer ${l}, position ${t}`);
    }
    assert.deepEqual(upTo(t, heads, e), upTo(t, heads, expectedE), `e of layer ${l}, position ${t}`);
    assert.deepEqual(upTo(t, heads, p), upTo(t, heads, expectedP), `p of layer ${l}, position ${t}`);
  });
  for (const name of ['norm', 'x', 'logits', 'max', 'top', 'sums', 'draw'] satisfies (keyof HeadTensors)[]) {
    assert.deepEqual(received.head?.[name], expected.head?.[name], `${name} of the head, position ${t}`);
  }
}

for (const seed of seeds) {
  const random = new Random(seed);
  const model = randomModel(random, { extended: true });
  const { config, layers: [{ query }] } = model;
  const hard = model.head.weights.every((weight) => weight % 127 === 0);
  const mixture = `flags ${config.flags}, ${query.biases ? 'biases' : 'no biases'}, ${hard ? 'hard' : 'ordinary'} weights`;
  mixtures.add(mixture);

  test(`a random model and job in wasm give every number of the reference (seed ${seed}: ${mixture})`, async () => {
    const { vocab, context, heads } = config;
    let expectedPositions: PositionTensors[] = [];
    let t = 0;
    const engine = createWasmEngine(model, {
      threads: 1 + (seed % 3),
      observe: (tensors) => {
        assertSame(t, heads, tensors, expectedPositions[t]);
        t++;
      },
    });
    for (const length of [random.integer(1, 6), random.integer(30, fuzz > 0 ? Math.min(context - 5, 300) : 40)]) {
      const job = {
        promptTokens: random.list(length, 0, vocab - 1), maxTokens: random.integer(1, 5), stopTokens: [],
        sampling: randomSampling(random),
      };
      [t, expectedPositions] = [0, []];
      const reference = createReferenceEngine(model, (tensors) => expectedPositions.push(tensors));
      const expected = await reference.generate(job);
      const received = await engine.generate(job);
      assert.equal(t, expectedPositions.length);
      assert.deepEqual(received.tokens, expected.tokens);
      assert.equal(hex(received.traceRoot), hex(expected.traceRoot), JSON.stringify(config));
    }
    await engine.close();
  });
}

test('the seeds of random models for wasm bring every mixture of flags, biases and weights', { skip: fuzz > 0 }, () => {
  assert.equal(mixtures.size, 16, [...mixtures].join('; '));
});

test('wasm adds biases where only some of query, key and value have them', async () => {
  const random = new Random(58);
  const model = randomModel(random, { extended: true });
  for (const name of ['query', 'key', 'value'] as const) {
    assert.ok(model.layers[0][name].biases, 'the model has biases');
    const layers = model.layers.map((layer) => ({ ...layer, [name]: { ...layer[name], biases: undefined } }));
    const job = { promptTokens: [5, 6], maxTokens: 2, stopTokens: [], sampling: randomSampling(random) };
    const engine = createWasmEngine({ ...model, layers });
    const expected = await createReferenceEngine({ ...model, layers }).generate(job);
    assert.equal(hex((await engine.generate(job)).traceRoot), hex(expected.traceRoot), name);
    await engine.close();
  }
});
