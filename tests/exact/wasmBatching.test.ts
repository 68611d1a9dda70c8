/** Several jobs at once in wasm, on several threads: every answer has the bits that it has alone. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { GREEDY, loadModel, type Job } from '../../exact';
import { createWasmEngine } from '../../exact/wasm';
import { expectKvRefusal, expectSameTogether } from './batch';
import { Random, randomModel, randomSampling } from './randomModels';
import { modelPath } from './support';

const random = new Random(78);
const models = [loadModel(modelPath('grouped')), randomModel(random, { extended: true }), randomModel(random, { extended: true })];

for (const [index, model] of models.entries()) {
  const { vocab } = model.config;
  const jobs = Array.from({ length: 9 }, (): Job => ({
    promptTokens: random.list(random.integer(1, 40), 0, vocab - 1), maxTokens: random.integer(1, 6),
    stopTokens: random.list(Math.floor(vocab / 8), 0, vocab - 1), sampling: randomSampling(random),
  }));

  test(`jobs of every kind at once in wasm, more than fit a step or the cache, answer as alone (model ${index})`, () =>
    expectSameTogether(model, jobs, [
      { threads: 1, columns: 5, cachePositions: 70 },
      { threads: 2, columns: 16 },
      { threads: 3, columns: 1, cachePositions: 256 },
    ], (options) => createWasmEngine(model, options)));
}

test('a job that can never fit the cache of wasm is refused by name, and costs the others nothing', () =>
  expectKvRefusal(createWasmEngine(models[0], { cachePositions: 16 })));

test('an engine in wasm that nobody closed does not keep a process alive, and one at work does', () => {
  const root = join(__dirname, '../..');
  const program = `
    const { createWasmEngine } = require(${JSON.stringify(join(root, 'exact/wasm'))});
    const { loadModel, GREEDY } = require(${JSON.stringify(join(root, 'exact'))});
    const engine = createWasmEngine(loadModel(${JSON.stringify(modelPath('single'))}), { threads: 2 });
    engine.generate({ promptTokens: [1], maxTokens: 3, stopTokens: [], sampling: GREEDY }).then(({ tokens }) => console.log(tokens.length));`;
  const output = execFileSync(process.execPath, ['--import', 'tsx', '-e', program], { cwd: root, encoding: 'utf8', timeout: 60_000 });
  assert.equal(output.trim(), '3');
});

test('a thread that ends by itself rejects what is under way and later jobs with a typed error', async () => {
  const engine = createWasmEngine(models[0], { threads: 2 });
  const { runner } = engine as unknown as { runner: { workers: { terminate(): Promise<number> }[] } };
  const job = { promptTokens: [1, 2, 3], maxTokens: models[0].config.context - 2, stopTokens: [], sampling: GREEDY };
  let heard = 0;
  const running = engine.generate({ ...job, onToken: () => { if (++heard === 2) void runner.workers[1].terminate(); } });
  await assert.rejects(running, { code: 'engine.wasm.thread' });
  await assert.rejects(engine.generate(job), { code: 'engine.wasm.thread' });
  await engine.close();
});
