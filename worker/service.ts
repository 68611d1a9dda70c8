import { Address } from '@ton/core';
import { setMaxListeners } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { type ChannelOptions, ChannelService } from './channels/service';
import { RequestError } from './errors';
import { createJsonServer, type Reply } from './http/server';
import { JobFollower } from './jobs/follow';
import { UnpaidIntake } from './jobs/intake';
import { unixTime } from './jobs/settle';
import { contradictingReceipt, shownReceipt, type ShownReceipt } from './jobs/shownReceipt';
import type { JobContext } from './jobs/process';
import { MAX_ACCEPTANCE_BODY, Promises } from './promises/accept';
import { descriptorOf } from './descriptor';
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
  /** Set for a worker that serves channels too. */
  channels?: ChannelOptions;
  /** For the demo: shows a second receipt that contradicts the paid one. */
  simulatesCheat?: boolean;
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
  const stopping = new AbortController();
  // Every job waits for it.
  setMaxListeners(0, stopping.signal);
  const intake = new UnpaidIntake();
  const context = { ...options, signal: stopping.signal };
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
    const { policy, keys } = options;
    const shown = !isPublic(job, follower.sent)
      ? null
      : options.simulatesCheat === true
        ? contradictingReceipt(job, policy.networkId, keys.signingSecret)
        : shownReceipt(job, policy.networkId);
    if (shown === null) throw new RequestError(404, 'request.no-receipt', 'the chain has no receipt of this job yet');
    return shown;
  };

  const server = createJsonServer(
    [
      {
        method: 'GET',
        path: /^\/healthz$/,
        handle: () => ({ status: 200, body: { ok: true, jobs: store.counts(), queue: follower.queue.length } }),
      },
      { method: 'GET', path: /^\/v1\/descriptor$/, handle: () => ({ status: 200, body: descriptorOf(options) }) },
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
    ],
    log,
  );
  const channels = options.channels && new ChannelService(server, options, options.channels);
  const url = await listen(server, options.host, options.port);
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
      await Promise.all([follower.stop(), watching, channels?.stop()]);
      store.close();
      log.info('worker stopped');
    },
  };
}

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
const isPublic = ({ state, address }: JobRecord, sent: ReadonlySet<string>): boolean =>
  state === 'delivered' || state === 'declined' || sent.has(address);

function statusOf(job: JobRecord, sent: ReadonlySet<string>): object {
  const { address, state, deadline, reason, backend, adapter, millis, note } = job;
  return {
    address,
    state,
    deadline,
    reason,
    backend,
    adapter,
    millis,
    note,
    external: isPublic(job, sent) ? (job.external?.toString('base64') ?? null) : null,
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
