import { CocoonError } from '../protocol/errors';

/** Something the file system or the store refused; codes start with `storage.`. */
export class StorageError extends CocoonError {}

/** A missing, damaged, locked or too widely readable key file; codes start with `config.`. */
export class KeyFileError extends CocoonError {}

/** The API of the chain could not be reached or answered something unusable; codes start with `network.`. */
export class ChainApiError extends CocoonError {}

/** The chain or a contract refused, or the account is not what the caller expects; codes start with `chain.`. */
export class ChainStateError extends CocoonError {}

/** A request to the worker's HTTP endpoint that cannot be served; codes start with `request.`. */
export class RequestError extends CocoonError {
  /** Seconds after which the sender may ask again. */
  readonly retryAfter?: number;

  constructor(
    readonly status: number,
    code: string,
    message: string,
    details: ConstructorParameters<typeof CocoonError>[2] & { retryAfter?: number } = {},
  ) {
    super(code, message, details);
    this.retryAfter = details.retryAfter;
  }
}

/** The machine cannot run the asked engine; codes start with `engine.`. */
export class EngineUnavailableError extends CocoonError {}

/** A server that computes for this worker cannot be used, or fails in an answer; codes are `engine.upstream-<what>`. Never with a word of what it said. */
export class UpstreamError extends CocoonError {}

/** What is asked of a channel does not follow from what its store holds; codes start with `channel.`. */
export class ChannelError extends CocoonError {}
