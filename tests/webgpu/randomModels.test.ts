/** Random shapes, weights and jobs: the device against the reference. COCOON_FUZZ=N tries N models from other seeds. */
import assert from 'node:assert/strict';
import { createReferenceEngine, loadModel, type ExactModel, type Sampling } from '../../exact';
import type { Matrix } from '../../exact/modelFile';
import { createWebGpuEngine, type WebGpuEngineOptions } from '../../exact/webgpu';
import { hex, modelPath } from '../exact/support';
import { gpuTest } from './gpuTest';

const base = loadModel(modelPath('single'));
const fuzz = Number(process.env.COCOON_FUZZ ?? 0);
const seeds = fuzz > 0 ? Array.from({ length: fuzz }, (_, i) => 1000 + i) : [5, 8];
const KERNELS: WebGpuEngineOptions['kernels'][] = [
  { linearKernel: 'linearByThread', lanes: 1, shardBytes: 30000 },
  { linearKernel: 'linearByGroup', lanes: 16, packedDot: false },
];

for (const seed of seeds) {
  gpuTest(`a random model and job give the bits of the reference (seed ${seed})`, async () => {
    const random = new Random(seed);
    const model = randomModel(random);
    const { vocab } = model.config;
    const engine = await createWebGpuEngine(model, { kernels: KERNELS[seed % 2] });
    try {
      for (const length of [random.integer(1, 6), random.integer(30, fuzz > 0 ? 240 : 40)]) {
        const job = {
          promptTokens: random.list(length, 0, vocab - 1), maxTokens: random.integer(1, 5), stopTokens: [],
          sampling: randomSampling(random),
        };
        const [received, expected] = [await engine.generate(job), await createReferenceEngine(model).generate(job)];
        assert.deepEqual(received.tokens, expected.tokens);
        assert.equal(hex(received.traceRoot), hex(expected.traceRoot), JSON.stringify(model.config));
      }
    } finally {
      await engine.close();
    }
  });
}

/** A linear congruential generator: the same numbers for a seed everywhere. */
class Random {
  constructor(private state: number) {
    for (let i = 0; i < 8; i++) this.integer(0, 1);
  }

  integer(low: number, high: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor((this.state / 2 ** 32) * (high - low + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)];
  }

  list(length: number, low: number, high: number): number[] {
    return Array.from({ length }, () => this.integer(low, high));
  }
}

/** Half of the models have weights of -127, 0, 127 and any allowed shift, so that they saturate nearly everywhere. */
function randomModel(random: Random): ExactModel {
  const kvHeads = random.integer(1, 3);
  const headDim = random.pick([16, 32, 64, 128]);
  const config = {
    ...base.config, layers: random.integer(1, 3), dim: 64 * random.integer(1, 6), kvHeads,
    heads: kvHeads * random.integer(1, 3), headDim,
    ffn: 64 * random.integer(1, 12), vocab: random.integer(256, 900), context: 256 * random.integer(1, 4),
    epsTerm: random.integer(1, 2 ** 31),
  };
  const hard = random.pick([true, false]);
  const matrix = (name: string, rows: number, columns: number, minShift: number): Matrix => ({
    name, rows, columns,
    weights: Int8Array.from({ length: rows * columns }, () => (
      hard ? random.pick([-127, 127, 0]) : random.integer(-127, 127)
    )),
    multipliers: Uint16Array.from({ length: rows }, () => random.integer(32768, 65535)),
    shifts: Uint8Array.from({ length: rows }, () => hard ? random.integer(minShift, 30) : random.integer(20, 26)),
  });
  const { dim, ffn, vocab, heads, context } = config;
  const turns = Int16Array.from({ length: (context * headDim) / 2 }, () => random.integer(-16384, 16384));
  const layer = () => ({
    query: matrix('query', heads * headDim, dim, 11), key: matrix('key', kvHeads * headDim, dim, 11),
    value: matrix('value', kvHeads * headDim, dim, 11), output: matrix('output', dim, heads * headDim, 1),
    gate: matrix('gate', ffn, dim, 3), up: matrix('up', ffn, dim, 3), down: matrix('down', dim, ffn, 1),
  });
  return {
    ...base, config, tables: { ...base.tables, cos: turns, sin: turns.slice().reverse() },
    embedding: matrix('embedding', vocab, dim, 17), layers: Array.from({ length: config.layers }, layer),
    head: matrix('head', vocab, dim, 11),
  };
}

function randomSampling(random: Random): Sampling {
  const seed = Uint8Array.from(random.list(32, 0, 255));
  const minPX = random.pick([0, 3000]);
  return random.pick<Sampling>([
    { t: 0, topK: 0, topP16: 0, minPX: 0, seed },
    { t: random.integer(1, 2097151), topK: 0, topP16: 0, minPX, seed },
    { t: random.integer(1, 200000), topK: random.integer(1, 256), topP16: random.pick([0, 30000, 65535]), minPX, seed },
  ]);
}
