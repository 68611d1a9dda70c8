import pino, { type Logger } from 'pino';
import { closeSync, existsSync, openSync } from 'node:fs';
import { fileSystemError } from './dataFolder';

export type { Logger };

/**
 * Structured log (JSON lines) on stderr or in a file of mode 0600. Nothing that callers may log is a prompt, a token,
 * an answer or a key: they log addresses, states, counts and times only; a test searches all logs for the rest.
 */
export function createLogger(level: string, file?: string): Logger {
  if (file !== undefined) {
    try {
      if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
    } catch (cause) {
      throw fileSystemError(cause, file, 'cannot write the log file');
    }
  }
  return pino({ level, base: undefined }, pino.destination({ dest: file ?? 2, sync: true }));
}
