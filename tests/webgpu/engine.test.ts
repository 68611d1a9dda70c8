/** What ran where, and how the engine ends: dispatch counts, sabotage of single kernels, abort, device loss, close. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { GenerationAbortedError, GREEDY, loadModel, type Job, type Sampling } from '../../exact';
import { embeddingSlots, headSlots, layerSlots } from '../../exact/opTable';
import {
  createWebGpuEngine, openDevice, SLOT_KERNELS, WebGpuDeviceError, WebGpuDeviceLostError, type OpenedDevice,
} from '../../exact/webgpu';
import { hex, modelPath } from '../exact/support';
import { gpuTest } from './gpuTest';

const model = loadModel(modelPath('single'));
const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const FULL: Sampling = { t: 94548, topK: 0, topP16: 0, minPX: 0, seed };
const TOP: Sampling = { ...FULL, topK: 5, topP16: 50000 };
const jobOf = (sampling: Sampling, promptTokens = [1, 2, 3], maxTokens = 4): Job =>
  ({ promptTokens, maxTokens, stopTokens: [], sampling });

/**
 * What the device was really told to do, seen from outside the engine; kernels named in `skipped` are not dispatched.
 */
function watch(opened: OpenedDevice) {
  const seen: Record<string, number> = {};
  const skipped = new Set<string>();
  const { device } = opened;
  const create = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = create(descriptor);
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (passDescriptor) => {
      const pass = begin(passDescriptor);
      const set = pass.setPipeline.bind(pass);
      const dispatch = pass.dispatchWorkgroups.bind(pass);
      let kernel = '';
      pass.setPipeline = (pipeline) => {
        kernel = pipeline.label;
        return set(pipeline);
      };
      pass.dispatchWorkgroups = (...size) => {
        seen[kernel] = (seen[kernel] ?? 0) + 1;
        return skipped.has(kernel) ? undefined : dispatch(...size);
      };
      return pass;
    };
    return encoder;
  };
  return { seen, skipped };
}

gpuTest('every op of the op table ran on the device, and the counts are what the device was told', async () => {
  const opened = await openDevice();
  const { seen } = watch(opened);
  const engine = await createWebGpuEngine(model, { device: opened, runner: { columns: 1 } });
  try {
    let total = 0;
    for (const sampling of [GREEDY, FULL, TOP]) total += (await engine.generate(jobOf(sampling))).dispatches!;
    const counts: Record<string, number> = engine.dispatchCounts();
    assert.deepEqual(counts, seen);
    assert.equal(Object.values(counts).reduce((a, b) => a + b), total);
    const positions = 3 * 6;
    const drawn = 3 * 4;
    const { layers } = model.config;
    const linear = Object.keys(counts).find((name) => name.startsWith('linear'))!;
    const perLayer = ['heads', 'scores', 'softmax', 'weightedValues', 'attentionOutput', 'swiglu', 'hadamard', 'packDown'];
    const expected: Record<string, number> = {
      embedding: positions, norm: 2 * layers * positions + drawn, [linear]: 4 * layers * positions + drawn,
      ...Object.fromEntries(perLayer.map((name) => [name, layers * positions])),
      argmax: drawn, draw: 8, sampleWeights: 4, runningSums: 4, drawTop: 4,
    };
    assert.deepEqual(counts, expected);
    const moved = ['token', 'vt']; // input, and a rearrangement of v8
    for (const slot of [...embeddingSlots(model.config), ...layerSlots(model.config), ...headSlots(model.config)]) {
      if (moved.includes(slot.name)) continue;
      const kernels = SLOT_KERNELS[slot.name];
      assert.ok(kernels?.length > 0, `slot ${slot.name} names its kernels`);
      for (const name of kernels) {
        assert.ok(counts[name === 'linear' ? linear : name] > 0, `${name} ran for ${slot.name}`);
      }
    }
  } finally {
    await engine.close();
    opened.device.destroy();
  }
});

gpuTest('a token of four layers needs less than 100 dispatches', async () => {
  const engine = await createWebGpuEngine(loadModel('models/wordnet-3m.cocoon'));
  try {
    const { dispatches } = await engine.generate(jobOf(TOP, [1], 1));
    assert.ok(dispatches! < 100, `${dispatches} dispatches`);
  } finally {
    await engine.close();
  }
});

gpuTest('when any one kernel is left out, the trace is wrong: nothing computes in its place', async () => {
  const opened = await openDevice();
  const { skipped } = watch(opened);
  const engine = await createWebGpuEngine(model, { device: opened });
  try {
    for (const sampling of [GREEDY, FULL, TOP]) {
      const job = jobOf(sampling, [7, 8], 2);
      const expected = hex((await engine.generate(job)).traceRoot);
      const before = engine.dispatchCounts();
      await engine.generate(job);
      const after = engine.dispatchCounts();
      const used = Object.keys(after).filter((name) => after[name] > (before[name] ?? 0));
      assert.ok(used.length >= 12);
      for (const kernel of used) {
        await engine.generate(jobOf(sampling, [200, 100, 50], 3)); // leaves other words behind
        skipped.add(kernel);
        const received = await engine.generate(job).then(({ traceRoot }) => hex(traceRoot));
        skipped.delete(kernel);
        assert.notEqual(received, expected, `without ${kernel}`);
      }
      assert.equal(hex((await engine.generate(job)).traceRoot), expected);
    }
  } finally {
    await engine.close();
    opened.device.destroy();
  }
});

test('the WebGPU back end imports layout, parsing and hashing only, never the reference', () => {
  const shared = /^\.\.\/(config|constants|engine|errors|modelFile|opTable|scheduler|stepRunner|tensors)$/;
  const others = /^(node:|webgpu$|@sparticuz|\.\/|\.\.\/\.\.\/protocol\/errors$)/;
  const folder = path.resolve(__dirname, '../../exact/webgpu');
  const files = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  assert.ok(files.length > 10);
  for (const file of files) {
    const source = fs.readFileSync(path.join(folder, file), 'utf8');
    for (const [, target] of source.matchAll(/(?:from|import\(|require\()\s*'([^']+)'/g)) {
      assert.ok(others.test(target) || shared.test(target), `${file} imports ${target}`);
    }
  }
});

gpuTest('an aborted generation rejects with a typed error, and the next one is right', async () => {
  const engine = await createWebGpuEngine(model);
  try {
    const expected = await engine.generate(jobOf(GREEDY));
    const controller = new AbortController();
    let heard = 0;
    const aborted = engine.generate({
      ...jobOf(GREEDY, [1, 2, 3], 100), signal: controller.signal,
      onToken: () => { if (++heard === 2) controller.abort(); },
    });
    await assert.rejects(aborted, GenerationAbortedError);
    assert.equal(heard, 2);
    assert.equal(hex((await engine.generate(jobOf(GREEDY))).traceRoot), hex(expected.traceRoot));
  } finally {
    await engine.close();
  }
});

gpuTest('an onToken that throws fails its own generation only', async () => {
  const engine = await createWebGpuEngine(model);
  try {
    const onToken = () => { throw new Error('the listener failed'); };
    await assert.rejects(engine.generate({ ...jobOf(GREEDY), onToken }), /the listener failed/);
    assert.equal((await engine.generate(jobOf(GREEDY))).tokens.length, 4);
  } finally {
    await engine.close();
  }
});

gpuTest('a lost device rejects the running and every later generation with a typed error', async () => {
  const opened = await openDevice();
  const engine = await createWebGpuEngine(model, { device: opened });
  const running = engine.generate({ ...jobOf(GREEDY, [1], 200), onToken: () => opened.device.destroy() });
  await assert.rejects(running, (error) => error instanceof WebGpuDeviceLostError
    && error.code === 'engine.webgpu.lost');
  await assert.rejects(engine.generate(jobOf(GREEDY)), WebGpuDeviceLostError);
  await engine.close();
});

gpuTest('closing rejects the running generation with a typed error, and is harmless twice', async () => {
  const engine = await createWebGpuEngine(model);
  let closing: Promise<void> | undefined;
  const running = engine.generate({ ...jobOf(GREEDY, [1], 200), onToken: () => { closing ??= engine.close(); } });
  await assert.rejects(running, (error) => error instanceof WebGpuDeviceLostError
    && error.code === 'engine.webgpu.closed');
  await closing;
  await engine.close();
});

gpuTest('a cache that does not fit a buffer of the device is refused with both sizes', async () => {
  const opened = await openDevice();
  const runner = { cachePositions: 2 ** 26 };
  await assert.rejects(createWebGpuEngine(model, { device: opened, runner }), (error) =>
    error instanceof WebGpuDeviceError && error.code === 'engine.webgpu.memory'
      && /67108864 positions/.test(error.message));
  opened.device.destroy();
});

gpuTest('lack of GPU memory while the model is loaded is a typed error', async () => {
  const opened = await openDevice();
  const pop = opened.device.popErrorScope.bind(opened.device);
  let scopes = 0; // the inner scope is the one for memory
  opened.device.popErrorScope = async () => {
    await pop();
    return ++scopes === 1 ? { message: 'out of memory' } as GPUOutOfMemoryError : null;
  };
  await assert.rejects(createWebGpuEngine(model, { device: opened }), (error) =>
    error instanceof WebGpuDeviceError && error.code === 'engine.webgpu.memory' && /smaller model/.test(error.message));
  opened.device.destroy();
});

gpuTest('a process that closes its engine exits by itself', async () => {
  const root = path.resolve(__dirname, '../..');
  const module = JSON.stringify(path.join(root, 'exact/index.ts'));
  const script = `const { loadModel, createEngine, GREEDY } = require(${module});
    createEngine(loadModel(${JSON.stringify(modelPath('single'))}), 'webgpu').then(async (engine) => {
      const { tokens } = await engine.generate({ promptTokens: [1], maxTokens: 2, stopTokens: [], sampling: GREEDY });
      await engine.close();
      console.log(tokens.length);
    });`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', script],
    { cwd: root, timeout: 30000 });
  assert.equal(stdout.trim(), '2');
});
