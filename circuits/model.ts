/** The exact integer model that becomes a circuit: a JSON file, checked strictly. */
import { z } from 'zod';
import { sha256 } from '../protocol/sha256';
import { CircuitModelError } from './errors';

export const FORMAT = 'cocoon-circuit-model-1';

/** Limits that keep every integer exact in a JS number and a circuit within what one machine proves. */
export const MAX_VALUES = 4096;
export const MAX_WEIGHTS = 2 ** 20;
export const MAX_CLASSES = 256;

const whole = (minimum: number, maximum: number) => z.int().min(minimum).max(maximum);
const weight = whole(-32768, 32767);
const bias = whole(-(2 ** 31), 2 ** 31 - 1);
const length = whole(1, MAX_VALUES);

/** h = min(2^bits - 1, max(0, floor((a m + 2^(s-1)) / 2^s))); for s = 0 nothing is rounded. ReLU is the maximum with 0. */
const requantise = z.strictObject({ multiplier: whole(1, 32767), shift: whole(0, 40), bits: whole(1, 16) });

const dense = z.strictObject({
  kind: z.literal('dense'),
  /** [outputs][inputs] */
  weights: z.array(z.array(weight).min(1).max(MAX_VALUES)).min(1).max(MAX_VALUES),
  /** [outputs] */
  bias: z.array(bias),
  requantise: requantise.optional(),
});

const convolution = z.strictObject({
  kind: z.literal('conv2d'),
  /** [outputs][height][width][inputs] */
  weights: z.array(z.array(z.array(z.array(weight).min(1).max(256)).min(1).max(16)).min(1).max(16)).min(1).max(256),
  /** [outputs] */
  bias: z.array(bias),
  stride: whole(1, 16),
  /** Zeros added on each side. */
  padding: whole(0, 15),
  requantise: requantise.optional(),
});

const schema = z.strictObject({
  format: z.literal(FORMAT),
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,63}$/),
  /** [height][width][channels], each value in [minimum, minimum + 2^bits). */
  input: z.strictObject({
    height: length, width: length, channels: length, minimum: whole(-32768, 32767), bits: whole(1, 16),
  }),
  /** Two's complement widths that hold every weight and bias; the circuit of committed weights depends on them. */
  range: z.strictObject({ weightBits: whole(2, 16), biasBits: whole(2, 32) }),
  layers: z.array(z.discriminatedUnion('kind', [dense, convolution])).min(1).max(16),
  /** The index of the first largest output, or the only output, requantised. */
  verdict: z.enum(['argmax', 'score']),
});

export type CircuitModel = z.infer<typeof schema>;
export type Layer = CircuitModel['layers'][number];
export type Requantise = z.infer<typeof requantise>;
export interface Shape { height: number; width: number; channels: number }

export const sizeOf = ({ height, width, channels }: Shape): number => height * width * channels;

/**
 * @param value what JSON.parse gave
 * @throws CircuitModelError `model.zk.format`, `model.zk.size`, `model.zk.shape`, `model.zk.range`, `model.zk.requantise`, `model.zk.verdict`
 */
export function parseModel(value: unknown): CircuitModel {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CircuitModelError('model.zk.format', 'the model file does not have the form of a circuit model', {
      expected: `format ${FORMAT}`, received: `${issue.path.join('.') || 'the file'}: ${issue.message}`, cause: parsed.error,
    });
  }
  const model = parsed.data;
  checkShapes(model);
  checkRanges(model);
  return model;
}

/** @throws CircuitModelError `model.zk.format`, and those of parseModel */
export function parseModelText(text: string): CircuitModel {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CircuitModelError('model.zk.format', 'the model file is not JSON', { expected: `format ${FORMAT}`, cause });
  }
  return parseModel(value);
}

/** SHA-256 of the model's canonical JSON: members in this file's order, no spaces. */
export const modelHash = (model: CircuitModel): Uint8Array => sha256(new TextEncoder().encode(JSON.stringify(canonical(model))));

function canonical({ format, name, input, range, layers, verdict }: CircuitModel): unknown {
  const { height, width, channels, minimum, bits } = input;
  return [format, name, [height, width, channels, minimum, bits], [range.weightBits, range.biasBits], layers.map((layer) => [
    layer.kind, layer.weights, layer.bias, layer.kind === 'conv2d' ? [layer.stride, layer.padding] : [],
    layer.requantise === undefined ? [] : [layer.requantise.multiplier, layer.requantise.shift, layer.requantise.bits],
  ]), verdict];
}

/** The shape that a layer makes of its input's. @throws CircuitModelError `model.zk.shape` */
export function outputShape(layer: Layer, input: Shape, index: number): Shape {
  const refuse = (expected: string, received: string) =>
    new CircuitModelError('model.zk.shape', `layer ${index} does not fit what comes before it`, { expected, received });
  if (layer.bias.length !== layer.weights.length) throw refuse(`${layer.weights.length} biases`, `${layer.bias.length}`);
  if (layer.kind === 'dense') {
    const wrong = layer.weights.find((row) => row.length !== sizeOf(input));
    if (wrong !== undefined) throw refuse(`rows of ${sizeOf(input)} weights`, `${wrong.length}`);
    return { height: 1, width: 1, channels: layer.weights.length };
  }
  const [kernelHeight, kernelWidth] = [layer.weights[0].length, layer.weights[0][0].length];
  const fits = layer.weights.every((kernel) => kernel.length === kernelHeight
    && kernel.every((row) => row.length === kernelWidth && row.every((cell) => cell.length === input.channels)));
  if (!fits) throw refuse(`kernels of ${kernelHeight} x ${kernelWidth} x ${input.channels}`, 'another size');
  const along = (size: number, kernel: number) => Math.floor((size + 2 * layer.padding - kernel) / layer.stride) + 1;
  const shape = { height: along(input.height, kernelHeight), width: along(input.width, kernelWidth), channels: layer.weights.length };
  if (shape.height < 1 || shape.width < 1) throw refuse('a kernel no larger than its input', `${kernelHeight} x ${kernelWidth}`);
  if (layer.padding >= Math.min(kernelHeight, kernelWidth)) throw refuse('padding smaller than the kernel', `${layer.padding}`);
  return shape;
}

function checkShapes(model: CircuitModel): void {
  let shape: Shape = model.input;
  let weights = 0;
  model.layers.forEach((layer, index) => {
    shape = checkSize(outputShape(layer, shape, index));
    weights += layer.kind === 'dense' ? layer.weights.length * layer.weights[0].length
      : layer.weights.length * layer.weights[0].length * layer.weights[0][0].length * layer.weights[0][0][0].length;
    const isLast = index === model.layers.length - 1;
    if ((layer.requantise !== undefined) !== (!isLast || model.verdict === 'score')) {
      throw new CircuitModelError('model.zk.requantise', `layer ${index} has the wrong end`, {
        expected: 'requantise in every layer, except in the last of an argmax', received: layer.requantise === undefined ? 'none' : 'one',
      });
    }
  });
  checkSize(model.input);
  if (weights > MAX_WEIGHTS) {
    throw new CircuitModelError('model.zk.size', 'the model has too many weights', { expected: `at most ${MAX_WEIGHTS}`, received: `${weights}` });
  }
  const outputs = sizeOf(shape);
  const fits = model.verdict === 'score' ? outputs === 1 : outputs >= 2 && outputs <= MAX_CLASSES;
  if (!fits) {
    throw new CircuitModelError('model.zk.verdict', 'the last layer does not give a verdict', {
      expected: model.verdict === 'score' ? 'one output' : `2 to ${MAX_CLASSES} outputs`, received: `${outputs}`,
    });
  }
}

function checkSize<T extends Shape>(shape: T): T {
  if (sizeOf(shape) <= MAX_VALUES) return shape;
  throw new CircuitModelError('model.zk.size', 'a layer has too many values', { expected: `at most ${MAX_VALUES}`, received: `${sizeOf(shape)}` });
}

function checkRanges({ layers, range }: CircuitModel): void {
  const check = (what: string, values: readonly number[], bits: number) => {
    const wrong = values.find((x) => x < -(2 ** (bits - 1)) || x >= 2 ** (bits - 1));
    if (wrong === undefined) return;
    throw new CircuitModelError('model.zk.range', `a ${what} lies outside the range that the model states`, { expected: `${bits} bits`, received: `${wrong}` });
  };
  for (const { weights, bias } of layers) {
    check('weight', (weights as unknown[]).flat(3) as number[], range.weightBits);
    check('bias', bias, range.biasBits);
  }
}
