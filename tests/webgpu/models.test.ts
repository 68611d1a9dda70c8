/** Whole small models on the device: tokens, every leaf and every root against the golden vectors and the reference. */
import assert from 'node:assert/strict';
import type { Engine } from '../../exact';
import { createReferenceEngine, loadModel } from '../../exact';
import type { PositionObserver } from '../../exact/tensors';
import { createWebGpuEngine, gpuChoice, type WebGpuEngineOptions } from '../../exact/webgpu';
import { jobOf, RunCheck } from '../exact/runCheck';
import { hex, modelPath, MODELS, readVectors, type RunVector } from '../exact/support';
import { gpuTest } from './gpuTest';

interface Variant {
  name: string;
  runner: WebGpuEngineOptions['runner'];
  /** Runs to leave out: many lanes are slow on a software adapter, and operations.test.ts has their position blocks. */
  without: string[];
}

const VARIANTS: Variant[] = [
  { name: 'kernels for software adapters', runner: { linearKernel: 'linearByThread', lanes: 1 }, without: [] },
  {
    name: 'kernels for GPUs',
    runner: { linearKernel: 'linearByGroup', lanes: 32, packedDot: false },
    without: ['two position blocks', 'across a trace block', 'min-p', 'top-k'],
  },
];

/** On a CPU that plays GPU, where each takes seconds, the kernels for GPUs run on two of the models. */
const modelsOf = (variant: string): readonly string[] =>
  variant === 'kernels for GPUs' && gpuChoice() !== 'native' ? ['grouped', 'extreme'] : MODELS;

for (const { name: variant, runner, without } of VARIANTS) {
  for (const name of modelsOf(variant)) {
    gpuTest(`model "${name}" gives the golden tokens, leaves and roots (${variant})`, async () => {
      const model = loadModel(modelPath(name));
      const { runs } = readVectors<{ runs: RunVector[] }>(name);
      let observe: PositionObserver = () => undefined;
      const engine = await createWebGpuEngine(model, { runner, observe: (tensors) => observe(tensors) });
      try {
        for (const run of runs.filter((r) => !without.includes(r.name))) {
          const check = new RunCheck(model, run);
          observe = check.observe;
          check.finish(await engine.generate(jobOf(run)));
        }
      } finally {
        await engine.close();
      }
    });
  }
}

async function checkRun(engine: Engine, run: RunVector): Promise<void> {
  const result = await engine.generate(jobOf(run));
  assert.deepEqual(result.tokens, run.outputs, run.name);
  assert.equal(result.finishReason, run.finish, run.name);
  assert.deepEqual(result.blockRoots.map(hex), run.blockRoots, run.name);
  assert.equal(hex(result.traceRoot), run.traceRoot, run.name);
}

gpuTest('a job gives the same bits after other jobs, and as part of a queue', async () => {
  const model = loadModel(modelPath('grouped'));
  const { runs } = readVectors<{ runs: RunVector[] }>('grouped');
  const engine = await createWebGpuEngine(model);
  try {
    await Promise.all([...runs, ...runs].map((run) => checkRun(engine, run)));
  } finally {
    await engine.close();
  }
});

gpuTest('weights cut into many small shards give the same bits', async () => {
  const { runs } = readVectors<{ runs: RunVector[] }>('grouped');
  const engine = await createWebGpuEngine(loadModel(modelPath('grouped')), { runner: { shardBytes: 5000 } });
  try {
    const run = runs[2];
    await checkRun(engine, run);
    assert.ok(engine.dispatchCounts().embedding > 2 * (run.prompt.length + run.outputs.length - 1),
      'the embedding has several shards');
  } finally {
    await engine.close();
  }
});

gpuTest('the shipped model gives the same tokens and trace as the reference, greedy and seeded', async () => {
  const model = loadModel('models/wordnet-3m.cocoon');
  const promptTokens = model.tokenizer.encodePrompt('river: ');
  const seed = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);
  const samplings = [
    { t: 0, topK: 0, topP16: 0, minPX: 0, seed },
    { t: 118187, topK: 0, topP16: 0, minPX: 0, seed },
    { t: 118187, topK: 40, topP16: 60000, minPX: 0, seed },
  ];
  const reference = createReferenceEngine(model);
  const engine = await createWebGpuEngine(model);
  try {
    for (const sampling of samplings) {
      const job = { promptTokens, maxTokens: 12, stopTokens: [], sampling };
      const [expected, received] = [await reference.generate(job), await engine.generate(job)];
      assert.deepEqual(received.tokens, expected.tokens);
      assert.equal(hex(received.traceRoot), hex(expected.traceRoot));
    }
  } finally {
    await engine.close();
  }
});

