/** The bench of the exact engine on a small model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureExact } from '../../bench/exact';
import { modelPath } from './support';

test('the bench measures wasm against its prototype and against the reference in one process', async () => {
  const report = await measureExact({ model: modelPath('single'), tokens: 6, progress: () => undefined });
  assert.equal(report.model, 'single');
  const { wasm, reference } = report.decodeTokensPerSecond;
  for (const x of [wasm, reference, report.gigaMacsPerSecond, report.traceOverheadPercent]) assert.ok((x ?? 0) > 0);
  assert.ok(report.wasmVsPrototype >= 0.5, `${report.wasmVsPrototype}`); // the bench tells the figure; tests only smoke
});
