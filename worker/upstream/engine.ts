import { checkJob } from '../../exact';
import { nextPromptLimit, throwIfAborted } from '../../exact/engine';
import { GenerationAbortedError, JobInputError } from '../../exact/errors';
import type { Answered, ServedEngine, ServedJob } from '../engine';
import { UpstreamError } from '../errors';
import { UPSTREAM_LIMITS } from './http';
import type { CardModel } from './modelCard';
import type { UpstreamServer } from './server';

/** An engine that asks a server. What came of an answer is never lost, and never computed twice: the same question may get other tokens. */
export class UpstreamEngine implements ServedEngine {
  readonly backend = 'upstream';
  readonly cannotRepeat = true;
  private readonly closing = new AbortController();

  constructor(
    private readonly model: CardModel,
    private readonly server: UpstreamServer,
    private readonly answerMillis = UPSTREAM_LIMITS.answerMillis,
  ) {}

  get adapter(): string {
    return this.server.description;
  }

  /**
   * Stops at the first stop token or at maxTokens, whatever the server goes on to say, and closes its connection.
   * @throws JobInputError, GenerationAbortedError; UpstreamError when the server fails, or its answer is none of this model's
   */
  async generate(job: ServedJob): Promise<Answered> {
    checkJob(this.model.model.config, job);
    const refusal = this.server.cannotDo(job);
    if (refusal !== null) {
      throw new JobInputError('input.upstream', 'the server of this model cannot do what is asked', { expected: 'a job without it', received: refusal });
    }
    throwIfAborted(job.signal);
    // A server reads a prompt whole: all its pieces are prepaid before it is asked.
    for (let paid = 0; paid < job.promptTokens.length; ) paid = await nextPromptLimit(job, paid);
    const started = performance.now();
    const limit = AbortSignal.timeout(this.answerMillis);
    const signal = AbortSignal.any([this.closing.signal, limit, ...(job.signal ? [job.signal] : [])]);
    try {
      return { ...(await this.collect(job, signal)), millis: performance.now() - started };
    } catch (error) {
      throwIfAborted(job.signal);
      if (this.closing.signal.aborted) throw new GenerationAbortedError('engine.aborted', 'the generation was stopped by its caller');
      if (!limit.aborted) throw error;
      throw new UpstreamError('engine.upstream-slow', 'the upstream took too long for an answer', { expected: `at most ${this.answerMillis} ms` });
    }
  }

  async close(): Promise<void> {
    this.closing.abort();
  }

  private async collect({ promptTokens, answered = [], maxTokens, stopTokens, sampling, onToken }: ServedJob, signal: AbortSignal): Promise<Omit<Answered, 'millis'>> {
    const { vocab } = this.model.model.config;
    const stops = new Set(stopTokens);
    const tokens: number[] = [];
    const left = maxTokens - answered.length;
    const question = { tokens: [...promptTokens, ...answered], answered: answered.length, maxTokens: left, stopTokens, sampling };
    for await (const more of this.server.answer(question, signal)) {
      for (const token of more) {
        if (!Number.isInteger(token) || token < 0 || token >= vocab) {
          throw new UpstreamError('engine.upstream-token', 'the upstream gave a token that the model has not', {
            expected: `ids below ${vocab}`, received: String(token), hint: 'does it serve the model of the card?',
          });
        }
        tokens.push(token);
        onToken?.(token);
        if (stops.has(token)) return { tokens, finishReason: 'stop' };
        if (tokens.length === left) return { tokens, finishReason: 'length' };
      }
    }
    throw new UpstreamError('engine.upstream-short', 'the upstream ended its answer early', {
      expected: `a stop token, or ${left} tokens`, received: `${tokens.length} tokens`,
      hint: 'a token of the model may end its answers that the model card does not name',
    });
  }
}
