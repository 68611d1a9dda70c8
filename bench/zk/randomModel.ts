/** A model of the size of the usual one for handwritten digits (28 x 28 pixels, 128 hidden values, 10 classes), with random weights. */
import { type CircuitModel, FORMAT, parseModel } from '../../circuits/model';
import { randomOf } from '../slashing/largeModel';

const [PIXELS, HIDDEN, CLASSES] = [784, 128, 10];

export interface RandomModel { model: CircuitModel; values: number[] }

/** 101 632 weights of a byte, and an input. */
export function randomModel(seed: number): RandomModel {
  const random = randomOf(seed);
  const numbers = (count: number, limit: number): number[] => Array.from({ length: count }, () => random(2 * limit + 1) - limit);
  const dense = (outputs: number, inputs: number) => ({
    kind: 'dense', weights: Array.from({ length: outputs }, () => numbers(inputs, 127)), bias: numbers(outputs, 2 ** 15),
  });
  const model = parseModel({
    format: FORMAT, name: 'random-784-128-10', input: { height: 28, width: 28, channels: 1, minimum: -128, bits: 8 }, range: { weightBits: 8, biasBits: 17 },
    layers: [{ ...dense(HIDDEN, PIXELS), requantise: { multiplier: 1, shift: 11, bits: 7 } }, dense(CLASSES, HIDDEN)], verdict: 'argmax',
  });
  return { model, values: Array.from({ length: PIXELS }, () => random(256) - 128) };
}
