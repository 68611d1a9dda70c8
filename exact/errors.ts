import { CocoonError } from '../protocol/errors';

/** A config field outside docs/exact-arithmetic.md section 2; codes are `model.config.<field>`. */
export class ModelConfigError extends CocoonError {}

/** A model file that is refused; codes are `model.<section>.<reason>`, for instance `model.rows.sum`. */
export class ModelFileError extends CocoonError {}

/** A float model that cannot become an exact one; codes are `model.import.<what>`. */
export class ModelImportError extends CocoonError {}

/** A job the semantics refuses (section 7); codes are `input.<reason>`. */
export class JobInputError extends CocoonError {}

/** Tensors that do not fit the op table: a defect of the back end; codes are `exact.trace.<slot>`. */
export class TraceLayoutError extends CocoonError {}

/** The asked back end cannot run here; codes are `engine.<reason>`. */
export class BackendUnavailableError extends CocoonError {}

/** The caller's signal ended a generation; code `engine.aborted`. */
export class GenerationAbortedError extends CocoonError {}

/**
 * Evidence about a trace or a model that does not hold, codes `verification.proof.<reason>`; or a question for what
 * does not exist, codes `input.leaf.<field>`, `input.node.<field>`, `input.model.<field>`.
 */
export class ProofError extends CocoonError {}

/** A job that can never fit the engine's KV cache; code `engine.kv-memory`. */
export class KvMemoryError extends CocoonError {}
