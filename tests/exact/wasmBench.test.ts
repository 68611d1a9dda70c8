/** The bench of the exact engine on a small model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureKernels } from '../../bench/exact';
import { measureAccuracy } from '../../bench/accuracy';
import { modelPath } from './support';

test('the bench measures wasm against its prototype and against the reference in one process', async () => {
  const report = await measureKernels({ model: modelPath('single'), tokens: 6, progress: () => undefined });
  assert.equal(report.model, 'single');
  const { wasm, reference } = report.decodeTokensPerSecond;
  for (const x of [wasm, reference, report.gigaMacsPerSecond, report.smallTraceOverheadPercent]) assert.ok((x ?? 0) > 0);
  assert.ok(report.wasmVsPrototype >= 0.5, `${report.wasmVsPrototype}`); // the bench tells the figure; tests only smoke
});

test('a float model imported and run exactly is as good as float32, also where outliers were planted', async () => {
  const trained = await measureAccuracy('deep16', 6);
  assert.ok(trained.perplexityRatio < 1.003 && trained.top1Agreement > 0.95, JSON.stringify(trained));
  const planted = await measureAccuracy('outlier60', 4);
  assert.ok(planted.perplexityRatio < 1.03 && planted.top1Agreement > 0.85, JSON.stringify(planted));
});
