import { Address } from '@ton/core';
import { Command } from 'commander';
import { ChainApiError } from '../../worker/errors';
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
    log: (line) => output.progress(line),
  }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.syscall !== 'listen') throw cause;
    throw new ConfigurationError('config.port', 'cannot listen', {
      received: `${settings.host}:${port} (${cause.code})`,
      hint: 'choose another --port',
      cause,
    });
  });
  const result = { url: devnet.endpoint, networkId: devnet.networkId, chain: 'devnet (simulated chain)' };
  output.result(result, `devnet (simulated chain), network ${devnet.networkId}\nanswers at ${devnet.endpoint}`);
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

/** Sends coins of a running devnet. @throws ChainApiError */
export function requestFaucet(api: string, address: Address, amountNano: bigint): Promise<unknown> {
  return callDevnet(api, 'faucet', { address: address.toRawString(), amountNano: amountNano.toString() });
}

/** Moves the clock of a running devnet. @throws ChainApiError */
export function advanceDevnet(api: string, seconds: number): Promise<unknown> {
  return callDevnet(api, 'advance', { seconds });
}

async function callDevnet(api: string, call: string, body: object): Promise<unknown> {
  const url = new URL(`/devnet/${call}`, api);
  let reply: { ok?: boolean; result?: unknown; error?: string };
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    reply = (await response.json()) as typeof reply;
  } catch (cause) {
    throw new ChainApiError('network.unreachable', 'cannot reach the devnet', {
      received: url.origin,
      hint: 'start one: cocoon devnet',
      cause,
    });
  }
  if (reply.ok !== true) {
    throw new ChainApiError('network.answer', 'the devnet refused', { received: String(reply.error).slice(0, 200) });
  }
  return reply.result;
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
