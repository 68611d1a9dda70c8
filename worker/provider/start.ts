import type { Reply } from '../http/server';
import type { ServiceOptions } from '../service';
import { ADMISSION_LIMITS, type Admission } from '../operation/admission';
import type { EngineWatch } from '../operation/engineWatch';
import type { WorkerMetrics } from '../operation/metrics';
import { json, type OperatorServer, startOperatorServer } from '../operation/operatorServer';
import type { Readiness } from '../operation/readiness';
import { Tier } from '../../protocol';
import { unixTime } from '../jobs/settle';
import { ProviderApi } from './api';
import { StakeView } from './stakeView';

/** What of a running worker its operator's page shows. */
export interface RunningWorker {
  readiness: Readiness;
  admission: Admission;
  engine: EngineWatch;
  /** Jobs that wait. */
  jobQueue: () => number;
  connections: () => number;
  certificateEnd: () => number | null;
}

/** Listens for the operator, where the options say so. @throws RequestError `config.port` */
export async function startOperator(
  options: ServiceOptions, metrics: WorkerMetrics, { health, ready }: Record<'health' | 'ready', () => Reply>, running: RunningWorker,
): Promise<OperatorServer | undefined> {
  const { operator, log } = options;
  const open = {
    '/metrics': async () => ({ status: 200, type: metrics.registry.contentType, text: await metrics.text() }),
    '/healthz': () => json(health()),
    '/readyz': () => json(ready()),
  };
  return operator && startOperatorServer(operator, operator.port, { open, own: createProviderApi(options, running).pages }, log);
}

/** The operator's API of a worker that starts now. */
function createProviderApi(options: ServiceOptions, { readiness, admission, engine, jobQueue, connections, certificateEnd }: RunningWorker): ProviderApi {
  const { chain, policy, stake, store, channels, admission: limits = ADMISSION_LIMITS } = options;
  const startedAt = unixTime();
  const about = {
    networkId: policy.networkId, workerKey: Buffer.from(policy.workerKey).toString('hex'), tier: policy.tier === Tier.attested ? 'attested' : 'bonded',
    backend: options.engine.backend, payout: policy.payout.toRawString(), startedAt,
  } as const;
  return new ProviderApi({
    store, channels: channels?.store, now: unixTime, prices: () => chain.networkPrices(),
    stake: stake.some((byte) => byte !== 0) ? new StakeView(chain, stake, policy.workerKey, unixTime) : undefined,
    worker: () => {
      const reasons = readiness.reasons();
      return { ...about, ready: reasons.length === 0, reasons, certificateEnd: certificateEnd() };
    },
    load: () => ({
      requests: admission.size, running: admission.queue.running, parallel: limits.parallel, waiting: admission.queue.waiting, queue: limits.waiting,
      jobsWaiting: jobQueue(), connections: connections(), ...engine.counts,
    }),
  });
}
