import { Command } from 'commander';
import { AUDIT_RATE } from '../../gateway/audit';
import { Tier } from '../../protocol';
import { ChainClient } from '../../worker/chain/chainClient';
import { unixTime } from '../../worker/jobs/settle';
import { requestFaucet } from '../client/devnetApi';
import { tierOf } from '../client/tier';
import { deployWallet, loadWallet } from '../client/wallet';
import { NETWORKS } from '../config/settings';
import { contextOf, withSettings } from '../context';
import { Stage, type WorkerReady } from '../demo/stage';
import { UsageError } from '../errors';
import { LEAST_DEPOSIT } from '../gateway/clientChannels';
import { type GatewayOptions, startGateway } from '../gateway/start';
import { parseNumber, parseTon } from '../numbers';
import { formatTon } from '../output';
import { auditsCommand } from './gatewayAudits';
import { channelsCommand } from './gatewayChannels';
import { requireNoRelayOptions, startRelay, withRelayOptions } from './relay';
import { stopSignal } from './worker';

const SETTINGS = ['model', 'workerUrl', 'registry', 'host', 'port', 'tlsCert', 'tlsKey', 'logLevel', 'logFile'] as const;
const DAY_SECONDS = 86_400;

/** `cocoon gateway`: an OpenAI-compatible endpoint on this machine whose answers are bought over payment channels. */
export function gatewayCommand(): Command {
  return withRelayOptions(withSettings(new Command('gateway'), SETTINGS))
    .description('serve the OpenAI API on this machine; answers are bought from providers over payment channels')
    .option('--tier <tier>', 'attested: only keys whose trust domain a contract verified; bonded: PROVIDERS READ PROMPTS', 'attested')
    .option('--image <hash...>', 'only attested keys of these images (default: any that is in force)')
    .option('--provider <address>', 'stake or owner of the only provider to buy from; else all of the registry')
    .option('--deposit <TON>', 'what a channel is filled up to', '0.5')
    .option('--channels <n>', 'most channels that hold money at a time', '4')
    .option('--max-request <TON>', 'most that one request may cost (default: what a channel holds)')
    .option('--max-day <TON>', 'most that is spent in a day, UTC (default: no limit but the wallet)')
    .option('--idle-days <n>', 'a channel that was not used for so long is closed', '3')
    .option('--audit-rate <share>', 'of the answers, that is computed again on this machine: 0 none, 1 all', String(AUDIT_RATE))
    .option('--close', 'close the channels at the end: providers are paid and the rest comes back')
    .action(async (options: Record<string, unknown>) => {
      const context = contextOf(options);
      if (options.relay !== true) requireNoRelayOptions(options);
      const stop = options.relay === true ? await startRelay(context, options) : await startGateway(context, optionsOf(options));
      await stopSignal();
      await stop();
    })
    .addCommand(channelsCommand())
    .addCommand(auditsCommand())
    .addCommand(demoCommand());
}

/** @throws UsageError */
function optionsOf(options: Record<string, unknown>): GatewayOptions {
  const ton = (flag: string, value: unknown): bigint | undefined => (value === undefined ? undefined : parseTon(flag, String(value)));
  const images = (options.image as string[] | undefined) ?? [];
  const wrong = images.find((image) => !/^[0-9a-f]{64}$/.test(image));
  if (wrong !== undefined) throw new UsageError('usage.image', '--image is not the hash of an image', { expected: '64 hexadecimal digits', received: wrong.slice(0, 80) });
  const deposit = parseTon('--deposit', String(options.deposit));
  if (deposit < LEAST_DEPOSIT) {
    throw new UsageError('usage.deposit', '--deposit is too little for a channel: nothing could be bought with it', {
      expected: `at least ${formatTon(LEAST_DEPOSIT)}`, received: formatTon(deposit),
    });
  }
  return {
    tier: tierOf(String(options.tier)),
    images,
    provider: options.provider as string | undefined,
    deposit,
    mostChannels: parseNumber('--channels', String(options.channels), 1, 64, true),
    perRequest: ton('--max-request', options.maxRequest),
    perDay: ton('--max-day', options.maxDay),
    idleSeconds: parseNumber('--idle-days', String(options.idleDays), 1, 29) * DAY_SECONDS,
    closesAtEnd: options.close === true,
    auditRate: parseNumber('--audit-rate', String(options.auditRate), 0, 1),
  };
}

/** `cocoon gateway demo`: a devnet, a provider and its worker as processes, and a gateway that buys from it, until SIGTERM. */
function demoCommand(): Command {
  return withSettings(new Command('demo'), ['model', 'backend'])
    .description('a simulated chain, a provider and a gateway; prints where the OpenAI API is and runs until it is stopped')
    .action(async (_: unknown, command: Command) => {
      // The command above has the same options, and takes them from wherever they stand.
      const flags = command.optsWithGlobals();
      const { output, settings } = contextOf(flags);
      const stage = new Stage(output);
      try {
        await stage.startDevnet();
        const model = settings.model === undefined ? [] : ['--model', settings.model];
        const provider = await stage.startProvider('provider', ['--backend', settings.backend, ...model]);
        const { url, backend, adapter } = await provider.process.next<WorkerReady>();
        output.progress(`worker answers at ${url}, computes with ${backend} on ${adapter}`);
        await stage.join(provider, url, 2_000_000_000n);
        const context = stage.contextOf('client', { model: settings.model, port: 0, logLevel: 'warn' });
        const chain = new ChainClient({ endpoint: stage.endpoint });
        const wallet = loadWallet(context.settings.dataFolder, NETWORKS.devnet);
        await requestFaucet(stage.endpoint, wallet.address, 2_000_000_000n);
        await deployWallet(chain, wallet, unixTime() + 60);
        const stopped = stopSignal();
        const stop = await startGateway({ ...context, output }, { ...optionsOf(flags), tier: Tier.bonded });
        await stopped;
        await stop();
      } catch (error) {
        throw stage.reasonOf(error);
      } finally {
        await stage.close(false);
      }
    });
}
