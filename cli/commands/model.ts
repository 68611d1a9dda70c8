import { readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { checkModel, inspectModel, type ExactConfig } from '../../exact';
import { hasHeadNorm, hasWideSwiGlu } from '../../exact/config';
import { commitLeaves, treeDepths } from '../../exact/opTable';
import { CocoonError } from '../../protocol/errors';
import { fileSystemError } from '../../worker/dataFolder';
import { type CardModel, isCard, parseCard, readCard } from '../../worker/upstream/modelCard';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { parseNumber } from '../numbers';
import { linesOf, type Output } from '../output';

/** Positions of an imported model when the user names none. */
const DEFAULT_CONTEXT = 4096;

/** `cocoon model`: from float models to exact ones, and what is in an exact one. */
export function modelCommand(): Command {
  return new Command('model').description('model files').addCommand(importCommand()).addCommand(describeCommand()).addCommand(inspectCommand()).addCommand(checkCommand());
}

function importCommand(): Command {
  return withSettings(new Command('import'))
    .description('turn a float model (Llama, Qwen2, Qwen3) into an exact model file')
    .argument('<source>', 'Hugging Face folder (config.json, safetensors, tokenizer.json), or a .gguf file (F32, F16, BF16, Q8_0)')
    .requiredOption('--out <file>', 'the exact model file to write')
    .option('--calibration <file>', 'text to calibrate on, UTF-8; a built-in one when unset')
    .option('--context <n>', `positions, a multiple of 256 (default: ${DEFAULT_CONTEXT}, or what the model was made for)`)
    .action(runImport);
}

function describeCommand(): Command {
  return withSettings(new Command('describe'))
    .description('make the model card of a model that a server computes (vLLM, SGLang, llama.cpp)')
    .argument('<source>', 'Hugging Face folder (config.json, tokenizer.json, weights), or a .gguf file')
    .requiredOption('--out <file>', 'the model card to write')
    .requiredOption('--name <name>', 'what clients call the model')
    .option('--context <n>', 'positions that the server is started with (default: what the model was made for)')
    .action(async (source: string, options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const { describeModel } = await import('../../worker/upstream/describe');
      const context = options.context === undefined ? undefined : parseNumber('--context', String(options.context), 2, 2 ** 24, true);
      const card = await describeModel({ source, name: String(options.name), context });
      writeNew(String(options.out), card);
      show(output, { file: String(options.out), ...describeCard(parseCard(card)) });
    });
}

/** @throws StorageError, also where there is such a file already */
function writeNew(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx' });
  } catch (cause) {
    throw fileSystemError(cause, path, 'cannot write the model card');
  }
}

/** What a card says of its model. */
function describeCard({ name, files, model: { config, tokenizer, modelRoot } }: CardModel): Record<string, unknown> {
  const weightBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    name, vocab: config.vocab, context: config.context, files: files.length, fileBytes: weightBytes,
    chatTemplate: tokenizer.chatTemplate !== '', modelRoot: hex(modelRoot),
  };
}

function inspectCommand(): Command {
  return withSettings(new Command('inspect'))
    .description('show what an exact model file says about itself, without checking its weights')
    .argument('<file>', 'exact model file, or model card')
    .action((file: string, options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      if (isCard(file)) return show(output, describeCard(readCard(file)));
      const { config, tokenizer, modelRoot, fileBytes } = inspectModel(file);
      show(output, { ...describe(config), fileBytes, chatTemplate: tokenizer.chatTemplate !== '', modelRoot: hex(modelRoot) });
    });
}

function checkCommand(): Command {
  return withSettings(new Command('check'))
    .description('read an exact model file whole and check sums, widths, shifts, shapes, tables and root')
    .argument('<file>', 'exact model file')
    .action((file: string, options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const report = progressLine(output, 'checked');
      const { config, modelRoot } = checkModel(file, report);
      show(output, { ok: true, ...describe(config), modelRoot: hex(modelRoot) });
    });
}

async function runImport(path: string, options: Record<string, unknown>): Promise<void> {
  const { output } = contextOf(options);
  // Only this command needs the importer and its libraries.
  const { openSource, calibrationTokens } = await import('../../exact/import/source');
  const { importModel, exactConfig } = await import('../../exact/import/importModel');
  const text = options.calibration === undefined ? undefined : readText(String(options.calibration));
  const source = await openSource(path);
  try {
    const { architecture } = source.weights;
    const fitting = Math.min(DEFAULT_CONTEXT, architecture.maxContext - (architecture.maxContext % 256));
    const context = options.context === undefined ? fitting : parseNumber('--context', String(options.context), 256, 32768, true);
    exactConfig(architecture, context, 0);
    const calibration = calibrationTokens(source, context, text);
    const lines = { calibrate: progressLine(output, 'calibrated'), write: progressLine(output, 'written') };
    const { modelRoot, config, ...seen } = await interruptible((signal) => importModel({
      ...source, context, calibration, out: String(options.out), signal,
      progress: (step, done, all) => lines[step](done, all),
    }));
    show(output, { file: String(options.out), family: architecture.family, ...describe(config), ...seen, modelRoot: hex(modelRoot) });
  } finally {
    source.weights.close();
  }
}

/** Runs work that stops at SIGINT and SIGTERM. @throws CocoonError `interrupted` */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  signals.forEach((name) => process.once(name, stop));
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) throw new CocoonError('interrupted', 'the import was stopped; it left no file', { cause: error });
    throw error;
  } finally {
    signals.forEach((name) => process.off(name, stop));
  }
}

/** A line of progress whenever another tenth is done. */
function progressLine(output: Output, what: string): (done: number, all: number) => void {
  let shown = 0;
  return (done, all) => {
    const tenth = Math.floor((10 * done) / all);
    if (tenth === shown) return;
    shown = tenth;
    output.progress(`${what} ${10 * tenth} %`);
  };
}

function describe(config: ExactConfig): Record<string, unknown> {
  const { layers, dim, heads, kvHeads, headDim, ffn, vocab, context } = config;
  const { commitTotal, positionTotal } = treeDepths(config);
  return {
    layers, dim, heads, kvHeads, headDim, ffn, vocab, context,
    headNorm: hasHeadNorm(config), wideSwiGlu: hasWideSwiGlu(config),
    commitTreeLevels: commitTotal, positionTreeLevels: positionTotal, commitLeavesPerPosition: commitLeaves(config),
  };
}

function show(output: Output, report: Record<string, unknown>): void {
  output.result(report, linesOf(report));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const received = (cause as NodeJS.ErrnoException).code ?? 'an error';
    throw new UsageError('usage.calibration', 'the calibration text cannot be read', { expected: 'a text file', received, cause });
  }
}
