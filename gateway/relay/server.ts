/** The relay's port: pages reach workers through it, and it sees ciphertext only. It has no key, and no frame is logged. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { MAX_SEALED_BYTES } from '../../protocol';
import { FRAME_OVERHEAD_BYTES } from '../../worker/channels/endpoint';
import { boundConnections } from '../../worker/http/connections';
import { isLoopback, listen } from '../../worker/http/listen';
import { readTls, type TlsFiles, type TlsMaterial, TlsRenewal } from '../../worker/http/tls';
import type { Logger } from '../../worker/log';
import { GatewayError } from '../errors';
import { answerPreflight, applyCors, requireOrigin } from '../openai/access';
import { errorReply, OpenAiRequestError } from '../openai/errors';
import { sendJson } from '../openai/exchange';
import type { RelayTarget, WorkerDirectory } from './directory';
import { Senders, type SenderLimits } from './limits';
import type { Outbound } from './outbound';
import { CloseCode, type PipeLimits, RelayPipe } from './pipe';
import { QuoteShelf } from './quotes';

export interface RelaySettings extends SenderLimits, PipeLimits {
  /** Origins whose pages may use it; `*` is any. Programs that send no origin may always. */
  origins: readonly string[];
  /** Between readings of the registry. */
  refreshMillis: number;
}

export const RELAY_SETTINGS: RelaySettings = {
  origins: [], refreshMillis: 60_000,
  connections: 256, perSender: 16, perWorker: 64, requestsPerMinute: 120,
  waitingBytes: 256 * 1024, stallMillis: 30_000, pingMillis: 30_000, idleMillis: 10 * 60_000, burstBytes: 4 * 2 ** 20, bytesPerSecond: 256 * 1024,
};

export interface RelayOptions {
  directory: WorkerDirectory;
  outbound: Outbound;
  log: Logger;
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** Without them plain HTTP, on loopback only. */
  tls?: TlsFiles;
  settings?: Partial<RelaySettings>;
}

export interface RunningRelay {
  url: string;
  /** Connections that are open. */
  size(): number;
  close(): Promise<void>;
}

const MAX_FRAME_BYTES = MAX_SEALED_BYTES + FRAME_OVERHEAD_BYTES;
/** What connections get to end by themselves when they are refused, or the relay is closed. */
const CLOSING_MILLIS = 500;
const NAME = '([0-9a-f]{64})';
const CHANNEL = new RegExp(`^/v1/channel/${NAME}$`);
const SERVED = new RegExp(`^/v1/providers/${NAME}/(descriptor|quote)$`);

/**
 * Reads the registry once and listens.
 * @throws GatewayError `config.gateway.tls` for an address that others reach without TLS, RequestError `config.port`; KeyFileError for TLS files that
 * cannot be used; what the directory throws
 */
export async function openRelay(options: RelayOptions): Promise<RunningRelay> {
  const { directory, log, host, port, tls } = options;
  if (tls === undefined && !isLoopback(host)) {
    throw new GatewayError('config.gateway.tls', 'an address that others can reach needs TLS', {
      expected: '--tls-cert and --tls-key, or a loopback address', received: host,
    });
  }
  const settings = { ...RELAY_SETTINGS, ...options.settings };
  const material = tls && readTls(tls);
  await directory.refresh();
  const relay = new Relay(options, settings, material);
  const renewal = tls && material && new TlsRenewal(tls, material, relay.server as TlsServer, log);
  const refresh = setInterval(() => {
    directory.refresh().catch((error: unknown) => log.warn({ error: String(error) }, 'the registry could not be read; what was known stays'));
  }, settings.refreshMillis);
  try {
    const { authority } = await listen(relay.server, host, port);
    return {
      url: `${tls === undefined ? 'http' : 'https'}://${authority}`,
      size: () => relay.senders.size,
      close: () => {
        clearInterval(refresh);
        renewal?.stop();
        return relay.close();
      },
    };
  } catch (error) {
    clearInterval(refresh);
    renewal?.stop();
    throw error;
  }
}

class Relay {
  readonly server: Server;
  readonly senders: Senders;
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false });
  private readonly pipes = new Set<RelayPipe>();
  private readonly quotes: QuoteShelf;

  constructor(private readonly options: RelayOptions, private readonly settings: RelaySettings, tls: TlsMaterial | undefined) {
    this.senders = new Senders(settings);
    this.quotes = new QuoteShelf(options.outbound);
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.request(request, response);
    const times = { connectionsCheckingInterval: 1_000 };
    this.server = tls === undefined ? createServer(times, handle) : createTlsServer({ ...times, ...tls.options }, handle);
    this.server.headersTimeout = 5_000;
    this.server.requestTimeout = 10_000;
    this.server.maxHeadersCount = 50;
    this.server.timeout = settings.stallMillis;
    // Besides channels, some that ask for the list.
    boundConnections(this.server, 2 * settings.connections, 4 * settings.perSender);
    this.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.upgrade(request, socket, head));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const pipe of this.pipes) pipe.end(CloseCode.goingAway, 'the relay is going away');
    this.sockets.close();
    const cut = setTimeout(() => {
      for (const pipe of this.pipes) pipe.cut();
      for (const client of this.sockets.clients) client.terminate();
      this.server.closeAllConnections();
    }, CLOSING_MILLIS);
    this.server.closeIdleConnections();
    await closed;
    clearTimeout(cut);
  }

  private async request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.requireRate(request);
      applyCors(this.settings, request, response);
      if (request.method === 'OPTIONS') return answerPreflight(request, response);
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        throw new OpenAiRequestError(405, 'method_not_allowed', 'this path has another method', { expected: 'GET' });
      }
      await this.get(pathOf(request), response);
    } catch (error) {
      const { status, headers, body } = errorReply(error);
      if (status >= 500) this.options.log.error({ error: String(error) }, 'a request failed');
      sendJson(response, status, body, { ...headers, connection: 'close' });
    }
  }

  private async get(path: string, response: ServerResponse): Promise<void> {
    const { directory } = this.options;
    if (path === '/healthz') return sendJson(response, 200, { ok: true, connections: this.senders.size, readAt: directory.readAt });
    if (path === '/v1/providers') return sendBytes(response, directory.list()!);
    const [, name, what] = SERVED.exec(path) ?? [];
    if (name === undefined) throw unknownPath();
    const descriptor = directory.descriptor(name);
    if (descriptor === null) throw unknownWorker(name);
    if (what === 'descriptor') return sendBytes(response, descriptor);
    const url = directory.quoteUrl(name);
    const quote = url === null ? null : await this.quotes.take(url);
    if (quote === null) throw noQuote(name);
    sendBytes(response, quote);
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    // No time of the server's holds for a connection that asked for an upgrade: one that is refused would stay for as long as its client likes.
    const cut = setTimeout(() => socket.destroy(), CLOSING_MILLIS);
    socket.once('close', () => clearTimeout(cut));
    try {
      this.requireRate(request);
      requireOrigin(this.settings, request);
      const name = CHANNEL.exec(pathOf(request))?.[1];
      if (name === undefined) throw unknownPath();
      const target = this.options.directory.find(name);
      if (target === null) throw unknownWorker(name);
      const leave = this.senders.enter(request.socket.remoteAddress ?? '', target.stake);
      if (leave === null) throw overloaded('too many connections');
      socket.once('close', leave);
      this.sockets.handleUpgrade(request, socket, head, (client) => {
        clearTimeout(cut);
        socket.off('close', leave);
        this.connect(client, target, leave);
      });
    } catch (error) {
      refuse(socket, error);
    }
  }

  private connect(client: WebSocket, target: RelayTarget, leave: () => void): void {
    let worker: WebSocket;
    try {
      worker = this.options.outbound.connect(target.url, MAX_FRAME_BYTES);
    } catch {
      client.on('error', () => client.terminate()).once('close', leave);
      return client.close(CloseCode.badGateway, 'this worker may not be connected to');
    }
    const pipe = new RelayPipe(client, worker, this.settings, () => {
      this.pipes.delete(pipe);
      leave();
    });
    this.pipes.add(pipe);
  }

  private requireRate(request: IncomingMessage): void {
    if (!this.senders.mayAsk(request.socket.remoteAddress ?? '')) throw overloaded('too many requests of one address');
  }
}

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?')[0];

const unknownPath = (): OpenAiRequestError => new OpenAiRequestError(404, 'unknown_url', 'there is nothing at this path', {
  expected: '/v1/providers, /v1/providers/NAME/descriptor or /quote, or /v1/channel/NAME, a stake or worker key in lowercase hex',
});
const unknownWorker = (name: string): OpenAiRequestError => new OpenAiRequestError(404, 'unknown_worker', 'the registry has no such worker that can be reached', {
  received: name, hint: 'GET /v1/providers says which there are, and why others are not reachable',
});
const noQuote = (name: string): OpenAiRequestError => new OpenAiRequestError(404, 'no_quote', 'this worker has no quote', {
  received: name, hint: 'only workers with an attested key have one',
});
const overloaded = (received: string): GatewayError =>
  new GatewayError('gateway.overloaded', 'this relay takes no more of you now', { received, retryAfterSeconds: 5 });

function sendBytes(response: ServerResponse, bytes: Buffer): void {
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8', 'content-length': bytes.length, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
  });
  response.end(bytes);
}

function refuse(socket: Duplex, error: unknown): void {
  const { status, headers, body } = errorReply(error);
  const text = JSON.stringify(body);
  const lines = Object.entries({ ...headers, connection: 'close', 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`);
}
