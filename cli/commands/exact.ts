import { Command } from 'commander';
import { GREEDY, samplingFrom } from '../../exact';
import { openEngine, openModel } from '../../worker/engine';
import { contextOf, withSettings } from '../context';
import { PROMPT_LIMIT_TEXT, readPrompt } from '../prompt';
import { parseNumber } from '../numbers';

/** `cocoon exact run`: one inference on this machine, without a chain. */
export function exactCommand(): Command {
  const run = withSettings(new Command('run'), ['model', 'backend', 'maxTokens'])
    .description('run the exact model once and print tokens, text and trace root')
    .option('--prompt <text>', `prompt (${PROMPT_LIMIT_TEXT})`)
    .option('--prompt-file <file>', 'file with the prompt, UTF-8')
    .option('--seed <n>', 'seed of the sampling, 0 to 2^53 - 1; without it greedy')
    .option('--temperature <t>', 'temperature, 0 (greedy) or 0.05 to 100 (default: 0.8 with --seed, else 0)')
    .option('--top-k <k>', 'keep the k best tokens, 1 to 256')
    .option('--top-p <p>', 'keep the best tokens up to this share')
    .action(runExact);
  return new Command('exact').description('exact integer inference').addCommand(run);
}

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

async function runExact(options: Record<string, unknown>): Promise<void> {
  const { output, settings } = contextOf(options);
  const prompt = readPrompt(options as { prompt?: string; promptFile?: string });
  const { seed, temperature, ...filters } = parseSampling(options as SamplingOptions);
  const loaded = openModel(settings.model);
  const { tokenizer } = loaded.model;
  const seedBytes = Buffer.alloc(32);
  seedBytes.writeBigUInt64BE(BigInt(seed), 24);
  const engine = await openEngine(loaded, settings.backend);
  try {
    if (engine.fallbackReason !== undefined)
      output.progress(`no WebGPU (${engine.fallbackReason}): ${engine.backend} computes`);
    const result = await engine.generate({
      promptTokens: tokenizer.encodePrompt(prompt),
      maxTokens: settings.maxTokens,
      stopTokens: loaded.stopTokens,
      sampling: temperature === 0 ? GREEDY : samplingFrom({ temperature, ...filters, seed: seedBytes }),
    });
    const text = tokenizer.decode(result.tokens);
    const shown = {
      tokens: result.tokens,
      text,
      traceRoot: Buffer.from(result.traceRoot).toString('hex'),
      backend: engine.backend,
      adapter: engine.adapter,
      millis: Math.round(result.millis),
      finishReason: result.finishReason,
      dispatches: result.dispatches ?? 0,
    };
    output.result(
      shown,
      `${prompt}${text}\n\n${engine.backend} on ${engine.adapter}, ${shown.millis} ms, trace ${shown.traceRoot}`,
    );
  } finally {
    await engine.close();
  }
}
