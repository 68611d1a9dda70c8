/** The SIMULATED wallet of the demo: money of the devnet, a bridge, and a door for links. */
import type { HostConfigInput } from '../../miniapp/host/config';
import type { Stage } from '../demo/stage';
import type { Output } from '../output';

export interface DemoWallet {
  address: string;
  /** How the page knows it. */
  entry: HostConfigInput['wallets'][number];
  close(): Promise<void>;
}

export async function openDemoWallet(_stage: Stage, _output: Output): Promise<DemoWallet> {
  return { address: '', entry: { id: 'simulated', name: 'Simulated wallet', bridgeUrl: 'http://127.0.0.1:9/bridge', universalLink: 'http://127.0.0.1:9/connect' }, close: async () => undefined };
}
