import type { AddressInfo, Server } from 'node:net';
import { RequestError } from '../errors';

/** Listens and answers the URL. @param option that chose the port, for the error's hint @throws RequestError `config.port` */
export async function listen(server: Server, host: string, port: number, option: string, scheme: 'http' | 'https' = 'http'): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
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
  const bound = server.address() as AddressInfo;
  return `${scheme}://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}
