import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { GREEDY } from '../../exact';
import { echoEngine } from './echoWorker';
import { Part, type PartUsage } from './part';

export interface ProtocolReport {
  /** Short answers (8 tokens, one chunk) over HTTP through gateway and worker, as fast as they go. */
  requestsPerSecond: number;
  /** Of requests that come at half that rate, whatever became of those before. */
  p99Millis: number;
  /** By how much a 64-token answer takes longer than the bare engine and one round trip to the gateway, percent of the engine's time; median of rounds. */
  overheadPercent: number;
  /** A request to the gateway that asks nobody anything, there and back, over loopback. */
  roundTripMillis: number;
  /** Resident memory of gateway and worker after the load over that after its first fifth. */
  rssGrowthMb: number;
  loadAverage: number;
  /** CPU milliseconds for each request at full load, by who spends them. */
  workerCpuMillis: number;
  gatewayCpuMillis: number;
  generatorCpuMillis: number;
}

/** Each asks one thing at a time, over a channel of its own: as many applications as a busy worker has. */
const CLIENTS = 64;
const SHORT_TOKENS = 8;
const LONG_TOKENS = 64;
const LONG_ROUNDS = 21;
/** A fast GPU's time for a token of a small model. */
const TOKEN_MILLIS = 5;
/** Answers of one token before long ones are timed. */
const WARM_REQUESTS = 200;

/** Worker, gateway and generator of load are a process each, on this machine's loopback. @param seconds of load */
export async function measureProtocol(seconds: number, progress: (line: string) => void): Promise<ProtocolReport> {
  const fast = await Stand.open(CLIENTS, 0);
  try {
    await closedLoop(fast, Math.max(1, seconds / 5));
    const before = await fast.usage();
    const own = process.cpuUsage();
    const full = await closedLoop(fast, (seconds * 2) / 5);
    const after = await fast.usage();
    const { user, system } = process.cpuUsage(own);
    const requestsPerSecond = full.count / full.seconds;
    progress(`${requestsPerSecond.toFixed(0)} requests/s`);
    const latencies = await openLoop(fast, requestsPerSecond / 2, (seconds * 2) / 5);
    const last = await fast.usage();
    const p99Millis = latencies[Math.floor(latencies.length * 0.99)];
    progress(`p99 ${p99Millis.toFixed(1)} ms at half of it`);
    const { overheadPercent, roundTripMillis } = await overhead();
    const perRequest = (cpuSeconds: number): number => rounded((cpuSeconds * 1_000) / full.count, 2);
    return {
      requestsPerSecond: Math.round(requestsPerSecond), p99Millis: rounded(p99Millis), overheadPercent: rounded(overheadPercent), roundTripMillis: rounded(roundTripMillis, 2),
      rssGrowthMb: rounded(last.worker.rssMb + last.gateway.rssMb - before.worker.rssMb - before.gateway.rssMb), loadAverage: rounded(loadavg()[0]),
      workerCpuMillis: perRequest(after.worker.cpuSeconds - before.worker.cpuSeconds),
      gatewayCpuMillis: perRequest(after.gateway.cpuSeconds - before.gateway.cpuSeconds),
      generatorCpuMillis: perRequest((user + system) / 1e6),
    };
  } finally {
    await fast.close();
  }
}

const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** A worker and a gateway in front of it. */
class Stand {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1_024 });

  private constructor(
    private readonly folder: string,
    private readonly worker: Part,
    private readonly gateway: Part,
  ) {}

  static async open(clients: number, millisPerToken: number): Promise<Stand> {
    const folder = mkdtempSync(join(tmpdir(), 'cocoon-protocol-bench-'));
    const role = { folder, clients, millisPerToken, workerUrl: '' };
    const worker = await Part.start({ ...role, kind: 'worker' });
    const gateway = await Part.start({ ...role, kind: 'gateway', workerUrl: worker.url });
    return new Stand(folder, worker, gateway);
  }

  /** One chat by an OpenAI client, to its end. */
  ask(maxTokens: number): Promise<void> {
    const body = JSON.stringify({ model: 'wordnet-3m', messages: [{ role: 'user', content: 'a short question' }], max_tokens: maxTokens, temperature: 0 });
    return this.call('/chat/completions', body);
  }

  /** A request that the gateway answers by itself. */
  roundTrip(): Promise<void> {
    return this.call('/models/wordnet-3m', '');
  }

  /** @param body of a POST; '' for a GET */
  private call(path: string, body: string): Promise<void> {
    const posted = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const call = request(`${this.gateway.url}${path}`, {
        agent: this.agent, ...(body === '' ? { method: 'GET' } : { method: 'POST', headers: posted }),
      }, (response) => {
        let text = '';
        response.on('data', (data: Buffer) => (text += String(data)));
        response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}: ${text.slice(0, 300)}`))));
      });
      call.on('error', reject);
      call.end(body);
    });
  }

  async usage(): Promise<{ worker: PartUsage; gateway: PartUsage }> {
    return { worker: await this.worker.usage(), gateway: await this.gateway.usage() };
  }

  async close(): Promise<void> {
    this.agent.destroy();
    await this.gateway.stop();
    await this.worker.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function closedLoop(stand: Stand, seconds: number): Promise<{ count: number; seconds: number }> {
  const started = performance.now();
  let count = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    for (; performance.now() - started < seconds * 1_000; count++) await stand.ask(SHORT_TOKENS);
  }));
  return { count, seconds: (performance.now() - started) / 1_000 };
}

/** Requests at fixed times; a late one counts from when it should have begun. Ascending, in milliseconds. */
async function openLoop(stand: Stand, rate: number, seconds: number): Promise<number[]> {
  const started = performance.now();
  const latencies: number[] = [];
  const running: Promise<void>[] = [];
  for (let index = 0; index < rate * seconds; index++) {
    const due = started + (index / rate) * 1_000;
    const wait = due - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    running.push(stand.ask(SHORT_TOKENS).then(() => void latencies.push(performance.now() - due)));
  }
  await Promise.all(running);
  return latencies.sort((a, b) => a - b);
}

/** Each round times bare engine, round trip and answer one after the other, so that whatever else the machine does falls on all three. */
async function overhead(): Promise<Pick<ProtocolReport, 'overheadPercent' | 'roundTripMillis'>> {
  const paced = await Stand.open(1, TOKEN_MILLIS);
  const bare = echoEngine(TOKEN_MILLIS);
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  try {
    // Code that has run a few times only is slow in Node; that is no part of the protocol.
    for (let asked = 0; asked < WARM_REQUESTS; asked++) await paced.ask(1);
    for (let asked = 0; asked < WARM_REQUESTS; asked++) await paced.roundTrip();
    const percents: number[] = [];
    const roundTrips: number[] = [];
    for (let round = 0; round < LONG_ROUNDS; round++) {
      const engine = await timed(() => bare.generate({ promptTokens: [1], maxTokens: LONG_TOKENS, stopTokens: [], sampling: GREEDY }));
      const roundTrip = await timed(() => paced.roundTrip());
      const bought = await timed(() => paced.ask(LONG_TOKENS));
      roundTrips.push(roundTrip);
      percents.push((100 * (bought - roundTrip - engine)) / engine);
    }
    return { overheadPercent: median(percents), roundTripMillis: median(roundTrips) };
  } finally {
    await paced.close();
  }
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
