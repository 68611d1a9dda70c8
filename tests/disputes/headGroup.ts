/** The head group of golden models with logits that somebody else has chosen, and what the reference makes of them. */
import type { Sampling } from '../../exact';
import { BLOCK } from '../../exact/constants';
import { sample } from '../../exact/reference/sampling';
import type { TokenSource } from '../../disputes/tokenEvidence';
import type { Disputed, Run } from './checks';

/** Of every mode, with and without their filters. */
export const SAMPLINGS: Record<string, Sampling> = {
  full: { t: 94548, topK: 0, topP16: 0, minPX: 0, seed: Buffer.alloc(32, 7) },
  'full, cold, with min-p': { t: 2097151, topK: 0, topP16: 0, minPX: 9000, seed: Buffer.alloc(32, 8) },
  top: { t: 94548, topK: 20, topP16: 0, minPX: 0, seed: Buffer.alloc(32, 9) },
  'top of 256, with top-p and min-p': { t: 30000, topK: 256, topP16: 61000, minPX: 20000, seed: Buffer.alloc(32, 10) },
};

type Change = { slot: string; leaf: number; change: (bytes: Buffer) => void };

/** The head group. */
export const headOf = (run: Run): number => run.model.config.layers + 1;

export const sourceOf = ({ run, tree }: Disputed): TokenSource => ({ config: run.model.config, tree, model: run.prover });

/** Logits of one kind per round: any, few values, all equal, extremes, near each other, falling. */
export function logitsOf(vocab: number, round: number, random: (limit: number) => number): Int32Array {
  const kinds: ((id: number) => number)[] = [
    () => random(2 ** 32) - 2 ** 31,
    () => (random(4) - 2) * 65536,
    () => -(2 ** 31),
    () => (random(2) === 0 ? 2 ** 31 - 1 : 1 - 2 ** 31),
    () => random(400_000) - 200_000,
    (id) => -1000 * id,
  ];
  return Int32Array.from({ length: vocab }, (_, id) => kinds[round % kinds.length](id));
}

/** Puts them into the leaves of `logits`. */
export function fillLogits(logits: Int32Array): Change[] {
  return Array.from({ length: Math.ceil(logits.length / BLOCK) }, (_, leaf) => ({
    slot: 'logits', leaf, change: (bytes) => logits.subarray(BLOCK * leaf, BLOCK * (leaf + 1)).forEach((logit, i) => void bytes.writeInt32BE(logit, 4 * i)),
  }));
}

const wordsOf = (words: Uint32Array): Buffer => {
  const bytes = Buffer.alloc(4 * words.length);
  words.forEach((word, i) => bytes.writeUInt32BE(word, 4 * i));
  return bytes;
};

/** What the reference makes of logits: the leaves behind them (one of each), and changes that put them there. */
export function drawOf(run: Run, logits: Int32Array, step: number): { leaves: Record<string, Buffer>; inputs: Change[] } {
  const drawn = sample(logits, run.job.sampling, step, run.model.tables.sampling);
  const leaves = Object.fromEntries((['max', 'top', 'sums', 'draw'] as const).flatMap((slot) => (drawn[slot] ? [[slot, wordsOf(drawn[slot])]] : [])));
  const inputs = Object.entries(leaves).map(([slot, words]) => ({ slot, leaf: 0, change: (bytes: Buffer) => void words.copy(bytes) }));
  return { leaves, inputs: [...fillLogits(logits), ...inputs] };
}

/** Step of the draw at a position. */
export const stepAt = (run: Run, t: number): number => t - (run.job.promptTokens - 1);
