import { setMaxListeners } from 'node:events';
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { z } from 'zod';
import { type ChannelOptions, ChannelService } from './channels/service';
import { Tier, toHex } from '../protocol';
import { RequestError } from './errors';
import { CaseWatch, Defender, type DefenderOptions, HeldTraces, MAX_QUESTION_BODY, RequestVault, TRACES_PATH } from './cases';
import { listen } from './http/listen';
import { createJsonServer, type Reply } from './http/server';
import { readTls, type TlsFiles, TlsRenewal } from './http/tls';
import { JobFollower } from './jobs/follow';
import { UnpaidIntake } from './jobs/intake';
import { unixTime } from './jobs/settle';
import { shownReceipt, type ShownReceipt } from './jobs/shownReceipt';
import type { JobContext } from './jobs/process';
import { isPublic, parseAddress, statusOf } from './jobs/status';
import { MAX_ACCEPTANCE_BODY, Promises } from './promises/accept';
import { descriptorOf } from './descriptor';
import { Admission, type AdmissionLimits } from './operation/admission';
import { JOBS, TRACES } from './operation/engineQueue';
import { EngineWatch } from './operation/engineWatch';
import { Heartbeat } from './operation/heartbeat';
import { WorkerMetrics } from './operation/metrics';
import type { OperatorAccess } from './operation/operatorAccess';
import { Readiness } from './operation/readiness';
import { addReadings, keptFor } from './operation/readings';
import { deadline, ended } from './operation/wait';
import { storedQuote } from './quoteFile';
import { startOperator } from './provider/start';
import { StakeWatch } from './stake/watch';
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
  /** Most coverage of one job, nanoTON. */
  maxCoverage: bigint;
  /** Set for a worker whose answers can be challenged: it answers the cases of its stake, and whoever may open one, unless `isSilent`. */
  defence?: Pick<DefenderOptions, 'model' | 'send'> & { pollSeconds: number; isSilent?: boolean };
  /** Set for a worker that serves channels too. */
  channels?: ChannelOptions;
  admission?: AdmissionLimits;
  /** Where metrics and the provider's page are served, in the clear; nowhere when absent. */
  operator?: OperatorAccess & { port: number };
  /** Serves https and wss. */
  tls?: TlsFiles;
  /** Data folder of a worker whose key is attested: the quote that lies there is served. */
  quoteFolder?: string;
}

/** A running worker. */
export interface Service {
  url: string;
  /** Of the operator's port. */
  metricsUrl?: string;
  /** Whether the provider's page is there. */
  hasPage?: boolean;
  /**
   * Takes nothing new, lets what runs finish for at most so many seconds, and ends everything else; then the stores are closed
   * and connections ended. What did not finish is taken up by a restart.
   */
  stop(drainSeconds?: number): Promise<void>;
  /** Reads the TLS files again. */
  renewTls(): void;
}

const announcement = z.strictObject({ address: z.string().max(100) });

/** Seconds after which a worker that stops may be back. */
const DRAINING_SECONDS = 10;
/** The health page may be asked by anybody, and counts the store. */
const COUNTS_MILLIS = 500;
/** Time for replies under way. */
const REPLY_MILLIS = 500;

/** Most paid jobs that are followed at the same time. */
const MAX_PAID = 256;

/** Starts the worker: takes up unfinished jobs of the store, then listens. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { store, log } = options;
  const stopping = new AbortController();
  // Every job waits for it.
  setMaxListeners(0, stopping.signal);
  const intake = new UnpaidIntake();
  const draining = new AbortController();
  const watched = new EngineWatch(options.engine, options.model.stopTokens);
  const admission = new Admission(options.admission);
  const metrics = options.operator && new WorkerMetrics();
  const vault = options.defence && new RequestVault(options.keys.signingSecret);
  const context = { ...options, vault, engine: admission.queue.engineFor(JOBS, watched.engine), signal: stopping.signal };
  const follower = new JobFollower({
    ...options,
    context,
    onRead: (name) => {
      intake.release(name);
      promises.release(name);
    },
  });
  const hasRoom = (): boolean => follower.count - intake.size < MAX_PAID;
  const promises = new Promises({ context, maxCoverage: options.maxCoverage, hasRoom });

  /** @throws RequestError `request.draining` */
  const requireOpen = (): void => {
    if (!draining.signal.aborted) return;
    throw new RequestError(503, 'request.draining', 'the worker stops', { hint: 'try again later, or another worker', retryAfter: DRAINING_SECONDS });
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
    if (known === null) requireOpen();
    if (known === null && (follower.queue.full || !hasRoom())) {
      throw new RequestError(503, 'request.overloaded', 'the worker has too many jobs', { hint: 'try again later' });
    }
    if (known === null && !intake.admit(name, sender)) {
      throw new RequestError(429, 'request.too-many', 'too many announced accounts are not paid jobs yet', {
        hint: 'announce a job when its escrow is on chain; try again in a minute',
      });
    }
    const { job, added } = store.add(name, unixTime());
    if (added) log.info({ job: name }, 'job announced');
    if (job.settledAt === null) follower.start(name);
    return { status: 202, body: statusOf(store.get(name) ?? job, follower.sent) };
  };

  const accept = async (body: unknown, sender: string): Promise<Reply> => {
    requireOpen();
    const reply = await promises.accept(body, sender);
    if (store.get(reply.address)?.settledAt === null) follower.start(reply.address);
    return { status: 200, body: reply };
  };

  const knownJob = (text: string): JobRecord => {
    const job = store.get(parseAddress(text).toRawString());
    if (job === null) throw new RequestError(404, 'request.unknown-job', 'this worker was not told of the job');
    return job;
  };

  const receiptOf = (job: JobRecord): ShownReceipt => {
    const shown = isPublic(job, follower.sent) ? shownReceipt(job, options.policy.networkId) : null;
    if (shown === null) throw new RequestError(404, 'request.no-receipt', 'the chain has no receipt of this job yet');
    return shown;
  };

  const quote = (): Reply => {
    const file = options.quoteFolder === undefined ? null : storedQuote(options.quoteFolder);
    if (file?.workerKey !== toHex(options.policy.workerKey)) {
      throw new RequestError(404, 'request.no-quote', 'this worker has no quote about its key', { hint: 'attested workers have one: cocoon provider keys quote' });
    }
    return { status: 200, body: file };
  };

  const readiness = new Readiness({
    draining: draining.signal, engine: watched, chain: options.chain, account: options.policy.payout, log,
    checkStores: () => {
      store.counts();
      options.channels?.store.requireWell();
    },
  });
  const counts = keptFor(COUNTS_MILLIS, () => store.counts());
  const health = (): Reply => ({ status: 200, body: { ok: true, jobs: counts(), queue: follower.queue.length } });
  const ready = (): Reply => {
    const reasons = readiness.reasons();
    return { status: reasons.length === 0 ? 200 : 503, body: { ready: reasons.length === 0, reasons } };
  };
  const channelRequest = (channel: Uint8Array, seq: number): Buffer | null => options.channels?.store.read.request(channel, seq)?.request ?? null;
  const traces = options.defence && options.defence.isSilent !== true
    ? new HeldTraces({
        ...options, ...options.defence, vault: vault!, networkId: options.policy.networkId, channelRequest, signal: stopping.signal, now: unixTime,
        run: (work) => admission.queue.run(TRACES, work, stopping.signal),
      })
    : undefined;
  const askTrace = async (body: unknown): Promise<Reply> => {
    requireOpen();
    return { status: 200, body: await traces!.answer(body) };
  };
  const tls = options.tls && readTls(options.tls);
  const server = createJsonServer(
    [
      { method: 'GET', path: /^\/healthz$/, isUnlimited: true, handle: health },
      { method: 'GET', path: /^\/readyz$/, isUnlimited: true, handle: ready },
      { method: 'GET', path: /^\/v1\/descriptor$/, handle: () => ({ status: 200, body: descriptorOf(options) }) },
      { method: 'GET', path: /^\/v1\/quote$/, handle: quote },
      { method: 'POST', path: /^\/v1\/jobs$/, handle: (_match, body, sender) => announce(body, sender) },
      {
        method: 'POST',
        path: /^\/v1\/acceptances$/,
        maxBodyBytes: MAX_ACCEPTANCE_BODY,
        handle: (_match, body, sender) => accept(body, sender),
      },
      {
        method: 'GET',
        path: /^\/v1\/jobs\/([^/]+)$/,
        handle: ([text]) => {
          return { status: 200, body: statusOf(knownJob(text), follower.sent) };
        },
      },
      {
        method: 'GET',
        path: /^\/v1\/jobs\/([^/]+)\/receipt$/,
        handle: ([text]) => ({ status: 200, body: receiptOf(knownJob(text)) }),
      },
      ...(traces ? [{ method: 'POST' as const, path: new RegExp(`^${TRACES_PATH}$`), maxBodyBytes: MAX_QUESTION_BODY, handle: (_match: string[], body: unknown) => askTrace(body) }] : []),
    ],
    log,
    { limit: (sender) => admission.sender(sender), onReply: (status) => metrics?.replied(status), tls: tls?.options },
  );
  const channels = options.channels && new ChannelService(server, { ...options, vault, engine: watched.engine, admission, metrics }, options.channels);
  const { authority } = await listen(server, options.host, options.port);
  const url = `${tls === undefined ? 'http' : 'https'}://${authority}`;
  const renewal = options.tls && tls && new TlsRenewal(options.tls, tls, server as TlsServer, log);
  if (metrics !== undefined) {
    addReadings(metrics, {
      info: { backend: options.engine.backend, tier: options.policy.tier === Tier.attested ? 'attested' : 'bonded' },
      jobs: counts, jobQueue: () => follower.queue.length, admission, engine: watched, chain: options.chain.record, readiness,
      channels: channels && {
        connections: () => channels.connections, totals: () => channels.totals(), commits: () => options.channels!.store.commits,
      },
      cases: options.defence && keptFor(COUNTS_MILLIS, () => store.cases.counts()),
      certificateEnd: renewal && (() => renewal.validUntil),
    });
  }
  const operator = metrics && (await startOperator(options, metrics, { health, ready }, {
    readiness, admission, engine: watched, jobQueue: () => follower.queue.length, connections: () => channels?.connections ?? 0, certificateEnd: () => renewal?.validUntil ?? null,
  }));
  const heartbeat = new Heartbeat(store.uptime, () => readiness.reasons().length === 0, log, unixTime);
  for (const job of store.unfinished()) {
    log.info({ job: job.address, state: job.state }, 'unfinished job taken up again');
    follower.start(job.address);
  }
  const { pollSeconds } = options;
  const watch = new StakeWatch({
    context,
    pollSeconds,
    signal: stopping.signal,
    hasRoom,
    onJob: (name) => follower.start(name),
  });
  const watching = options.stake.some((byte) => byte !== 0) ? watch.run() : Promise.resolve();
  const defender = options.defence && new Defender({
    ...options, ...options.defence, vault: vault!, networkId: options.policy.networkId, now: unixTime, channelRequest,
  });
  const defending = defender && new CaseWatch({ defender, pollSeconds: options.defence!.pollSeconds, log, signal: stopping.signal }).run();
  log.info(
    { url, workerKey: Buffer.from(options.policy.workerKey).toString('hex'), backend: options.engine.backend },
    'worker started',
  );

  const stop = async (drainSeconds: number): Promise<void> => {
    draining.abort();
    const until = deadline(drainSeconds * 1_000);
    if (drainSeconds > 0) log.info({ requests: admission.size, computing: admission.queue.running }, 'worker drains');
    await Promise.all([follower.drain(until.signal), channels?.drain(until.signal)]);
    until.clear();
    stopping.abort();
    readiness.stop();
    renewal?.stop();
    await channels?.stop();
    await closeServer(server);
    await Promise.all([follower.stop(), watching, defending]);
    operator?.close();
    heartbeat.stop();
    store.close();
    log.info('worker stopped');
  };
  let stopped: Promise<void> | null = null;
  return {
    url,
    metricsUrl: operator?.url,
    hasPage: operator?.hasPage,
    stop: (drainSeconds = 0) => (stopped ??= stop(drainSeconds)),
    renewTls: () => void renewal?.renew(),
  };
}

/** Lets replies under way leave. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const { signal, clear } = deadline(REPLY_MILLIS);
  await ended(closed, signal);
  clear();
  server.closeAllConnections();
}
