export { ProverError, ProvingKeyError } from './errors';
export { Prover, type ProofMillis, type Proven, type ProverOptions } from './prover';
export { proveInChild, ProverProcess, type ProvenInChild } from './proverProcess';
export { type ProvingKey, readProvingKey } from './zkey';
