/** Several jobs at once on one device: every answer has the bits that it has alone. */
import { loadModel, type Job } from '../../exact';
import { createWebGpuEngine } from '../../exact/webgpu';
import { expectKvRefusal, expectSameTogether } from '../exact/batch';
import { expectPieces, watchSteps } from '../exact/promptPieces';
import { Random, randomSampling } from '../exact/randomModels';
import { modelPath } from '../exact/support';
import { gpuTest } from './gpuTest';

const random = new Random(77);
const model = loadModel(modelPath('grouped'));
const { vocab } = model.config;
const jobs = Array.from({ length: 7 }, (): Job => ({
  promptTokens: random.list(random.integer(1, 9), 0, vocab - 1), maxTokens: random.integer(1, 4),
  stopTokens: random.list(40, 0, vocab - 1), sampling: randomSampling(random),
}));
gpuTest('jobs of every kind at once, more than fit a step or the cache, answer as they do alone', () => expectSameTogether(model, jobs, [
  { columns: 6, cachePositions: 50, stepsAhead: 3 },
  { columns: 13, cachePositions: 256, manyColumns: 2 }, // with matmul
], (runner) => createWebGpuEngine(model, { runner })));

gpuTest('a job that can never fit the cache is refused by name, and costs the others nothing', async () =>
  expectKvRefusal(await createWebGpuEngine(model, { runner: { cachePositions: 16 } })));

gpuTest('a prompt is read in pieces, each with leave, and answered with the bits of a whole one', async () => {
  const watched = watchSteps(await createWebGpuEngine(model, { runner: { columns: 6, cachePositions: 64, stepsAhead: 3 } }));
  await expectPieces(model, watched);
  await watched.engine.close();
});
