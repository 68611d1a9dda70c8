import type { Command } from 'commander';
import { GREEDY, samplingFrom, type Sampling } from '../exact';
import { parseNumber } from './numbers';
import { PROMPT_LIMIT_TEXT, readPrompt } from './prompt';

/** Command-line options of sampling, as strings. */
export interface SamplingOptions {
  seed?: string;
  temperature?: string;
  topK?: string;
  topP?: string;
}

/** Temperature and filters as numbers; `seed` is separate because a job derives it on its own. */
export function parseSampling(options: SamplingOptions): {
  temperature: number;
  topK?: number;
  topP?: number;
  seed: number;
} {
  return {
    seed: parseNumber('--seed', options.seed ?? '0', 0, Number.MAX_SAFE_INTEGER, true),
    temperature: parseNumber(
      '--temperature',
      options.temperature ?? (options.seed === undefined ? '0' : '0.8'),
      0,
      100,
    ),
    topK: options.topK === undefined ? undefined : parseNumber('--top-k', options.topK, 1, 256, true),
    topP: options.topP === undefined ? undefined : parseNumber('--top-p', options.topP, 0, 1),
  };
}

/** Adds the options of one inference without a chain: prompt and sampling. */
export function withInference(command: Command): Command {
  return command
    .option('--prompt <text>', `prompt (${PROMPT_LIMIT_TEXT})`)
    .option('--prompt-file <file>', 'file with the prompt, UTF-8')
    .option('--seed <n>', 'seed of the sampling, 0 to 2^53 - 1; without it greedy')
    .option('--temperature <t>', 'temperature, 0 (greedy) or 0.05 to 100 (default: 0.8 with --seed, else 0)')
    .option('--top-k <k>', 'keep the k best tokens, 1 to 256')
    .option('--top-p <p>', 'keep the best tokens up to this share');
}

/** Prompt and sampling of one inference. @throws UsageError `usage.prompt-*`, `usage.number`; JobInputError */
export function readInference(options: Record<string, unknown>): { prompt: string; sampling: Sampling } {
  const prompt = readPrompt(options as { prompt?: string; promptFile?: string });
  const { seed, temperature, ...filters } = parseSampling(options as SamplingOptions);
  const seedBytes = Buffer.alloc(32);
  seedBytes.writeBigUInt64BE(BigInt(seed), 24);
  const sampling = temperature === 0 ? GREEDY : samplingFrom({ temperature, ...filters, seed: seedBytes });
  return { prompt, sampling };
}
