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

/** 422, as toncenter says when a parameter cannot be read. */
export const badParameter = (name: string, problem: string): ApiError => new ApiError(422, `${name}: ${problem}`);

/** 500 with the prefix of a lite server. */
export const liteServerError = (problem: string): ApiError => new ApiError(500, `LITE_SERVER_UNKNOWN: ${problem}`);
