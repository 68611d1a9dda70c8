import { after, before } from 'node:test';
import type { Address } from '@ton/core';
import { type Devnet, startDevnet } from '../../../devnet';
import { type SimulatedWalletServer, startSimulatedWallet, type WalletOptions } from '../../../miniapp/host/simulated';
import { connectWallet, type ConnectOptions } from '../../../miniapp/src/wallet';
import type { PlainStorage } from '../../../miniapp/src/wallet/storage';
import type { PageWallet } from '../../../miniapp/src/wallet/pageWallet';

/** Waits of the SDK, longer than any test, that would keep a process from ending. */
const setTimer = globalThis.setTimeout;
globalThis.setTimeout = ((run: () => void, millis?: number, ...given: unknown[]) => {
  const timer = setTimer(run, millis, ...given) as unknown as NodeJS.Timeout;
  return (millis ?? 0) >= 5_000 ? timer.unref() : timer;
}) as unknown as typeof setTimeout;
/** What the SDK writes to the console. */
console.debug = () => undefined;

/** Hosts that anything of this process asked since the last look. */
const asked = new Set<string>();
const plainFetch = globalThis.fetch;
globalThis.fetch = (input, init) => {
  asked.add(new URL(input instanceof Request ? input.url : String(input)).origin);
  return plainFetch(input, init);
};
export function askedOrigins(): string[] {
  const origins = [...asked];
  asked.clear();
  return origins;
}

export class MemoryStorage implements PlainStorage {
  readonly items = new Map<string, string>();
  getItem = (key: string): string | null => this.items.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.items.set(key, value);
  removeItem = (key: string): void => void this.items.delete(key);
}

export const until = async (isDone: () => boolean, what: string, millis = 3_000): Promise<void> => {
  for (const end = Date.now() + millis; !isDone(); ) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimer(resolve, 5));
  }
};

export const MANIFEST = 'https://page.example/tonconnect-manifest.json';

/** A devnet, a simulated wallet with money behind its bridge, and pages that connect to it. */
export class WalletWorld {
  devnet!: Devnet;
  server!: SimulatedWalletServer;
  private readonly servers: SimulatedWalletServer[] = [];
  private readonly pages: PageWallet[] = [];

  static shared(): WalletWorld {
    const world = new WalletWorld();
    before(async () => {
      world.devnet = await startDevnet();
      world.server = await world.another();
      await world.fund(world.server.wallet.address);
    });
    after(async () => {
      for (const page of world.pages) await page.disconnect();
      for (const server of world.servers) await server.close();
      await world.devnet.close();
    });
    return world;
  }

  async another(options: Partial<WalletOptions> = {}): Promise<SimulatedWalletServer> {
    const server = await startSimulatedWallet({ endpoint: this.devnet.endpoint, networkId: this.devnet.networkId, ...options });
    this.servers.push(server);
    return server;
  }

  async fund(address: Address, amountNano = 10n ** 10n): Promise<void> {
    await plainFetch(`${this.devnet.url}/devnet/faucet`, { method: 'POST', body: JSON.stringify({ address: address.toString(), amountNano: String(amountNano) }) });
  }

  /** One start of a page. */
  page(storage: PlainStorage = new MemoryStorage(), server = this.server, changes: Partial<ConnectOptions> = {}): PageWallet {
    const { bridgeUrl, universalLink } = server;
    const page = connectWallet({
      config: { wallets: [{ id: 'simulated', name: 'Simulated', bridgeUrl, universalLink }], manifestUrl: MANIFEST, networkId: this.devnet.networkId }, storage: () => storage,
      listenMillis: 50, ...changes,
    });
    this.pages.push(page);
    return page;
  }

  /** A page whose user tapped and said yes. */
  async connected(storage?: PlainStorage, server = this.server, changes: Partial<ConnectOptions> = {}): Promise<PageWallet> {
    const page = this.page(storage, server, changes);
    await page.preload();
    const link = page.connect('simulated');
    await until(() => server.bridge.clients.length > 0, 'the page listens');
    await plainFetch(link);
    await until(() => page.account() !== null, 'connected');
    return page;
  }
}
