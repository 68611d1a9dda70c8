/** A chain API of some operator in front of a devnet, as honest as it is told to be. SIMULATED: both operators have the same devnet behind them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { listen } from '../../../worker/http/listen';

export interface ApiCall {
  /** Method of toncenter, such as getAddressInformation. */
  method: string;
  parameters: Record<string, unknown>;
  /** All of the request as it came. */
  raw: string;
}

/** What becomes of an answer's `result`. */
export type Lie = (call: ApiCall, result: unknown) => unknown;

export class ChainApi {
  readonly calls: ApiCall[] = [];
  /** Changes what is answered; null: it is honest. */
  lie: Lie | null = null;
  /** It takes connections and answers nothing. */
  isSilent = false;
  private readonly server: Server;
  private readonly remembered = new Map<string, string>();
  private isStale = false;
  url = '';

  private constructor(readonly name: string, private readonly devnet: string) {
    this.server = createServer((request, response) => void this.answer(request, response).catch(() => response.destroy()));
  }

  /** @param devnet its base URL */
  static async open(name: string, devnet: string): Promise<ChainApi> {
    const api = new ChainApi(name, devnet);
    api.url = `http://${(await listen(api.server, '127.0.0.1', 0)).authority}/api/v2`;
    return api;
  }

  /** From now on it says what it said before, wherever it was asked the same; `false`: the truth again. */
  stopTime(stops = true): void {
    this.isStale = stops;
  }

  /** Honest again, with nothing remembered. */
  reset(): void {
    Object.assign(this, { lie: null, isSilent: false, isStale: false });
    this.remembered.clear();
    this.calls.length = 0;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'content-type', 'content-type': 'application/json' };
    if (request.method === 'OPTIONS') return void response.writeHead(204, headers).end();
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const call = callOf(request, body);
    this.calls.push(call);
    if (this.isSilent) return;
    const key = `${request.method} ${request.url} ${body}`;
    const old = this.isStale ? this.remembered.get(key) : undefined;
    const { status, text } = old !== undefined ? { status: 200, text: old } : await this.asked(request, body);
    if (old === undefined && status === 200) this.remembered.set(key, text);
    const reply = JSON.parse(text) as { result?: unknown };
    if (this.lie !== null && 'result' in reply) reply.result = this.lie(call, reply.result);
    response.writeHead(status, headers).end(JSON.stringify(reply));
  }

  private async asked(request: IncomingMessage, body: string): Promise<{ status: number; text: string }> {
    const init = body === '' ? {} : { headers: { 'content-type': 'application/json' }, body };
    const reply = await fetch(new URL(request.url!, this.devnet), { method: request.method, ...init });
    return { status: reply.status, text: await reply.text() };
  }
}

function callOf(request: IncomingMessage, body: string): ApiCall {
  const { pathname, searchParams } = new URL(request.url!, 'http://api');
  const sent = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
  const raw = `${request.method} ${request.url}\n${JSON.stringify(request.headers)}\n${body}`;
  const name = pathname.split('/').pop()!;
  if (name === 'jsonRPC') return { method: String(sent.method), parameters: sent.params as Record<string, unknown>, raw };
  return { method: name, parameters: { ...Object.fromEntries(searchParams), ...sent }, raw };
}
