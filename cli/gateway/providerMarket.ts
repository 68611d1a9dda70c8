import { type CocoonError, Tier, toHex, type TierValue } from '../../protocol';
import type { Market, MarketChannel, Offer } from '../../gateway/market/offer';
import type { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { unixTime } from '../../worker/jobs/settle';
import { chooseWorker, suitableWorkers, type ChoiceOptions, type ChosenWorker } from '../client/chooseWorker';
import type { WorkerDescriptor } from '../client/workerApi';
import type { Settings } from '../config/resolve';
import type { ClientChannels } from './clientChannels';

export interface MarketChoice {
  settings: Settings;
  chain: ChainClient;
  progress: (line: string) => void;
  channels: ClientChannels;
  modelRoot: Uint8Array;
  tier: TierValue;
  /** Images that an attested key may have, lowercase hex; any that is in force when empty. */
  images: readonly string[];
  /** Only this one: stake or owner. */
  provider?: string;
}

/** Seconds for which a worker's key has to be good when something is bought. */
const KEY_SECONDS = 3_600;

/** The providers of the registry, or the one that was named, as the gateway buys from them. */
export class ProviderMarket implements Market {
  private readonly workers = new Map<string, ChosenWorker>();

  constructor(private readonly choice: MarketChoice) {}

  /** @throws ChainStateError `chain.no-provider`, and what a named provider lacks; ChainApiError */
  async offers(): Promise<Offer[]> {
    const { settings, provider, tier, images } = this.choice;
    const reasons: string[] = [];
    const offers: Offer[] = [];
    const isNamed = provider !== undefined || settings.workerUrl !== undefined;
    const workers = isNamed ? [await chooseWorker({ ...this.options(), provider })] : suitableWorkers(this.options(), reasons);
    for await (const worker of workers) {
      const image = toHex(worker.imageHash);
      if (images.length === 0 || images.includes(image)) offers.push(this.offerOf(worker));
      else reasons.push(`image ${image}`);
    }
    if (offers.length > 0) return offers;
    throw new ChainStateError('chain.no-provider', 'no provider of the registry can be bought from', {
      expected: `an ${tierName(tier)} key, a worker that answers, has model ${toHex(this.choice.modelRoot)} and is paid through channels`,
      received: reasons.length === 0 ? 'no providers' : reasons.join(', ').slice(0, 300),
      hint: tierName(tier) === 'attested' ? 'cocoon provider list; --tier bonded takes providers who can read prompts' : 'cocoon provider list; or give --worker-url',
    });
  }

  channelWith(offer: Offer): Promise<MarketChannel> {
    return this.choice.channels.channelWith(this.workers.get(toHex(offer.stake))!);
  }

  topUp(channel: MarketChannel, nano: bigint): Promise<void> {
    return this.choice.channels.topUp(channel, nano);
  }

  private options(): ChoiceOptions {
    const { settings, chain, progress, modelRoot, tier } = this.choice;
    const root = toHex(modelRoot);
    return {
      settings, chain, progress, withoutStake: false, deadline: unixTime() + KEY_SECONDS, modelRoot: root, tier,
      checkDescriptor: (descriptor) => this.check(descriptor, root),
    };
  }

  private check(descriptor: WorkerDescriptor, root: string): void {
    const { networkId } = this.choice.settings;
    if (descriptor.networkId !== networkId) throw unsuitable('chain.wrong-network', `network ${networkId}`, `network ${descriptor.networkId}`);
    const served = descriptor.models.map((model) => model.root);
    if (!served.includes(root)) throw unsuitable('chain.other-model', `model ${root}`, served.join(', ').slice(0, 200));
    if (descriptor.channels === undefined) throw unsuitable('chain.no-channels', 'a worker that is paid through channels', 'one that takes jobs alone');
  }

  private offerOf(worker: ChosenWorker): Offer {
    const stake = new Uint8Array(worker.provider!.stake.hash);
    this.workers.set(toHex(stake), worker);
    const { channels, workerKey, limits } = worker.descriptor;
    return {
      stake, tier: this.choice.tier, workerKey: new Uint8Array(Buffer.from(workerKey, 'hex')), sealingKey: worker.sealingKey, imageHash: worker.imageHash,
      url: socketUrl(worker.url, channels!.path), promptPrice: BigInt(channels!.promptPriceNano), outputPrice: BigInt(channels!.outputPriceNano),
      maxTokens: limits.maxTokens,
    };
  }
}

const tierName = (tier: TierValue): string => (tier === Tier.attested ? 'attested' : 'bonded');

const unsuitable = (code: string, expected: string, received: string): CocoonError =>
  new ChainStateError(code, 'this worker cannot be bought from', { expected, received, hint: 'choose another one: cocoon provider list' });

/** The worker's channel endpoint: its URL with ws for http, and the path behind its own. */
function socketUrl(url: string, path: string): string {
  return `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}${path}`;
}
