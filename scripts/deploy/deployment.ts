import type { Cell, Sender } from '@ton/core';
import type { NetworkProvider } from '@ton/blueprint';
import { historyOf } from '../../cli/client/registry';
import { resolveSettings, toSettings, type Settings } from '../../cli/config/resolve';
import { NETWORKS, type NetworkName } from '../../cli/config/settings';
import { ConfigurationError } from '../../cli/errors';
import { exitCodeOf } from '../../cli/exitCodes';
import { formatError, type Output } from '../../cli/output';
import { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { CODE_HASHES, type ContractName } from '../../wrappers';
import type { ChainHistory } from '../../wrappers/discovery';
import { readParameters, type Parameters } from './parameters';

/** What the scripts use of Blueprint. */
export interface Blueprint {
  network(): ReturnType<NetworkProvider['network']>;
  api(): object;
  sender(): Sender;
  ui(): { write(line: string): void };
}

/** What every deployment script works with. */
export interface Deployment {
  settings: Settings;
  parameters: Parameters;
  /** Reads with retries and typed errors; Blueprint's own client only sends. */
  chain: ChainClient;
  history: ChainHistory;
  blueprint: Blueprint;
  output: Output;
  pollMillis: number;
  /** Prints `label value` for people. */
  print(label: string, value: string): void;
}

type Script = (deployment: Deployment) => Promise<void>;

/** A Blueprint script whose errors are printed without a stack trace and decide the exit code as the command line's. */
export function script(body: Script): (blueprint: NetworkProvider) => Promise<void> {
  const withTypedErrors = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      process.stderr.write(`${formatError(error)}\n`);
      process.exit(exitCodeOf(error));
    }
  };
  // Blueprint opens the wallet after it has loaded the script, and would answer with a stack trace.
  if (process.argv[2] === 'run') void withTypedErrors(async () => checkMnemonic(process.argv, process.env));
  return (blueprint) => withTypedErrors(async () => body(await openDeployment(blueprint, process.env)));
}

/** @throws ConfigurationError `config.wallet` unless Blueprint can open the wallet that its flags name */
export function checkMnemonic(flags: readonly string[], env: NodeJS.ProcessEnv): void {
  if (!flags.includes('--mnemonic')) return;
  const version = env.WALLET_VERSION?.toLowerCase() ?? '';
  const words = (env.WALLET_MNEMONIC ?? '').split(' ').filter((word) => word !== '').length;
  if (/^(v1r[123]|v2r[12]|v3r[12]|v4|v4r[12]|v5r1)$/.test(version) && (words === 12 || words === 24)) return;
  throw new ConfigurationError('config.wallet', '--mnemonic needs a wallet in the environment or in .env', {
    expected: 'WALLET_MNEMONIC of 24 (or 12) words and WALLET_VERSION such as v4 or v5r1',
    received: `${words} words, version ${version === '' ? 'not set' : JSON.stringify(version)}`,
  });
}

/**
 * @throws ConfigurationError `config.*`; ChainStateError `chain.wrong-network` when the chain is not the one named
 */
export async function openDeployment(blueprint: Blueprint, env: NodeJS.ProcessEnv): Promise<Deployment> {
  const parameters = readParameters(env);
  const network = networkOf(blueprint, env);
  const registry = parameters.registry?.toRawString();
  const settings = toSettings(resolveSettings({ flags: { network, api: endpointOf(blueprint), registry }, env }));
  checkWallet(settings, blueprint, env);
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await checkChain(chain, settings);
  const write = (line: string): void => blueprint.ui().write(line);
  const print = (label: string, value: string): void => write(`${label.padEnd(12)}${value}`);
  print('network', `${network} (${settings.networkId}) at ${settings.api}`);
  return {
    settings,
    parameters,
    chain,
    history: historyOf(chain),
    blueprint,
    output: { json: false, progress: write, event: () => undefined, result: (_, text) => write(text) },
    pollMillis: network === 'devnet' ? 100 : 2_000,
    print,
  };
}

async function checkChain(chain: ChainClient, { api, network, networkId }: Settings): Promise<void> {
  const served = await chain.networkId();
  if (served === networkId) return;
  throw new ChainStateError('chain.wrong-network', 'the chain is not the network that was named', {
    expected: `network ${networkId} (${network})`,
    received: `network ${served} at ${api}`,
    hint: 'name the network: --testnet, --mainnet, or COCOON_NETWORK beside --custom',
  });
}

/** Our name of Blueprint's network; a custom one is a devnet unless COCOON_NETWORK says what it is. */
function networkOf(blueprint: Blueprint, env: NodeJS.ProcessEnv): NetworkName {
  const flag = blueprint.network();
  const named = env.COCOON_NETWORK === '' ? undefined : env.COCOON_NETWORK;
  const network = flag === 'custom' ? (named ?? 'devnet') : flag;
  if (network in NETWORKS && (named ?? network) === network) return network as NetworkName;
  throw new ConfigurationError('config.network', 'this network cannot be deployed to', {
    expected: `${Object.keys(NETWORKS).join(', ')}, the same for Blueprint and in COCOON_NETWORK`,
    received: `${flag} for Blueprint, ${named ?? 'nothing'} in COCOON_NETWORK`,
  });
}

function endpointOf(blueprint: Blueprint): string {
  const { parameters } = blueprint.api() as { parameters?: { endpoint?: unknown } };
  if (typeof parameters?.endpoint === 'string') return parameters.endpoint;
  throw new ConfigurationError('config.api', 'this kind of API cannot be used', {
    expected: 'a toncenter v2 API: --testnet, --mainnet, or --custom URL --custom-version v2',
    received: 'another version',
  });
}

/** Blueprint gives a V5 wallet of an unknown network the id of mainnet, where what it signs would be valid too. */
function checkWallet({ network, networkId }: Settings, blueprint: Blueprint, env: NodeJS.ProcessEnv): void {
  if (blueprint.network() !== 'custom' || env.WALLET_VERSION?.toLowerCase() !== 'v5r1') return;
  if (Number(env.WALLET_NETWORK_ID) === networkId) return;
  throw new ConfigurationError('config.wallet', 'the V5 wallet is not one of this network', {
    expected: `WALLET_NETWORK_ID=${networkId} for ${network}`,
    received: env.WALLET_NETWORK_ID ?? 'nothing, which Blueprint takes for mainnet',
  });
}

/** What is about to be deployed is what was published. @throws ConfigurationError `config.build` */
export function requirePublished(contract: ContractName, code: Cell): void {
  const received = code.hash().toString('hex');
  if (received === CODE_HASHES[contract]) return;
  throw new ConfigurationError('config.build', `the compiled ${contract} is not the published one`, {
    expected: `code ${CODE_HASHES[contract]} (docs/code-hashes.md)`,
    received: `code ${received} in build/`,
    hint: 'npm run build; after a change of the contracts also npm run docs:update',
  });
}
