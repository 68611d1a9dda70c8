import { type Address, type Cell, type ContractProvider, type Transaction } from '@ton/core';
import { sha256 } from '@noble/hashes/sha2';
import { CocoonError, equalBytes } from '../protocol';
import { ProviderStake, providerStakeAddress, type StakeStatus, type WorkerKeyRecord } from './ProviderStake';
import { parseProviderActivated } from './registryMessages';

/** What discovery reads from; `TonClient` of @ton/ton is one. */
export interface ChainHistory {
  /** Newest first, from the transaction (lt, hash) on when it is given, that one included or not. */
  getTransactions(
    address: Address,
    options: { limit: number; lt?: string; hash?: string; archival?: boolean },
  ): Promise<Transaction[]>;
  provider(address: Address): ContractProvider;
}

/** A provider as the chain knows it; nothing here is anybody's word. */
export interface Provider {
  owner: Address;
  stake: Address;
  /** null when none was set, or something that is no {@link endpointUrl}. */
  endpoint: string | null;
  /** 32 bytes, SHA-256 of the descriptor. */
  descriptorHash: Uint8Array;
  status: StakeStatus;
  keys: WorkerKeyRecord[];
}

export interface Discovery {
  providers: Provider[];
  /** Stakes that were announced and could not be read now. */
  unreadable: Address[];
  /** False when the search did not reach the registry's first transaction: a limit, or the API knows no more. */
  complete: boolean;
}

export interface DiscoveryOptions {
  networkId: number;
  registry: Address;
  /** Most transactions of the registry that are looked through. Default 2,000. */
  maxTransactions?: number;
  /** Most stakes that are read, the last announced first. Default 200. */
  maxProviders?: number;
}

const PAGE = 50;

/**
 * The providers that a registry logged as active, read from chain history alone: log messages say who, each stake's
 * address is computed again from registry and owner (attacks 37), and its get-methods say the rest. The last announced
 * come first; {@link freeStake} and prices are what to rank by (attacks 24).
 */
export async function discoverProviders(history: ChainHistory, options: DiscoveryOptions): Promise<Discovery> {
  const { networkId, registry, maxTransactions = 2_000, maxProviders = 200 } = options;
  const { owners, complete } = await announcedOwners(history, registry, maxTransactions);
  const providers: Provider[] = [];
  const unreadable: Address[] = [];
  for (const { owner, stake } of owners.slice(0, maxProviders)) {
    if (!(await providerStakeAddress({ networkId, registry, owner })).equals(stake)) continue;
    try {
      providers.push(await readProvider(history, stake));
    } catch {
      unreadable.push(stake);
    }
  }
  return { providers, unreadable, complete: complete && owners.length <= maxProviders };
}

/** State of one stake. @throws what the client throws when there is none or it cannot be reached */
export async function readProvider(history: ChainHistory, stake: Address): Promise<Provider> {
  const contract = ProviderStake.fromAddress(stake);
  const status = await contract.getStatus(history.provider(stake));
  const keys = await contract.getWorkerKeys(history.provider(stake));
  const { owner, descriptorHash } = status;
  const endpoint = status.endpoint === null ? null : endpointUrl(status.endpoint);
  return { owner, stake, endpoint, descriptorHash, status, keys };
}

/** Everybody who was announced, the last one first, each once. */
async function announcedOwners(history: ChainHistory, registry: Address, maxTransactions: number) {
  const owners = new Map<string, { owner: Address; stake: Address }>();
  let cursor: { lt: string; hash: string } | undefined;
  for (let seen = 0; seen < maxTransactions;) {
    const page = await history
      .getTransactions(registry, { limit: PAGE, archival: true, ...cursor })
      .catch((error: unknown) => {
        // Servers without full history refuse what is too old for them; what was found until there counts.
        if (cursor === undefined) throw error;
        return [];
      });
    // Some APIs give the transaction of the cursor again.
    const fresh = page.filter(({ lt }) => cursor === undefined || lt < BigInt(cursor.lt));
    for (const transaction of fresh) {
      for (const { info, body } of transaction.outMessages.values()) {
        const log = info.type === 'external-out' ? announcementOf(body) : null;
        if (log !== null && !owners.has(log.stake.toRawString())) owners.set(log.stake.toRawString(), log);
      }
    }
    const last = fresh.at(-1);
    if (last === undefined) break;
    if (last.prevTransactionLt === 0n) return { owners: [...owners.values()], complete: true };
    seen += fresh.length;
    cursor = { lt: last.lt.toString(), hash: last.hash().toString('base64') };
  }
  return { owners: [...owners.values()], complete: false };
}

/** Who a log message names; null for one of another kind, or with something else than addresses in it. */
function announcementOf(body: Cell): ReturnType<typeof parseProviderActivated> {
  try {
    return parseProviderActivated(body);
  } catch {
    return null;
  }
}

/** Stake that is neither thawing nor reserved for accepted jobs, nanoTON. */
export const freeStake = ({ active, reserved }: StakeStatus): bigint => (active > reserved ? active - reserved : 0n);

/** Cheapest first; at the same price the one with more free stake. Unknown prices come last. */
export function comparePriceThenStake(
  a: { price: bigint | null; status: StakeStatus },
  b: { price: bigint | null; status: StakeStatus },
): number {
  const sign = (left: bigint, right: bigint): number => (left < right ? -1 : left > right ? 1 : 0);
  if (a.price === null || b.price === null) {
    if (a.price !== b.price) return a.price === null ? 1 : -1;
  } else if (a.price !== b.price) {
    return sign(a.price, b.price);
  }
  return sign(freeStake(b.status), freeStake(a.status));
}

/**
 * A worker's endpoint without slashes at its end, or null when it is none: anybody can write any bytes into a stake,
 * and clients print them and ask them for things.
 */
export function endpointUrl(text: string): string | null {
  if (!/^https?:\/\/[\x21-\x7e]+$/i.test(text) || /[?#@\\]/.test(text) || !URL.canParse(text)) return null;
  return text.replace(/\/+$/, '');
}

/** Longest descriptor that is read, bytes. */
export const MAX_DESCRIPTOR_BYTES = 65_536;

/**
 * Fetches `<endpoint>/v1/descriptor` and gives its bytes if their SHA-256 is `descriptorHash`, the one on chain.
 * @throws CocoonError `network.descriptor-unreachable`, `verification.descriptor-hash`
 */
export async function fetchDescriptor(
  endpoint: string,
  descriptorHash: Uint8Array,
  timeoutMillis = 5_000,
  download: (endpoint: string, timeoutMillis: number) => Promise<Uint8Array> = downloadDescriptor,
): Promise<Uint8Array> {
  const bytes = await download(endpoint, timeoutMillis);
  const hash = sha256(bytes);
  if (equalBytes(hash, descriptorHash)) return bytes;
  throw new CocoonError('verification.descriptor-hash', 'the descriptor is not the one that the stake names', {
    expected: `SHA-256 ${Buffer.from(descriptorHash).toString('hex')}`,
    received: `${Buffer.from(hash).toString('hex')} at ${endpoint}`,
    hint: 'its provider has to publish it: cocoon provider descriptor',
  });
}

/** The bytes served at `<endpoint>/v1/descriptor`, unchecked. @throws CocoonError `network.descriptor-unreachable` */
export async function downloadDescriptor(endpoint: string, timeoutMillis = 5_000): Promise<Uint8Array> {
  try {
    const url = endpointUrl(endpoint);
    if (url === null) throw new Error('not an http or https URL');
    const signal = AbortSignal.timeout(timeoutMillis);
    const response = await fetch(`${url}/v1/descriptor`, { redirect: 'error', signal });
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > MAX_DESCRIPTOR_BYTES) throw new Error(`more than ${MAX_DESCRIPTOR_BYTES} bytes`);
      parts.push(part);
    }
    return new Uint8Array(Buffer.concat(parts));
  } catch (cause) {
    throw new CocoonError('network.descriptor-unreachable', 'cannot read the descriptor of a provider', {
      received: `${JSON.stringify(endpoint)}: ${(cause as Error).message}`.slice(0, 200),
      hint: 'its worker may be away',
      cause,
    });
  }
}

export const descriptorHashOf = (bytes: Uint8Array): Uint8Array => sha256(bytes);
