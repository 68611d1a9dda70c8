import { Address } from '@ton/core';
import { CocoonError, Tier, type TierValue } from '../../protocol';
import { isKeyUsable, keyEnd, providerStakeAddress, type WorkerKeyRecord } from '../../wrappers';
import { discoverProviders, fetchDescriptor, freeStake, readProvider, type Provider } from '../../wrappers/discovery';
import type { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import type { Settings } from '../config/resolve';
import { UsageError } from '../errors';
import { requireAttested } from './attested';
import { formatTon } from '../output';
import { rankProviders } from './providers';
import { historyOf, registryOf } from './registry';
import { parseDescriptor, WorkerApi, type WorkerDescriptor } from './workerApi';

/** The worker that gets a job. */
export interface ChosenWorker {
  url: string;
  descriptor: WorkerDescriptor;
  /** What requests are sealed to: from the chain when there is a stake (attacks 49). 32 bytes. */
  sealingKey: Uint8Array;
  /** Image of an attested key, 32 bytes; zero for the others. */
  imageHash: Uint8Array;
  /** Its stake as checked on chain; null for a worker that was taken without one. */
  provider: Provider | null;
}

export interface ChoiceOptions {
  settings: Settings;
  chain: ChainClient;
  progress: (line: string) => void;
  /** Stake or owner; else the worker of `settings.workerUrl`; else the best one of the registry. */
  provider?: string;
  /** Take the worker of `settings.workerUrl` without any look at a stake. */
  withoutStake: boolean;
  /** Unix seconds that the worker's key has to outlive. */
  deadline: number;
  /** nanoTON that the stake has to have free. */
  coverage?: bigint;
  /** What the worker key must be; bonded when unset. Never another one (attacks 55). */
  tier?: TierValue;
  /** Whether a worker's descriptor suits the job: throws a typed error when not. */
  checkDescriptor: (descriptor: WorkerDescriptor) => void;
  /** Root of the model, lowercase hex. */
  modelRoot: string;
}

/**
 * Finds the worker and checks on chain, before anything is paid, what stands behind it: the stake's address computed
 * from registry and owner (attacks 37), the active stake, and the worker key with the key that requests are sealed to.
 */
export async function chooseWorker(options: ChoiceOptions): Promise<ChosenWorker> {
  const { settings, progress } = options;
  if (options.withoutStake) {
    const url = requireUrl(options);
    const descriptor = await new WorkerApi(url).descriptor();
    options.checkDescriptor(descriptor);
    progress('WITHOUT STAKE: this worker loses nothing if it lies, and seals to the key that it names itself');
    return { url, descriptor, sealingKey: Buffer.from(descriptor.sealingKey, 'hex'), imageHash: new Uint8Array(32), provider: null };
  }
  if (options.provider !== undefined) {
    const provider = await namedProvider(options, options.provider);
    return workerOf(options, provider);
  }
  if (settings.workerUrl === undefined) return bestWorker(options);
  const descriptor = await new WorkerApi(settings.workerUrl).descriptor();
  options.checkDescriptor(descriptor);
  if (/^0+$/.test(descriptor.stake)) {
    throw new ChainStateError('chain.no-stake', 'this worker has no stake: it loses nothing if it lies', {
      received: settings.workerUrl,
      hint: 'choose another one (cocoon provider list), or give --without-stake',
    });
  }
  const provider = await stakeAt(options, new Address(0, Buffer.from(descriptor.stake, 'hex')));
  return checked(options, settings.workerUrl, descriptor, provider);
}

function requireUrl({ settings, provider }: ChoiceOptions): string {
  if (settings.workerUrl !== undefined && provider === undefined) return settings.workerUrl;
  throw new UsageError('usage.without-stake', 'a worker without stake cannot be found on chain', {
    expected: '--without-stake together with --worker-url, and no --provider',
    received: provider === undefined ? 'no --worker-url' : `--provider ${provider.slice(0, 80)}`,
  });
}

/** A stake that is one of our registry, by computing its address again. @throws ChainStateError */
async function stakeAt({ settings, chain }: ChoiceOptions, stake: Address): Promise<Provider> {
  const registry = await registryOf(settings);
  const account = await chain.getAccount(stake);
  if (account.state !== 'active') {
    throw new ChainStateError('chain.no-stake', 'there is no stake at this address', {
      received: `${stake.toRawString()}, an ${account.state} account`,
      hint: 'choose another worker (cocoon provider list), or give --without-stake',
    });
  }
  const provider = await readProvider(historyOf(chain), stake).catch((cause: unknown) => {
    if (cause instanceof CocoonError && cause.code !== 'network.answer') throw cause;
    throw notOfRegistry(stake, registry, cause);
  });
  const { networkId } = settings;
  const expected = await providerStakeAddress({ networkId, registry, owner: provider.owner });
  if (!expected.equals(stake)) throw notOfRegistry(stake, registry);
  return provider;
}

const notOfRegistry = (stake: Address, registry: Address, cause?: unknown): ChainStateError =>
  new ChainStateError('chain.fake-stake', 'this account is not a stake of the registry', {
    expected: `the address that follows from registry ${registry.toRawString()} and an owner`,
    received: stake.toRawString(),
    hint: 'choose another worker (cocoon provider list); check --registry',
    cause,
  });

/** By the address of a stake or of its owner. */
async function namedProvider(options: ChoiceOptions, text: string): Promise<Provider> {
  let address: Address;
  try {
    address = Address.parse(text);
  } catch {
    throw new UsageError('usage.address', '--provider is not an address', {
      expected: 'the address of a stake or of its owner',
      received: text.slice(0, 80),
    });
  }
  const { networkId } = options.settings;
  const registry = await registryOf(options.settings);
  const ofOwner = await providerStakeAddress({ networkId, registry, owner: address });
  const isOwner = (await options.chain.getAccount(ofOwner)).state === 'active';
  return stakeAt(options, isOwner ? ofOwner : address);
}

/** The worker at a provider's endpoint, by the descriptor whose hash is on chain. */
async function workerOf(options: ChoiceOptions, provider: Provider): Promise<ChosenWorker> {
  const { endpoint, descriptorHash } = provider;
  if (endpoint === null) {
    throw new ChainStateError('chain.no-endpoint', 'this provider has not published where its worker is', {
      received: provider.stake.toRawString(),
      hint: 'choose another one: cocoon provider list',
    });
  }
  const descriptor = parseDescriptor(await fetchDescriptor(endpoint, descriptorHash), endpoint);
  options.checkDescriptor(descriptor);
  return checked(options, endpoint, descriptor, provider);
}

/** The cheapest provider that can do the job; at the same price the one with most free stake. */
async function bestWorker(options: ChoiceOptions): Promise<ChosenWorker> {
  const reasons: string[] = [];
  for await (const worker of suitableWorkers(options, reasons)) return worker;
  throw new ChainStateError('chain.no-provider', 'no provider of the registry can do this job', {
    expected: `model ${options.modelRoot}, enough stake, a key that outlives the deadline, a worker that answers`,
    received: reasons.length === 0 ? 'no providers' : reasons.join(', ').slice(0, 300),
    hint: 'cocoon provider list; or give --worker-url',
  });
}

/**
 * All providers of the registry that can do the job, the cheapest first, each checked on chain when its turn comes.
 * @param reasons is told why others cannot
 */
export async function* suitableWorkers(options: ChoiceOptions, reasons: string[]): AsyncIterable<ChosenWorker> {
  const { settings, chain, progress } = options;
  const registry = await registryOf(settings);
  const found = await discoverProviders(historyOf(chain), { networkId: settings.networkId, registry });
  const { providers, unreadable, complete } = found;
  progress(`providers found in the registry's history: ${providers.length}`);
  if (!complete) progress('not all of the history was read: there may be more (cocoon provider list)');
  reasons.push(...unreadable.map((stake) => `stake ${stake.toRawString()} cannot be read`));
  for (const { provider, descriptor, fault } of await rankProviders(providers, options.modelRoot)) {
    if (descriptor === null) {
      reasons.push(fault!);
      continue;
    }
    let worker: ChosenWorker;
    try {
      options.checkDescriptor(descriptor);
      worker = await checked(options, provider.endpoint!, descriptor, provider);
    } catch (error) {
      if (!(error instanceof CocoonError)) throw error;
      reasons.push(error.code);
      continue;
    }
    yield worker;
  }
}

/** The last look before money is spent: enough active stake, and a worker key that outlives the deadline. */
async function checked(options: ChoiceOptions, url: string, descriptor: WorkerDescriptor, provider: Provider): Promise<ChosenWorker> {
  const record = usableKey(descriptor, provider, options);
  if (record.tier === Tier.attested) await requireAttested(options, record, provider);
  if (Buffer.from(record.sealingKey).toString('hex') !== descriptor.sealingKey) {
    options.progress('the worker names another sealing key than the chain: sealing to the one on chain');
  }
  const { stake, status } = provider;
  const { coverage = 0n } = options;
  if (freeStake(status) < coverage) {
    throw new ChainStateError('chain.coverage', 'the stake has not so much left to cover a job with', {
      expected: `at least ${formatTon(coverage)} free`,
      received: `${formatTon(freeStake(status))} at ${stake.toRawString()}`,
      hint: 'less --coverage, or another worker: cocoon provider list',
    });
  }
  options.progress(
    `stake ${stake.toRawString()}: ${formatTon(status.active)} active, ${formatTon(freeStake(status))} free, ` +
      `shared by all its jobs; its key outlives the deadline` +
      (status.openCases === 0 ? '' : `; ${status.openCases} DISPUTES about its answers have no verdict yet`),
  );
  return { url, descriptor, sealingKey: record.sealingKey, imageHash: record.imageHash, provider };
}

/** @throws ChainStateError `chain.other-stake`, `chain.key-unknown`, `chain.stake-too-low`, `chain.key-ended` */
function usableKey(
  descriptor: WorkerDescriptor, provider: Provider, { deadline, tier = Tier.bonded }: Pick<ChoiceOptions, 'deadline' | 'tier'>,
): WorkerKeyRecord {
  const { status, keys, stake } = provider;
  const hint = 'choose another worker: cocoon provider list';
  if (descriptor.stake !== stake.hash.toString('hex')) {
    throw new ChainStateError('chain.other-stake', 'the worker serves for another stake', {
      expected: stake.toRawString(),
      received: `0:${descriptor.stake}`,
      hint,
    });
  }
  const record = keys.find(({ workerKey }) => Buffer.from(workerKey).toString('hex') === descriptor.workerKey);
  if (record === undefined || record.tier !== tier) {
    throw new ChainStateError('chain.key-unknown', `the worker's key is not ${tier === Tier.bonded ? 'a bonded' : 'an attested'} key of its stake`, {
      expected: `a key of ${stake.toRawString()}`,
      received: descriptor.workerKey,
      hint,
    });
  }
  if (isKeyUsable(record, status, deadline)) return record;
  if (status.active < status.minimum) {
    throw new ChainStateError('chain.stake-too-low', 'the stake is below the minimum', {
      expected: `at least ${formatTon(status.minimum)} active`,
      received: formatTon(status.active),
      hint,
    });
  }
  throw new ChainStateError('chain.key-ended', "the worker's key ends before the deadline", {
    expected: `later than ${new Date(deadline * 1000).toISOString()}`,
    received: new Date(keyEnd(record) * 1000).toISOString(),
    hint,
  });
}
