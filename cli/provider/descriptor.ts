import { keyEnd, MAX_ENDPOINT_BYTES } from '../../wrappers';
import { descriptorHashOf, downloadDescriptor, endpointUrl, type Provider } from '../../wrappers/discovery';
import { parseDescriptor, type WorkerDescriptor } from '../client/workerApi';
import { UsageError } from '../errors';
import { chainTime, hex, type StakeAccount } from './account';

/** What a worker serves at an endpoint now. */
export interface ServedDescriptor {
  endpoint: string;
  hash: Uint8Array;
  descriptor: WorkerDescriptor;
}

/** @throws UsageError `usage.endpoint` */
export function parseEndpoint(text: string): string {
  const endpoint = endpointUrl(text);
  if (endpoint !== null && endpoint.length <= MAX_ENDPOINT_BYTES) return endpoint;
  throw new UsageError('usage.endpoint', '--endpoint cannot be published', {
    expected: `an http or https URL of at most ${MAX_ENDPOINT_BYTES} bytes, such as https://gpu.example.org:8443`,
    received: text.slice(0, 200),
  });
}

/**
 * Reads the descriptor as clients will, and refuses one that they would refuse.
 * @throws CocoonError `network.descriptor-unreachable`; UsageError `usage.descriptor`
 */
export async function readServed(
  account: StakeAccount,
  provider: Provider,
  endpoint: string,
): Promise<ServedDescriptor> {
  const bytes = await downloadDescriptor(endpoint);
  const descriptor = parseDescriptor(bytes, endpoint);
  const expected = { networkId: account.networkId, stake: hex(account.stake.address.hash) };
  const refuse = (expectedText: string, received: string, hint: string): never => {
    throw new UsageError('usage.descriptor', 'clients would refuse the descriptor at this endpoint', {
      expected: expectedText,
      received,
      hint,
    });
  };
  if (descriptor.networkId !== expected.networkId) {
    refuse(`network ${expected.networkId}`, `network ${descriptor.networkId}`, 'start the worker with this --network');
  }
  if (descriptor.stake !== expected.stake) {
    refuse(
      `stake 0:${expected.stake}`,
      `stake 0:${descriptor.stake}`,
      `start the worker with --stake 0:${expected.stake}`,
    );
  }
  const now = await chainTime(account);
  const isKnown = provider.keys.some((key) => hex(key.workerKey) === descriptor.workerKey && keyEnd(key) > now);
  if (!isKnown) refuse('a worker key of this stake', descriptor.workerKey, 'cocoon provider keys add');
  return { endpoint, hash: descriptorHashOf(bytes), descriptor };
}
