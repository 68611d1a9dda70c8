import { loadavg } from 'node:os';
import { Blockchain } from '@ton/sandbox';
import { openProtocolMarket, type ProtocolMarket } from './protocolMarket';

export interface ProtocolReport {
  /** Short answers (8 tokens, one chunk) through gateway and worker in this one process, as fast as they go. */
  requestsPerSecond: number;
  /** Of requests that come at half that rate, whatever became of those before. */
  p99Millis: number;
  /** What gateway and worker add to a 64-token answer, over the bare engine. */
  overheadPercent: number;
  /** Resident memory after the load over that after its first fifth. */
  rssGrowthMb: number;
  loadAverage: number;
}

const CLIENTS = 16;
const PARALLEL = 64;
const SHORT_TOKENS = 8;
const LONG_TOKENS = 64;
/** A fast GPU's time for a token of a small model. */
const TOKEN_MILLIS = 5;
const megabytes = (): number => process.memoryUsage().rss / 1e6;

/** Client, worker and generator share this process: its CPU is all of theirs. @param seconds of load */
export async function measureProtocol(seconds: number, progress: (line: string) => void): Promise<ProtocolReport> {
  const { config } = await Blockchain.create({ config: 'slim' });
  const fast = await openProtocolMarket(CLIENTS, 0, config);
  try {
    for (let client = 0; client < CLIENTS; client++) await fast.ask(client, SHORT_TOKENS);
    await closedLoop(fast, seconds / 5);
    const before = megabytes();
    const requestsPerSecond = await closedLoop(fast, (seconds * 2) / 5);
    progress(`${requestsPerSecond.toFixed(0)} requests/s`);
    const latencies = await openLoop(fast, requestsPerSecond / 2, (seconds * 2) / 5);
    const rssGrowthMb = megabytes() - before;
    const p99Millis = latencies[Math.floor(latencies.length * 0.99)];
    progress(`p99 ${p99Millis.toFixed(1)} ms at half of it`);
    const overheadPercent = await overhead(config);
    return {
      requestsPerSecond: Math.round(requestsPerSecond), p99Millis: rounded(p99Millis), overheadPercent: rounded(overheadPercent),
      rssGrowthMb: rounded(rssGrowthMb), loadAverage: rounded(loadavg()[0]),
    };
  } finally {
    await fast.close();
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

async function closedLoop(market: ProtocolMarket, seconds: number): Promise<number> {
  const started = performance.now();
  let count = 0;
  await Promise.all(Array.from({ length: PARALLEL }, async (_, lane) => {
    for (let client = lane; performance.now() - started < seconds * 1_000; client += PARALLEL + 1, count++) await market.ask(client, SHORT_TOKENS);
  }));
  return count / ((performance.now() - started) / 1_000);
}

/** Requests at fixed times; a late one counts from when it should have begun. Ascending, in milliseconds. */
async function openLoop(market: ProtocolMarket, rate: number, seconds: number): Promise<number[]> {
  const started = performance.now();
  const latencies: number[] = [];
  const running: Promise<void>[] = [];
  for (let index = 0; index < rate * seconds; index++) {
    const due = started + (index / rate) * 1_000;
    const wait = due - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    running.push(market.ask(index, SHORT_TOKENS).then(() => void latencies.push(performance.now() - due)));
  }
  await Promise.all(running);
  return latencies.sort((a, b) => a - b);
}

async function overhead(config: Parameters<typeof openProtocolMarket>[2]): Promise<number> {
  const paced = await openProtocolMarket(1, TOKEN_MILLIS, config);
  try {
    await paced.ask(0, LONG_TOKENS);
    const times = { bought: 0, bare: 0 };
    for (let round = 0; round < 5; round++) {
      const start = performance.now();
      await paced.bare(LONG_TOKENS);
      const middle = performance.now();
      await paced.ask(0, LONG_TOKENS);
      times.bare += middle - start;
      times.bought += performance.now() - middle;
    }
    return (100 * (times.bought - times.bare)) / times.bare;
  } finally {
    await paced.close();
  }
}
