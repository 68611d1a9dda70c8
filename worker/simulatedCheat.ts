import type { ExactModel } from '../exact';

/** What a worker of a demo does wrong: signs two receipts that contradict each other, or computes with one other bit. */
export type SimulatedCheat = 'two-receipts' | 'flipped-bit';
export const SIMULATED_CHEATS: readonly SimulatedCheat[] = ['two-receipts', 'flipped-bit'];

const BIT = 64;

/** SIMULATED CHEAT: one bit of one weight of the first layer's values, in memory. All that this process computes is wrong from there on. */
export function flipBit({ layers: [{ value }] }: ExactModel): void {
  // A weight is never -128.
  const at = value.weights.findIndex((weight) => (weight ^ BIT) !== -128);
  value.weights[at] ^= BIT;
}
