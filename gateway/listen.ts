import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GatewayError } from './errors';

export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

/**
 * Listens, and says where as URLs write it.
 * @param port 0 picks a free one
 * @throws GatewayError `gateway.port` when it cannot listen
 */
export async function listen(server: Server, host: string, port: number): Promise<{ authority: string; port: number }> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new GatewayError('gateway.port', 'the gateway cannot listen', {
      received: `${host}:${port}, ${cause.message}`, hint: 'choose another port', cause,
    })));
    server.listen(port, host, resolve);
  });
  const { family, address, port: bound } = server.address() as AddressInfo;
  return { authority: `${family === 'IPv6' ? `[${address}]` : address}:${bound}`, port: bound };
}
