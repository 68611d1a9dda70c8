import { Address } from '@ton/core';
import { Command } from 'commander';
import { advanceDevnet, requestFaucet } from '../client/devnetApi';
import { NETWORKS } from '../config/settings';
import { contextOf, withSettings } from '../context';
import { ConfigurationError, UsageError } from '../errors';
import { parseNumber, parseTon } from '../numbers';
import { formatTon } from '../output';
import { stopSignal } from './worker';

/** Port of a devnet when none is chosen; the default --api of the network devnet names it too. */
const DEVNET_PORT = 8571;

/** `cocoon devnet`: runs the simulated chain; `faucet` and `advance` talk to one that runs. */
export function devnetCommand(): Command {
  return withSettings(new Command('devnet'), ['host', 'port'])
    .description(
      `run a simulated chain behind the toncenter v2 HTTP API (default port ${DEVNET_PORT}); nothing is kept`,
    )
    .action(runDevnet)
    .addCommand(faucetCommand())
    .addCommand(advanceCommand());
}

async function runDevnet(options: Record<string, unknown>): Promise<void> {
  const { output, settings, resolved } = contextOf(options);
  if (settings.network !== 'devnet') {
    throw new ConfigurationError('config.network', 'a devnet serves only the network devnet', {
      received: settings.network,
    });
  }
  const { startDevnet } = await import('../../devnet');
  const port = resolved.port.source === 'default' ? DEVNET_PORT : settings.port;
  const devnet = await startDevnet({
    host: settings.host,
    port,
    networkId: NETWORKS.devnet,
    registry: true,
    attestation: true,
    log: (line) => output.progress(line),
  }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.syscall !== 'listen') throw cause;
    throw new ConfigurationError('config.port', 'cannot listen', {
      received: `${settings.host}:${port} (${cause.code})`,
      hint: 'choose another --port',
      cause,
    });
  });
  const registry = devnet.registry!.toRawString();
  const result = { url: devnet.endpoint, networkId: devnet.networkId, registry, chain: 'devnet (simulated chain)' };
  output.result(
    result,
    `devnet (simulated chain), network ${devnet.networkId}\nanswers at ${devnet.endpoint}\nregistry ${registry}`,
  );
  await stopSignal();
  await devnet.close();
}

function faucetCommand(): Command {
  return withSettings(new Command('faucet'))
    .description('send coins of the simulated chain to an address')
    .argument('<address>', 'who gets them')
    .option('--amount <TON>', 'how many', '10')
    .action(async (text: string, _own: unknown, command: Command) => {
      const options = command.optsWithGlobals();
      const { output, settings } = contextOf(options);
      const amount = parseTon('--amount', options.amount as string);
      const address = parseAddress(text);
      await requestFaucet(settings.api, address, amount);
      output.result(
        { address: address.toRawString(), amountNano: amount },
        `${formatTon(amount)} of the simulated chain sent`,
      );
    });
}

function advanceCommand(): Command {
  return withSettings(new Command('advance'))
    .description('move the clock of the simulated chain forward')
    .argument('<seconds>', 'how far')
    .action(async (text: string, _own: unknown, command: Command) => {
      const { output, settings } = contextOf(command.optsWithGlobals());
      const seconds = parseNumber('<seconds>', text, 1, 315_360_000, true);
      output.result(await advanceDevnet(settings.api, seconds), `the simulated chain is ${seconds} s further`);
    });
}

function parseAddress(text: string): Address {
  try {
    return Address.parse(text);
  } catch {
    throw new UsageError('usage.address', 'this is not an address', {
      expected: 'a TON address',
      received: text.slice(0, 80),
    });
  }
}

export { advanceDevnet, requestFaucet };
