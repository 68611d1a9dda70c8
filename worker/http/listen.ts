import type { AddressInfo, Server } from 'node:net';
import { RequestError } from '../errors';

/** Whether a host to listen on is reached from this machine alone. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

/**
 * Listens, and says where as URLs write it. A connection that cannot be accepted later, for want of file handles, ends nothing.
 * @param port 0 picks a free one
 * @param option that chose the port, for the error's hint
 * @throws RequestError `config.port`
 */
export async function listen(server: Server, host: string, port: number, option = '--port'): Promise<{ authority: string; port: number }> {
  await new Promise<void>((resolve, reject) => {
    server.on('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new RequestError(500, 'config.port', 'cannot listen', {
          received: `${host}:${port} (${cause.code})`,
          hint: `choose another ${option}`,
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  const { family, address, port: bound } = server.address() as AddressInfo;
  return { authority: `${family === 'IPv6' ? `[${address}]` : address}:${bound}`, port: bound };
}
