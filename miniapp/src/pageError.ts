import type { Problem, Text } from './types';

/** An error whose text the page shows in whichever language. */
export class PageError extends Error {
  constructor(
    readonly code: string,
    readonly text: Text,
    cause?: unknown,
  ) {
    super(code, cause === undefined ? undefined : { cause });
    this.name = 'PageError';
  }
}

/** What to show for an error of any kind; errors of protocol/ have a code and an English message. */
export function problemOf(error: unknown): Problem {
  if (error instanceof PageError) return { code: error.code, text: error.text };
  const { code, message } = error instanceof Error ? (error as Error & { code?: unknown }) : { code: undefined, message: String(error) };
  const named = typeof code === 'string' ? code : 'app.unexpected';
  return { code: named, text: { key: 'app.unexpected', params: { code: named, message } } };
}
