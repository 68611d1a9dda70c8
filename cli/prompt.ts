import { readFileSync } from 'node:fs';
import { UsageError } from './errors';

/** Longest prompt in bytes of UTF-8: at one token a byte, the worst case, it fits the shipped model's 512 positions. */
export const MAX_PROMPT_BYTES = 400;
export const PROMPT_LIMIT_TEXT = `UTF-8, 1 to ${MAX_PROMPT_BYTES} bytes`;

/**
 * The prompt from `--prompt` or `--prompt-file`.
 * @throws UsageError `usage.prompt-missing`, `usage.prompt-utf8`, `usage.prompt-too-long`, `usage.prompt-file`
 */
export function readPrompt(options: { prompt?: string; promptFile?: string }, fallback?: string): string {
  if (options.prompt !== undefined && options.promptFile !== undefined) {
    throw new UsageError('usage.prompt-missing', 'give either --prompt or --prompt-file, not both');
  }
  const text = options.promptFile === undefined ? options.prompt : readPromptFile(options.promptFile);
  return checkPrompt(text ?? fallback);
}

function checkPrompt(text: string | undefined): string {
  if (text === undefined || text === '') {
    throw new UsageError('usage.prompt-missing', 'there is no prompt', {
      expected: '--prompt TEXT or --prompt-file FILE',
    });
  }
  if (!isWellFormed(text) || (text.includes('\uFFFD') && !argumentsAreUtf8())) {
    throw new UsageError('usage.prompt-utf8', 'the prompt is not UTF-8', {
      expected: 'valid UTF-8',
      hint: 'convert the text, or use --prompt-file',
    });
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_PROMPT_BYTES) {
    throw new UsageError('usage.prompt-too-long', 'the prompt is too long', {
      expected: `at most ${MAX_PROMPT_BYTES} bytes`,
      received: `${bytes} bytes`,
    });
  }
  return text;
}

function readPromptFile(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new UsageError('usage.prompt-file', 'cannot read the prompt file', { received: path, cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError('usage.prompt-utf8', 'the prompt file is not UTF-8', { received: path });
  }
}

/**
 * Node replaces bytes of an argument that are not UTF-8 by U+FFFD, which may also stand there rightly; Linux still
 * has the bytes. Elsewhere the argument counts as damaged.
 */
function argumentsAreUtf8(): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(readFileSync('/proc/self/cmdline'));
    return true;
  } catch {
    return false;
  }
}

/** No surrogate stands alone (String.prototype.isWellFormed of newer runtimes). */
function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}
