import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createEngine, GREEDY, type BackendName, type ExactModel } from '../exact';
import { TraceHasher } from '../exact/trace';
import { compiledKernels, instantiate, sharedMemory } from '../exact/wasm/kernels';
import { WasmRunner } from '../exact/wasm/runner';
import { openModel, SHIPPED_MODEL } from '../worker/engine';
import { ACCURACY_MODELS, measureAccuracy, type AccuracyRow } from './accuracy';
import { engineSpeed } from './engineSpeed';
import { measurePeer, type PeerReport } from './peer';
import { syntheticModel } from './syntheticModel';
import { measureThreads, type ThreadReport } from './threads';

/** Rows and columns of the product that is compared with the prototype. */
const SIZE = 2048;
/** Pairs of measurements; a ratio is the median of the pairs', so that a busy machine slows both. */
const ROUNDS = 41;
const PROMPT_TOKENS = 4;

/** Speed of the exact engine on this machine, all of it measured in one process. */
export interface ExactReport {
  model: string;
  /** Speed of the linear kernel, requantisation included, over the prototype's without it; above 1 is faster. */
  wasmVsPrototype: number;
  /** Of the linear kernel at 2048 x 2048. */
  gigaMacsPerSecond: number;
  /** Decoded tokens per second with the trace; null where the back end cannot run. */
  decodeTokensPerSecond: Record<BackendName, number | null>;
  /** Of wasm over the other back ends. */
  speedup: Record<Exclude<BackendName, 'wasm'>, number | null>;
  /** Time of layout and hashing of the trace, in percent of the time of the wasm kernels, for a model of 110M. */
  traceOverheadPercent: number;
  /** The same for the measured model. */
  smallTraceOverheadPercent: number;
  /** Beside llama.cpp (Q8_0) on the same shape of 110M, one thread each; null where it does not run. */
  decodeVsLlamaCpp: number | null;
  prefillVsLlamaCpp: number | null;
  peer: PeerReport | null;
  /** Of the wasm back end; see ThreadReport. */
  twoThreadSpeedup: number;
  twoThreadDecodeSpeedup: number;
  twoThreadPrefillSpeedup: number;
  /** Of the trained model of 16 layers; the worse of the two with planted outliers. */
  perplexityRatio: number;
  top1Agreement: number;
  outlierPerplexityRatio: number;
  accuracy: AccuracyRow[];
}

/** What takes longest may be left out. */
export type KernelReport = Omit<ExactReport, 'decodeVsLlamaCpp' | 'prefillVsLlamaCpp' | 'peer' | 'perplexityRatio'
  | 'top1Agreement' | 'outlierPerplexityRatio' | 'accuracy' | 'traceOverheadPercent' | keyof ThreadReport>;

export interface ExactOptions {
  model?: string;
  tokens: number;
  progress: (line: string) => void;
}

/** Measures the kernel against the prototype, then every back end that runs here on the same job. */
export async function measureExact(options: ExactOptions): Promise<ExactReport> {
  const { progress } = options;
  const kernels = await measureKernels(options);
  const large = syntheticModel('110m', SHIPPED_MODEL);
  const peer = await measurePeer(1, progress).catch((error: Error) => {
    progress(`llama.cpp does not run here: ${error.message.split('\n')[0]}`);
    return null;
  });
  const threads = await measureThreads(large, progress);
  const accuracy: AccuracyRow[] = [];
  for (const name of ACCURACY_MODELS) {
    progress(`accuracy of ${name}`);
    accuracy.push(await measureAccuracy(name));
  }
  const trained = accuracy.find(({ model }) => model === TRAINED)!;
  const outliers = accuracy.filter(({ model }) => model.startsWith('outlier'));
  return {
    ...kernels,
    traceOverheadPercent: rounded(await traceOverhead(large, 24)),
    decodeVsLlamaCpp: peer && rounded(peer.decodeVsLlamaCpp),
    prefillVsLlamaCpp: peer && rounded(peer.prefillVsLlamaCpp),
    peer,
    twoThreadSpeedup: rounded(threads.twoThreadSpeedup),
    twoThreadDecodeSpeedup: rounded(threads.twoThreadDecodeSpeedup),
    twoThreadPrefillSpeedup: rounded(threads.twoThreadPrefillSpeedup),
    perplexityRatio: trained.perplexityRatio,
    top1Agreement: trained.top1Agreement,
    outlierPerplexityRatio: Math.max(...outliers.map(({ perplexityRatio }) => perplexityRatio)),
    accuracy,
  };
}

/** The trained model whose accuracy stands for all. */
const TRAINED = 'deep16';

/** The part that needs no other program. */
export async function measureKernels({ model: path, tokens, progress }: ExactOptions): Promise<KernelReport> {
  const { model, name } = openModel(path);
  const count = Math.min(tokens, model.config.context - PROMPT_TOKENS);
  const { ratio, gigaMacs } = comparePrototype();
  const speeds = { reference: null, webgpu: null, wasm: null } as Record<BackendName, number | null>;
  for (const backend of ['wasm', 'webgpu', 'reference'] as const) {
    speeds[backend] = await decodeSpeed(model, backend, count).catch((error: { code?: string }) => {
      if (!error.code?.startsWith('engine.')) throw error;
      progress(`${backend} does not run here (${error.code})`);
      return null;
    });
  }
  const over = (backend: BackendName) => {
    const [wasm, other] = [speeds.wasm, speeds[backend]];
    return wasm === null || other === null ? null : rounded(wasm / other);
  };
  return {
    model: name,
    wasmVsPrototype: rounded(ratio),
    gigaMacsPerSecond: rounded(gigaMacs),
    decodeTokensPerSecond: {
      reference: speeds.reference && rounded(speeds.reference),
      webgpu: speeds.webgpu && rounded(speeds.webgpu),
      wasm: speeds.wasm && rounded(speeds.wasm),
    },
    speedup: { reference: over('reference'), webgpu: over('webgpu') },
    smallTraceOverheadPercent: rounded(await traceOverhead(model, count)),
  };
}

const rounded = (x: number): number => Number(x.toPrecision(4));

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function timed(body: () => void): number {
  const start = performance.now();
  body();
  return performance.now() - start;
}

/** Both kernels on the same numbers, in turns. */
function comparePrototype(): { ratio: number; gigaMacs: number } {
  const memory = sharedMemory(8 * 2 ** 20);
  const { linear } = instantiate(compiledKernels(), memory);
  const plain = new WebAssembly.Memory({ initial: 128 });
  const module = new WebAssembly.Module(readFileSync(join(__dirname, '../build/exact/prototype.wasm')));
  const prototype = new WebAssembly.Instance(module, { env: { memory: plain } }).exports.mv16r4 as typeof linear;
  const x = 1024;
  const shift = x - 16;
  const scales = x + 2 * SIZE;
  const out = scales + 4 * SIZE;
  const weights = out + 4 * SIZE;
  for (const { buffer } of [memory, plain]) {
    const bytes = new Int8Array(buffer, weights, SIZE * SIZE);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (Math.imul(i, 2654435761) >>> 24) - 128;
    new Int16Array(buffer, x, SIZE).forEach((_, i, wide) => (wide[i] = ((i * 37) % 255) - 127));
    new Uint32Array(buffer, scales, SIZE).fill(40000 | (24 << 16));
  }

  const ours = () => linear(weights, scales, 0, SIZE, SIZE, x, shift, 0, out, 0, 1, 0);
  const theirs = () => prototype(weights, x, out, SIZE, SIZE);
  for (let i = 0; i < 20; i++) [ours, theirs].forEach((run) => run()); // until the optimising compiler is done
  const pairs = Array.from({ length: ROUNDS }, (_, i) => {
    const first = i % 2 === 0 ? timed(ours) : 0;
    const other = timed(theirs);
    return { ours: first || timed(ours), theirs: other };
  });
  return {
    ratio: median(pairs.map((pair) => pair.theirs / pair.ours)),
    gigaMacs: SIZE ** 2 / 1e6 / Math.min(...pairs.map((pair) => pair.ours)),
  };
}

async function decodeSpeed(model: ExactModel, backend: BackendName, count: number): Promise<number> {
  const prompt = Array.from({ length: PROMPT_TOKENS }, (_, i) => 1 + i);
  return (await engineSpeed(await createEngine(model, backend), prompt, count)).decodeTokensPerSecond;
}

/** One thread, one position at a time; the trace is hashed after each step, not beside the next one. */
async function traceOverhead(model: ExactModel, count: number): Promise<number> {
  const runner = new WasmRunner(model, {
    threads: 1, columns: 1, cachePositions: model.config.context, stepsAhead: 1, keepLayers: false,
  });
  const trace = new TraceHasher(model.config);
  const draw = { sampling: GREEDY, random: new Uint8Array(16) };
  const ratios: number[] = [];
  try {
    for (let t = 0, token = 1; t < count; t++) {
      const start = performance.now();
      const step = await runner.step([{ t, cacheBase: 0, token, draw }], 0);
      const computed = performance.now();
      const tensors = step.committed(0);
      trace.position(tensors);
      ratios.push((performance.now() - computed) / (computed - start));
      token = tensors.draw![3];
    }
  } finally {
    await runner.close();
  }
  return 100 * median(ratios);
}
