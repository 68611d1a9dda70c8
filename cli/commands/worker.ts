import { Command } from 'commander';
import type { ExactModel } from '../../exact';
import { Tier } from '../../protocol';
import { ChainClient } from '../../worker/chain/chainClient';
import type { ChannelOptions } from '../../worker/channels/service';
import { ChannelStore } from '../../worker/channels/store/channelStore';
import { openModel, openServingEngine, type ServedEngine, type ServedModel } from '../../worker/engine';
import { escrowCodes } from '../../worker/jobs/escrowCheck';
import { unixTime } from '../../worker/jobs/settle';
import type { TlsFiles } from '../../worker/http/tls';
import { loadClaimKey, loadWorkerKeys } from '../../worker/keys/workerKeys';
import { createLogger, type Logger } from '../../worker/log';
import { type ServiceOptions, startService } from '../../worker/service';
import { flipBit } from '../../worker/simulatedCheat';
import { JobStore } from '../../worker/store/jobStore';
import { isCard, readCard } from '../../worker/upstream/modelCard';
import { openUpstream } from '../../worker/upstream/open';
import { movePayer } from '../challenge/movePayer';
import { basechainAddress } from '../client/registry';
import { loadWallet } from '../client/wallet';
import { contextOf, withSettings, type Context } from '../context';
import { ConfigurationError, UsageError } from '../errors';
import { parseTon } from '../numbers';

const SETTINGS = [
  'model',
  'backend',
  'engine',
  'upstreamUrl',
  'upstreamKind',
  'upstreamModel',
  'host',
  'port',
  'payout',
  'stake',
  'tier',
  'minPrice',
  'promptPrice',
  'outputPrice',
  'maxCoverage',
  'tokenLimit',
  'minSeconds',
  'queue',
  'parallel',
  'channelParallel',
  'channelRate',
  'senderRate',
  'showTraces',
  'drainSeconds',
  'metricsHost',
  'metricsPort',
  'tlsCert',
  'tlsKey',
  'logLevel',
  'logFile',
] as const;

/** `cocoon worker`: serves paid jobs until it is stopped (SIGINT or SIGTERM). */
export function workerCommand(): Command {
  return withSettings(new Command('worker'), SETTINGS)
    .description('serve paid jobs; a restart takes up what was unfinished')
    .option('--simulate-cheat <kind>', 'devnet only, for the demo: flipped-bit computes with one wrong bit in one layer')
    .action(async (options: Record<string, unknown>) => {
      const context = contextOf(options);
      const worker = await startWorker(context, simulatesCheat(context, options.simulateCheat as string | undefined));
      if (context.settings.tlsCert !== undefined) process.on('SIGHUP', worker.renewTls);
      await stopSignal();
      await worker.stop();
    });
}

/** @throws UsageError `usage.simulate-cheat` */
function simulatesCheat({ settings }: Context, kind: string | undefined): boolean {
  if (kind === undefined) return false;
  if (kind === 'flipped-bit' && settings.network === 'devnet' && settings.engine === 'exact') return true;
  throw new UsageError('usage.simulate-cheat', 'this cheat cannot be simulated here', {
    expected: '--simulate-cheat flipped-bit on a devnet, where nobody loses real money',
    received: `${kind.slice(0, 40)} on ${settings.network}`,
  });
}

/** The files of --tls-cert and --tls-key. @throws ConfigurationError `config.tls-incomplete` */
function tlsFiles({ tlsCert: cert, tlsKey: key }: Context['settings']): TlsFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  throw new ConfigurationError('config.tls-incomplete', 'TLS needs a certificate and its key', {
    expected: '--tls-cert FILE --tls-key FILE', received: `only ${cert === undefined ? '--tls-key' : '--tls-cert'}`,
  });
}

/** Loads everything, starts the service, prints where it listens, and returns what stops it. */
async function startWorker(
  { output, settings, passphrase }: Context,
  cheats: boolean,
): Promise<{ stop(): Promise<void>; renewTls(): void }> {
  const tls = tlsFiles(settings);
  const secret = passphrase();
  const log = createLogger(settings.logLevel, settings.logFile);
  const keys = loadWorkerKeys(settings.dataFolder, secret);
  const workerKey = Buffer.from(keys.signingPublic).toString('hex');
  const store = JobStore.open(settings.dataFolder, { networkId: settings.networkId, workerKey });
  try {
    const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
    await chain.checkNetwork(settings.networkId);
    const payout =
      settings.payout === undefined
        ? loadWallet(settings.dataFolder, settings.networkId, secret).address
        : basechainAddress('payout', settings.payout);
    const { model, engine } = await openEngineOf(settings, log, cheats);
    const defence = await openDefence(settings, chain, model, secret, log);
    const channels = settings.stake === undefined ? undefined : openChannels(settings, workerKey, secret);
    const service = await startService({
      chain,
      store,
      log,
      keys,
      model,
      engine,
      escrowCodes: await escrowCodes(),
      stake:
        settings.stake === undefined
          ? new Uint8Array(32)
          : new Uint8Array(basechainAddress('stake', settings.stake).hash),
      policy: {
        networkId: settings.networkId,
        workerKey: keys.signingPublic,
        tier: Tier[settings.tier],
        payout,
        minPrice: parseTon('--min-price', settings.minPrice),
        minSeconds: settings.minSeconds,
        maxSeconds: 86_400,
      },
      maxTokens: settings.tokenLimit,
      maxCoverage: parseTon('--max-coverage', settings.maxCoverage),
      host: settings.host,
      port: settings.port,
      queueLimit: settings.queue,
      pollSeconds: settings.network === 'devnet' ? 0.5 : 3,
      lagSeconds: 60,
      defence,
      channels,
      admission: {
        parallel: settings.parallel,
        waiting: settings.queue,
        perChannel: settings.channelParallel,
        channelRate: settings.channelRate,
        senderRate: settings.senderRate,
      },
      operator: settings.metricsPort === undefined ? undefined : { host: settings.metricsHost, port: settings.metricsPort, token: settings.operatorToken },
      tls,
      quoteFolder: settings.tier === 'attested' ? settings.dataFolder : undefined,
    });
    if (cheats) log.warn('SIMULATED CHEAT: this worker computes with one wrong bit in its first layer');
    output.result(
      {
        url: service.url,
        workerKey,
        payout: payout.toRawString(),
        backend: engine.backend,
        adapter: engine.adapter,
        ...(service.metricsUrl !== undefined && { metricsUrl: service.metricsUrl, hasPage: service.hasPage }),
      },
      [
        `worker ${workerKey}`,
        `listens at ${service.url}`,
        `is paid at ${payout.toString({ bounceable: false })}`,
        `computes with ${engine.backend} on ${engine.adapter}`,
        ...(service.metricsUrl === undefined ? [] : [`tells its operator at ${service.metricsUrl}${service.hasPage === true ? '/' : '/metrics'}`]),
      ].join('\n'),
    );
    return {
      async stop() {
        await service.stop(settings.drainSeconds);
        await engine.close();
      },
      renewTls: () => service.renewTls(),
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** The model and what computes it: exact arithmetic, or a server of this machine. @throws UsageError `usage.upstream` */
async function openEngineOf(settings: Context['settings'], log: Logger, cheats: boolean): Promise<{ model: ServedModel; engine: ServedEngine }> {
  if (settings.engine === 'exact') {
    const model = openModel(settings.model);
    if (cheats) flipBit(model.model);
    const engine = await openServingEngine(model, settings.backend);
    if (engine.fallbackReason !== undefined)
      log.warn({ code: engine.fallbackReason }, `WebGPU is not used, ${engine.backend} computes`);
    return { model, engine };
  }
  const { model: file, upstreamUrl: url, upstreamKind: kind, upstreamModel: name, tier } = settings;
  if (url === undefined || !isCard(file)) {
    throw new UsageError('usage.upstream', 'an upstream engine needs a server and a model card', {
      expected: '--upstream-url URL and --model CARD',
      received: url === undefined ? 'no --upstream-url' : `--model ${file ?? 'unset'}`,
      hint: 'cocoon model describe makes a card',
    });
  }
  return openUpstream({ model: readCard(file), kind, url, name, tier: Tier[tier] });
}

/** Answers of a bonded key for an exact model can be challenged. */
async function openDefence(settings: Context['settings'], chain: ChainClient, { model }: ServedModel, secret: string | undefined, log: Logger): Promise<ServiceOptions['defence']> {
  if (settings.stake === undefined || Tier[settings.tier] !== Tier.bonded || !isExactModel(model)) return undefined;
  return { model, isSilent: settings.showTraces === 'off', ...(await movePayer(settings, chain, secret, log)) };
}

const isExactModel = (model: ServedModel['model']): model is ExactModel => 'layers' in model;

/** Channels name a stake, so a worker without one serves jobs alone. */
function openChannels(settings: Context['settings'], workerKey: string, secret: string | undefined): ChannelOptions {
  return {
    store: ChannelStore.open(settings.dataFolder, { networkId: settings.networkId, workerKey }, unixTime()),
    claimKey: loadClaimKey(settings.dataFolder, secret),
    promptPrice: parseTon('--prompt-price', settings.promptPrice),
    outputPrice: parseTon('--output-price', settings.outputPrice),
    claimSeconds: settings.network === 'devnet' ? 5 : 60,
  };
}

/**
 * Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. With COCOON_PARENT set it resolves
 * also when that process is no longer the parent, so that nothing outlives a demo that was killed.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const names = ['SIGINT', 'SIGTERM'] as const;
    const parent = Number(process.env.COCOON_PARENT ?? NaN);
    const watch = setInterval(() => void (Number.isInteger(parent) && process.ppid !== parent && onSignal()), 1_000);
    const onSignal = (): void => {
      clearInterval(watch);
      names.forEach((name) => process.removeListener(name, onSignal));
      resolve();
    };
    names.forEach((name) => process.on(name, onSignal));
  });
}
