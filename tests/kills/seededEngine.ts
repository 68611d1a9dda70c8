import type { Generation, Job } from '../../exact';
import { GenerationAbortedError } from '../../exact';
import type { LoadedEngine } from '../../worker/engine';

/** Milliseconds between two tokens: long enough that a kill finds answers half done. */
const TOKEN_MILLIS = 0.2;

/** Tokens that follow from prompt and seed alone, as an engine's do. */
export function seededTokens({ promptTokens, sampling, maxTokens }: Pick<Job, 'promptTokens' | 'sampling' | 'maxTokens'>): number[] {
  let state = [...promptTokens, ...sampling.seed].reduce((mixed, value) => Math.imul(mixed ^ value, 0x0100_0193), 0x811c_9dc5);
  return Array.from({ length: maxTokens }, () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + 1;
    return (state >>> 8) % 200;
  });
}

/** An engine without arithmetic, whose answers a client can tell. */
export function seededEngine(): LoadedEngine {
  const generate = async (job: Job): Promise<Generation> => {
    const started = performance.now();
    const tokens: number[] = [];
    for (const token of seededTokens(job)) {
      const wait = started + TOKEN_MILLIS * tokens.length - performance.now();
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      if (job.signal?.aborted) throw new GenerationAbortedError('engine.aborted', 'given up');
      tokens.push(token);
      job.onToken?.(token);
    }
    return { tokens, finishReason: 'length', traceRoot: new Uint8Array(32).fill(1), blockRoots: [], millis: performance.now() - started };
  };
  return { backend: 'reference', adapter: 'SEEDED: computes nothing', givesLogits: false, generate, close: async () => undefined };
}
