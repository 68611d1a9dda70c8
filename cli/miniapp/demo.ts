import { type HostConfigInput, parseHostConfig } from '../../miniapp/host/config';
import { openHost } from '../../miniapp/host/server';
import { startSimulatedWallet } from '../../miniapp/host/simulated';
import { requestFaucet } from '../client/devnetApi';
import { NETWORKS } from '../config/settings';
import type { Stage, WorkerReady } from '../demo/stage';
import type { Output } from '../output';
import { openChainOperator } from './chainOperator';

/** TON per million tokens; some hundred times what is usual, so that a few answers come to something that one can see. */
const PRICES = ['--prompt-price', '50', '--output-price', '100'];
const STAKE = 2_000_000_000n;
const DEPOSIT = 500_000_000n;
const WALLET_NANO = 20_000_000_000n;

export interface MiniappScene {
  url: string;
  relay: string;
  /** Stake of the provider. */
  stake: string;
  /** Account of the wallet, which says yes to everything. */
  wallet: string;
  /** What of all this stands for something that it is not. */
  simulated: readonly string[];
}

const SIMULATED = ['chain', 'hardware of the provider', 'independence of the second chain API', 'wallet'] as const;

/** Everything that the page needs, on this machine. @param ends gets what ends it, in the order in which it was begun */
export async function playMiniapp(
  stage: Stage, output: Output, { model, backend, host, port }: { model?: string; backend: string; host: string; port: number }, ends: (() => unknown)[],
): Promise<MiniappScene> {
  await stage.startDevnet();
  const engine = ['--backend', backend, ...(model === undefined ? [] : ['--model', model])];
  const provider = await stage.startProvider('provider', [...engine, '--tier', 'attested', ...PRICES]);
  const { url: worker, backend: computes, adapter } = await provider.process.next<WorkerReady>();
  output.progress(`worker answers at ${worker}, computes with ${computes} on ${adapter}`);
  await stage.join(provider, worker, STAKE, 'simulated');

  const devnet = new URL('/', stage.endpoint).href;
  const second = await openChainOperator(devnet);
  ends.push(second.close);
  const { bridgeUrl, universalLink, wallet, close } = await startSimulatedWallet({ endpoint: stage.endpoint, networkId: NETWORKS.devnet, checksManifest: true, log: (line) => output.progress(line) });
  ends.push(close);
  await requestFaucet(stage.endpoint, wallet.address, WALLET_NANO);
  let relay = '';
  const page = await openHost({ host, port, config: async (origin) => {
    relay = (await stage.start('relay', ['gateway', '--relay', '--port', '0', '--origin', origin]).next<{ url: string }>()).url;
    output.progress(`relay at ${relay} passes ciphertext between ${origin} and the worker`);
    const config: HostConfigInput = {
      origin, name: 'Open Cocoon (demo)', network: 'devnet', registry: stage.registryAddress, relay,
      apis: [{ name: 'Devnet', url: `${devnet}api/v2` }, { name: 'Devnet again (SIMULATED second operator)', url: second.url }],
      models: [{ file: model }], quoteRoot: 'simulated', wallets: [{ id: 'simulated', name: 'Simulated wallet', bridgeUrl, universalLink }], deposit: String(DEPOSIT),
    };
    return parseHostConfig(config);
  } });
  ends.push(() => page.close());
  return { url: page.url, relay, stake: provider.stake.toRawString(), wallet: wallet.address.toRawString(), simulated: SIMULATED };
}

export const describeMiniapp = ({ url, stake, wallet }: MiniappScene): string => [
  `page       ${url}`,
  `provider   ${stake}, attested by a SIMULATED platform: the page shows "test hardware", never green`,
  `wallet     ${wallet}, SIMULATED: it is behind a real bridge and says yes to everything`,
  'chain      a devnet (simulated); both chain APIs are the same one, so that they agree proves nothing here',
  '',
  'Ctrl-C ends all of it and removes what it kept.',
].join('\n');
