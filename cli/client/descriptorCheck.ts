import { ChainStateError } from '../../worker/errors';
import { outputCellsFor } from '../../worker/jobs/request';
import type { Settings } from '../config/resolve';
import { UsageError } from '../errors';
import { formatTon } from '../output';
import { priceOf } from './providers';
import type { WorkerDescriptor } from './workerApi';

/** What decides whether a worker takes a job. */
export interface WantedJob {
  settings: Settings;
  maxTokens: number;
  /** nanoTON; the worker's lowest price when undefined. */
  price?: bigint;
  /** nanoTON */
  coverage?: bigint;
}

/** Refuses a worker that would not take the job. @throws UsageError, ChainStateError */
export function checkDescriptor(descriptor: WorkerDescriptor, root: string, wanted: WantedJob): void {
  const { settings, maxTokens, price: asked, coverage = 0n } = wanted;
  if (descriptor.networkId !== settings.networkId) {
    throw new ChainStateError('chain.wrong-network', 'the worker serves another network', {
      expected: `network ${settings.networkId}`,
      received: `network ${descriptor.networkId}`,
    });
  }
  if (!descriptor.models.some((served) => served.root === root)) {
    throw new UsageError('usage.unknown-model', 'the worker does not have this model', {
      expected: descriptor.models.map((served) => `${served.name} ${served.root}`).join(', '),
      received: root,
      hint: 'choose another --model or --worker-url',
    });
  }
  const price = asked ?? defaultPrice(descriptor, root);
  const least = priceOf(descriptor, root);
  if (price < least) {
    throw new UsageError('usage.low-price', 'the price is below what the worker takes', {
      expected: `at least ${formatTon(least)}`,
      received: formatTon(price),
    });
  }
  const cells = outputCellsFor(maxTokens, true);
  if (maxTokens > descriptor.limits.maxTokens || cells > descriptor.limits.outputCells) {
    throw new UsageError('usage.max-tokens', 'the worker does not write answers that long', {
      expected: `at most ${descriptor.limits.maxTokens} tokens`,
      received: String(maxTokens),
    });
  }
  const most = BigInt(descriptor.limits.maxCoverageNano ?? 0);
  if (coverage > most) {
    throw new UsageError('usage.coverage', 'the worker does not cover a job with so much', {
      expected: `at most ${formatTon(most)}`,
      received: formatTon(coverage),
      hint: 'less --coverage, or another worker: cocoon provider list',
    });
  }
}

/** The highest price that is paid without having been named: the worker names its own. */
const MAX_DEFAULT_PRICE = 1_000_000_000n;

/** @throws UsageError `usage.high-price` */
export function defaultPrice(descriptor: WorkerDescriptor, root: string): bigint {
  const price = priceOf(descriptor, root);
  if (price <= MAX_DEFAULT_PRICE) return price;
  throw new UsageError('usage.high-price', "the worker's lowest price is not paid without being asked", {
    expected: `at most ${formatTon(MAX_DEFAULT_PRICE)}`,
    received: formatTon(price),
    hint: 'give --price to agree',
  });
}
