import { Address } from '@ton/core';
import {
  accountableSeconds,
  keyEnd,
  ProviderStake,
  providerStakeAddress,
  type WorkerKeyRecord,
} from '../../wrappers';
import { readProvider, type ChainHistory, type Provider } from '../../wrappers/discovery';
import { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { checkRegistry, historyOf, registryOf } from '../client/registry';
import { loadWallet, payerOf, type Payer } from '../client/wallet';
import type { Settings } from '../config/resolve';
import type { Context } from '../context';
import { UsageError } from '../errors';

/** An owner's wallet, the stake that follows from it, and what is needed to talk to both. */
export interface StakeAccount {
  chain: ChainClient;
  history: ChainHistory;
  networkId: number;
  registry: Address;
  wallet: Payer;
  stake: ProviderStake;
  pollMillis: number;
}

/** Opens the owner's key (creating it) and computes the stake's address; nothing is sent. */
export async function openStakeAccount(context: Context): Promise<StakeAccount> {
  const { settings } = context;
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await chain.checkNetwork(settings.networkId);
  const owner = (): Payer =>
    payerOf(chain, loadWallet(settings.dataFolder, settings.networkId, context.passphrase(), 'owner-ed25519'));
  return stakeAccountOf(settings, chain, owner);
}

/** The stake of an owner, whoever holds its wallet; the registry is checked before a key is opened. */
export async function stakeAccountOf(
  settings: Settings,
  chain: ChainClient,
  owner: () => Payer,
): Promise<StakeAccount> {
  const registry = await registryOf(settings);
  await checkRegistry(chain, registry);
  const wallet = owner();
  const { networkId } = settings;
  const stake = await ProviderStake.fromOwner({ networkId, registry, owner: wallet.address });
  const pollMillis = settings.network === 'devnet' ? 100 : 2_000;
  return { chain, history: historyOf(chain), networkId, registry, wallet, stake, pollMillis };
}

/** What the chain shows of a stake, or null when there is no account. */
export async function readStake(
  { chain, history }: Pick<StakeAccount, 'chain' | 'history'>,
  stake: Address,
): Promise<Provider | null> {
  const { state } = await chain.getAccount(stake);
  if (state === 'absent') return null;
  if (state === 'active') return readProvider(history, stake);
  throw new ChainStateError('chain.frozen', 'the stake is frozen: its rent was not paid', {
    received: stake.toRawString(),
    hint: 'send it TON to pay the rent',
  });
}

/**
 * Refuses an account that answers like a stake and is none: a stake's address follows from its own registry and owner.
 * @throws ChainStateError `chain.fake-stake`
 */
export async function requireGenuine(networkId: number, { stake, owner, status }: Provider): Promise<void> {
  const expected = await providerStakeAddress({ networkId, registry: status.registry, owner });
  if (!expected.equals(stake)) throw notAStake(stake);
}

export const notAStake = (address: Address, cause?: unknown): ChainStateError =>
  new ChainStateError('chain.fake-stake', 'this account is not a stake', {
    expected: 'the address that follows from a registry and an owner',
    received: address.toRawString(),
    hint: 'cocoon provider list shows the stakes of a registry',
    cause,
  });

/** Unix time of the chain as the API shows it. */
export const chainTime = async ({ chain, wallet }: StakeAccount): Promise<number> =>
  (await chain.getAccount(wallet.address)).apiTime;

/** @throws ChainStateError `chain.no-stake` */
export async function requireStake(account: StakeAccount): Promise<Provider> {
  const provider = await readStake(account, account.stake.address);
  if (provider !== null) return provider;
  throw new ChainStateError('chain.no-stake', 'this owner has no stake yet', {
    received: `owner ${account.wallet.address.toRawString()}`,
    hint: 'cocoon provider init',
  });
}

/** What a key is good for now. */
export type KeyState = 'works' | 'ending' | 'accountable' | 'prunable';

export function keyState(record: WorkerKeyRecord, now: number): KeyState {
  const end = keyEnd(record);
  if (now < end) return record.removedAt === 0 ? 'works' : 'ending';
  return now < end + accountableSeconds(record) ? 'accountable' : 'prunable';
}

/** 32 bytes from hex. @throws UsageError `usage.key` */
export function parseKey(text: string): Buffer {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  throw new UsageError('usage.key', 'this is not a worker key', {
    expected: '64 hex digits',
    received: text.slice(0, 80),
  });
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(Buffer.from(b));
/** Unix seconds as a date for people. */
export const dateOf = (unix: number): string => new Date(unix * 1000).toISOString().replace('.000Z', 'Z');
