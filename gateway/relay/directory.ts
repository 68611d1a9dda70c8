/** Which workers there are, from the registry alone: a relay connects to nobody else. */
import { z } from 'zod';
import { CocoonError } from '../../protocol/errors';
import { Tier, toHex } from '../../protocol';
import { isKeyUsable, keyEnd, type WorkerKeyRecord } from '../../wrappers';
import { fetchDescriptor, type Discovery, type Provider } from '../../wrappers/discovery';
import type { Logger } from '../../worker/log';
import { GatewayError } from '../errors';
import { checkUrlHost } from './addresses';
import type { Outbound } from './outbound';

/** A worker that may be connected to. */
export interface RelayTarget {
  /** Hash part of the stake, hex. */
  stake: string;
  /** ws: or wss: URL of its channel endpoint. */
  url: string;
}

export interface DirectoryOptions {
  networkId: number;
  /** The providers of the registry, as the chain shows them now. */
  discover: () => Promise<Discovery>;
  outbound: Pick<Outbound, 'download'>;
  /** Whether workers may be on private addresses: on a devnet. */
  isPrivateAllowed: boolean;
  /** Unix seconds. */
  now: () => number;
  log: Logger;
}

/** Longest descriptor that is shown, bytes; the list holds those of all providers. */
const MAX_SHOWN_DESCRIPTOR_BYTES = 16_384;
/** Endpoints that are asked at a time. */
const AT_ONCE = 8;

/** What a relay reads of a descriptor; pages check the rest. */
const descriptorSchema = z.object({
  networkId: z.number(),
  workerKey: z.string(),
  stake: z.string(),
  channels: z.object({ path: z.string().regex(/^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/).max(100) }),
});

interface Entry {
  provider: Provider;
  /** As served, with the hash that is on chain. */
  descriptor: Buffer | null;
  target: RelayTarget | null;
  /** Of the key that its descriptor names. */
  isAttested: boolean;
  /** Why there is no target: the code of the error. */
  fault: string | null;
}

/** The workers of a registry, read again from time to time. What is shown is for pages to check, not to believe. */
export class WorkerDirectory {
  /** By hash of the stake, and by worker key, in hex. */
  private entries = new Map<string, Entry>();
  private shown: Buffer | null = null;
  private reading: Promise<void> | null = null;
  /** Unix seconds of the last reading; 0 before the first. */
  readAt = 0;

  constructor(private readonly options: DirectoryOptions) {}

  /** Reads all of it; two calls at a time are one. @throws CocoonError when the chain does not answer: what was known stays */
  refresh(): Promise<void> {
    this.reading ??= this.read().finally(() => (this.reading = null));
    return this.reading;
  }

  /** @param name hash of a stake or a worker key, 64 lowercase hex digits */
  find(name: string): RelayTarget | null {
    return this.entries.get(name)?.target ?? null;
  }

  /** The bytes that the worker serves, whose hash is on chain; null where there are none. */
  descriptor(name: string): Buffer | null {
    return this.entries.get(name)?.descriptor ?? null;
  }

  /** Where a worker that may be connected to serves the quote about its attested key; null where it has no such key. */
  quoteUrl(name: string): string | null {
    const { provider, target, isAttested } = this.entries.get(name) ?? {};
    return target && isAttested ? `${provider!.endpoint}/v1/quote` : null;
  }

  /** JSON of all providers, reachable or not; null before the first reading. */
  list(): Buffer | null {
    return this.shown;
  }

  private async read(): Promise<void> {
    const { providers, unreadable, complete } = await this.options.discover();
    const entries: Entry[] = [];
    for (let start = 0; start < providers.length; start += AT_ONCE) {
      entries.push(...(await Promise.all(providers.slice(start, start + AT_ONCE).map((provider) => this.entry(provider)))));
    }
    const byName = new Map<string, Entry>();
    // A stake's own name wins over whoever has it as a key.
    for (const entry of entries) for (const { workerKey } of entry.provider.keys) byName.set(toHex(workerKey), entry);
    for (const entry of entries) byName.set(stakeName(entry.provider), entry);
    this.entries = byName;
    this.readAt = this.options.now();
    this.shown = Buffer.from(JSON.stringify({
      networkId: this.options.networkId, readAt: this.readAt, complete, unreadable: unreadable.map((stake) => stake.toRawString()),
      providers: entries.map(shownEntry),
    }));
  }

  private async entry(provider: Provider): Promise<Entry> {
    let descriptor: Buffer | null = null;
    try {
      descriptor = await this.descriptorOf(provider);
      const { record, ...target } = this.target(provider, descriptor);
      return { provider, descriptor, target, isAttested: record.tier === Tier.attested, fault: null };
    } catch (error) {
      if (!(error instanceof CocoonError)) throw error;
      this.options.log.debug({ stake: stakeName(provider), code: error.code }, 'a provider cannot be relayed to');
      return { provider, descriptor, target: null, isAttested: false, fault: error.code };
    }
  }

  /** From the last reading where endpoint and hash are the same, else from its endpoint. */
  private async descriptorOf(provider: Provider): Promise<Buffer> {
    const { endpoint, descriptorHash } = provider;
    if (endpoint === null) throw unusable('it has published no endpoint');
    const known = this.entries.get(stakeName(provider));
    if (known?.descriptor && known.provider.endpoint === endpoint && Buffer.from(descriptorHash).equals(known.provider.descriptorHash)) return known.descriptor;
    const { outbound } = this.options;
    const download = (): Promise<Uint8Array> => outbound.download(`${endpoint}/v1/descriptor`, MAX_SHOWN_DESCRIPTOR_BYTES);
    return Buffer.from(await fetchDescriptor(endpoint, descriptorHash, undefined, download));
  }

  /**
   * An endpoint is connected to when it serves the descriptor that the chain names and that names the stake and a key of it: whoever
   * writes somebody else's host on chain has no relay to attack it with.
   */
  private target(provider: Provider, descriptor: Buffer): RelayTarget & { record: WorkerKeyRecord } {
    const { networkId, isPrivateAllowed, now } = this.options;
    const endpoint = provider.endpoint!;
    let json: unknown;
    try {
      json = JSON.parse(descriptor.toString('utf8'));
    } catch {
      throw unusable('its descriptor is not JSON');
    }
    const parsed = descriptorSchema.safeParse(json);
    if (!parsed.success) throw unusable('its descriptor says nothing of channels');
    const { workerKey, stake, channels, networkId: network } = parsed.data;
    if (network !== networkId || stake !== stakeName(provider)) throw unusable('its descriptor is of another stake');
    const record = provider.keys.find((key) => toHex(key.workerKey) === workerKey);
    if (record === undefined || !isKeyUsable(record, provider.status, now())) throw unusable('its worker key is not usable');
    const url = `${endpoint.replace(/^http/i, 'ws')}${channels.path}`;
    if (!isPrivateAllowed) checkUrlHost(url);
    return { stake, url, record };
  }
}

const stakeName = ({ stake }: Provider): string => stake.hash.toString('hex');

const unusable = (received: string): GatewayError => new GatewayError('gateway.provider-unusable', 'this provider cannot be relayed to', { received });

/** Amounts in nanoTON as decimal text, times in Unix seconds, keys and hashes in hex. */
function shownEntry({ provider, descriptor, target, fault }: Entry): object {
  const { owner, stake, endpoint, status } = provider;
  return {
    stake: stake.toRawString(), owner: owner.toRawString(), registry: status.registry.toRawString(), endpoint, descriptorHash: toHex(provider.descriptorHash),
    activeNano: String(status.active), minimumNano: String(status.minimum), reservedNano: String(status.reserved), thawingNano: String(status.thawing),
    slashedNano: String(status.slashed), faults: status.faults,
    keys: provider.keys.map((key) => ({
      workerKey: toHex(key.workerKey), sealingKey: toHex(key.sealingKey), tier: key.tier, imageHash: toHex(key.imageHash), claims: key.claims,
      tcbStatus: key.tcbStatus, revocationEpoch: key.revocationEpoch, fromUnix: key.fromUnix, endUnix: keyEnd(key),
    })),
    descriptor: descriptor?.toString('utf8') ?? null, channel: target && `/v1/channel/${target.stake}`, fault,
  };
}
