import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  createEngine,
  loadModel,
  type BackendName,
  type Engine,
  type ExactConfig,
  type ExactModel,
  type Generation,
  type Job,
  type Tokenizer,
} from '../exact';
import { EngineUnavailableError } from './errors';
import { testEngine } from './selfTest';

/** What a worker serves and clients ask for: an exact model, or one that a server computes (worker/upstream). */
export interface ServedModel {
  name: string;
  model: {
    /** What terms name; 32 bytes. */
    modelRoot: Uint8Array;
    tokenizer: Tokenizer;
    config: Pick<ExactConfig, 'semantics' | 'vocab' | 'context'>;
  };
  /** Tokens that end an answer. */
  stopTokens: readonly number[];
  /** What of a job its engine cannot do as asked, in words: such a job is refused before anything runs. */
  cannotDo?(job: Job): string | null;
}

/** A checked model and the name that people know it by. */
export interface LoadedModel extends ServedModel {
  model: ExactModel;
  stopTokens: number[];
}

/** The model file that travels with the project. */
export const SHIPPED_MODEL = join(__dirname, '..', 'models', 'wordnet-3m.cocoon');

export interface ServedJob extends Job {
  /** Tokens of the answer that were given before: it goes on behind them. Only for engines that `cannotRepeat`. */
  answered?: readonly number[];
}

/** What computes a ServedModel. */
export interface ServedEngine {
  backend: string;
  /** What computes, in words. */
  adapter: string;
  /** Set where the same job gives other tokens another time. */
  cannotRepeat?: true;
  /** `tokens` and `onToken` leave out what was answered before. */
  generate(job: ServedJob): Promise<Answered>;
  close(): Promise<void>;
}

/** An answer, and its trace where the arithmetic is exact. */
export type Answered = Pick<Generation, 'tokens' | 'finishReason' | 'millis'> & { traceRoot?: Uint8Array };

/** An engine together with why it is this one. */
export interface LoadedEngine extends ServedEngine {
  backend: BackendName;
  /** What computes, in words; simulated hardware says so. */
  adapter: string;
  /** Set when `auto` could not take WebGPU, or the bits of what it took were wrong. */
  fallbackReason?: string;
  /** Whether jobs may ask for `topLogits`. */
  givesLogits: boolean;
  generate(job: Job): Promise<Generation>;
  close(): Promise<void>;
}

/** Loads a model file and checks it whole. @throws EngineUnavailableError `engine.model-missing`; errors of exact/ */
export function openModel(path: string = SHIPPED_MODEL): LoadedModel {
  if (!existsSync(path)) {
    throw new EngineUnavailableError('engine.model-missing', 'there is no model file', {
      received: path,
      hint: 'give --model FILE (.cocoon)',
    });
  }
  const model = loadModel(path);
  return { model, name: basename(path, '.cocoon'), stopTokens: [...model.tokenizer.stopTokens] };
}

/**
 * Creates the engine: `auto` takes webgpu on a real GPU, then wasm, which is faster than a CPU that plays GPU, then the
 * reference, which needs nothing; a named back end is taken or refused.
 */
export async function openEngine(
  { model }: LoadedModel,
  backend: 'auto' | BackendName,
  create: typeof createEngine = createEngine,
): Promise<LoadedEngine> {
  if (backend !== 'auto') return wrap(await create(model, backend));
  let fallbackReason: string | undefined;
  for (const candidate of ['webgpu', 'wasm'] as const) {
    try {
      return { ...wrap(await create(model, candidate, { realGpu: true })), fallbackReason };
    } catch (error) {
      const code = String((error as { code?: unknown }).code ?? '');
      if (!code.startsWith('engine.')) throw error;
      fallbackReason ??= code;
    }
  }
  return { ...wrap(await create(model, 'reference')), fallbackReason };
}

/**
 * The engine that a worker serves with: before it earns, its bits are compared with the reference's. With `auto` a device
 * that gives other bits is left aside, and the reason says so; a named back end is refused.
 * @throws EngineUnavailableError `engine.wrong-bits`
 */
export async function openServingEngine(
  loaded: LoadedModel,
  backend: 'auto' | BackendName,
  open: typeof openEngine = openEngine,
): Promise<LoadedEngine> {
  const engine = await open(loaded, backend);
  if (engine.backend === 'reference') return engine;
  try {
    await testEngine(loaded.model, engine);
    return engine;
  } catch (error) {
    await engine.close();
    const code = (error as { code?: unknown }).code;
    if (backend !== 'auto' || code !== 'engine.wrong-bits') throw error;
    const next = engine.backend === 'webgpu' ? 'wasm' : 'reference';
    return { ...(await openServingEngine(loaded, next, open)), fallbackReason: 'engine.wrong-bits' };
  }
}

function wrap(engine: Engine): LoadedEngine {
  return {
    backend: engine.backend,
    adapter: engine.adapter,
    givesLogits: engine.givesLogits,
    generate: (job) => engine.generate(job),
    close: () => engine.close(),
  };
}
