/** The page over HTTP. It has no state, sets no cookie and writes no log. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { listen } from '../../worker/http/listen';
import type { HostConfig } from './config';
import { type Site, type SiteFile, siteOf } from './site';

export interface HostOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** What follows from the address it listens at may be said then; requests wait for it. */
  config: HostConfig | ((url: string) => Promise<HostConfig>);
  /** Folder of the built page. */
  built?: string;
}

export interface RunningHost {
  /** Origin that it answers at; users may have another one in front of it. */
  url: string;
  site: Site;
  close(): Promise<void>;
}

/** Below this many bytes gzip saves nothing. */
const LEAST_TO_PACK = 1_024;

/** Listens and serves. @throws RequestError `config.port`; what siteOf and `config` throw */
export async function openHost({ host, port, config, built }: HostOptions): Promise<RunningHost> {
  let ready: (site: Site | null) => void = () => undefined;
  const site = new Promise<Site | null>((resolve) => (ready = resolve));
  const packed = new Map<SiteFile, Buffer>();
  const server = createServer((request, response) => {
    void site.then((known) => (known === null ? response.destroy() : answer(known, packed, request, response)));
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.maxHeadersCount = 50;
  const url = `http://${(await listen(server, host, port)).authority}`;
  try {
    const known = siteOf(typeof config === 'function' ? await config(url) : config, built);
    ready(known);
    return { url, site: known, close: () => close(server) };
  } catch (error) {
    ready(null);
    await close(server);
    throw error;
  }
}

function answer(site: Site, packed: Map<SiteFile, Buffer>, request: IncomingMessage, response: ServerResponse): void {
  const refuse = (status: number, more: Record<string, string> = {}): void => {
    response.writeHead(status, { ...site.headers, ...more, 'content-type': 'text/plain', 'cache-control': 'no-store' }).end();
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, { allow: 'GET, HEAD' });
  const path = (request.url ?? '/').split('?')[0];
  const file = site.files.get(path === '/' ? '/index.html' : path);
  if (file === undefined) return refuse(404);
  const headers: Record<string, string | number> = { ...site.headers, ...file.headers, vary: 'accept-encoding' };
  let { body } = file;
  if (body.length >= LEAST_TO_PACK && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')) && !path.endsWith('.png')) {
    body = packed.get(file) ?? gzipSync(file.body, { level: 9 });
    packed.set(file, body);
    headers['content-encoding'] = 'gzip';
  }
  response.writeHead(200, { ...headers, 'content-length': body.length }).end(request.method === 'HEAD' ? undefined : body);
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
