import { CocoonError } from '../protocol/errors';

/** Devnet cannot start as asked. */
export class DevnetError extends CocoonError {}

/** An error as toncenter v2 answers it: HTTP status and `{ok: false, error, code}`. */
export class ApiError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** A parameter that cannot be read; the server says of which kind of request. */
export class ParseError extends ApiError {
  constructor(problem: string) {
    super(422, problem);
  }
}

export const cannotParse = (name: string): ParseError => new ParseError(`failed to parse ${name}`);

/** A parameter that can be read and makes no sense. */
export const invalid = (problem: string): ApiError => new ApiError(422, `failed to validate request: ${problem}`);

/** 500 as a lite server words it. */
export const liteServerError = (problem: string, kind: 'UNKNOWN' | 'NOTREADY' = 'UNKNOWN'): ApiError =>
  new ApiError(500, `LITE_SERVER_${kind}: ${problem}`);
