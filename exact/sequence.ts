/** A job on its way through a scheduler. */
import type { Generation, Job } from './engine';
import type { TraceHasher } from './trace';

export interface Sequence {
  job: Job;
  stop: Set<number>;
  trace: TraceHasher;
  tokens: number[];
  /** Where its part of the cache begins; undefined while it has none. */
  cacheBase: number | undefined;
  /** Positions that its whole answer can take. */
  length: number;
  /** Tokens of the prompt that may be computed. */
  limit: number;
  /** Positions submitted since it has its part of the cache. */
  submitted: number;
  /** Positions that the trace holds. */
  traced: number;
  /** Where the last step drew its token; the next position reads it there. */
  drawnBy: number;
  dispatches: number;
  started: number;
  done: boolean;
  resolve(generation: Generation): void;
  reject(error: unknown): void;
}
