/** The computation that a case is about, made again. */
import { TraceProver, type ExactModel, type Job } from '../exact';
import type { CaseSubject } from '../wrappers';
import { decodeJob } from './step';

/**
 * The job of a case. It has as many tokens as the receipt says and no stop tokens: where an answer should have ended is no question of its trace, and
 * the trace of a case has no other length.
 */
export function replayedJob({ outputTokens, job }: Pick<CaseSubject, 'outputTokens' | 'job'>, promptTokens: readonly number[]): Job {
  return { promptTokens: [...promptTokens], maxTokens: outputTokens, stopTokens: [], sampling: decodeJob(job).sampling };
}

/** What is asked of a computation in a dispute. */
export type Replay = Pick<TraceProver, 'result' | 'children' | 'innerChildren' | 'positionRoot' | 'positionTree' | 'leaf'>;

export const replayed = (model: ExactModel, subject: Pick<CaseSubject, 'outputTokens' | 'job'>, promptTokens: readonly number[]): Replay =>
  new TraceProver(model, replayedJob(subject, promptTokens));
