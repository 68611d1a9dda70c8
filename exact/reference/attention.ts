/** Attention of one head over all positions up to t (ops 8 to 12). */
import type { ExactConfig } from '../config';
import { BLOCK } from '../constants';
import { bitLength, powerOfTwo, requantize, roundShift } from './arithmetic';
import type { LayerCache } from './cache';

/** Where the results of all heads of a layer go; see LayerTensors for the layouts. */
export interface AttentionOutput {
  attMax: Uint32Array;
  e: Uint16Array;
  attSums: Uint32Array;
  p: Uint16Array;
  pv: Int32Array;
  /** [heads headDim] i32 with 16 fraction bits */
  o: Int32Array;
}

export function createAttentionOutput(config: ExactConfig, positions: number): AttentionOutput {
  const { heads, headDim, context } = config;
  const blocks = context / BLOCK;
  return {
    attMax: new Uint32Array(4 * heads),
    e: new Uint16Array(heads * positions),
    attSums: new Uint32Array(heads * (2 * blocks + 2)),
    p: new Uint16Array(heads * positions),
    pv: new Int32Array(heads * headDim * blocks),
    o: new Int32Array(heads * headDim),
  };
}

/**
 * @param q8 [heads headDim] int8 queries
 * @param qExponent of this head
 * @param positions t + 1
 * @param expTable [256]
 */
export function attend(
  config: ExactConfig,
  head: number,
  q8: Int8Array,
  qExponent: number,
  cache: LayerCache,
  positions: number,
  expTable: Uint16Array,
  out: AttentionOutput,
): void {
  const { heads, kvHeads, headDim } = config;
  const kvHead = Math.floor((head * kvHeads) / heads);
  const scores = new Int32Array(positions);
  for (let j = 0; j < positions; j++) {
    let sum = 0;
    const key = (j * kvHeads + kvHead) * headDim;
    for (let i = 0; i < headDim; i++) sum += q8[head * headDim + i] * cache.keys[key + i];
    scores[j] = score(sum, qExponent, cache.keyExponents[j * kvHeads + kvHead]);
  }
  weigh(config, head, scores, cache, expTable, out);
}

/** Op 8: a dot product of query and key as a base-2 exponent with 8 fraction bits. */
export function score(sum: number, qExponent: number, kExponent: number): number {
  const shift = 24 - qExponent - kExponent;
  return shift >= 0 ? roundShift(sum, shift) : sum * powerOfTwo(Math.min(-shift, 9));
}

/** Ops 9 to 12: from the scores of positions 0..t to the head's output. */
export function weigh(
  config: ExactConfig,
  head: number,
  scores: Int32Array,
  cache: LayerCache,
  expTable: Uint16Array,
  out: AttentionOutput,
): void {
  const { heads, kvHeads, headDim, context } = config;
  const kvHead = Math.floor((head * kvHeads) / heads);
  const keyDim = kvHeads * headDim;
  const blocks = context / BLOCK;
  const positions = scores.length;
  let best = 0;
  for (let j = 1; j < positions; j++) if (scores[j] > scores[best]) best = j;

  // Ops 9 and 10: powers of two, their sums per block of positions and in total.
  const e = out.e.subarray(head * positions, (head + 1) * positions);
  const sums = out.attSums.subarray(head * (2 * blocks + 2), (head + 1) * (2 * blocks + 2));
  let total = 0;
  for (let j = 0; j < positions; j++) {
    const below = scores[best] - scores[j];
    e[j] = roundShift(expTable[below % 256], Math.min(31, Math.floor(below / 256)));
    sums[Math.floor(j / BLOCK)] += e[j];
    total += e[j];
  }
  sums[blocks] = total;
  const u = Math.max(0, bitLength(total) - 23);
  const reduced = sums.subarray(blocks + 1);
  let reducedTotal = 0;
  for (let j = 0; j < positions; j++) {
    const p = roundShift(e[j], u);
    reduced[Math.floor(j / BLOCK)] += p;
    reducedTotal += p;
  }
  reduced[blocks] = reducedTotal;
  const bits = bitLength(reducedTotal);
  const reciprocal = Math.min(65535, Math.floor(2147483648 / (reducedTotal >> (bits - 16))));

  // Op 11: weights on the common exponent of the values.
  const exponentOf = (j: number) => cache.valueExponents[j * kvHeads + kvHead];
  let largest = 0;
  for (let j = 1; j < positions; j++) if (exponentOf(j) > exponentOf(largest)) largest = j;
  const exponent = exponentOf(largest);
  const p = out.p.subarray(head * positions, (head + 1) * positions);
  for (let j = 0; j < positions; j++) p[j] = roundShift(roundShift(e[j], u), Math.min(31, exponent - exponentOf(j)));
  out.attMax.set([scores[best], best, exponent, largest], 4 * head);

  // Op 12: weighted values, summed per block of positions, then in total.
  for (let j = 0; j < positions; j++) {
    if (p[j] === 0) continue;
    const block = Math.floor(j / BLOCK);
    const value = j * keyDim + kvHead * headDim;
    for (let i = 0; i < headDim; i++) {
      out.pv[(head * headDim + i) * blocks + block] += p[j] * cache.values[value + i];
    }
  }
  for (let i = head * headDim; i < (head + 1) * headDim; i++) {
    let sum = 0;
    for (let block = 0; block < blocks; block++) sum += out.pv[i * blocks + block];
    out.o[i] = requantize(sum, reciprocal, 15 + bits - exponent);
  }
}
