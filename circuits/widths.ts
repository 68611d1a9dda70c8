/** How large every sum can become, and so how many bits the circuit opens it to: derived from the weights and proven by them. */
import type { CircuitModel, Requantise } from './model';
import { CircuitModelError } from './errors';
import type { Row, SummedLayer } from './rows';
import { sizeOf } from './model';

/** Whether the weights are part of the circuit, or hidden inputs that it opens against their commitment. */
export type WeightMode = 'constant' | 'committed';

/** Integers from low to high, both included. */
export interface Interval { low: number; high: number }

/** How a sum u = a m + 2^(s-1) is opened. */
export interface RequantiseWidth {
  /** -2^magnitude <= u < 2^magnitude. */
  magnitude: number;
  /** Whether u may be negative, so that one more bit is opened. */
  signed: boolean;
  /** Whether h is 0 for all inputs, so that nothing is opened. */
  dead: boolean;
  /** Bits of u above the result's: any of them set means saturation. */
  overflow: number;
}

export interface LayerWidths {
  /** Of each sum, before requantisation. */
  sums: Interval[];
  /** One for each sum, where the layer requantises. */
  requantise: RequantiseWidth[];
}

export interface Widths {
  layers: LayerWidths[];
  /** largest output - output i < 2^argmax[i]; empty for a score. */
  argmax: number[];
}

/** |a m| + 2^(s-1) stays below this, so that a JS number, an i64 and a field element agree. */
const EXACT = 2 ** 52;

/** @throws CircuitModelError `model.zk.width` */
export function deriveWidths(model: CircuitModel, layers: readonly SummedLayer[], mode: WeightMode): Widths {
  const { minimum, bits } = model.input;
  let values: Interval[] = new Array(sizeOf(model.input)).fill({ low: minimum, high: minimum + 2 ** bits - 1 });
  const widths: Widths = { layers: [], argmax: [] };
  layers.forEach((layer, index) => {
    const sums = layer.rows.map((row) => checked(mode === 'constant' ? sumOf(row, layer, values) : worstSum(row, model, values), index));
    const { requantise } = layer;
    if (requantise === undefined) {
      widths.layers.push({ sums, requantise: [] });
      const highest = Math.max(...sums.map(({ high }) => high));
      widths.argmax = sums.map(({ low }) => bitsOf(highest - low));
      return;
    }
    widths.layers.push({ sums, requantise: sums.map((sum) => widthOf(sum, requantise, index)) });
    values = sums.map(({ low, high }) => ({ low: requantised(low, requantise), high: requantised(high, requantise) }));
  });
  return widths;
}

/** h of a sum; the same for every back end. */
export function requantised(sum: number, { multiplier, shift, bits }: Requantise): number {
  const rounded = Math.floor((sum * multiplier + (shift === 0 ? 0 : 2 ** (shift - 1))) / 2 ** shift);
  return Math.min(2 ** bits - 1, Math.max(0, rounded));
}

/** Bits that hold every integer from 0 to x; none for x < 1. x < 2^53. */
export function bitsOf(x: number): number {
  if (x < 1) return 0;
  return x < 2 ** 32 ? 32 - Math.clz32(x) : 64 - Math.clz32(Math.floor(x / 2 ** 32));
}

/** Bounds with the weights that the circuit has. */
function sumOf(row: Row, { weights, biases }: SummedLayer, values: readonly Interval[]): Interval {
  let low = biases[row.bias];
  let high = low;
  row.inputs.forEach((input, i) => {
    const w = weights[row.weights[i]];
    low += w * (w < 0 ? values[input].high : values[input].low);
    high += w * (w < 0 ? values[input].low : values[input].high);
  });
  return { low, high };
}

/** Bounds with any weights of the stated range. */
function worstSum(row: Row, { range: { weightBits, biasBits } }: CircuitModel, values: readonly Interval[]): Interval {
  const [lowest, highest] = [-(2 ** (weightBits - 1)), 2 ** (weightBits - 1) - 1];
  let low = -(2 ** (biasBits - 1));
  let high = 2 ** (biasBits - 1) - 1;
  for (const input of row.inputs) {
    const value = values[input];
    const products = [lowest * value.low, lowest * value.high, highest * value.low, highest * value.high];
    low += Math.min(...products);
    high += Math.max(...products);
  }
  return { low, high };
}

function widthOf({ low, high }: Interval, { multiplier, shift, bits }: Requantise, layer: number): RequantiseWidth {
  const half = shift === 0 ? 0 : 2 ** (shift - 1);
  const { low: lowest, high: highest } = checked({ low: low * multiplier + half, high: high * multiplier + half }, layer);
  // -2^k <= u exactly when -u - 1 < 2^k.
  const magnitude = Math.max(bitsOf(highest), bitsOf(-lowest - 1));
  return { magnitude, signed: lowest < 0, dead: highest < 2 ** shift, overflow: Math.max(0, magnitude - shift - bits) };
}

function checked(interval: Interval, layer: number): Interval {
  if (interval.low > -EXACT && interval.high < EXACT) return interval;
  throw new CircuitModelError('model.zk.width', `sums of layer ${layer} can become too large`, {
    expected: 'below 2^52', received: `${interval.low} to ${interval.high}`, hint: 'take fewer bits for weights, values or the multiplier',
  });
}
