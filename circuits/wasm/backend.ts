/** The model in WebAssembly: the same integers as the reference, without its arrays. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CircuitBackendError } from '../errors';
import { outputShape, sizeOf, type CircuitModel, type Layer, type Shape } from '../model';
import { checkInput, type Inference } from '../reference';

/** Written by `npm run build`. */
const KERNELS_FILE = join(__dirname, '../../build/zk/inference.wasm');
const PAGE_BYTES = 65536;
/** Below it lies what the compiler keeps in memory. */
const FIRST_ADDRESS = 1024;

type Kernel = (...parameters: number[]) => number;
type Kernels = Record<'dense' | 'convolve' | 'requantise' | 'argmax', Kernel>;

/** Addresses in bytes. */
interface Placed { layer: Layer; from: Shape; to: Shape; input: number; weights: number; biases: number; sums: number; values: number }

let compiled: WebAssembly.Module | undefined;

/** @throws CircuitBackendError `engine.wasm.missing` */
function compiledKernels(): WebAssembly.Module {
  if (!existsSync(KERNELS_FILE)) throw new CircuitBackendError('engine.wasm.missing', 'the WebAssembly kernels are not built', { hint: 'npm run build' });
  compiled ??= new WebAssembly.Module(readFileSync(KERNELS_FILE));
  return compiled;
}

export class WasmBackend {
  private readonly placed: Placed[];
  private readonly memory: WebAssembly.Memory;
  private readonly kernels: Kernels;

  /** Copies the weights once. @throws CircuitBackendError `engine.wasm.missing` */
  constructor(private readonly model: CircuitModel) {
    const { placed, bytes } = place(model);
    this.placed = placed;
    this.memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
    this.kernels = new WebAssembly.Instance(compiledKernels(), { env: { memory: this.memory } }).exports as unknown as Kernels;
    for (const { layer, weights, biases } of placed) {
      const flat = (layer.weights as unknown[]).flat(3) as number[];
      new Int16Array(this.memory.buffer, weights, flat.length).set(flat);
      new Int32Array(this.memory.buffer, biases, layer.bias.length).set(layer.bias);
    }
  }

  /** @throws CircuitInputError `input.zk.values` */
  infer(values: readonly number[]): Inference {
    checkInput(this.model, values);
    new Int32Array(this.memory.buffer, this.placed[0].input, values.length).set(values);
    const layers = this.placed.map((each) => this.run(each));
    const last = this.placed[this.placed.length - 1];
    return { layers, verdict: this.model.verdict === 'score' ? layers[layers.length - 1][0] : this.kernels.argmax(last.sums, sizeOf(last.to)) };
  }

  private run({ layer, from, to, input, weights, biases, sums, values }: Placed): number[] {
    const { buffer } = this.memory;
    if (layer.kind === 'dense') {
      this.kernels.dense(input, sizeOf(from), weights, biases, to.channels, sums);
    } else {
      this.kernels.convolve(
        input, from.height, from.width, from.channels, weights, biases, to.channels, layer.weights[0].length, layer.weights[0][0].length,
        layer.stride, layer.padding, to.height, to.width, sums,
      );
    }
    if (layer.requantise === undefined) return Array.from(new BigInt64Array(buffer, sums, sizeOf(to)), Number);
    const { multiplier, shift, bits } = layer.requantise;
    this.kernels.requantise(sums, sizeOf(to), multiplier, shift, bits, values);
    return Array.from(new Int32Array(buffer, values, sizeOf(to)));
  }
}

/** Where everything lies, each on a multiple of 8. */
function place(model: CircuitModel): { placed: Placed[]; bytes: number } {
  let next = FIRST_ADDRESS;
  const room = (bytes: number): number => {
    const at = next;
    next += 8 * Math.ceil(bytes / 8);
    return at;
  };
  let from: Shape = model.input;
  let input = room(4 * sizeOf(from));
  const placed = model.layers.map((layer, index) => {
    const to = outputShape(layer, from, index);
    const weights = (layer.weights as unknown[]).flat(3).length;
    const each: Placed = {
      layer, from, to, input, weights: room(2 * weights), biases: room(4 * layer.bias.length), sums: room(8 * sizeOf(to)), values: room(4 * sizeOf(to)),
    };
    from = to;
    input = each.values;
    return each;
  });
  return { placed, bytes: next };
}
