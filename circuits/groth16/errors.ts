import { CocoonError } from '../../protocol/errors';

/** A proving key that is refused; codes are `zkey.<what>`. */
export class ProvingKeyError extends CocoonError {}

/** No proof came about; codes are `prover.<what>`. Says nothing of the witness. */
export class ProverError extends CocoonError {}
