import { CocoonError } from '../../protocol/errors';

/** A setup that cannot go on, or that is not what its transcript says; codes are `usage.setup.<what>` and `verification.setup.<what>`. */
export class SetupError extends CocoonError {}
