/** Whole runs of the reference against the independent program: every root, and leaves bit for bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReferenceEngine, loadModel } from '../../exact';
import { leafHash, TraceHasher, TraceLayout } from '../../exact/trace';
import type { PositionTensors } from '../../exact/tensors';
import { MODELS, hex, modelPath, readVectors, samplingOf, type RunVector } from './support';

for (const name of MODELS) {
  const { runs, modelRoot } = readVectors<{ runs: RunVector[]; modelRoot: string }>(name);
  const model = loadModel(modelPath(name));

  test(`the root of model "${name}" equals the vectors`, () => {
    assert.equal(hex(model.modelRoot), modelRoot);
  });

  for (const run of runs) {
    test(`model "${name}", run "${run.name}": tokens, roots and leaves equal the vectors`, async () => {
      const layout = new TraceLayout(model.config);
      const hasher = new TraceHasher(model.config);
      let position = 0;
      const observe = (tensors: PositionTensors) => {
        hasher.position(tensors);
        assertLeaves(run, position++, layout.position(tensors));
      };
      const streamed: number[] = [];
      const result = await createReferenceEngine(model, observe).generate({
        promptTokens: run.prompt,
        maxTokens: run.maxTokens,
        stopTokens: run.stop,
        sampling: samplingOf(run.sampling),
        onToken: (token) => streamed.push(token),
      });
      assert.deepEqual(result.tokens, run.outputs);
      assert.deepEqual(streamed, run.outputs);
      assert.equal(result.finishReason, run.finish);
      assert.deepEqual(hasher.positionRoots.slice(-run.positionRoots.length).map(hex), run.positionRoots);
      assert.deepEqual(result.blockRoots.map(hex), run.blockRoots);
      assert.equal(hex(result.traceRoot), run.traceRoot);
      assert.equal(position, run.prompt.length + run.outputs.length - 1);
    });
  }
}

function assertLeaves(run: RunVector, position: number, groups: ReturnType<TraceLayout['position']>): void {
  const hashes = run.leafHashes?.[position];
  const bytes = run.leaves?.[position];
  groups.forEach((group, g) => {
    for (const { slot, leaves } of group) {
      const where = `position ${position}, group ${g}, slot ${slot}`;
      const base64 = leaves.map((leaf) => leaf && Buffer.from(leaf).toString('base64'));
      if (bytes) assert.deepEqual(base64, bytes[g][slot], where);
      if (hashes) assert.deepEqual(leaves.map((leaf) => leaf && hex(leafHash(leaf))), hashes[g][slot], where);
    }
  });
}

test('a generation stops when its caller aborts', async () => {
  const engine = createReferenceEngine(loadModel(modelPath('grouped')));
  const { prompt, sampling } = readVectors<{ runs: RunVector[] }>('grouped').runs[0];
  const controller = new AbortController();
  const job = { promptTokens: prompt, maxTokens: 200, stopTokens: [], sampling: samplingOf(sampling) };
  const onToken = () => controller.abort();
  await assert.rejects(engine.generate({ ...job, onToken, signal: controller.signal }), { code: 'engine.aborted' });
});
