import { comparePriceThenStake, fetchDescriptor, type Provider } from '../../wrappers/discovery';
import { CocoonError } from '../../protocol/errors';
import { parseDescriptor, type WorkerDescriptor } from './workerApi';

/** A provider with the descriptor that it serves, when that is the one on chain. */
export interface RankedProvider {
  provider: Provider;
  descriptor: WorkerDescriptor | null;
  /** nanoTON per job; null when there is no descriptor. */
  price: bigint | null;
  /** Why there is no descriptor: the code of the error. */
  fault: string | null;
}

/** How many endpoints are asked at a time. */
const AT_ONCE = 8;

/**
 * Asks every provider for its descriptor and sorts: cheapest first, then by free stake; those that are away or serve
 * something else than the chain says come last.
 * @param model root (lowercase hex) whose price counts; the lowest of all when undefined
 */
export async function rankProviders(providers: readonly Provider[], model?: string): Promise<RankedProvider[]> {
  const ranked: RankedProvider[] = [];
  for (let start = 0; start < providers.length; start += AT_ONCE) {
    ranked.push(...(await Promise.all(providers.slice(start, start + AT_ONCE).map((each) => describe(each, model)))));
  }
  return ranked.sort((a, b) =>
    comparePriceThenStake({ ...a, status: a.provider.status }, { ...b, status: b.provider.status }),
  );
}

async function describe(provider: Provider, model: string | undefined): Promise<RankedProvider> {
  const { endpoint, descriptorHash } = provider;
  if (endpoint === null) return { provider, descriptor: null, price: null, fault: 'no endpoint' };
  try {
    const descriptor = parseDescriptor(await fetchDescriptor(endpoint, descriptorHash), endpoint);
    return { provider, descriptor, price: priceOf(descriptor, model), fault: null };
  } catch (error) {
    if (!(error instanceof CocoonError)) throw error;
    return { provider, descriptor: null, price: null, fault: error.code };
  }
}

/** What a job costs at least, nanoTON: the model's own price where the descriptor has one. */
export function priceOf(descriptor: WorkerDescriptor, model?: string): bigint {
  const prices = descriptor.models
    .filter(({ root }) => model === undefined || root === model)
    .map(({ minPriceNano }) => BigInt(minPriceNano ?? descriptor.minPriceNano));
  return prices.reduce((least, price) => (price < least ? price : least), prices[0] ?? BigInt(descriptor.minPriceNano));
}
