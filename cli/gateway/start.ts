import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ChannelBackend } from '../../gateway/channel/channelBackend';
import { ClientStore } from '../../gateway/channel/clientStore';
import { LogitsHere } from '../../gateway/channel/logitsHere';
import { MAX_TOP_LOGITS } from '../../exact';
import { type ModelCard, openGateway } from '../../gateway';
import { computesFast } from '../../gateway/audit';
import { Allowance } from '../../gateway/market/allowance';
import { boughtChannel } from '../../gateway/market/boughtChannel';
import { ChannelKeeper, type OwnChannel } from '../../gateway/market/channelKeeper';
import { Experience } from '../../gateway/market/experience';
import { MarketBackend } from '../../gateway/market/marketBackend';
import { marketFacts } from '../../gateway/market/marketFacts';
import type { MarketChannel, Offer } from '../../gateway/market/offer';
import { type Counter, SellerBook } from '../../gateway/market/seller';
import { Tier, toHex, type TierValue } from '../../protocol';
import { ChainClient, sleep } from '../../worker/chain/chainClient';
import { openModel, openServingEngine } from '../../worker/engine';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { unixTime } from '../../worker/jobs/settle';
import { createLogger } from '../../worker/log';
import { isCard, readCard } from '../../worker/upstream/modelCard';
import type { Context } from '../context';
import { formatTon } from '../output';
import { openAudits } from './audits';
import { ClientChannels } from './clientChannels';
import { Closers } from './closers';
import { ProviderMarket } from './providerMarket';
import { keepRounds } from './rounds';

/** What a gateway that buys is told besides the settings. Amounts in nanoTON. */
export interface GatewayOptions {
  tier: TierValue;
  images: readonly string[];
  provider?: string;
  deposit: bigint;
  mostChannels: number;
  /** Default: what a channel is filled up to, so that no provider's price decides it. */
  perRequest?: bigint;
  perDay?: bigint;
  idleSeconds: number;
  closesAtEnd: boolean;
  /** Share of the answers that is computed again, 0..1. */
  auditRate: number;
}

/** Beside a worker, whose own is the next lower one. */
const GATEWAY_PORT = 8573;
/** What OpenAI clients get that say nothing of the length. */
const DEFAULT_TOKENS = 1_024;
const PATIENCE_MILLIS = 120_000;
/** Between two looks at the channels. */
const KEEP_MILLIS = 60_000;
const CLOSE_ATTEMPTS = 70;

/** Finds providers, opens a channel with the best of them, listens, and prints where. Returns what stops it. */
export async function startGateway({ output, settings, resolved, passphrase }: Context, options: GatewayOptions): Promise<() => Promise<void>> {
  const log = createLogger(settings.logLevel, settings.logFile);
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await chain.checkNetwork(settings.networkId);
  const exact = isCard(settings.model) ? null : openModel(settings.model);
  const loaded = exact ?? readCard(settings.model!);
  const { config, tokenizer, modelRoot } = loaded.model;
  let isStarting = true;
  const progress = (line: string): void => (isStarting ? output.progress(line) : log.info(line));
  const closers = new Closers();
  try {
    const store = ClientStore.open(join(settings.dataFolder, 'channels', 'client.db'));
    closers.add(() => store.close());
    const experience = Experience.open(join(settings.dataFolder, 'channels', 'experience.db'), unixTime);
    closers.add(() => experience.close());
    let running = (): number => 0;
    // Nobody can compute the answers of a model card again.
    const audits = exact && openAudits({ settings, loaded: exact, rate: options.auditRate, log, isBusy: () => running() > 0 });
    closers.add(() => audits?.close());
    const auditor = audits?.auditor;
    const logits = exact && computesFast(exact) ? new LogitsHere(() => openServingEngine(exact, 'wasm')) : undefined;
    closers.add(() => logits?.close());
    const channels = new ClientChannels({ settings, chain, passphrase: passphrase(), progress }, options.deposit, options.mostChannels);
    const market = new ProviderMarket({ settings, chain, progress, channels, modelRoot, tier: options.tier, images: options.images, provider: options.provider });
    const card: ModelCard = {
      id: loaded.name, createdSeconds: unixTime(), ownedBy: 'open-cocoon', modelRoot, tokenizer, contextTokens: config.context, vocabularySize: config.vocab,
      semantics: config.semantics, mostTopLogits: logits && MAX_TOP_LOGITS,
      get facts() {
        return marketFacts(sellers.offers, auditor);
      },
    };
    const open = (offer: Offer, channel: MarketChannel): Counter => ({
      channel,
      backend: new ChannelBackend(card, boughtChannel(settings.networkId, offer, channel, nodeEd25519), store, unixTime, auditor?.heard, logits),
      owed: () => store.position(channel.address).owed,
    });
    const sellers = new SellerBook({ market, open, tier: options.tier, deposit: options.deposit, now: unixTime }, (error) => log.warn({ error: String(error) }, 'the market could not be read again'));
    closers.add(() => sellers.close());
    const allowance = new Allowance({ perRequest: options.perRequest ?? options.deposit, perDay: options.perDay }, () => store.spentToday());
    const backend = new MarketBackend({ card, sellers, experience, allowance, log, now: unixTime, patienceMillis: PATIENCE_MILLIS, isTrusted: (stake) => auditor?.isTrusted(stake) ?? true });
    running = () => sellers.running;
    const offers = (await sellers.all()).map(({ offer }) => offer);
    const first = await backend.prepare();
    // Handed out at each start and kept nowhere: whoever reads the output of this command may call it.
    const apiKey = randomBytes(24).toString('base64url');
    const port = resolved.port.source === 'default' ? GATEWAY_PORT : settings.port;
    const defaultMaxTokens = Math.min(DEFAULT_TOKENS, ...offers.map(({ maxTokens }) => maxTokens));
    const gateway = await openGateway({ backend, log, host: settings.host, port, settings: { apiKey, defaultMaxTokens } });
    const keeper = new ChannelKeeper({ accounts: channels, sellers, rules: { idleSeconds: options.idleSeconds }, log, now: unixTime });
    const keeping = keepRounds([() => keeper.round(), () => experience.write()], KEEP_MILLIS, log);
    if (options.closesAtEnd) closers.add(() => closeChannels(channels, keeper, output.progress));
    closers.add(() => keeping.stop());
    closers.add(() => gateway.close());
    const channel = `0:${toHex(first.address)}`;
    output.result(
      { baseUrl: gateway.url, apiKey, model: card.id, channel, providers: offers.length },
      [
        `OpenAI API at ${gateway.url}, key ${apiKey}, model ${card.id}`,
        options.tier === Tier.attested ? 'bought from attested keys alone' : 'PROVIDERS READ PROMPTS: their keys are bonded, not attested',
        `${offers.length} provider${offers.length === 1 ? '' : 's'} to buy from; paid from channel ${channel}, at most ${formatTon(first.budget)} before it is topped up`,
      ].join('\n'),
    );
    isStarting = false;
    return () => closers.close();
  } catch (error) {
    await closers.close().catch((after: unknown) => log.warn({ error: String(after) }, 'what was opened could not be closed'));
    throw error;
  }
}

/** Asks the providers to close, and waits about the time between two rounds of a worker's claims. */
async function closeChannels(channels: ClientChannels, keeper: ChannelKeeper, progress: (line: string) => void): Promise<void> {
  const nameOf = ({ address }: OwnChannel): string => `0:${toHex(address)}`;
  const { asked, closing } = await keeper.finishAll();
  let waiting = asked;
  for (const channel of asked) progress(`asked the provider to close channel ${nameOf(channel)}`);
  for (const channel of closing) progress(`a provider cannot be reached: the wallet began to close channel ${nameOf(channel)}; what is left is fetched after closeDelay`);
  for (let attempt = 0; waiting.length > 0 && attempt < CLOSE_ATTEMPTS; attempt++) {
    const open: OwnChannel[] = [];
    for (const channel of waiting) {
      const { phase } = await channels.look(channel);
      if (phase === 'ended' || phase === 'absent') progress(`channel ${nameOf(channel)} is closed: the provider is paid, the rest came back`);
      else open.push(channel);
    }
    waiting = open;
    if (waiting.length > 0) await sleep(1_000);
  }
  for (const channel of waiting) progress(`channel ${nameOf(channel)} is not closed yet; it closes when the provider claims, and this gateway sees to it when it runs again`);
}
