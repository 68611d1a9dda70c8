import type { ExactModel } from '../exact';

const BIT = 64;

/** SIMULATED CHEAT, for the demo: one bit of one weight of the first layer's values, in memory. All that this process computes is wrong from there on. */
export function flipBit({ layers: [{ value }] }: ExactModel): void {
  // A weight is never -128.
  const at = value.weights.findIndex((weight) => (weight ^ BIT) !== -128);
  value.weights[at] ^= BIT;
}
