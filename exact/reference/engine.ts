/** The reference back end: plain TypeScript, one thread, obvious; every other back end must equal its bits. */
import { cpus } from 'node:os';
import { checkJob, nextPromptLimit, throwIfAborted, type Engine, type Generation, type Job } from '../engine';
import { tokenLogits } from '../logits';
import type { ExactModel } from '../modelFile';
import { TraceHasher } from '../trace';
import { committed, type PositionObserver } from '../tensors';
import { Sequence } from './forward';
import { sample } from './sampling';

/** Positions between two turns of the event loop, so that servers stay responsive and signals are heard. */
const POSITIONS_PER_TURN = 4;

export function createReferenceEngine(model: ExactModel, observe?: PositionObserver): Engine {
  return {
    backend: 'reference',
    adapter: `CPU, plain TypeScript (${cpus()[0]?.model.trim() || 'unknown CPU'})`,
    givesLogits: true,
    generate: (job) => generate(model, job, observe),
    close: async () => {},
  };
}

async function generate(model: ExactModel, job: Job, observe?: PositionObserver): Promise<Generation> {
  checkJob(model.config, job);
  const start = performance.now();
  const { promptTokens, maxTokens, sampling } = job;
  const stop = new Set(job.stopTokens);
  const sequence = new Sequence(model);
  const trace = new TraceHasher(model.config);
  const tokens: number[] = [];
  let finishReason: Generation['finishReason'] | undefined;

  let limit = 0;
  for (let t = 0; finishReason === undefined; t++) {
    if (t === limit && t < promptTokens.length) limit = await nextPromptLimit(job, t);
    if (t % POSITIONS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    throwIfAborted(job.signal);
    const sampled = t >= promptTokens.length - 1;
    const input = t < promptTokens.length ? promptTokens[t] : tokens[tokens.length - 1];
    const { tensors, head } = sequence.step(input, sampled);
    if (head) {
      const { token, ...drawn } = sample(head.logits, sampling, tokens.length, model.tables.sampling);
      tensors.head = { ...head, ...drawn };
      tokens.push(token);
      if (stop.has(token)) finishReason = 'stop';
      else if (tokens.length === maxTokens) finishReason = 'length';
    }
    trace.position(committed(tensors));
    observe?.(tensors);
    if (!head) continue;
    const token = tokens[tokens.length - 1];
    const { topLogits } = job;
    const told = topLogits === undefined ? undefined : tokenLogits(head.logits, token, topLogits, model.tables.sampling);
    job.onToken?.(token, told);
  }
  return {
    tokens,
    finishReason,
    traceRoot: trace.traceRoot(),
    blockRoots: trace.blockRoots(),
    millis: performance.now() - start,
  };
}
