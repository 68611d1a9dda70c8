import { type Command, Option } from 'commander';
import { openOutbound } from '../../gateway/relay/outbound';
import { WorkerDirectory } from '../../gateway/relay/directory';
import { openRelay } from '../../gateway/relay/server';
import { ChainClient } from '../../worker/chain/chainClient';
import { unixTime } from '../../worker/jobs/settle';
import { createLogger } from '../../worker/log';
import { discoverProviders } from '../../wrappers/discovery';
import { historyOf, registryOf } from '../client/registry';
import type { Context } from '../context';
import { UsageError } from '../errors';

/** Options of a gateway that mean nothing to a relay, which buys nothing. */
const BUYING = ['tier', 'image', 'provider', 'deposit', 'channels', 'maxRequest', 'maxDay', 'idleDays', 'auditRate', 'close', 'model', 'workerUrl'];
/** Beside a worker and a gateway, whose own are the two below. */
const RELAY_PORT = 8574;
/** A devnet's registry changes while one watches. */
const DEVNET_REFRESH_MILLIS = 2_000;

/** `--relay` and what goes with it. */
export function withRelayOptions(command: Command): Command {
  return command
    .addOption(new Option('--relay', 'be a relay instead: pages reach workers through it, and it passes ciphertext only; buys nothing').conflicts(BUYING))
    .option('--origin <origin...>', 'with --relay: origins whose pages may use it, such as https://app.example; * is any');
}

/** A gateway serves this machine: what only a relay heeds is not passed over in silence. @throws UsageError `usage.relay` */
export function requireNoRelayOptions({ origin, tlsCert, tlsKey }: Record<string, unknown>): void {
  if ([origin, tlsCert, tlsKey].every((option) => option === undefined)) return;
  throw new UsageError('usage.relay', '--origin, --tls-cert and --tls-key are options of a relay', { expected: '--relay with them' });
}

/** Listens and prints where. Returns what stops it. @throws CocoonError */
export async function startRelay({ output, settings, resolved }: Context, options: Record<string, unknown>): Promise<() => Promise<void>> {
  const origins = (options.origin as string[] | undefined) ?? [];
  origins.forEach(checkOrigin);
  const tls = tlsFiles(settings);
  const log = createLogger(settings.logLevel, settings.logFile);
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await chain.checkNetwork(settings.networkId);
  const registry = await registryOf(settings);
  const isDevnet = settings.network === 'devnet';
  const outbound = openOutbound(isDevnet);
  const directory = new WorkerDirectory({
    networkId: settings.networkId, discover: () => discoverProviders(historyOf(chain), { networkId: settings.networkId, registry }),
    outbound, isPrivateAllowed: isDevnet, now: unixTime, log,
  });
  const relay = await openRelay({
    directory, outbound, log, host: settings.host, tls, port: resolved.port.source === 'default' ? RELAY_PORT : settings.port,
    settings: { origins, ...(isDevnet && { refreshMillis: DEVNET_REFRESH_MILLIS }) },
  });
  output.result(
    { url: relay.url, origins },
    [
      `relay at ${relay.url}, registry ${registry.toRawString()}`,
      origins.length === 0 ? 'no page may use it: name their origins with --origin' : `pages of ${origins.join(', ')} may use it`,
      'it sees who talks to which worker, when and how much, and the amounts; no prompt and no answer',
    ].join('\n'),
  );
  return () => relay.close();
}

/** @throws UsageError `usage.tls` */
function tlsFiles({ tlsCert, tlsKey }: Context['settings']): { cert: string; key: string } | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert !== undefined && tlsKey !== undefined) return { cert: tlsCert, key: tlsKey };
  throw new UsageError('usage.tls', 'one of the two TLS files is missing', { expected: '--tls-cert and --tls-key together' });
}

/** As browsers write one. @throws UsageError `usage.origin` */
function checkOrigin(text: string): void {
  if (text === '*' || (/^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text)) return;
  throw new UsageError('usage.origin', '--origin is not the origin of a page', {
    expected: 'scheme, host and port as browsers write them, such as https://app.example, or *', received: text.slice(0, 80),
  });
}
