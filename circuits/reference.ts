/** The reference back end: the model in plain TypeScript. Every other one and the circuit must equal its integers. */
import { CircuitInputError } from './errors';
import { outputShape, sizeOf, type CircuitModel, type Layer, type Shape } from './model';
import { requantised } from './widths';

export interface Inference {
  /** What each layer gives, in the order [height][width][channels]: requantised, or the sums of the last one. */
  layers: number[][];
  verdict: number;
}

/** @throws CircuitInputError `input.zk.values` */
export function checkInput({ input }: CircuitModel, values: readonly number[]): void {
  const refuse = (received: string) => new CircuitInputError('input.zk.values', 'the model does not take this input', {
    expected: `${sizeOf(input)} integers from ${input.minimum} to ${input.minimum + 2 ** input.bits - 1}`, received,
  });
  if (values.length !== sizeOf(input)) throw refuse(`${values.length} values`);
  const wrong = values.findIndex((x) => !Number.isInteger(x) || x < input.minimum || x >= input.minimum + 2 ** input.bits);
  if (wrong >= 0) throw refuse(`another value at ${wrong}`);
}

/**
 * @param values [height][width][channels] of the model's input
 * @throws CircuitInputError `input.zk.values`
 */
export function infer(model: CircuitModel, values: readonly number[]): Inference {
  checkInput(model, values);
  let shape: Shape = model.input;
  let current = [...values];
  const layers = model.layers.map((layer, index) => {
    const output = outputShape(layer, shape, index);
    const sums = layer.kind === 'dense' ? dense(layer, current) : convolve(layer, current, shape, output);
    const { requantise } = layer;
    current = requantise === undefined ? sums : sums.map((sum) => requantised(sum, requantise));
    shape = output;
    return current;
  });
  return { layers, verdict: model.verdict === 'score' ? current[0] : firstLargest(current) };
}

function firstLargest(values: readonly number[]): number {
  let best = 0;
  values.forEach((x, i) => {
    if (x > values[best]) best = i;
  });
  return best;
}

const dense = ({ weights, bias }: Extract<Layer, { kind: 'dense' }>, x: readonly number[]): number[] =>
  weights.map((row, i) => row.reduce((sum, w, j) => sum + w * x[j], bias[i]));

function convolve({ weights, bias, stride, padding }: Extract<Layer, { kind: 'conv2d' }>, x: readonly number[], input: Shape, output: Shape): number[] {
  const at = (row: number, column: number, channel: number) =>
    row < 0 || row >= input.height || column < 0 || column >= input.width ? 0 : x[(row * input.width + column) * input.channels + channel];
  const sums: number[] = [];
  for (let y = 0; y < output.height; y++) for (let z = 0; z < output.width; z++) for (let channel = 0; channel < output.channels; channel++) {
    let sum = bias[channel];
    weights[channel].forEach((row, j) => row.forEach((cell, i) => cell.forEach((w, c) => {
      sum += w * at(y * stride + j - padding, z * stride + i - padding, c);
    })));
    sums.push(sum);
  }
  return sums;
}
