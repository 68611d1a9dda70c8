import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { CocoonError } from '../../protocol/errors';
import { RequestError } from '../errors';
import { listen } from '../http/listen';
import type { Logger } from '../log';
import { type OperatorAccess, requireHost, requireOwnPage, requireToken } from './operatorAccess';
import { PAGE_HEADERS, type PageFile, readPage } from './operatorPage';

/** A page of the operator's. */
export interface OperatorPage {
  status: number;
  type: string;
  text: string | Buffer;
  headers?: OutgoingHttpHeaders;
}

/** Where a worker tells its operator how it is: its own port, on loopback unless said otherwise, and in the clear. */
export interface OperatorServer {
  url: string;
  /** Whether the provider's page was built, and is served at `/`. */
  hasPage: boolean;
  close(): void;
}

export interface OperatorPages {
  /** Of whoever reaches the port: numbers and states. */
  open: Record<string, () => OperatorPage | Promise<OperatorPage>>;
  /** JSON of the operator's alone. @throws CocoonError */
  own: Record<string, (query: URLSearchParams) => unknown>;
}

const TEXT = 'text/plain; charset=utf-8';
/** No other page reads, embeds or guesses anything of it. */
const EVERYWHERE = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin' };

/** @throws RequestError `config.port` */
export async function startOperatorServer(access: OperatorAccess, port: number, pages: OperatorPages, log: Logger, files = readPage()): Promise<OperatorServer> {
  const server = createServer((request, response) => {
    void pageOf(access, pages, files, request)
      .catch((error: unknown) => {
        log.error({ error: String(error) }, "a page of the operator's failed");
        return { status: 500, type: TEXT, text: 'the page failed; the log says why\n' } satisfies OperatorPage as OperatorPage;
      })
      .then(({ status, type, text, headers }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...EVERYWHERE, ...headers }).end(text);
      });
  });
  server.maxConnections = 32;
  server.requestTimeout = 10_000;
  server.headersTimeout = 3_000;
  const { authority } = await listen(server, access.host, port, '--metrics-port');
  return {
    url: `http://${authority}`,
    hasPage: files.size > 0,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function pageOf(access: OperatorAccess, { open, own }: OperatorPages, files: ReadonlyMap<string, PageFile>, { method, url, headers }: IncomingMessage): Promise<OperatorPage> {
  const [path, query = ''] = (url ?? '/').split('?', 2);
  if (method === 'GET' && Object.hasOwn(open, path)) return open[path]();
  try {
    const file = method === 'GET' ? files.get(path) : undefined;
    if (file !== undefined) {
      requireHost(access, headers);
      return fileOf(file);
    }
    if (method === 'GET' && Object.hasOwn(own, path)) {
      requireHost(access, headers);
      requireOwnPage(headers);
      requireToken(access, headers);
      return json({ status: 200, body: await own[path](new URLSearchParams(query)) });
    }
  } catch (error) {
    if (!(error instanceof CocoonError)) throw error;
    const { code, shortMessage: message, expected, received, hint } = error;
    return json({ status: error instanceof RequestError ? error.status : 503, body: { error: { code, message, expected, received, hint } } });
  }
  const known = [...(files.size > 0 ? ['/'] : []), ...Object.keys(open), ...Object.keys(own)];
  const note = files.size > 0 ? '' : 'the page of the provider was not built: npm run build:miniapp\n';
  return { status: 404, type: TEXT, text: `GET ${known.join(', ')}\n${note}` };
}

const fileOf = ({ type, bytes, isFixed }: PageFile): OperatorPage => ({
  status: 200, type, text: bytes, headers: { ...PAGE_HEADERS, ...(isFixed && { 'cache-control': 'public, max-age=31536000, immutable' }) },
});

export const json = ({ status, body }: { status: number; body: unknown }): OperatorPage => ({
  status, type: 'application/json; charset=utf-8', text: `${JSON.stringify(body)}\n`,
});
