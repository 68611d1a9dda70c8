import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CocoonError } from '../../protocol/errors';
import { ChainApiError, RequestError } from '../errors';
import type { Logger } from '../log';

/** Longest request body unless a route takes more; an announcement is about 100 bytes. */
export const MAX_BODY_BYTES = 4_096;
/** Most connections at a time; further ones are closed at once. */
export const MAX_CONNECTIONS = 512;

/** A handler's answer: HTTP status and the value that becomes the JSON body. */
export interface Reply {
  status: number;
  body: unknown;
}

/**
 * `GET /v1/jobs/:address` is written as method, pattern and handler; `match` are the pattern's groups, `sender` is the
 * IP address of the connection.
 */
export interface Route {
  method: 'GET' | 'POST';
  path: RegExp;
  maxBodyBytes?: number;
  handle(match: string[], body: unknown, sender: string): Reply | Promise<Reply>;
}

/** A small JSON-over-HTTP server: exact routes, limited bodies, typed errors as `{error: {code, message, ...}}`. */
export function createJsonServer(routes: readonly Route[], log: Logger): Server {
  const server = createServer({ connectionsCheckingInterval: 1_000 }, (request, response) => {
    answer(routes, request)
      .catch((error: unknown) => errorReply(error, log))
      .then((reply) => send(response, reply))
      .catch((error: unknown) => log.error({ error: String(error) }, 'a reply could not be sent'));
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 3_000;
  server.maxHeadersCount = 50;
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function answer(routes: readonly Route[], request: IncomingMessage): Promise<Reply> {
  const path = (request.url ?? '/').split('?')[0];
  const matching = routes.filter((route) => route.path.test(path));
  const route = matching.find(({ method }) => method === request.method);
  if (route === undefined) {
    if (matching.length === 0)
      throw new RequestError(404, 'request.path', 'there is nothing at this path', { received: path });
    throw new RequestError(405, 'request.method', 'this path has another method', {
      expected: matching.map(({ method }) => method).join(', '),
      received: request.method,
    });
  }
  const body = route.method === 'POST' ? parseJson(await readBody(request, route.maxBodyBytes ?? MAX_BODY_BYTES)) : undefined;
  return route.handle([...route.path.exec(path)!].slice(1), body, request.socket.remoteAddress ?? '');
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
    return { status, body: { error: { code, message, expected, received, hint } } };
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
  });
  response.end(text);
}
