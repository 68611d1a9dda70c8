/** What relay and worker serve, read field by field: JSON of strangers, of which nothing is believed here. */
import { accountOf, fromHex } from '../chain';
import { PageError } from '../pageError';

export type Json = Readonly<Record<string, unknown>>;

const MAX_LIST_BYTES = 4 * 1024 * 1024;
const MAX_QUOTE_FILE_BYTES = 300_000;
const TIMEOUT_MILLIS = 10_000;

/** A provider as the relay lists it. */
export interface Listed {
  /** Accounts in hex. */
  stake: string;
  owner: string;
  descriptor: string;
  channelPath: string;
}

/** The providers that have a channel, at most 50. @throws PageError `verify.noProviders` */
export async function listedProviders(relay: string, fetcher: typeof fetch): Promise<Listed[]> {
  try {
    const { providers } = objectOf(JSON.parse(await textAt(`${relay}/v1/providers`, MAX_LIST_BYTES, fetcher)));
    if (!Array.isArray(providers)) throw new Error('no list');
    return providers.slice(0, 500).flatMap((entry: unknown) => listed(entry) ?? []).slice(0, 50);
  } catch (error) {
    throw new PageError('verify.noProviders', { key: 'verify.noProviders', params: { problem: error instanceof Error ? error.message : '' } }, error);
  }
}

function listed(entry: unknown): Listed | null {
  try {
    const { stake, owner, descriptor, channel } = objectOf(entry);
    if (typeof stake !== 'string' || typeof owner !== 'string' || typeof descriptor !== 'string' || typeof channel !== 'string') return null;
    const account = accountOf(stake);
    return channel === `/v1/channel/${account}` ? { stake: account, owner: accountOf(owner), descriptor, channelPath: channel } : null;
  } catch {
    return null;
  }
}

/** What a descriptor offers to whoever opens a channel. Amounts in nanoTON, per million tokens. */
export interface Descriptor {
  networkId: number;
  stake: string;
  workerKey: string;
  sealingKey: string;
  payout: string;
  models: readonly { root: string; maxTokens: number; contextTokens: number; isUpstream: boolean }[];
  claimKey: string;
  promptPrice: bigint;
  outputPrice: bigint;
  closeDelay: number;
}

/** null for anything that is none, or offers no channel. */
export function descriptorOf(text: string): Descriptor | null {
  try {
    const { networkId, stake, workerKey, sealingKey, payout, models, channels } = objectOf(JSON.parse(text));
    const { claimKey, promptPriceNano, outputPriceNano, minCloseDelay } = objectOf(channels);
    if (!Array.isArray(models) || models.length > 64 || !Number.isInteger(networkId)) return null;
    return {
      networkId: networkId as number, stake: hash(stake), workerKey: hash(workerKey), sealingKey: hash(sealingKey), payout: hash(payout), claimKey: hash(claimKey),
      promptPrice: nano(promptPriceNano), outputPrice: nano(outputPriceNano), closeDelay: count(minCloseDelay),
      models: models.map((model: unknown) => {
        const { root, maxTokens, contextTokens, backends } = objectOf(model);
        return { root: hash(root), maxTokens: count(maxTokens), contextTokens: count(contextTokens), isUpstream: !Array.isArray(backends) || backends.includes('upstream') };
      }),
    };
  } catch {
    return null;
  }
}

/** A quote as a worker serves it, and the block that its report data names: the rest of what it should be about is on chain. */
export interface ServedQuote {
  quote: Uint8Array;
  blockSeqno: number;
  blockHash: Uint8Array;
}

/** @returns why there is none, where there is none */
export async function servedQuote(relay: string, stake: string, fetcher: typeof fetch): Promise<ServedQuote | string> {
  try {
    const { quote, blockSeqno, blockHash } = objectOf(JSON.parse(await textAt(`${relay}/v1/providers/${stake}/quote`, MAX_QUOTE_FILE_BYTES, fetcher)));
    return { quote: fromHex(quote as string), blockSeqno: count(blockSeqno), blockHash: fromHex(hash(blockHash)) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @throws Error with a few words */
async function textAt(url: string, mostBytes: number, fetcher: typeof fetch): Promise<string> {
  const response = await fetcher(url, { signal: AbortSignal.timeout(TIMEOUT_MILLIS), redirect: 'error', credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let size = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > mostBytes) {
      void reader.cancel().catch(() => undefined);
      throw new Error(`> ${mostBytes}`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

function objectOf(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no object');
  return value as Json;
}
function hash(value: unknown): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) throw new Error('no hash');
  return value;
}
function count(value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= 2 ** 32) throw new Error('no number');
  return value as number;
}
function nano(value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,30}$/.test(value)) throw new Error('no amount');
  return BigInt(value);
}
