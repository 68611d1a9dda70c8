/** Errors in OpenAI's shape, `{"error": {message, type, param, code}}`, with the status that its clients act on. */
import { CocoonError, type ErrorDetails } from '../../protocol/errors';
import { GatewayError } from '../errors';

/** A request that is refused as it stands. */
export class OpenAiRequestError extends CocoonError {
  constructor(
    readonly status: number, code: string, message: string,
    readonly details: ErrorDetails & {
      /** the field at fault */
      param?: string;
    } = {},
  ) {
    super(code, message, details);
  }
}

export const badField = (param: string, message: string, details: ErrorDetails = {}): OpenAiRequestError =>
  new OpenAiRequestError(400, 'invalid_value', message, { ...details, param });

/** A field that would change the answer and cannot be honoured. */
export const refusedField = (param: string, hint?: string): OpenAiRequestError => new OpenAiRequestError(
  400, 'unsupported_parameter', `'${param}' is not supported here and would change the answer`, { param, hint });

export const contextExceeded = (contextTokens: number, received: string, param: string): OpenAiRequestError =>
  new OpenAiRequestError(400, 'context_length_exceeded', "the prompt does not fit this model's context", {
    expected: `at most ${contextTokens} tokens, the answer's included`, received, param,
    hint: 'shorten the prompt',
  });

export interface ErrorReply {
  status: number;
  headers: Record<string, string>;
  body: { error: { message: string; type: string; param: string | null; code: string } };
}

const OUT_OF_MONEY: ReadonlySet<string> = new Set(['gateway.channel-exhausted', 'gateway.request-cap', 'gateway.daily-cap']);

/** `openai` and the AI SDK send a request again at 408, 409, 429 and 5xx, and never at 402: money does not come back by asking. */
export function errorReply(error: unknown): ErrorReply {
  if (error instanceof OpenAiRequestError) {
    const type = error.status === 401 ? 'authentication_error' : 'invalid_request_error';
    return reply(error.status, type, error, error.details.param);
  }
  if (error instanceof GatewayError && OUT_OF_MONEY.has(error.code)) {
    return reply(402, 'insufficient_quota', error, undefined, { 'x-should-retry': 'false' });
  }
  if (error instanceof GatewayError && error.code === 'gateway.overloaded') {
    return reply(429, 'rate_limit_error', error, undefined, { 'retry-after': String(error.retryAfterSeconds ?? 1) });
  }
  if (error instanceof CocoonError && error.code.startsWith('input.')) return reply(400, 'invalid_request_error', error);
  if (error instanceof CocoonError && error.code === 'engine.kv-memory') return reply(400, 'invalid_request_error', error);
  if (error instanceof CocoonError) return reply(503, 'server_error', error);
  return reply(500, 'server_error', { message: 'the gateway failed; its log says why', code: 'internal' });
}

function reply(
  status: number, type: string, { message, code }: { message: string; code: string }, param?: string,
  headers: Record<string, string> = {},
): ErrorReply {
  return { status, headers, body: { error: { message, type, param: param ?? null, code } } };
}
