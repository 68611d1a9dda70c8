import { Address } from '@ton/core';
import { sleep } from '../chain/chainClient';
import { ChainApiError } from '../errors';
import { promiseEnd } from '../promises/window';
import { isOpen } from './find';
import { computeJob, readJob, type JobContext, type ReadableJob } from './process';
import { ended, holds } from '../operation/wait';
import { WorkQueue } from './queue';
import { settleJob } from './settle';

export interface FollowOptions {
  context: JobContext & { signal: AbortSignal };
  /** Most jobs that wait for the engine. */
  queueLimit: number;
  /** Seconds between looks at the chain. */
  pollSeconds: number;
  /** Seconds that an announced account may stay unseen by a lagging API. */
  lagSeconds: number;
  /** The job was read from chain, or is no job. */
  onRead(name: string): void;
}

/** Takes each job from its first sight to its end; every step is in the store before the next begins. */
export class JobFollower {
  readonly queue: WorkQueue;
  /** Unsettled jobs whose signed bytes are public, because the chain has them. */
  readonly sent = new Set<string>();
  /** Answers of this process that the API has not taken yet. */
  private readonly unsent = new Set<string>();
  private readonly active = new Map<string, Promise<void>>();
  private readonly stopped: Promise<void>;

  constructor(private readonly options: FollowOptions) {
    const { signal } = options.context;
    this.queue = new WorkQueue(options.queueLimit);
    this.stopped = new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
  }

  get count(): number {
    return this.active.size;
  }

  /** Follows a job of the store from where it stands, once. */
  start(name: string): void {
    const { context, onRead } = this.options;
    if (this.active.has(name) || context.signal.aborted) return;
    const work = this.followPatiently(name)
      .catch((error: unknown) =>
        context.log.error({ job: name, code: codeOf(error) }, 'job stopped; a restart takes it up again'),
      )
      .finally(() => {
        this.active.delete(name);
        this.sent.delete(name);
        this.unsent.delete(name);
        onRead(name);
      });
    this.active.set(name, work);
  }

  /**
   * Begins no computation, and resolves when the one that runs has ended and its answer was sent, or when the signal aborts. What
   * waits is taken up by a restart.
   */
  async drain(until: AbortSignal): Promise<void> {
    await ended(this.queue.stop(), until);
    await holds(() => this.unsent.size === 0, until);
  }

  /** Resolves when nothing is followed any more; the signal was given before. */
  async stop(): Promise<void> {
    await this.queue.stop();
    await Promise.all(this.active.values());
  }

  /** An API that is away is waited for; nothing else is tried again. */
  private async followPatiently(name: string): Promise<void> {
    const { context, pollSeconds } = this.options;
    while (!context.signal.aborted) {
      try {
        return await this.follow(name);
      } catch (error) {
        if (context.signal.aborted || !(error instanceof ChainApiError)) throw error;
        context.log.warn({ job: name, code: error.code }, 'the API of the chain is away');
        await sleep(pollSeconds * 2_000, context.signal);
      }
    }
  }

  private async follow(name: string): Promise<void> {
    const { context, lagSeconds, pollSeconds, onRead } = this.options;
    const { store, log } = context;
    const address = Address.parseRaw(name);
    if (store.get(name)!.external === null) {
      const job = await readJob(context, address, lagSeconds);
      onRead(name);
      if (job !== null) await this.compute(job);
    }
    const record = store.get(name);
    if (record === null || record.external === null || record.settledAt !== null) return;
    const promise = store.promises.get(name);
    await settleJob(context.chain, store, address, log, {
      payout: context.policy.payout,
      pollSeconds,
      resendSeconds: 10,
      graceSeconds: 300,
      followUntil: promise === null ? null : promiseEnd(promise.acceptBy),
      isOpen: (account) => isOpen(context, address, account),
      signal: context.signal,
      onSent: () => {
        this.sent.add(name);
        this.unsent.delete(name);
      },
    });
  }

  private async compute(job: ReadableJob): Promise<void> {
    const { context } = this.options;
    const name = job.address.toRawString();
    while (!context.signal.aborted) {
      const done = new Promise<'done' | 'again' | 'full'>((resolve, reject) => {
        const work = async (): Promise<'done' | 'again'> => {
          const result = await computeJob(context, job);
          if (context.store.get(name)?.state === 'answered') this.unsent.add(name);
          return result;
        };
        const taken = this.queue.push(() => work().then(resolve, reject), job.isPromised);
        if (!taken) resolve('full');
      });
      // Stopping drops what waits in the queue; a restart takes it up again.
      if ((await Promise.race([done, this.stopped])) === 'done') return;
      await sleep(1_000, context.signal);
    }
  }
}

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? (error as Error).name ?? error);
