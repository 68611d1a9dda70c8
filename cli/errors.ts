import { CocoonError } from '../protocol/errors';

/** Bad arguments or bad input; codes start with `usage.`. */
export class UsageError extends CocoonError {}

/** A bad configuration file, environment variable or combination of settings; codes start with `config.`. */
export class ConfigurationError extends CocoonError {}

/** Evidence that does not hold: signature, hashes, commitments or a re-run; codes start with `verification.`. */
export class VerificationError extends CocoonError {}
