import { CocoonError, type ErrorDetails } from '../protocol/errors';

/**
 * What keeps a gateway from answering; codes start with `gateway.`, or with `config.gateway.` at the start. Back ends
 * throw `gateway.channel-exhausted` where the money is spent and `gateway.overloaded` where waiting helps.
 */
export class GatewayError extends CocoonError {
  /** When to ask again, where that is known. */
  readonly retryAfterSeconds?: number;

  constructor(code: string, message: string, details: ErrorDetails & { retryAfterSeconds?: number } = {}) {
    super(code, message, details);
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}
