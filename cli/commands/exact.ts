import { Command } from 'commander';
import { openEngine, openModel } from '../../worker/engine';
import { contextOf, withSettings } from '../context';
import { readInference, withInference } from '../inference';
import { proveCommand, verifyCommand } from './exactProof';

/** `cocoon exact`: one inference on this machine, without a chain, and proofs about it. */
export function exactCommand(): Command {
  const run = withInference(withSettings(new Command('run'), ['model', 'backend', 'maxTokens']))
    .description('run the exact model once and print tokens, text and trace root')
    .action(runExact);
  return new Command('exact')
    .description('exact integer inference')
    .addCommand(run)
    .addCommand(proveCommand())
    .addCommand(verifyCommand());
}

async function runExact(options: Record<string, unknown>): Promise<void> {
  const { output, settings } = contextOf(options);
  const { prompt, sampling } = readInference(options);
  const loaded = openModel(settings.model);
  const { tokenizer } = loaded.model;
  const engine = await openEngine(loaded, settings.backend);
  try {
    if (engine.fallbackReason !== undefined)
      output.progress(`no WebGPU (${engine.fallbackReason}): ${engine.backend} computes`);
    const result = await engine.generate({
      promptTokens: tokenizer.encodePrompt(prompt),
      maxTokens: settings.maxTokens,
      stopTokens: loaded.stopTokens,
      sampling,
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
