/** Random shapes, weights and jobs: the device against the reference. COCOON_FUZZ=N tries N models from other seeds. */
import assert from 'node:assert/strict';
import { createReferenceEngine } from '../../exact';
import { createWebGpuEngine, type WebGpuEngineOptions } from '../../exact/webgpu';
import { Random, randomModel, randomSampling } from '../exact/randomModels';
import { hex } from '../exact/support';
import { gpuTest } from './gpuTest';

const fuzz = Number(process.env.COCOON_FUZZ ?? 0);
const seeds = fuzz > 0 ? Array.from({ length: fuzz }, (_, i) => 1000 + i) : [5, 8];
const RUNNERS: WebGpuEngineOptions['runner'][] = [
  { linearKernel: 'linearByThread', lanes: 1, shardBytes: 30000, columns: 5 },
  { linearKernel: 'linearByGroup', lanes: 16, packedDot: false, columns: 40, manyColumns: 3 },
];

for (const seed of seeds) {
  gpuTest(`a random model and job give the bits of the reference (seed ${seed})`, async () => {
    const random = new Random(seed);
    const model = randomModel(random, { extended: true });
    const { vocab } = model.config;
    const engine = await createWebGpuEngine(model, { runner: RUNNERS[seed % 2] });
    try {
      for (const length of [random.integer(1, 6), random.integer(30, fuzz > 0 ? 240 : 40)]) {
        const job = {
          promptTokens: random.list(length, 0, vocab - 1), maxTokens: random.integer(1, 5), stopTokens: [],
          sampling: randomSampling(random),
        };
        const [received, expected] = [await engine.generate(job), await createReferenceEngine(model).generate(job)];
        assert.deepEqual(received.tokens, expected.tokens);
        assert.equal(hex(received.traceRoot), hex(expected.traceRoot), JSON.stringify(model.config));
      }
    } finally {
      await engine.close();
    }
  });
}
