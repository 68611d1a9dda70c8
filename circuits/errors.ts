import { CocoonError } from '../protocol/errors';

/** A model that cannot become a circuit; codes are `model.zk.<what>`. */
export class CircuitModelError extends CocoonError {}

/** An input that the circuit has no witness for; codes are `input.zk.<field>`. */
export class CircuitInputError extends CocoonError {}

/** A file of constraints or of a witness that is refused, or a witness that breaks a constraint; codes are `circuit.<what>`. */
export class CircuitError extends CocoonError {}

/** The kernels are not there; code `engine.wasm.missing`. */
export class CircuitBackendError extends CocoonError {}
