/** The gateway's port: OpenAI's HTTP API in front of a back end. Nothing that is logged here is a prompt or an answer. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback, listen } from '../../worker/http/listen';
import type { Logger } from '../../worker/log';
import type { CompletionBackend } from '../backend';
import { GatewayError } from '../errors';
import { answerPreflight, applyCors, checkHost, checkKey } from './access';
import { Admission } from './admission';
import { readJsonObject } from './body';
import { chatCompletions } from './chat';
import { completions } from './completions';
import { errorReply, OpenAiRequestError } from './errors';
import { sendJson, type Exchange } from './exchange';
import { listModels, showModel } from './models';
import { DEFAULT_SETTINGS, type GatewaySettings } from './settings';

interface Route {
  method: 'GET' | 'POST';
  path: RegExp;
  /** `body` is given with POST */
  handle(exchange: Exchange, match: string[], body: Record<string, unknown>): void | Promise<void>;
}

const ROUTES: readonly Route[] = [
  { method: 'POST', path: /^\/v1\/chat\/completions$/, handle: (exchange, _, body) => chatCompletions(exchange, body) },
  { method: 'POST', path: /^\/v1\/completions$/, handle: (exchange, _, body) => completions(exchange, body) },
  { method: 'POST', path: /^\/v1\/embeddings$/, handle: refuseEmbeddings },
  { method: 'POST', path: /^\/v1\/responses$/, handle: refuseResponses },
  { method: 'GET', path: /^\/v1\/models$/, handle: listModels },
  { method: 'GET', path: /^\/v1\/models\/(.+)$/, handle: (exchange, [id]) => showModel(exchange, id) },
];

export interface RunningGateway {
  /** base URL for clients, with /v1 */
  url: string;
  port: number;
  close(): Promise<void>;
}

export interface GatewayOptions {
  backend: CompletionBackend;
  log: Logger;
  /** default 127.0.0.1 */
  host?: string;
  /** default: any free one */
  port?: number;
  settings?: Partial<GatewaySettings>;
}

/**
 * Listens, on this machine only unless told otherwise.
 * @throws GatewayError `config.gateway.key` for another address without a key, RequestError `config.port` when it cannot listen
 */
export async function openGateway({ backend, log, host = '127.0.0.1', port = 0, settings }: GatewayOptions): Promise<RunningGateway> {
  const rules = { ...DEFAULT_SETTINGS, ...settings };
  if (!isLoopback(host) && !rules.apiKey) {
    throw new GatewayError('config.gateway.key', 'an address that others can reach needs an API key', {
      expected: 'an API key, or a loopback address', received: host,
    });
  }
  const server = createGatewayServer(backend, log, { ...rules, hosts: [...rules.hosts, isIP(host) === 6 ? `[${host}]` : host] });
  const { authority, port: bound } = await listen(server, host, port);
  return {
    url: `http://${authority}/v1`,
    port: bound,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

function createGatewayServer(backend: CompletionBackend, log: Logger, settings: GatewaySettings): Server {
  const admission = new Admission(settings);
  const server = createServer({ connectionsCheckingInterval: 1_000 }, (request, response) => {
    const requestId = `req_${randomUUID().replace(/-/g, '')}`;
    response.setHeader('x-request-id', requestId);
    const gone = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) gone.abort(new GatewayError('gateway.reader', 'the client is gone'));
    });
    const exchange: Exchange = { backend, admission, settings, response, abort: gone.signal, log };
    answer(exchange, request).catch((error: unknown) => refuse(error, request, response, log, requestId));
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  server.maxHeadersCount = 100;
  server.maxConnections = settings.connections;
  return server;
}

async function answer(exchange: Exchange, request: IncomingMessage): Promise<void> {
  const { settings, response } = exchange;
  checkHost(settings, request);
  applyCors(settings, request, response);
  if (request.method === 'OPTIONS') return answerPreflight(request, response);
  checkKey(settings, request);
  const { route, match } = findRoute(request.method ?? '', pathOf(request));
  const body = route.method === 'POST' ? await readJsonObject(request, settings.bodyBytes) : {};
  await route.handle(exchange, match, body);
}

/** Ids of models may hold slashes, which clients write as %2F. */
function pathOf({ url = '/' }: IncomingMessage): string {
  try {
    return decodeURIComponent(url.split('?')[0]);
  } catch {
    throw new OpenAiRequestError(400, 'invalid_url', 'the path is not a URL path');
  }
}

function findRoute(method: string, path: string): { route: Route; match: string[] } {
  const matching = ROUTES.filter((route) => route.path.test(path));
  const route = matching.find((one) => one.method === method);
  if (route) return { route, match: [...route.path.exec(path)!].slice(1) };
  if (matching.length > 0) {
    throw new OpenAiRequestError(405, 'method_not_allowed', 'this path has another method', {
      expected: matching.map((one) => one.method).join(', '),
    });
  }
  throw new OpenAiRequestError(404, 'unknown_url', 'there is nothing at this path', {
    expected: '/v1/chat/completions, /v1/completions or /v1/models', hint: 'the base URL of clients ends in /v1',
  });
}

/** A pooled state would be one of a model that was never trained to embed; none of its distances would mean anything. */
function refuseEmbeddings(): never {
  throw new OpenAiRequestError(400, 'unsupported_endpoint', 'no model here is an embedding model', {
    param: 'model', hint: 'take embeddings from another service',
  });
}

function refuseResponses(): never {
  throw new OpenAiRequestError(404, 'unsupported_endpoint', 'this gateway does not speak the Responses API', {
    expected: 'POST /v1/chat/completions', hint: 'with @ai-sdk/openai use openai.chat(model), elsewhere the chat completions API',
  });
}

function refuse(error: unknown, request: IncomingMessage, response: ServerResponse, log: Logger, requestId: string): void {
  if (response.destroyed) return; // the client is gone, and that is all that failed
  const { status, headers, body } = errorReply(error);
  if (status === 500) log.error({ requestId, error: placeOf(error) }, 'a request failed');
  else if (status > 500) log.warn({ requestId, status, code: body.error.code }, 'a request failed');
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What is left of a body is not read any more.
  sendJson(response, status, body, request.complete ? headers : { ...headers, connection: 'close' });
}

/** Kind and place of a defect; its message may quote what it tripped over. */
const placeOf = (error: unknown): string => error instanceof Error
  ? [error.name, ...(error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))].join('\n') : typeof error;
