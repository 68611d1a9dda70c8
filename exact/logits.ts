/** What callers may see of the logits that a token was drawn from: whole numbers, from which log probabilities follow. */
import { JobInputError } from './errors';

/** docs/exact-arithmetic.md section 7: logits of the drawn token and of the largest ones, and what normalises them. */
export interface TokenLogits {
  /** of the drawn token; 16 fraction bits, like all logits here */
  logit: number;
  best: number;
  /** W of full sampling at temperature 1 (t = 94548), whatever the job sampled with; at least 2^24 - 1 */
  weightSum: number;
  /** as many as the job asked for, by logit descending, then id ascending */
  top: { id: number; logit: number }[];
}

/** Most that a job may ask for. */
export const MAX_TOP_LOGITS = 20;
/** round(2^16 log2(e)): t of section 7 at temperature 1. */
const UNIT_TEMPERATURE = 94548;
/** E[0] of section 7: the weight of the best logit. */
const BEST_WEIGHT = 2 ** 24 - 1;

/** Refuses a count that no answer carries. @throws JobInputError `input.top-logits` */
export function checkTopLogits(count: number | undefined): void {
  if (count === undefined || (Number.isInteger(count) && count >= 0 && count <= MAX_TOP_LOGITS)) return;
  throw new JobInputError('input.top-logits', 'topLogits is not allowed', {
    expected: `0..${MAX_TOP_LOGITS}`, received: String(count),
  });
}

/**
 * @param logits [vocab] i32 with 16 fraction bits
 * @param count of the largest ones that are wanted
 * @param table [1024] u24 powers of two
 */
export function tokenLogits(logits: Int32Array, token: number, count: number, table: Uint32Array): TokenLogits {
  const best = logits.reduce((max, logit) => Math.max(max, logit), logits[0]);
  let weightSum = 0;
  for (const logit of logits) weightSum += weight(best - logit, table);
  return { logit: logits[token], best, weightSum, top: largest(logits, count) };
}

/** ln of a token's probability at temperature 1; section 7 derives it. */
export const logProbability = (logit: number, { best, weightSum }: TokenLogits): number =>
  (logit - best) / 65536 - Math.log(weightSum / BEST_WEIGHT);

/** w of section 7 without minPX; distance * t < 2^53. */
function weight(distance: number, table: Uint32Array): number {
  const x = Math.floor((distance * UNIT_TEMPERATURE + 2 ** 21) / 2 ** 22);
  if (x >= 24 * 1024) return 0;
  const shift = Math.floor(x / 1024);
  return Math.floor((table[x % 1024] + 2 ** shift / 2) / 2 ** shift);
}

function largest(logits: Int32Array, count: number): TokenLogits['top'] {
  const top: TokenLogits['top'] = [];
  for (let id = 0; id < logits.length && count > 0; id++) {
    const logit = logits[id];
    if (top.length === count) {
      if (logit <= top[count - 1].logit) continue;
      top.pop();
    }
    let at = top.length;
    while (at > 0 && top[at - 1].logit < logit) at--;
    top.splice(at, 0, { id, logit });
  }
  return top;
}
