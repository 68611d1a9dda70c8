/** What worker, CLI and tests use, whatever computes. */
import { GenerationAbortedError, JobInputError } from './errors';
import type { ExactConfig } from './config';
import { MAX_TOP_K } from './constants';
import { checkTopLogits, type TokenLogits } from './logits';

/** Sampling parameters of docs/exact-arithmetic.md section 7; all integers. */
export interface Sampling {
  /** 0 = greedy, else round(2^16 * log2(e) / temperature), 1..2097151 (temperature >= 0.05) */
  t: number;
  /** 0 = off, else 1..256 */
  topK: number;
  /** 0 = off, else the kept share in 1/65536; needs topK */
  topP16: number;
  /** 0 = off, else keep ids at most minPX / 1024 octaves below the best, 1..24575 */
  minPX: number;
  /** 32 bytes; ignored by greedy */
  seed: Uint8Array;
}

export const GREEDY: Sampling = { t: 0, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32) };

export interface Job {
  /** ids as the client committed to them; the engine adds nothing */
  promptTokens: number[];
  maxTokens: number;
  stopTokens: number[];
  sampling: Sampling;
  /** Logits to tell with every token: its own, and this many of the largest. Only engines with `givesLogits`. */
  topLogits?: number;
  /**
   * Where set, the prompt is read in pieces. Called with 0 before anything is computed, then each time the tokens that it allowed
   * have been, it answers how many of the prompt may be computed, more than before. Until then the job rests and others go on.
   * A rejection ends the job.
   */
  promptLimit?: (computed: number) => Promise<number>;
  onToken?: (token: number, logits?: TokenLogits) => void;
  signal?: AbortSignal;
}

export interface Generation {
  /** output tokens; a stop token is the last one */
  tokens: number[];
  finishReason: 'stop' | 'length';
  /** 32 bytes over all blocks */
  traceRoot: Uint8Array;
  /** 32 bytes per 32-token block of positions */
  blockRoots: Uint8Array[];
  millis: number;
  /** compute dispatches of a GPU back end */
  dispatches?: number;
}

export type BackendName = 'reference' | 'webgpu' | 'wasm';

export interface Engine {
  readonly backend: BackendName;
  /** what computes, in words; simulated hardware says so */
  readonly adapter: string;
  /** Whether jobs may ask for `topLogits`. */
  readonly givesLogits: boolean;
  generate(job: Job): Promise<Generation>;
  close(): Promise<void>;
}

/** Refuses a job that the semantics does not define, naming the field; codes are `input.<reason>`. */
export function checkJob(config: Pick<ExactConfig, 'vocab' | 'context'>, job: Job): void {
  const demand = (ok: boolean, code: string, message: string, expected: string, received: number | string) => {
    if (!ok) throw new JobInputError(`input.${code}`, message, { expected, received: String(received) });
  };
  const { promptTokens, maxTokens, stopTokens, sampling } = job;
  const isId = (id: number) => Number.isInteger(id) && id >= 0 && id < config.vocab;
  demand(promptTokens.length >= 1, 'prompt-empty', 'the prompt has no token', 'at least 1', 0);
  demand(
    Number.isInteger(maxTokens) && maxTokens >= 1,
    'max-tokens', 'maxTokens is not allowed', 'an integer of at least 1', maxTokens,
  );
  demand(
    promptTokens.length + maxTokens - 1 <= config.context,
    'context', 'prompt and answer do not fit the context of the model',
    `promptTokens + maxTokens - 1 <= ${config.context}`, promptTokens.length + maxTokens - 1,
  );
  const ids = `ids below ${config.vocab}`;
  demand(promptTokens.every(isId), 'prompt-token', 'a prompt token is not in the vocabulary', ids, 'another id');
  demand(stopTokens.every(isId), 'stop-token', 'a stop token is not in the vocabulary', ids, 'another id');
  checkTopLogits(job.topLogits);
  checkSampling(sampling);
}

/** Limits of section 7; codes are `input.sampling.<field>`. */
export function checkSampling({ t, topK, topP16, minPX, seed }: Sampling): void {
  const within = (field: string, x: number, high: number) => {
    if (Number.isInteger(x) && x >= 0 && x <= high) return;
    throw new JobInputError(`input.sampling.${field}`, `sampling.${field} is not allowed`, {
      expected: `0..${high}`,
      received: String(x),
    });
  };
  within('t', t, 2 ** 21 - 1);
  within('topK', topK, MAX_TOP_K);
  within('topP16', topP16, 65535);
  within('minPX', minPX, 24575);
  if (seed.length !== 32) {
    const received = `${seed.length} bytes`;
    throw new JobInputError('input.sampling.seed', 'the seed has a wrong length', { expected: '32 bytes', received });
  }
  if (t === 0 && (topK !== 0 || topP16 !== 0 || minPX !== 0)) {
    throw new JobInputError('input.sampling.greedy', 'greedy sampling takes no filter', {
      expected: 'topK, topP16 and minPX 0 when t is 0',
    });
  }
  if (topP16 !== 0 && topK === 0) {
    throw new JobInputError('input.sampling.topP16', 'top-p needs top-k', {
      expected: `topK 1..${MAX_TOP_K}`,
      received: '0',
      hint: `topK ${MAX_TOP_K} is the closest to top-p alone`,
    });
  }
}

/** The parameters for a temperature and filters as people write them; temperature 0 is greedy. */
export function samplingFrom(options: {
  temperature: number;
  topK?: number;
  topP?: number;
  minP?: number;
  seed: Uint8Array;
}): Sampling {
  const { temperature, topK = 0, topP = 1, minP = 0, seed } = options;
  const sane = (ok: boolean, field: string, expected: string, received: number) => {
    if (!ok) {
      throw new JobInputError(`input.sampling.${field}`, `${field} is not allowed`, {
        expected, received: String(received),
      });
    }
  };
  sane(temperature === 0 || (temperature >= 0.05 && temperature <= 100), 'temperature', '0, or 0.05..100', temperature);
  sane(topP > 0 && topP <= 1, 'topP', 'above 0, at most 1', topP);
  sane(minP >= 0 && minP <= 1, 'minP', '0..1', minP);
  if (temperature === 0) return { ...GREEDY, seed };
  const sampling: Sampling = {
    t: Math.min(Math.round((65536 * Math.LOG2E) / temperature), 2 ** 21 - 1),
    topK: topP < 1 && topK === 0 ? MAX_TOP_K : topK,
    topP16: topP < 1 ? Math.min(Math.max(Math.round(topP * 65536), 1), 65535) : 0,
    minPX: minP > 0 ? Math.min(Math.max(Math.round(-1024 * Math.log2(minP)), 1), 24575) : 0,
    seed,
  };
  checkSampling(sampling);
  return sampling;
}

/**
 * How many tokens of the prompt may be computed, now that `computed` are.
 * @throws GenerationAbortedError as soon as the caller gives up; what `promptLimit` rejects with
 */
export async function nextPromptLimit({ promptTokens, promptLimit, signal }: Job, computed: number): Promise<number> {
  if (!promptLimit) return promptTokens.length;
  throwIfAborted(signal);
  const limit = await new Promise<number>((resolve, reject) => {
    const aborted = (): void => {
      try {
        throwIfAborted(signal);
      } catch (error) {
        reject(error);
      }
    };
    signal?.addEventListener('abort', aborted, { once: true });
    void promptLimit(computed).then(resolve, reject).finally(() => signal?.removeEventListener('abort', aborted));
  });
  if (Number.isInteger(limit) && limit > computed) return Math.min(limit, promptTokens.length);
  throw new JobInputError('input.prompt-limit', 'the prompt may be read no further', {
    expected: `more than ${computed} tokens`, received: String(limit),
  });
}

/** Throws when the caller has given up; call it between positions. */
export function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted) throw new GenerationAbortedError('engine.aborted', 'the generation was stopped by its caller');
}
