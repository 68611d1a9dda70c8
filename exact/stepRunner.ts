/** What a back end brings to a scheduler. */
import type { Sampling } from './engine';
import type { CommitTensors, PositionTensors } from './tensors';

export interface Column {
  /** Position in its sequence. */
  t: number;
  /** Where its sequence begins in the cache. */
  cacheBase: number;
  /** Given, or the draw of a column of the step before, which the host need not have read. */
  token: number | { drawnBy: number };
  /** Given where a token is drawn: parameters, and the first 16 bytes of SHA-256(seed, u64 step). */
  draw?: { sampling: Sampling; random: Uint8Array };
}

/** What a step computed, in views that are valid until `release`. */
export interface StepResult {
  dispatches?: number;
  /** What the commit tree holds of a column. */
  committed(column: number): CommitTensors;
  /** All tensors of column 0, from a runner that keeps them. @param token that the position began with */
  position(token: number): PositionTensors;
  /** [vocab] of a column that drew, from a runner that gives them; valid only until another step is posted. */
  logits?(column: number): Int32Array;
  release(): void;
}

/** Computes steps; several may be under way, each in a slot of its own. */
export interface StepRunner {
  /** Most columns of a step. */
  readonly columns: number;
  /** Positions that the KV cache holds, of all sequences together. */
  readonly cachePositions: number;
  /** Steps that may be under way at once: slots 0 .. stepsAhead - 1. */
  readonly stepsAhead: number;
  /** Makes ready what this sampling mode needs and no job needed before. */
  prepare(sampling: Sampling): Promise<void>;
  /** Columns that draw stand in front. Rejects when the back end is lost. */
  step(columns: readonly Column[], slot: number): Promise<StepResult>;
}
