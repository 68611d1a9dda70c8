import { CASE_VERDICTS } from '../../wrappers';
import type { BookTotals } from '../channels/books';
import type { ApiRecord } from '../chain/apiRecord';
import type { JobState } from '../store/jobStore';
import type { Admission } from './admission';
import type { EngineWatch } from './engineWatch';
import type { WorkerMetrics } from './metrics';
import { NOT_READY, type Readiness } from './readiness';

/** Where the numbers come from. */
export interface ReadingSources {
  info: { backend: string; tier: string };
  jobs: () => Partial<Record<string, number>>;
  jobQueue: () => number;
  admission: Admission;
  engine: EngineWatch;
  chain: ApiRecord;
  readiness: Readiness;
  /** Of a worker that serves channels. */
  channels?: { connections: () => number; totals: () => BookTotals; commits: () => number };
  /** Of a worker whose answers can be challenged: disputes by verdict, null while they run. */
  cases?: () => ReadonlyMap<number | null, number>;
  /** Unix seconds at which the TLS certificate ends. */
  certificateEnd?: () => number;
}

const JOB_STATES: readonly JobState[] = ['seen', 'computing', 'answered', 'delivered', 'declined', 'refused', 'expired'];
const NANO = 1e9;
/** One look at a store serves all numbers of a page. */
const KEPT_MILLIS = 500;

/** The same reading for a while. */
export function keptFor<T>(millis: number, read: () => T): () => T {
  let kept: { value: T; until: number } | null = null;
  return () => {
    if (kept === null || performance.now() >= kept.until) kept = { value: read(), until: performance.now() + millis };
    return kept.value;
  };
}

/** Adds what is read when the metrics are asked for. */
export function addReadings(metrics: WorkerMetrics, sources: ReadingSources): void {
  const { info, admission, engine, chain, readiness, channels, cases, certificateEnd } = sources;
  metrics.gauge('info', 'What serves; always 1', () => ({ [info.backend]: 1 }), 'backend');
  metrics.gauge('tier_info', 'Tier of the worker key; always 1', () => ({ [info.tier]: 1 }), 'tier');
  metrics.gauge('ready', '1 when the worker can serve', () => Number(readiness.reasons().length === 0));
  metrics.gauge('not_ready', '1 for each reason not to be ready', () => {
    const reasons = readiness.reasons();
    return Object.fromEntries(NOT_READY.map((reason) => [reason, Number(reasons.includes(reason))]));
  }, 'reason');
  metrics.gauge('jobs', 'On-chain jobs of the store by state', () => {
    const counts = sources.jobs();
    return Object.fromEntries(JOB_STATES.map((state) => [state, counts[state] ?? 0]));
  }, 'state');
  metrics.gauge('job_queue_length', 'On-chain jobs that wait for the engine', sources.jobQueue);
  metrics.gauge('engine_running', 'Generations that run', () => admission.queue.running);
  metrics.gauge('engine_waiting', 'Generations that wait for the engine', () => admission.queue.waiting);
  metrics.counted('engine_tokens_total', 'Tokens read and made by the engine', () => ({
    prompt: engine.counts.promptTokens, output: engine.counts.outputTokens,
  }), 'direction');
  metrics.counted('engine_failures_total', 'Generations that failed for a reason of the engine', () => engine.counts.failures);
  metrics.counted('chain_api_errors_total', 'Attempts at the API of the chain that failed, by code', () => Object.fromEntries(chain.failures), 'code');
  metrics.gauge('chain_api_age_seconds', 'Since the last answer of the API of the chain', () => (
    chain.answeredAt === null ? Infinity : (Date.now() - chain.answeredAt) / 1_000
  ));
  metrics.gauge('chain_block_age_seconds', 'Age of the newest block that the API has shown', () => (
    chain.newestBlock === null ? Infinity : Date.now() / 1_000 - chain.newestBlock
  ));
  if (certificateEnd !== undefined) metrics.gauge('tls_certificate_end_seconds', 'Unix time at which the TLS certificate ends', certificateEnd);
  if (cases !== undefined) {
    metrics.gauge('disputes', 'Disputes about answers of this worker, by what came of them', () => {
      const counts = cases();
      const ended = Object.entries(CASE_VERDICTS).map(([name, verdict]) => [name, counts.get(verdict) ?? 0] as const);
      return { running: counts.get(null) ?? 0, ...Object.fromEntries(ended) };
    }, 'state');
  }
  if (channels !== undefined) addChannels(metrics, admission, channels);
}

function addChannels(metrics: WorkerMetrics, admission: Admission, { connections, commits, ...books }: NonNullable<ReadingSources['channels']>): void {
  const totals = keptFor(KEPT_MILLIS, books.totals);
  metrics.gauge('channel_connections', 'Connections of clients of channels', connections);
  metrics.gauge('channel_requests', 'Requests over channels that were admitted and have not ended', () => admission.size);
  metrics.counted('store_commits_total', 'Commits of the store of channels', commits);
  metrics.gauge('channels', 'Channels that were ever served', () => totals().channels);
  metrics.gauge('channel_ton', 'Money of all channels in TON: asked for, vouched for, paid by the chain, still to be claimed, never claimed', () => {
    const { owedNano, vouchedNano, claimedNano, unclaimedNano, lostNano } = totals();
    const money = { owed: owedNano, vouched: vouchedNano, claimed: claimedNano, unclaimed: unclaimedNano, lost: lostNano };
    return Object.fromEntries(Object.entries(money).map(([name, nano]) => [name, Number(nano) / NANO]));
  }, 'kind');
  metrics.gauge('unclaimed_end_seconds', 'Until the first channel with unclaimed money ends; +Inf when there is none', () => totals().secondsToEnd);
}
