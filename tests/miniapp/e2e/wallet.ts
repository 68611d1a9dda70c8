/** The simulated wallet as tests see it. */
import type { HostConfigInput } from '../../../miniapp/host/config';

export interface TestWallet {
  /** How the page knows it. */
  entry: HostConfigInput['wallets'][number];
  reset(): void;
  close(): Promise<void>;
}

export async function openTestWallet(_api: string): Promise<TestWallet> {
  return { entry: { id: 'simulated', name: 'Simulated wallet', bridgeUrl: 'http://127.0.0.1:9/bridge', universalLink: 'http://127.0.0.1:9/wallet' }, reset: () => undefined, close: async () => undefined };
}
