/** SIMULATED second operator of a chain API: the same devnet behind another address. It shows a page's path to two APIs; that two agree proves nothing here. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen } from '../../worker/http/listen';

export interface ApiRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface ApiReply {
  status: number;
  text: string;
}

/** What is answered; null: nothing, ever. `ask` gets the devnet's own answer. */
export type Answering = (request: ApiRequest, ask: () => Promise<ApiReply>) => Promise<ApiReply | null>;

/** Pages of any origin may ask, as they may ask toncenter. */
const HEADERS = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'content-type', 'content-type': 'application/json' };
const MOST_BYTES = 1 << 20;

/**
 * @param devnet its base URL
 * @returns `url`: base of the v2 API
 */
export async function openChainOperator(devnet: string, answering: Answering = (_, ask) => ask()): Promise<{ url: string; close(): void }> {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'OPTIONS') return void response.writeHead(204, HEADERS).end();
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MOST_BYTES) return void response.writeHead(413, HEADERS).end();
      chunks.push(chunk);
    }
    const asked: ApiRequest = { method: request.method!, url: request.url!, headers: request.headers, body: String(Buffer.concat(chunks)) };
    const reply = await answering(asked, () => askDevnet(devnet, asked));
    if (reply !== null) response.writeHead(reply.status, HEADERS).end(reply.text);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.headersSent || response.writeHead(502, HEADERS).end(JSON.stringify({ ok: false, error: 'the devnet does not answer', code: 502 })));
  });
  const { authority } = await listen(server, '127.0.0.1', 0);
  return {
    url: `http://${authority}/api/v2`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function askDevnet(devnet: string, { method, url, body }: ApiRequest): Promise<ApiReply> {
  const init = body === '' ? {} : { headers: { 'content-type': 'application/json' }, body };
  const reply = await fetch(new URL(url, devnet), { method, ...init });
  return { status: reply.status, text: await reply.text() };
}
