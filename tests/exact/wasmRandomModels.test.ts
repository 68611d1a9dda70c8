/** Random shapes, weights and jobs: wasm against the reference. COCOON_FUZZ=N tries N models from other seeds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReferenceEngine } from '../../exact';
import { createWasmEngine } from '../../exact/wasm';
import { Random, randomModel, randomSampling } from './randomModels';
import { hex } from './support';

const fuzz = Number(process.env.COCOON_FUZZ ?? 0);
const seeds = fuzz > 0 ? Array.from({ length: fuzz }, (_, i) => 2000 + i) : [1, 5, 8, 11];

for (const seed of seeds) {
  test(`a random model and job in wasm give the bits of the reference (seed ${seed})`, async () => {
    const random = new Random(seed);
    const model = randomModel(random, { extended: true });
    const { vocab, context } = model.config;
    const engine = createWasmEngine(model);
    for (const length of [random.integer(1, 6), random.integer(30, fuzz > 0 ? Math.min(context - 5, 300) : 40)]) {
      const job = {
        promptTokens: random.list(length, 0, vocab - 1), maxTokens: random.integer(1, 5), stopTokens: [],
        sampling: randomSampling(random),
      };
      const [received, expected] = [await engine.generate(job), await createReferenceEngine(model).generate(job)];
      assert.deepEqual(received.tokens, expected.tokens);
      assert.equal(hex(received.traceRoot), hex(expected.traceRoot), JSON.stringify(model.config));
    }
    await engine.close();
  });
}
