import { createHash } from 'node:crypto';
import { MAX_OUTPUT_CELLS } from '../wrappers';
import { channelOffer } from './channels/service';
import type { ServiceOptions } from './service';

/** What the worker says about itself at `GET /v1/descriptor`. Amounts are decimal strings of nanoton. */
export function descriptorOf(
  options: Pick<ServiceOptions, 'policy' | 'model' | 'engine' | 'keys' | 'stake' | 'maxTokens' | 'maxCoverage' | 'channels'>,
): object {
  const { policy, model, engine, keys } = options;
  const minPriceNano = policy.minPrice.toString();
  return canonical({
    networkId: policy.networkId,
    workerKey: Buffer.from(policy.workerKey).toString('hex'),
    sealingKey: Buffer.from(keys.sealingPublic).toString('hex'),
    stake: Buffer.from(options.stake).toString('hex'),
    payout: policy.payout.hash.toString('hex'),
    models: [
      {
        root: Buffer.from(model.model.modelRoot).toString('hex'),
        name: model.name,
        maxTokens: options.maxTokens,
        contextTokens: model.model.config.context,
        minPriceNano,
        backends: [engine.backend],
      },
    ],
    backend: engine.backend,
    adapter: engine.adapter,
    minPriceNano,
    ...(options.channels && { channels: channelOffer(options.channels) }),
    limits: {
      maxTokens: options.maxTokens,
      contextTokens: model.model.config.context,
      minSeconds: policy.minSeconds,
      maxSeconds: policy.maxSeconds,
      outputCells: MAX_OUTPUT_CELLS,
      maxCoverageNano: options.maxCoverage.toString(),
    },
  }) as object;
}

/** The bytes that are served: JSON in UTF-8, no spaces, keys of every object in code unit order, one newline. */
export function descriptorBytes(options: Parameters<typeof descriptorOf>[0]): Uint8Array {
  return Buffer.from(`${JSON.stringify(descriptorOf(options))}\n`, 'utf8');
}

/** SHA-256 of `descriptorBytes`, which the stake publishes. */
export function descriptorHash(options: Parameters<typeof descriptorOf>[0]): Uint8Array {
  return createHash('sha256').update(descriptorBytes(options)).digest();
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, inner]) => [key, canonical(inner)]));
}
