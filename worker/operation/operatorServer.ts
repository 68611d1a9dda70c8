import { createServer } from 'node:http';
import { listen } from '../http/listen';
import type { Logger } from '../log';

/** A page of the operator's. */
export interface OperatorPage {
  status: number;
  type: string;
  text: string;
}

/** Where a worker tells its operator how it is: its own port, on loopback unless said otherwise, and in the clear. */
export interface OperatorServer {
  url: string;
  close(): void;
}

/** @throws RequestError `config.port` */
export async function startOperatorServer(
  host: string,
  port: number,
  pages: Record<string, () => OperatorPage | Promise<OperatorPage>>,
  log: Logger,
): Promise<OperatorServer> {
  const server = createServer((request, response) => {
    const page = request.method === 'GET' ? pages[(request.url ?? '/').split('?')[0]] : undefined;
    Promise.resolve()
      .then(() => page?.() ?? { status: 404, type: 'text/plain; charset=utf-8', text: `GET ${Object.keys(pages).join(', ')}\n` })
      .catch((error: unknown) => {
        log.error({ error: String(error) }, "a page of the operator's failed");
        return { status: 500, type: 'text/plain; charset=utf-8', text: 'the page failed; the log says why\n' };
      })
      .then(({ status, type, text }) => response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text));
  });
  server.maxConnections = 32;
  server.requestTimeout = 10_000;
  server.headersTimeout = 3_000;
  const { authority } = await listen(server, host, port, '--metrics-port');
  return {
    url: `http://${authority}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
