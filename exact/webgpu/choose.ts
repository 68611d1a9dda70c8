/**
 * Which linear kernel a device runs fastest: a short self-test when an engine starts, on a product whose sums are known. A
 * kernel with other sums is left aside; the bits of what is chosen never differ.
 */
import type { ExactConfig } from '../config';
import type { OpenedDevice } from './adapter';
import { WebGpuDeviceError } from './errors';
import { Kernels, paramWords, PARAMS_STRIDE, type KernelName } from './kernels';
import { lanesPerRow, rectangle, rowsOfGroup, type LinearKernel } from './plan';
import { STATE_FIELDS, type ShaderOptions } from './shaders/common';
import { TILE } from './shaders/linear';

/** What the self-test measures of a kernel on so many columns. */
export interface Trial {
  millis: number;
  /** [columns][rows] results */
  results: Int32Array;
}
export type Measure = (kernel: KernelName, columns: number) => Promise<Trial>;

export interface Choice {
  linearKernel: LinearKernel;
  /** Steps of at least so many columns use `matmul`. */
  manyColumns: number;
}

const COLUMN_COUNTS = [2, 4, 8, 16] as const;
/** Rows and columns of the product: 64 MiB, beyond most caches, but no more than the device binds. */
const ROWS = 16384;
const WIDTH = 4096;
const REPEATS = 8;
/** Trials below this are too short for one look. */
const SHORT_MILLIS = 5;
/** A kernel further down the list must be faster by more than this: 30 us differ by a few percent from run to run. */
const CLEARLY = 1.1;
/** RQ(a, 32768, 15) = a: results are the sums themselves. */
const UNIT_SCALE = 32768 | (15 << 16);

/** The kernels that a device can run, the one that decodes fastest on large GPUs first (bench/results/gpu-h100.json). */
export function candidates({ subgroupSize }: Pick<OpenedDevice, 'subgroupSize'>): LinearKernel[] {
  return [...(subgroupSize > 0 ? ['linearBySubgroup' as const] : []), 'linearByGroup', 'linearByThread'];
}

/**
 * The first of the kernels whose results are right that no other clearly beats, and from how many columns on `matmul` pays.
 * @param expected results of column c
 * @throws WebGpuDeviceError `engine.webgpu.bits` when none is right
 */
export async function choose(
  kernels: readonly LinearKernel[], measure: Measure, expected: (column: number) => Int32Array,
): Promise<Choice> {
  const right = ({ results }: Trial, columns: number): boolean => Array.from({ length: columns }, (_, c) => expected(c))
    .every((sums, c) => sums.every((sum, row) => results[c * sums.length + row] === sum));
  let tried: { kernel: LinearKernel; millis: number }[] = [];
  for (const kernel of kernels) {
    const trial = await measure(kernel, 1);
    if (right(trial, 1)) tried.push({ kernel, millis: trial.millis });
  }
  // A device that was idle is slow at first, which would be held against the first kernel.
  if (tried.some(({ millis }) => millis < SHORT_MILLIS)) {
    const again: typeof tried = [];
    for (const { kernel, millis } of tried) again.push({ kernel, millis: Math.min(millis, (await measure(kernel, 1)).millis) });
    tried = again;
  }
  const least = Math.min(...tried.map(({ millis }) => millis));
  const best = tried.find(({ millis }) => millis <= CLEARLY * least);
  if (!best) {
    throw new WebGpuDeviceError('engine.webgpu.bits', 'no matrix kernel computes the right sums on this device', {
      received: kernels.join(', '), hint: 'update the driver, or choose the wasm back end',
    });
  }
  for (const columns of COLUMN_COUNTS) {
    const [few, many] = [await measure(best.kernel, columns), await measure('matmul', columns)];
    if (!right(many, columns)) break;
    if (many.millis < few.millis) return { linearKernel: best.kernel, manyColumns: columns };
  }
  return { linearKernel: best.kernel, manyColumns: Infinity };
}

/** Runs the self-test on a device. @param changed of the known sums, for its own test */
export async function chooseKernels(
  opened: OpenedDevice, shader: Omit<ShaderOptions, 'sizes'>, rows = ROWS, width = WIDTH,
  changed: (sums: Int32Array) => Int32Array = (sums) => sums,
): Promise<Choice> {
  const { device, subgroupSize } = opened;
  const most = COLUMN_COUNTS[COLUMN_COUNTS.length - 1];
  const input = 4;
  const output = input + width / 4;
  const arenaWords = output + rows;
  const sizes = { normBlocks: 1, positionBlocks: 1, headDim: 64, arenaWords, cachePositions: 256 };
  const kernels = new Kernels(device, { ...shader, sizes });
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const made: GPUBuffer[] = [];
  const make = (data: Uint32Array, usage: number = storage): GPUBuffer => {
    const buffer = device.createBuffer({ size: data.byteLength, usage, mappedAtCreation: true });
    new Uint32Array(buffer.getMappedRange()).set(data);
    buffer.unmap();
    made.push(buffer);
    return buffer;
  };
  try {
    const weights = weightPattern((rows * width) / 4);
    const states = new Uint32Array(STATE_FIELDS.length * most);
    const arena = new Uint32Array(most * arenaWords);
    for (let c = 0; c < most; c++) {
      for (let i = 0; i < width / 4; i++) arena[c * arenaWords + input + i] = inputWord(c, i);
    }
    const unused = new Uint32Array(64);
    const buffers = {
      params: make(new Uint32Array(PARAMS_STRIDE / 4), GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST),
      states: make(states), arena: make(arena), weights: make(weights), rowScales: make(new Uint32Array(rows).fill(UNIT_SCALE)),
      tables: make(unused), keys: make(unused), values: make(unused),
    };
    const group = kernels.bindGroup(buffers);
    const readback = device.createBuffer({ size: 4 * arenaWords * most, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    made.push(readback);
    const rowVectors = width / 16;
    const rowLanes = lanesPerRow(rowVectors);

    const measure: Measure = async (kernel, columns) => {
      await kernels.ensure([kernel]);
      for (let c = 0; c < columns; c++) states[STATE_FIELDS.length * c + STATE_FIELDS.indexOf('columns')] = columns;
      device.queue.writeBuffer(buffers.states, 0, states);
      device.queue.writeBuffer(buffers.params, 0, paramWords('matmul', {
        input, exponent: 0, output, residual: 0, mode: 0, fraction: 0, rows, rowVectors, weightBase: 0, scaleBase: 0,
        rowLanes, biasBase: 0,
      }));
      const perGroup = kernel === 'matmul' ? TILE.rows : rowsOfGroup(kernel as LinearKernel, rowLanes, subgroupSize);
      const [x, y] = rectangle(Math.ceil(rows / perGroup));
      const z = kernel === 'matmul' ? Math.ceil(columns / TILE.columns) : columns;
      const submit = async (repeats: number): Promise<number> => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(kernels.pipeline(kernel));
        pass.setBindGroup(0, group, [0]);
        for (let i = 0; i < repeats; i++) pass.dispatchWorkgroups(x, y, z);
        pass.end();
        const start = performance.now();
        device.queue.submit([encoder.finish()]);
        await device.queue.onSubmittedWorkDone();
        return (performance.now() - start) / repeats;
      };
      await submit(1);
      const millis = await submit(REPEATS);
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffers.arena, 0, readback, 0, readback.size);
      device.queue.submit([encoder.finish()]);
      await readback.mapAsync(GPUMapMode.READ);
      const words = new Int32Array(readback.getMappedRange());
      const results = new Int32Array(columns * rows);
      for (let c = 0; c < columns; c++) {
        results.set(words.subarray(c * arenaWords + output, (c + 1) * arenaWords), c * rows);
      }
      readback.unmap();
      return { millis, results };
    };
    const sums = Array.from({ length: most }, (_, column) => changed(knownSums(rows, width, column)));
    return await choose(candidates(opened), measure, (column) => sums[column]);
  } finally {
    made.forEach((buffer) => buffer.destroy());
  }
}

/** Rows for a device that binds less, and for small models that never stream from memory. */
export function trialRows({ dim, ffn, vocab }: ExactConfig, bindingBytes: number): number {
  const largest = Math.max(vocab, 2 * ffn, dim);
  return Math.min(ROWS, 64 * Math.floor(bindingBytes / WIDTH / 64), 64 * Math.ceil(largest / 64));
}

/** Weights 0..15 in a pattern that repeats every 61 words, so that sums are quickly known. */
const PERIOD = 61;
const weightWord = (i: number): number => Math.imul((i % PERIOD) + 1, 0x9e3779b1) & 0x0f0f0f0f;

function weightPattern(words: number): Uint32Array {
  const weights = new Uint32Array(words);
  for (let i = 0; i < Math.min(PERIOD, words); i++) weights[i] = weightWord(i);
  for (let filled = PERIOD; filled < words; filled *= 2) weights.copyWithin(filled, 0, filled);
  return weights;
}

const inputWord = (column: number, i: number): number => Math.imul(column * 131 + i + 7, 0x85ebca6b) & 0x7f7f7f7f;

/** What row r of the product gives: rows whose first word has the same place in the pattern are equal. */
function knownSums(rows: number, width: number, column: number): Int32Array {
  const words = width / 4;
  const byPlace = Array.from({ length: PERIOD }, (_, place) => {
    let sum = 0;
    for (let i = 0; i < words; i++) {
      const [w, x] = [weightWord(place + i), inputWord(column, i)];
      for (let byte = 0; byte < 32; byte += 8) sum += ((w >> byte) & 255) * ((x >> byte) & 255);
    }
    return sum;
  });
  return Int32Array.from({ length: rows }, (_, row) => byPlace[(row * words) % PERIOD]);
}
