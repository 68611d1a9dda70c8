/** What a second thread brings the wasm back end. */
import { Worker } from 'node:worker_threads';
import type { ExactModel } from '../exact';
import { compiledKernels, sharedMemory } from '../exact/wasm/kernels';
import { measureWasm } from './peer';

/** Rows and columns of the product. */
const SIZE = 2048;
const PRODUCTS = 300;
const ROUNDS = 5;
/** Addresses; the weights come last. */
const MEETING = 256;
const X = 1024;
const SHIFT = X - 16;
const SCALES = X + 2 * SIZE;
const OUT = SCALES + 4 * SIZE;
const WEIGHTS = OUT + 4 * SIZE;
const LOOKS = 200_000;

export interface ThreadReport {
  /** Of a 2048 x 2048 product whose rows two threads share, their meeting included; median of pairs. */
  twoThreadSpeedup: number;
  /** Of whole jobs on a model: the host hashes the trace beside the threads. */
  twoThreadDecodeSpeedup: number;
  twoThreadPrefillSpeedup: number;
}

export async function measureThreads(model: ExactModel, progress: (line: string) => void): Promise<ThreadReport> {
  const products: number[] = [];
  const decode: number[] = [];
  const prefill: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [one, two] = [await productMillis(1), await productMillis(2)];
    products.push(one / two);
    if (round >= 3) continue;
    const [alone, both] = [await measureWasm(model, 1), await measureWasm(model, 2)];
    decode.push(both.decodeTokensPerSecond / alone.decodeTokensPerSecond);
    prefill.push(both.prefillTokensPerSecond / alone.prefillTokensPerSecond);
  }
  progress(`two threads: product x${products.map((x) => x.toFixed(2)).join(', ')}`);
  return {
    twoThreadSpeedup: median(products),
    twoThreadDecodeSpeedup: median(decode),
    twoThreadPrefillSpeedup: median(prefill),
  };
}

/** What each thread runs; it needs no build of its own. */
const PROGRAM = `
  const { parentPort, workerData: { module, memory, thread, threads, run } } = require('node:worker_threads');
  const { linear, meet } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const share = run.size / 4 / threads;
  const once = () => {
    linear(run.weights, run.scales, 4 * share * thread, 4 * share * (thread + 1), run.size, run.x, run.shift, 0, run.out, 0, 1, 0);
    meet(run.meeting, threads, run.looks);
  };
  const times = [];
  for (let i = 0; i < run.products; i++) {
    const start = performance.now();
    once();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  if (thread === 0) parentPort.postMessage(times[Math.floor(times.length / 4)]);`;

/** Lower quartile over many products, so that a thread that lost its core for a moment does not count. */
async function productMillis(threads: number): Promise<number> {
  const memory = sharedMemory(WEIGHTS + SIZE * SIZE);
  const bytes = new Int8Array(memory.buffer, WEIGHTS, SIZE * SIZE);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (Math.imul(i, 2654435761) >>> 24) - 128;
  new Int16Array(memory.buffer, X, SIZE).forEach((_, i, wide) => (wide[i] = ((i * 37) % 255) - 127));
  new Uint32Array(memory.buffer, SCALES, SIZE).fill(40000 | (24 << 16));
  const run = {
    size: SIZE, products: PRODUCTS, x: X, shift: SHIFT, scales: SCALES, out: OUT, weights: WEIGHTS, meeting: MEETING, looks: LOOKS,
  };
  const workers = Array.from({ length: threads }, (_, thread) => new Worker(PROGRAM, {
    eval: true, workerData: { module: compiledKernels(), memory, thread, threads, run },
  }));
  const [millis] = await Promise.all([
    new Promise<number>((resolve, reject) => workers[0].on('message', resolve).on('error', reject)),
    ...workers.map((worker) => new Promise((resolve) => worker.on('exit', resolve))),
  ]);
  return millis;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
