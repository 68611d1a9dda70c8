/** Token choice of the reference (docs/exact-arithmetic.md section 7): greedy, or seeded with integer weights. */
import { MAX_TOP_K, SUM_BLOCK } from '../constants';
import type { Sampling } from '../engine';
import { sha256 } from '../merkle';
import { roundShift, u64Words } from './arithmetic';

/** The token and what the head group commits about it. */
export interface Draw {
  token: number;
  /** words: zmax, lowest index */
  max: Uint32Array;
  /** top mode: words z, id, w per entry */
  top?: Uint32Array;
  /** full mode: words of the running sums per 64 logits */
  sums?: Uint32Array;
  /** words: kept, W, token */
  draw: Uint32Array;
}

/**
 * @param logits [vocab] i32 with 16 fraction bits
 * @param step 0 for the first output token
 * @param table [1024] u24 powers of two
 */
export function sample(logits: Int32Array, sampling: Sampling, step: number, table: Uint32Array): Draw {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  const max = Uint32Array.of(logits[best], best);
  if (sampling.t === 0) return { token: best, max, draw: Uint32Array.of(0, 0, 0, best) };

  const weightOf = (id: number) => weight(logits[best] - logits[id], sampling, table);
  if (sampling.topK === 0) {
    const weights = Array.from(logits, (_, id) => weightOf(id));
    const total = weights.reduce((sum, w) => sum + w, 0);
    const token = choose(weights.map((w, id) => ({ id, w })), total, sampling.seed, step);
    return { token, max, sums: runningSums(weights), draw: Uint32Array.of(0, ...u64Words(total), token) };
  }

  const list = largest(logits, sampling.topK).map((id) => ({ id, w: weightOf(id) }));
  const kept = list.slice(0, topPLength(list.map(({ w }) => w), sampling.topP16));
  const total = kept.reduce((sum, { w }) => sum + w, 0);
  const token = choose(kept.sort((a, b) => a.id - b.id), total, sampling.seed, step);
  const top = Uint32Array.from(list.flatMap(({ id, w }) => [logits[id], id, w]));
  return { token, max, top, draw: Uint32Array.of(kept.length, ...u64Words(total), token) };
}

/** Integer weight of a logit that is `distance` below the best; distance * t < 2^53. */
function weight(distance: number, { t, minPX }: Sampling, table: Uint32Array): number {
  const x = Math.floor((distance * t + 2 ** 21) / 2 ** 22);
  if (x >= 24 * 1024 || (minPX !== 0 && x > minPX)) return 0;
  return roundShift(table[x % 1024], Math.floor(x / 1024));
}

/** The ids of the k largest logits, by logit descending, then id ascending. */
function largest(logits: Int32Array, k: number): number[] {
  const list: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (list.length >= Math.min(k, MAX_TOP_K)) {
      if (logits[id] <= logits[list[list.length - 1]]) continue;
      list.pop();
    }
    let at = list.length;
    while (at > 0 && logits[list[at - 1]] < logits[id]) at--;
    list.splice(at, 0, id);
  }
  return list;
}

/** Length of the shortest prefix that holds topP16 / 65536 of the total; all of it when top-p is off. */
function topPLength(weights: number[], topP16: number): number {
  if (topP16 === 0) return weights.length;
  const total = weights.reduce((sum, w) => sum + w, 0);
  let sum = 0;
  return 1 + weights.findIndex((w) => (sum += w) * 65536 >= topP16 * total);
}

/** The pick at u = floor(r W / 2^128), r from SHA-256(seed, step). */
function choose(inIdOrder: { id: number; w: number }[], total: number, seed: Uint8Array, step: number): number {
  const input = Buffer.alloc(40);
  input.set(seed);
  input.writeBigUInt64BE(BigInt(step), 32);
  const r = BigInt(`0x${Buffer.from(sha256(input)).toString('hex', 0, 16)}`);
  return pick(inIdOrder, Number((r * BigInt(total)) >> 128n));
}

/** The first id whose running sum exceeds u; u is below the total. */
export function pick(inIdOrder: { id: number; w: number }[], u: number): number {
  let sum = 0;
  for (const { id, w } of inIdOrder) {
    sum += w;
    if (sum > u) return id;
  }
  throw new RangeError(`u = ${u} is not below the total ${sum}`);
}

function runningSums(weights: number[]): Uint32Array {
  const words = new Uint32Array(2 * Math.ceil(weights.length / SUM_BLOCK));
  let sum = 0;
  weights.forEach((w, id) => {
    sum += w;
    words.set(u64Words(sum), 2 * Math.floor(id / SUM_BLOCK));
  });
  return words;
}
