/** Exact inference: integers with one written semantics (docs/exact-arithmetic.md), several back ends, equal bits. */
import type { BackendName, Engine } from './engine';
import type { ExactModel } from './modelFile';
import { createReferenceEngine } from './reference/engine';

export type { ExactConfig } from './config';
export { SEMANTICS, TRACE_BLOCK } from './constants';
export { GREEDY, checkJob, checkSampling, samplingFrom } from './engine';
export type { BackendName, Engine, Generation, Job, Sampling } from './engine';
export {
  BackendUnavailableError,
  GenerationAbortedError,
  JobInputError,
  KvMemoryError,
  ModelConfigError,
  ModelFileError,
  ProofError,
  TraceLayoutError,
} from './errors';
export type { LeafAddress, Tree } from './leafAddress';
export type { JobShape } from './leafShape';
export { MAX_TOP_LOGITS, logProbability } from './logits';
export type { TokenLogits } from './logits';
export { checkModel, inspectModel, loadModel } from './modelFile';
export type { ExactModel } from './modelFile';
export { ModelProver, provenConfig, verifyModelPart } from './modelProof';
export type { ModelPart, ModelProof } from './modelProof';
export { contradicts, verifyChildren, verifyInnerLeaf, verifyLeaf, verifyLeafInBlock } from './proof';
export type { LeafProof, NodeAddress } from './proof';
export { leafProofFile, partProofFile, verifyProofFile } from './proofFile';
export type { ProofFile } from './proofFile';
export { TraceProver } from './prover';
export { createReferenceEngine } from './reference/engine';
export type { ChatMessage, ChatOptions, ChatToolCall } from './chatTemplate';
export { Tokenizer } from './tokenizer';

/**
 * An engine for a model. `webgpu` is loaded only when asked for, since it brings a native module; `wasm` likewise,
 * since its kernels must have been built.
 * Rejects with an error whose code starts with `engine.` when the back end cannot run on this machine.
 * @param options.realGpu take no CPU that plays GPU, unless COCOON_GPU asks for it
 */
export async function createEngine(
  model: ExactModel, backend: BackendName, options: { realGpu?: boolean } = {},
): Promise<Engine> {
  if (backend === 'reference') return createReferenceEngine(model);
  if (backend === 'wasm') return (await import('./wasm/index')).createWasmEngine(model);
  const { createWebGpuEngine } = await import('./webgpu/index');
  return createWebGpuEngine(model, options);
}
