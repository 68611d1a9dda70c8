/** An HTTP bridge of TON Connect: it hands sealed messages from one client to another and keeps them until their ttl. It can read none of them. */
import http from 'node:http';

const CLIENT = /^[0-9a-f]{64}$/;
const MAX_TTL_SECONDS = 300;
const MAX_BODY_BYTES = 64 * 1024;
const HEARTBEAT_MILLIS = 5_000;
const CORS = { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, POST, OPTIONS', 'access-control-allow-headers': '*' };

interface Kept {
  id: number;
  to: string;
  until: number;
  data: string;
}

interface Listening {
  clients: readonly string[];
  response: http.ServerResponse;
}

/** What a bridge saw of a message. */
export interface Passed {
  from: string;
  to: string;
  topic: string | null;
}

/** `refused`: messages get an error. `unanswered`: they are taken, and the connection is cut before anybody is told. */
export type PostFault = 'refused' | 'unanswered';

export class Bridge {
  readonly passed: Passed[] = [];
  /** What happens to the next messages. */
  postFault: PostFault | null = null;
  private kept: Kept[] = [];
  private readonly listening = new Set<Listening>();
  private nextId = 1;
  private readonly heart = setInterval(() => this.beat(), HEARTBEAT_MILLIS).unref();

  /** Answers what is asked of it. @returns false where it is not for a bridge at this path */
  handle(request: http.IncomingMessage, response: http.ServerResponse, path = '/bridge'): boolean {
    const url = new URL(request.url ?? '/', 'http://bridge');
    if (url.pathname !== `${path}/events` && url.pathname !== `${path}/message`) return false;
    if (request.method === 'OPTIONS') response.writeHead(204, CORS).end();
    else if (url.pathname.endsWith('/events') && request.method === 'GET') this.listen(url.searchParams, request, response);
    else if (url.pathname.endsWith('/message') && request.method === 'POST') void this.take(url.searchParams, request, response);
    else answer(response, 405, 'method not allowed');
    return true;
  }

  /** Clients that listen now. */
  get clients(): string[] {
    return [...this.listening].flatMap(({ clients }) => clients);
  }

  /** Ends the connections of those that listen, of all clients or of one; they come back with their last event. */
  cut(client?: string): void {
    for (const { clients, response } of [...this.listening]) if (client === undefined || clients.includes(client)) response.destroy();
  }

  close(): void {
    clearInterval(this.heart);
    this.cut();
  }

  private listen(parameters: URLSearchParams, request: http.IncomingMessage, response: http.ServerResponse): void {
    const clients = (parameters.get('client_id') ?? '').split(',');
    if (!clients.every((client) => CLIENT.test(client))) return answer(response, 400, 'client_id is not a list of keys');
    const last = Number(parameters.get('last_event_id') ?? request.headers['last-event-id'] ?? 0);
    if (!Number.isSafeInteger(last) || last < 0) return answer(response, 400, 'last_event_id is not a number');
    response.writeHead(200, { ...CORS, 'content-type': 'text/event-stream', 'cache-control': 'no-cache', connection: 'keep-alive' });
    response.write('event: message\ndata: heartbeat\n\n');
    const entry = { clients, response };
    this.listening.add(entry);
    response.on('close', () => this.listening.delete(entry));
    this.forgetOld();
    for (const message of this.kept) if (message.id > last && clients.includes(message.to)) write(response, message);
  }

  private async take(parameters: URLSearchParams, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const [from, to] = [parameters.get('client_id') ?? '', parameters.get('to') ?? ''];
    const ttl = Number(parameters.get('ttl'));
    const body = await read(request);
    if (!CLIENT.test(from) || !CLIENT.test(to)) return answer(response, 400, 'client_id and to are keys of clients');
    if (!Number.isSafeInteger(ttl) || ttl < 1 || ttl > MAX_TTL_SECONDS) return answer(response, 400, `ttl is 1 to ${MAX_TTL_SECONDS} seconds`);
    if (body === null) return answer(response, 413, 'too long');
    if (this.postFault === 'refused') return answer(response, 503, 'try again later');
    this.passed.push({ from, to, topic: parameters.get('topic') });
    const trace = parameters.get('trace_id');
    const data = JSON.stringify({ from, message: body, ...(trace !== null && { trace_id: trace }) });
    const message = { id: this.nextId++, to, until: Date.now() + ttl * 1_000, data };
    this.forgetOld();
    this.kept.push(message);
    // Its sender hears first: who answers at once would be faster than that otherwise.
    if (this.postFault === 'unanswered') response.destroy();
    else await new Promise<void>((resolve) => answer(response, 200, 'OK', resolve));
    for (const { clients, response: listener } of this.listening) if (clients.includes(to)) write(listener, message);
  }

  private forgetOld(): void {
    const now = Date.now();
    this.kept = this.kept.filter(({ until }) => until > now);
  }

  private beat(): void {
    for (const { response } of this.listening) response.write('event: message\ndata: heartbeat\n\n');
  }
}

const write = (response: http.ServerResponse, { id, data }: Kept): void => void response.write(`id: ${id}\nevent: message\ndata: ${data}\n\n`);

function answer(response: http.ServerResponse, statusCode: number, message: string, then?: () => void): void {
  response.writeHead(statusCode, { ...CORS, 'content-type': 'application/json' });
  response.end(JSON.stringify({ message, statusCode }), then);
}

/** null for what is too long. */
async function read(request: http.IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length <= MAX_BODY_BYTES) parts.push(part);
  }
  return length > MAX_BODY_BYTES ? null : Buffer.concat(parts).toString('utf8');
}
