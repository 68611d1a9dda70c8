/** The self-test that chooses matrix kernels: never one with wrong sums, else the fastest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidates, choose, chooseKernels, trialRows, type Measure } from '../../exact/webgpu/choose';
import { createReferenceEngine, GREEDY, loadModel } from '../../exact';
import { createWebGpuEngine, openDevice } from '../../exact/webgpu';
import { hex, modelPath } from '../exact/support';
import { gpuTest } from './gpuTest';

const sums = (column: number): Int32Array => Int32Array.of(10 + column, 20 + column);
const trial = (millis: number, columns: number, wrong = 0) =>
  ({ millis, results: Int32Array.from(Array.from({ length: columns }, (_, c) => [...sums(c)]).flat(), (x) => x + wrong) });
const KERNELS = ['linearBySubgroup', 'linearByGroup', 'linearByThread'] as const;

test('the fastest matrix kernel whose sums are right is chosen, and matmul from where it is faster', async () => {
  const measure: Measure = async (kernel, columns) => {
    if (kernel === 'matmul') return trial(5, columns);
    return trial({ linearBySubgroup: 1, linearByGroup: 1.5, linearByThread: 9 }[kernel as 'linearByGroup'] * columns, columns);
  };
  assert.deepEqual(await choose(KERNELS, measure, sums), { linearKernel: 'linearBySubgroup', manyColumns: 8 });
  const slow: Measure = async (kernel, columns) => (kernel === 'matmul' ? trial(1000, columns) : measure(kernel, columns));
  assert.equal((await choose(KERNELS, slow, sums)).manyColumns, Infinity);
});

test('a device that is slow at first, or as fast with another kernel, runs the first of the list', async () => {
  let calls = 0;
  const cold: Measure = async (kernel, columns) => trial(kernel === KERNELS[0] ? (calls++ === 0 ? 4 : 1.05) : 1, columns);
  assert.equal((await choose(KERNELS, cold, sums)).linearKernel, KERNELS[0]);
  const other: Measure = async (kernel, columns) => trial(kernel === KERNELS[0] ? 1.2 : 1, columns);
  assert.equal((await choose(KERNELS, other, sums)).linearKernel, KERNELS[1]);
});

test('a matrix kernel with a wrong sum is left aside however fast it is, and none right is a typed error', async () => {
  const measure: Measure = async (kernel, columns) =>
    (kernel === 'linearBySubgroup' || kernel === 'matmul' ? trial(0, columns, 1) : trial(3, columns));
  assert.deepEqual(await choose(KERNELS, measure, sums), { linearKernel: 'linearByGroup', manyColumns: Infinity });
  await assert.rejects(choose(KERNELS, async (_, columns) => trial(1, columns, -1), sums), { code: 'engine.webgpu.bits' });
});

gpuTest('every matrix kernel of this device computes the sums of the self-test', async () => {
  const opened = await openDevice({}, undefined, true);
  try {
    const shader = { lanes: 64, packedDot: opened.hasPackedDot, subgroups: opened.subgroupSize > 0 };
    const kernels = candidates(opened);
    const { linearKernel } = await chooseKernels(opened, shader, 192, 256);
    assert.ok(kernels.includes(linearKernel));
    assert.equal(kernels.length, opened.subgroupSize > 0 ? 3 : 2);
    await assert.rejects(chooseKernels(opened, shader, 192, 256, (wrong) => wrong.map((x, row) => x + (row === 191 ? 1 : 0))),
      { code: 'engine.webgpu.bits' });
  } finally {
    opened.device.destroy();
  }
});

gpuTest('an engine on a device that is no software adapter takes the self-test, and its bits are right', async () => {
  const opened = await openDevice();
  const model = loadModel(modelPath('grouped'));
  const taken = { ...opened, adapter: { ...opened.adapter, isSoftware: false } };
  const engine = await createWebGpuEngine(model, { device: taken });
  try {
    const job = { promptTokens: [1, 2, 3, 4, 5, 6, 7], maxTokens: 4, stopTokens: [], sampling: GREEDY };
    const [received, expected] = [await engine.generate(job), await createReferenceEngine(model).generate(job)];
    assert.deepEqual(received.tokens, expected.tokens);
    assert.equal(hex(received.traceRoot), hex(expected.traceRoot));
    const used = Object.keys(engine.dispatchCounts()).filter((name) => candidates(opened).some((kernel) => kernel === name));
    assert.equal(used.length, 1, used.join());
  } finally {
    await engine.close();
    opened.device.destroy();
  }
});

test('the product of the self-test fits what a device binds, and is no larger than the model needs', () => {
  const config = { dim: 4096, ffn: 14336, vocab: 128256 } as Parameters<typeof trialRows>[0];
  assert.equal(trialRows(config, 2 ** 30), 16384);
  assert.equal(trialRows(config, 128 * 2 ** 20 / 4), 8192);
  assert.equal(trialRows({ ...config, dim: 192, ffn: 512, vocab: 300 }, 2 ** 30), 1024);
});
