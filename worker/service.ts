import { Address } from '@ton/core';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { ChainApiError, RequestError } from './errors';
import { sleep } from './chain/chainClient';
import { createJsonServer, type Reply } from './http/server';
import { UnpaidIntake } from './jobs/intake';
import { WorkQueue } from './jobs/queue';
import { settleJob, unixTime } from './jobs/settle';
import { computeJob, readJob, type JobContext, type ReadableJob } from './jobs/process';
import { descriptorOf } from './descriptor';
import type { JobRecord } from './store/jobStore';

export interface ServiceOptions extends JobContext {
  host: string;
  /** 0 picks a free port. */
  port: number;
  /** Most jobs that wait for the engine. */
  queueLimit: number;
  /** Seconds between looks at the chain. */
  pollSeconds: number;
  /** Seconds that an announced account may stay unseen by a lagging API. */
  lagSeconds: number;
  maxTokens: number;
}

/** A running worker. */
export interface Service {
  url: string;
  /** Ends the HTTP endpoint at once, lets a running computation finish or abort, and closes the store. */
  stop(): Promise<void>;
}

const announcement = z.strictObject({ address: z.string().max(100) });

/** Most paid jobs that are followed at the same time. */
const MAX_PAID = 256;

/** Starts the worker: takes up unfinished jobs of the store, then listens. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { store, log } = options;
  const queue = new WorkQueue(options.queueLimit);
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
  const active = new Map<string, Promise<void>>();
  const intake = new UnpaidIntake();
  /** Unsettled jobs whose signed bytes are public, because the chain has them. */
  const sent = new Set<string>();
  const context: JobContext = { ...options, signal: stopping.signal };

  const start = (name: string): void => {
    if (active.has(name) || stopping.signal.aborted) return;
    const work = followPatiently(name)
      .catch((error: unknown) =>
        log.error({ job: name, code: codeOf(error) }, 'job stopped; a restart takes it up again'),
      )
      .finally(() => {
        active.delete(name);
        intake.release(name);
        sent.delete(name);
      });
    active.set(name, work);
  };

  /** An API that is away is waited for; nothing else is tried again. */
  const followPatiently = async (name: string): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        return await follow(name);
      } catch (error) {
        if (stopping.signal.aborted || !(error instanceof ChainApiError)) throw error;
        log.warn({ job: name, code: error.code }, 'the API of the chain is away');
        await sleep(options.pollSeconds * 2_000);
      }
    }
  };

  const follow = async (name: string): Promise<void> => {
    const address = Address.parseRaw(name);
    if (store.get(name)!.external === null) {
      const job = await readJob(context, address, options.lagSeconds);
      intake.release(name);
      if (job !== null) await compute(job);
    }
    const record = store.get(name);
    if (record === null || record.external === null || record.settledAt !== null) return;
    await settleJob(options.chain, store, address, log, {
      payout: options.policy.payout,
      pollSeconds: options.pollSeconds,
      resendSeconds: 10,
      graceSeconds: 300,
      signal: stopping.signal,
      onSent: () => sent.add(name),
    });
  };

  const compute = async (job: ReadableJob): Promise<void> => {
    for (;;) {
      if (stopping.signal.aborted) return;
      const done = new Promise<void>((resolve, reject) => {
        const taken = queue.push(() => computeJob(context, job).then(resolve, reject));
        if (!taken) reject(QUEUE_FULL);
      });
      try {
        // Stopping drops what waits in the queue; a restart takes it up again.
        return await Promise.race([done, stopped]);
      } catch (error) {
        if (error !== QUEUE_FULL) throw error;
        await sleep(1000);
      }
    }
  };

  const announce = (body: unknown, sender: string): Reply => {
    const parsed = announcement.safeParse(body);
    if (!parsed.success) {
      throw new RequestError(400, 'request.body', 'the body is not an announcement', {
        expected: '{"address": "0:..."}',
      });
    }
    const address = parseAddress(parsed.data.address);
    const name = address.toRawString();
    const known = store.get(name);
    if (known === null && (queue.full || active.size - intake.size >= MAX_PAID)) {
      throw new RequestError(503, 'request.overloaded', 'the worker has too many jobs', { hint: 'try again later' });
    }
    if (known === null && !intake.admit(name, sender)) {
      throw new RequestError(429, 'request.too-many', 'too many announced accounts are not paid jobs yet', {
        hint: 'announce a job when its escrow is on chain; try again in a minute',
      });
    }
    const { job, added } = store.add(name, unixTime());
    if (added) log.info({ job: name }, 'job announced');
    if (job.settledAt === null) start(name);
    return { status: 202, body: statusOf(store.get(name) ?? job, sent) };
  };

  const server = createJsonServer(
    [
      {
        method: 'GET',
        path: /^\/healthz$/,
        handle: () => ({ status: 200, body: { ok: true, jobs: store.counts(), queue: queue.length } }),
      },
      { method: 'GET', path: /^\/v1\/descriptor$/, handle: () => ({ status: 200, body: descriptorOf(options) }) },
      { method: 'POST', path: /^\/v1\/jobs$/, handle: (_match, body, sender) => announce(body, sender) },
      {
        method: 'GET',
        path: /^\/v1\/jobs\/([^/]+)$/,
        handle: ([text]) => {
          const job = store.get(parseAddress(text).toRawString());
          if (job === null) throw new RequestError(404, 'request.unknown-job', 'this worker was not told of the job');
          return { status: 200, body: statusOf(job, sent) };
        },
      },
    ],
    log,
  );
  const url = await listen(server, options.host, options.port);
  for (const job of store.unfinished()) {
    log.info({ job: job.address, state: job.state }, 'unfinished job taken up again');
    start(job.address);
  }
  log.info(
    { url, workerKey: Buffer.from(options.policy.workerKey).toString('hex'), backend: options.engine.backend },
    'worker started',
  );

  return {
    url,
    async stop() {
      stopping.abort();
      server.close();
      server.closeAllConnections();
      await queue.stop();
      await Promise.all(active.values());
      store.close();
      log.info('worker stopped');
    },
  };
}

const QUEUE_FULL = Symbol('queue full');

function parseAddress(text: string): Address {
  try {
    const address = Address.parse(decodeURIComponent(text));
    if (address.workChain !== 0) throw new Error('not basechain');
    return address;
  } catch {
    throw new RequestError(400, 'request.address', 'this is not the address of a job', {
      expected: 'a basechain address',
      received: text.slice(0, 80),
    });
  }
}

/** A signed answer is shown only when the chain has it too: before, and after a missed deadline, it is not paid for. */
function statusOf(job: JobRecord, sent: ReadonlySet<string>): object {
  const { address, state, deadline, reason, backend, adapter, millis, note } = job;
  const isPublic = state === 'delivered' || state === 'declined' || sent.has(address);
  return {
    address,
    state,
    deadline,
    reason,
    backend,
    adapter,
    millis,
    note,
    external: isPublic ? (job.external?.toString('base64') ?? null) : null,
  };
}

async function listen(server: Server, host: string, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new RequestError(500, 'config.port', 'cannot listen', {
          received: `${host}:${port} (${cause.code})`,
          hint: 'choose another --port',
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? (error as Error).name ?? error);
