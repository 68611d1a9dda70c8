/** A SIMULATED wallet with its bridge and its own page, on one port. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Bridge } from './bridge';
import { SimulatedWallet, type WalletOptions } from './wallet';

export { Bridge, type Passed, type PostFault } from './bridge';
export { SimulatedWallet, type SeenRequest, type WalletManner, type WalletOptions } from './wallet';

export interface SimulatedWalletServer {
  /** For WalletEntry. */
  bridgeUrl: string;
  universalLink: string;
  bridge: Bridge;
  wallet: SimulatedWallet;
  close(): Promise<void>;
}

/** Opening its link connects, and shows what the wallet was asked for. Requests are decided by `wallet.manner`. */
export async function startSimulatedWallet(options: Omit<WalletOptions, 'bridgeUrl'> & { port?: number; host?: string }): Promise<SimulatedWalletServer> {
  const { port = 0, host = '127.0.0.1', ...rest } = options;
  const bridge = new Bridge();
  let wallet: SimulatedWallet | null = null;
  const server = http.createServer((request, response) => {
    if (bridge.handle(request, response)) return;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://wallet');
    if (request.method !== 'GET' || pathname !== '/wallet' || wallet === null) return void response.writeHead(404).end();
    const opened = searchParams.has('r') ? wallet.open(`tc://?${searchParams}`) : Promise.resolve();
    opened.then(() => page(response, 200, wallet!), (error: Error) => page(response, 400, wallet!, error.message));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const origin = `http://${host}:${(server.address() as AddressInfo).port}`;
  const bridgeUrl = `${origin}/bridge`;
  wallet = new SimulatedWallet({ ...rest, bridgeUrl });
  return {
    bridgeUrl, universalLink: `${origin}/wallet`, bridge, wallet,
    close: () => {
      wallet!.close();
      bridge.close();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function page(response: http.ServerResponse, status: number, { address, requests }: SimulatedWallet, problem?: string): void {
  const lines = [
    'SIMULATED wallet of the devnet: nothing here is worth anything.', '', address.toString({ testOnly: true, bounceable: false }), '',
    problem ?? 'Go back to the page that sent you here.', '', `${requests.length} requests`,
    ...requests.map(({ outcome, messages }) => `${outcome}: ${messages.map((message) => `${message.amount} nanoTON to ${message.address}`).join(', ')}`),
  ];
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'content-security-policy': "default-src 'none'" });
  response.end(lines.join('\n'));
}
