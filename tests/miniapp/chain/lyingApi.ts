import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Reply {
  /** 0 ends the connection. */
  status: number;
  /** Of the devnet, parsed, or a text that is sent as it is. */
  body: any;
  headers?: Record<string, string>;
}

/** Changes an answer; `null` says nothing at all. */
export type Lie = (reply: Reply, method: string) => Reply | null | Promise<Reply | null>;

/** A chain API in front of a devnet that tells the truth, or what a test says. */
export class LyingApi {
  lie: Lie | null = null;
  /** Methods that it was asked. */
  readonly asked: string[] = [];
  readonly requests: http.IncomingMessage[] = [];

  private constructor(
    private readonly server: http.Server,
    /** Base URL, as in a page's configuration. */
    readonly url: string,
  ) {}

  /** @param devnet origin that it asks */
  static async start(devnet: string): Promise<LyingApi> {
    const server = http.createServer((request, response) => void api.answer(devnet, request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const api = new LyingApi(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v2`);
    return api;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async answer(devnet: string, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const method = /^\/api\/v2\/(\w+)/.exec(request.url ?? '')?.[1] ?? '';
    this.asked.push(method);
    this.requests.push(request);
    const honest = await fetch(`${devnet}${request.url}`);
    let reply: Reply | null = { status: honest.status, body: await honest.json() };
    if (this.lie !== null) reply = await this.lie(reply, method);
    if (reply === null) return;
    if (reply.status === 0) return void response.destroy();
    response.writeHead(reply.status, { 'content-type': 'application/json', 'access-control-allow-origin': '*', ...reply.headers });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  }
}
