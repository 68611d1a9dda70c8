import { GenerationAbortedError, GREEDY } from '../../exact';
import type { ServedEngine } from '../engine';

/** What is counted of an engine; every generation counts, also one that is made again after a lost connection. */
export interface EngineCounts {
  promptTokens: number;
  outputTokens: number;
  failures: number;
}

/** An engine, watched: what it computes, and whether its last generation failed for a reason of its own. */
export class EngineWatch {
  readonly engine: ServedEngine;
  readonly counts: EngineCounts = { promptTokens: 0, outputTokens: 0, failures: 0 };
  private failed = false;
  private isProbing = false;

  /** @param stopTokens the model's own: some servers take no other stop set */
  constructor(
    private readonly watched: ServedEngine,
    private readonly stopTokens: readonly number[],
  ) {
    const { backend, adapter, cannotRepeat } = watched;
    this.engine = { backend, adapter, ...(cannotRepeat && { cannotRepeat }), generate: (job) => this.generate(job), close: () => watched.close() };
  }

  /** False from a failure on until a generation ends well. */
  get isWell(): boolean {
    return !this.failed;
  }

  /** Makes one token, so that an engine that works again is known to; does nothing while one is being made. Never rejects. */
  async probe(): Promise<void> {
    if (this.isProbing) return;
    this.isProbing = true;
    await this.generate({ promptTokens: [0], maxTokens: 1, stopTokens: [...this.stopTokens], sampling: GREEDY }).catch(() => undefined);
    this.isProbing = false;
  }

  private async generate(job: Parameters<ServedEngine['generate']>[0]): ReturnType<ServedEngine['generate']> {
    this.counts.promptTokens += job.promptTokens.length;
    let isTheCallers = false;
    const { promptLimit } = job;
    const limit = promptLimit && ((computed: number) => promptLimit(computed).catch((error: unknown) => {
      isTheCallers = true;
      throw error;
    }));
    try {
      const result = await this.watched.generate({ ...job, ...(limit && { promptLimit: limit }) });
      this.counts.outputTokens += result.tokens.length;
      this.failed = false;
      return result;
    } catch (error) {
      if (!isTheCallers && !isOfTheJob(error)) {
        this.failed = true;
        this.counts.failures++;
      }
      throw error;
    }
  }
}

/** Errors that say nothing about the engine: the job was wrong, too long for this machine, or stopped. */
function isOfTheJob(error: unknown): boolean {
  if (error instanceof GenerationAbortedError) return true;
  const code = String((error as { code?: unknown }).code ?? '');
  return code.startsWith('input.') || code === 'engine.kv-memory' || code === 'engine.logits';
}
