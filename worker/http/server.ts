import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { CocoonError } from '../../protocol/errors';
import { ChainApiError, RequestError } from '../errors';
import type { Logger } from '../log';
import { boundConnections } from './connections';

/** Longest request body unless a route takes more; an announcement is about 100 bytes. */
export const MAX_BODY_BYTES = 4_096;
/** Time for a TLS handshake. */
const HANDSHAKE_MILLIS = 5_000;

/** A handler's answer: HTTP status and the value that becomes the JSON body. */
export interface Reply {
  status: number;
  body: unknown;
  /** Seconds after which the sender may ask again. */
  retryAfter?: number;
}

/**
 * `GET /v1/jobs/:address` is written as method, pattern and handler; `match` are the pattern's groups, `sender` is the
 * IP address of the connection.
 */
export interface Route {
  method: 'GET' | 'POST';
  path: RegExp;
  maxBodyBytes?: number;
  /** Counts towards no rate: pages that say whether the worker is there. */
  isUnlimited?: boolean;
  handle(match: string[], body: unknown, sender: string): Reply | Promise<Reply>;
}

export interface JsonServerOptions {
  /** Counts a request of a sender; 0, or the seconds after which it may ask again. */
  limit?: (sender: string) => number;
  onReply?: (status: number) => void;
  /** Serves https. */
  tls?: SecureContextOptions;
}

/** A small JSON-over-HTTP server: exact routes, limited bodies, typed errors as `{error: {code, message, ...}}`. */
export function createJsonServer(routes: readonly Route[], log: Logger, options: JsonServerOptions = {}): Server {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(routes, request, options.limit)
      .catch((error: unknown) => errorReply(error, log))
      .then((reply) => {
        send(response, reply);
        options.onReply?.(reply.status);
      })
      .catch((error: unknown) => log.error({ error: String(error) }, 'a reply could not be sent'));
  };
  const common = { connectionsCheckingInterval: 1_000 };
  const server = options.tls === undefined
    ? createServer(common, listener)
    : createTlsServer({ ...common, ...options.tls, handshakeTimeout: HANDSHAKE_MILLIS }, listener);
  server.requestTimeout = 10_000;
  server.headersTimeout = 3_000;
  server.maxHeadersCount = 50;
  boundConnections(server);
  return server;
}

async function answer(routes: readonly Route[], request: IncomingMessage, limit: JsonServerOptions['limit']): Promise<Reply> {
  const sender = request.socket.remoteAddress ?? '';
  const path = (request.url ?? '/').split('?')[0];
  const matching = routes.filter((route) => route.path.test(path));
  const route = matching.find(({ method }) => method === request.method);
  const wait = route?.isUnlimited === true ? 0 : (limit?.(sender) ?? 0);
  if (wait > 0) throw new RequestError(429, 'request.too-many', 'too many requests', { hint: `ask again in ${wait} s`, retryAfter: wait });
  if (route === undefined) {
    if (matching.length === 0)
      throw new RequestError(404, 'request.path', 'there is nothing at this path', { received: path });
    throw new RequestError(405, 'request.method', 'this path has another method', {
      expected: matching.map(({ method }) => method).join(', '),
      received: request.method,
    });
  }
  const body = route.method === 'POST' ? parseJson(await readBody(request, route.maxBodyBytes ?? MAX_BODY_BYTES)) : undefined;
  return route.handle([...route.path.exec(path)!].slice(1), body, sender);
}

async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) {
      request.resume();
      throw new RequestError(413, 'request.too-large', 'the body is too large', {
        expected: `at most ${limit} bytes`,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseJson(bytes: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new RequestError(400, 'request.utf8', 'the body is not UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError(400, 'request.json', 'the body is not JSON');
  }
}

function errorReply(error: unknown, log: Logger): Reply {
  if (error instanceof CocoonError) {
    const status = error instanceof RequestError ? error.status : error instanceof ChainApiError ? 503 : 500;
    const { code, shortMessage: message, expected, received, hint } = error;
    const retryAfter = error instanceof RequestError ? error.retryAfter : undefined;
    return { status, body: { error: { code, message, expected, received, hint } }, retryAfter };
  }
  log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a request failed');
  return { status: 500, body: { error: { code: 'internal', message: 'the worker failed; its log says why' } } };
}

function send(response: ServerResponse, reply: Reply): void {
  const text = `${JSON.stringify(reply.body)}\n`;
  response.writeHead(reply.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(reply.retryAfter !== undefined && { 'retry-after': String(reply.retryAfter) }),
  });
  response.end(text);
}
