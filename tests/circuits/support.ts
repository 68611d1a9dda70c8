/** Random circuit models and inputs, the same in every run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseModel, parseModelText, type CircuitModel } from '../../circuits';

export const root = join(__dirname, '../..');
export const SHIPPED = join(root, 'models/digits-8x8.json');
export const shippedModel = (): CircuitModel => parseModelText(readFileSync(SHIPPED, 'utf8'));

/** Images of 64 hexadecimal digits and what they show. */
export interface HeldOut { accuracyFloat: number; accuracyInteger: number; digits: [string, number][] }
export const heldOut = (): HeldOut => JSON.parse(readFileSync(join(root, 'models/digits-8x8-held-out.json'), 'utf8')) as HeldOut;
export const pixels = (digits: string): number[] => Array.from(digits, (digit) => parseInt(digit, 16));

/** Integers from low to high, both included. */
export type Draw = (low: number, high: number) => number;

export function draws(seed: number): Draw {
  let state = seed;
  return (low, high) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor((state / 2 ** 32) * (high - low + 1));
  };
}

const list = (length: number, draw: () => number): number[] => Array.from({ length }, draw);

/** Layers of any kind, widths, shifts and verdict; most have two layers. */
export function randomModel(draw: Draw): CircuitModel {
  const weightBits = draw(2, 9);
  const biasBits = draw(2, 12);
  const verdict = draw(0, 3) === 0 ? 'score' : 'argmax';
  const weight = () => draw(-(2 ** (weightBits - 1)), 2 ** (weightBits - 1) - 1);
  const bias = () => draw(-(2 ** (biasBits - 1)), 2 ** (biasBits - 1) - 1);
  const requantise = () => ({ multiplier: draw(0, 1) === 0 ? 1 : draw(1, 300), shift: draw(0, 12), bits: draw(1, 9) });
  const bits = draw(1, 8);
  const input = { height: draw(1, 5), width: draw(1, 5), channels: draw(1, 2), minimum: draw(0, 1) === 0 ? 0 : -draw(1, 2 ** bits), bits };
  const layers: unknown[] = [];
  let shape = { height: input.height, width: input.width, channels: input.channels };
  if (draw(0, 1) === 0) {
    const kernel = [draw(1, shape.height), draw(1, shape.width)];
    const padding = draw(0, Math.min(...kernel) - 1);
    const stride = draw(1, 2);
    const outputs = draw(1, 3);
    layers.push({
      kind: 'conv2d', stride, padding, bias: list(outputs, bias), requantise: requantise(),
      weights: list(outputs, () => 0).map(() => list(kernel[0], () => 0).map(() => list(kernel[1], () => 0).map(() => list(shape.channels, weight)))),
    });
    const along = (size: number, k: number) => Math.floor((size + 2 * padding - k) / stride) + 1;
    shape = { height: along(shape.height, kernel[0]), width: along(shape.width, kernel[1]), channels: outputs };
  }
  const sizes = [shape.height * shape.width * shape.channels, ...(draw(0, 2) === 0 ? [] : [draw(1, 6)]), verdict === 'score' ? 1 : draw(2, 6)];
  sizes.slice(1).forEach((outputs, i) => {
    const isLast = i === sizes.length - 2;
    const end = isLast && verdict === 'argmax' ? {} : { requantise: requantise() };
    layers.push({ kind: 'dense', weights: list(outputs, () => 0).map(() => list(sizes[i], weight)), bias: list(outputs, bias), ...end });
  });
  return parseModel({ format: 'cocoon-circuit-model-1', name: 'random', input, range: { weightBits, biasBits }, layers, verdict });
}

/** All least, all largest, both in turn, then random. */
export function inputsOf({ input }: CircuitModel, draw: Draw, random: number): number[][] {
  const size = input.height * input.width * input.channels;
  const [low, high] = [input.minimum, input.minimum + 2 ** input.bits - 1];
  const extreme = [() => low, () => high, (i: number) => (i % 2 === 0 ? low : high), (i: number) => (i % 2 === 0 ? high : low)];
  return [
    ...extreme.map((value) => Array.from({ length: size }, (_, i) => value(i))),
    ...Array.from({ length: random }, () => list(size, () => draw(low, high))),
  ];
}

/** Wires that a prover chooses: context, salt, input and what comes with committed weights. */
export function givenWires({ input, layers }: CircuitModel, isCommitted = false): number[] {
  const size = input.height * input.width * input.channels;
  const hidden = isCommitted ? 1 + layers.reduce((sum, { weights, bias }) => sum + (weights as unknown[]).flat(3).length + bias.length, 0) : 0;
  return [3, ...Array.from({ length: 1 + size + hidden }, (_, i) => 4 + i)];
}
