/** Float rows as int8 with a 16-bit multiplier and a shift, each proven to be within the limits of the model file. */
import { HEADER_BYTES } from '../modelFile';
import { refuse } from './architecture';

const MIN_MULTIPLIER = 32768;
const MAX_SHIFT = 47;

/** What a row belongs to, for messages, and its limits. */
export interface RowTarget {
  tensor: string;
  row: number;
  minShift: number;
}

/**
 * Header and weights of a row as the file holds them (docs/exact-arithmetic.md section 3): real weight = w m / 2^sh. The
 * scale max|w| / 127 is rounded up to a 16-bit mantissa first, so the multiplier adds no error.
 * @param bias in units of the output, with 16 fraction bits
 * @throws ModelImportError `model.import.shift`, `model.import.value`
 */
export function quantiseRow(weights: Float64Array, bias: number, target: RowTarget): Buffer {
  const where = `row ${target.row} of ${target.tensor}`;
  let max = 0;
  for (const w of weights) max = Math.max(max, Math.abs(w));
  if (!Number.isFinite(max) || weights.some(Number.isNaN)) {
    refuse('value', `${where} holds what is not a number`, 'finite weights', `${max}`);
  }
  const { multiplier, shift } = scaleOf(max / 127);
  if (shift < target.minShift) {
    refuse('shift', `${where} has weights too large for its integers`, `a shift of at least ${target.minShift}`, `${shift}`);
  }
  const bytes = Buffer.alloc(HEADER_BYTES + weights.length);
  const perUnit = 2 ** shift / multiplier;
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    const w = Math.max(-127, Math.min(127, Math.round(weights[i] * perUnit)));
    bytes.writeInt8(w, HEADER_BYTES + i);
    sum += w;
  }
  bytes.writeInt32BE(sum, 0);
  bytes.writeUInt16BE(multiplier, 4);
  bytes.writeUInt8(shift, 6);
  bytes.writeInt32BE(fixedBias(bias, where), 7);
  return bytes;
}

/** m in [2^15, 2^16) and sh <= 47 with m / 2^sh the smallest that is at least the scale. */
function scaleOf(scale: number): { multiplier: number; shift: number } {
  let shift = scale === 0 ? Infinity : 15 - Math.floor(Math.log2(scale));
  // The logarithm is rounded; next to a power of two it can be one off.
  if (scale * 2 ** shift >= 65536) shift--;
  if (scale * 2 ** shift < 32768) shift++;
  if (shift > MAX_SHIFT) return { multiplier: MIN_MULTIPLIER, shift: MAX_SHIFT };
  const multiplier = Math.ceil(scale * 2 ** shift);
  return multiplier === 65536 ? { multiplier: MIN_MULTIPLIER, shift: shift - 1 } : { multiplier, shift };
}

function fixedBias(bias: number, where: string): number {
  const fixed = Math.round(bias * 65536);
  if (Math.abs(fixed) < 2 ** 31) return fixed;
  refuse('bias', `${where} has a bias too large for its integers`, 'less than 32768', `${bias}`);
}

const MAX_GAIN_SHIFT = 15;

/** Gains of a head norm as the file holds them: shift u8, then i16 each. @throws ModelImportError `model.import.gain` */
export function quantiseGains(gains: Float64Array, name: string): Buffer {
  const max = gains.reduce((largest, gain) => Math.max(largest, Math.abs(gain)), 0);
  if (!(max < 32767)) refuse('gain', `a gain of ${name} is too large for its integers`, 'less than 32767', `${max}`);
  let shift = MAX_GAIN_SHIFT;
  while (Math.round(max * 2 ** shift) > 32767) shift--;
  const bytes = Buffer.alloc(1 + 2 * gains.length);
  bytes.writeUInt8(shift);
  gains.forEach((gain, i) => bytes.writeInt16BE(Math.round(gain * 2 ** shift), 1 + 2 * i));
  return bytes;
}
