/** The draw on the device against the golden vectors, in two variants. */
import assert from 'node:assert/strict';
import { loadModel } from '../../exact/modelFile';
import { drawBytes } from '../../exact/scheduler';
import { wordsOf } from '../../exact/webgpu/runner';
import { i32, modelPath, readVectors, type SamplingVector } from '../exact/support';
import { gpuTest } from './gpuTest';
import { KernelHarness, tableWords, VARIANTS } from './harness';

interface DrawCase extends SamplingVector {
  step: number;
  zmax: number;
  index: number;
  kept: number;
  W: number;
  token: number;
  lastEntries: number[][];
  sums: number[];
}

const vectors = readVectors<{ name: string; logits: string; cases: DrawCase[] }[]>('sampling');
const tables = tableWords(loadModel(modelPath('single')).tables);

for (const variant of VARIANTS) {
  const title = `${variant.lanes} lanes`;
  for (const { name, logits, cases } of vectors) {
    if (variant !== VARIANTS[0] && !['ties', 'extremes', 'many'].includes(name)) continue;
    gpuTest(`draws from logits "${name}" equal the golden vectors (${title})`, async () => {
      const harness = await KernelHarness.open(variant);
      try {
        for (const c of cases) await checkDraw(harness, i32(logits), c);
      } finally {
        harness.close();
      }
    });
  }
}

async function checkDraw(harness: KernelHarness, z: Int32Array, c: DrawCase): Promise<void> {
  const vocab = z.length;
  const count = Math.ceil(vocab / 64);
  const at = { maxima: vocab, weights: vocab + 2, blockSums: 2 * vocab + 2, sums: 2 * vocab + 2 + count,
    list: 2 * vocab + 2 + 3 * count,
    found: 2 * vocab + 770 + 3 * count, output: 2 * vocab + 1282 + 3 * count };
  const arena = new Int32Array(at.output + 4).fill(0x55555555);
  arena.set(z);
  const steps = [await harness.step('argmax', { logits: 0, vocab, output: at.maxima })];
  const isTop = c.topK > 0;
  const isFull = c.t > 0 && !isTop;
  if (isTop) {
    const { maxima, list, found, output } = at;
    steps.push(await harness.step('drawTop', { logits: 0, vocab, maxima, list, found, output }));
  } else {
    const { maxima, weights, blockSums, sums, output } = at;
    if (isFull) {
      steps.push(await harness.step('sampleWeights', { logits: 0, vocab, maxima, weights, blockSums },
        [Math.ceil(count / 16), 1]));
      steps.push(await harness.step('runningSums', { blockSums, count, output: sums }));
    }
    steps.push(await harness.step('draw', { maxima, weights, sums, count, vocab, output }));
  }
  const [r0, r1, r2, r3] = wordsOf(drawBytes(Buffer.from(c.seed, 'hex'), c.step));
  const state = { samplingT: c.t, topK: c.topK, topP16: c.topP16, minPX: c.minPX, r0, r1, r2, r3 };
  const { arena: out } = await harness.run(steps, { arena, tables, state });
  const word = (index: number) => out[index] >>> 0;
  const where = JSON.stringify({ ...c, sums: undefined });
  assert.deepEqual([out[at.maxima], word(at.maxima + 1)], [c.zmax, c.index], where);
  const W = word(at.output + 1) * 2 ** 32 + word(at.output + 2);
  assert.deepEqual([word(at.output), W, word(at.output + 3)], [c.kept, c.W, c.token], where);
  if (isFull) {
    assert.deepEqual(c.sums.map((_, i) => word(at.sums + 2 * i) * 2 ** 32 + word(at.sums + 2 * i + 1)), c.sums, where);
  }
  if (isTop) {
    const size = Math.min(c.topK, vocab);
    const entry = (i: number) => [out[at.list + 3 * i], word(at.list + 3 * i + 1), word(at.list + 3 * i + 2)];
    assert.deepEqual(c.lastEntries, Array.from({ length: c.lastEntries.length },
      (_, i) => entry(size - c.lastEntries.length + i)), where);
  }
}
