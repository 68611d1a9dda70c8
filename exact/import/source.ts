/** A float model on disk, whatever its format: opened and checked, with its tokenizer; and its calibration text as ids. */
import { statSync } from 'node:fs';
import { refuse } from './architecture';
import { CALIBRATION_TEXT } from './calibrationText';
import { tokenizerOfFolder } from './folderTokenizer';
import { openGguf } from './gguf';
import { tokenizerOfGguf } from './ggufTokenizer';
import { openHuggingFace } from './huggingFace';
import { Tokenizer } from '../tokenizer';
import type { Weights } from './weights';

export interface Source {
  weights: Weights;
  /** tokenizer section */
  tokenizer: Buffer;
}

/** Tokens that a model is calibrated on, in texts of at most this length each. */
const CALIBRATION_TOKENS = 1024;
const TEXT_TOKENS = 256;

/** Opens a Hugging Face folder or a GGUF file. @throws ModelImportError for whatever cannot be imported */
export async function openSource(path: string): Promise<Source> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) refuse('unreadable', 'there is no such model', 'a folder or a GGUF file', path);
  if (!found.isDirectory()) {
    const { weights, metadata } = await openGguf(path);
    return { weights, tokenizer: tokenizerOfGguf(metadata, weights.architecture.vocab) };
  }
  const weights = openHuggingFace(path);
  return { weights, tokenizer: tokenizerOfFolder(path, weights.architecture.vocab) };
}

/**
 * Token ids of texts to calibrate on, spread over the given text, each as a prompt would begin.
 * @throws ModelImportError `model.import.calibration` when the text is too short
 */
export function calibrationTokens({ weights, tokenizer }: Source, context: number, text = CALIBRATION_TEXT): number[][] {
  const parsed = Tokenizer.parse(tokenizer, weights.architecture.vocab);
  const tokens = parsed.encode(text);
  const first = parsed.bosToken === undefined ? [] : [parsed.bosToken];
  const length = Math.min(TEXT_TOKENS, context) - first.length;
  const count = Math.ceil(CALIBRATION_TOKENS / length);
  if (tokens.length < count * length) {
    refuse('calibration', 'the calibration text is too short', `at least ${count * length} tokens`, `${tokens.length}`);
  }
  const step = Math.floor(tokens.length / count);
  return Array.from({ length: count }, (_, i) => [...first, ...tokens.slice(i * step, i * step + length)]);
}
