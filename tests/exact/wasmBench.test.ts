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

test('a float model with planted outliers, imported and run exactly, is as good as float32', async () => {
  const { perplexityRatio, top1Agreement } = await measureAccuracy('outlier60', 4); // the bench tells the figures of all
  assert.ok(perplexityRatio < 1.03 && top1Agreement > 0.85, `${perplexityRatio}, ${top1Agreement}`);
});
