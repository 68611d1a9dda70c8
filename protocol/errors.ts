/** What every error of Open Cocoon can say besides its one-line message. */
export interface ErrorDetails {
  /** What was expected, in words a user can act on. */
  expected?: string;
  /** What came instead. Never a prompt, an answer or a key. */
  received?: string;
  /** What to do now. */
  hint?: string;
  cause?: unknown;
}

/**
 * Base of all typed errors. `code` is stable and meant for programs; `message` is meant for people and already
 * contains what was expected, what came and what to do.
 */
export class CocoonError extends Error {
  readonly code: string;
  readonly shortMessage: string;
  readonly expected?: string;
  readonly received?: string;
  readonly hint?: string;

  constructor(code: string, shortMessage: string, details: ErrorDetails = {}) {
    const { expected, received, hint, cause } = details;
    const parts = [shortMessage];
    if (expected !== undefined) parts.push(`expected ${expected}`);
    if (received !== undefined) parts.push(`received ${received}`);
    if (hint !== undefined) parts.push(hint);
    super(parts.join('; '), cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.shortMessage = shortMessage;
    this.expected = expected;
    this.received = received;
    this.hint = hint;
  }
}
