/** Whole runs of the reference against the independent program: every root, and leaves bit for bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReferenceEngine, loadModel } from '../../exact';
import { RunCheck, jobOf } from './runCheck';
import { EXTENDED_MODELS, MODELS, hex, modelPath, readVectors, samplingOf, type RunVector } from './support';

for (const name of [...MODELS, ...EXTENDED_MODELS]) {
  const { runs, modelRoot } = readVectors<{ runs: RunVector[]; modelRoot: string }>(name);
  const model = loadModel(modelPath(name));

  test(`the root of model "${name}" equals the vectors`, () => {
    assert.equal(hex(model.modelRoot), modelRoot);
  });

  for (const run of runs) {
    test(`model "${name}", run "${run.name}": tokens, roots and leaves equal the vectors`, async () => {
      const check = new RunCheck(model, run);
      const streamed: number[] = [];
      const onToken = (token: number) => streamed.push(token);
      check.finish(await createReferenceEngine(model, check.observe).generate({ ...jobOf(run), onToken }));
      assert.deepEqual(streamed, run.outputs);
    });
  }
}

test('a generation stops when its caller aborts', async () => {
  const engine = createReferenceEngine(loadModel(modelPath('grouped')));
  const { prompt, sampling } = readVectors<{ runs: RunVector[] }>('grouped').runs[0];
  const controller = new AbortController();
  const job = { promptTokens: prompt, maxTokens: 200, stopTokens: [], sampling: samplingOf(sampling) };
  const onToken = () => controller.abort();
  await assert.rejects(engine.generate({ ...job, onToken, signal: controller.signal }), { code: 'engine.aborted' });
});
