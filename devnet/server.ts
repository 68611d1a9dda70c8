import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Address } from '@ton/core';
import type { Chain } from './chain';
import { ApiError, badParameter } from './errors';
import { METHODS } from './methods';
import { addressParameter, type Parameters } from './parameters';

const MAX_BODY_BYTES = 1 << 20;
const MAX_FAUCET_NANO = 10n ** 15n;

interface Reply {
  status: number;
  body: unknown;
}

const ok = (result: unknown): Reply => ({ status: 200, body: { ok: true, result } });
const failed = (error: ApiError): Reply => ({
  status: error.code,
  body: { ok: false, error: error.message, code: error.code },
});

/** The HTTP face of a chain: toncenter v2 (JSON-RPC and REST) and the devnet's own calls. */
export class DevnetServer {
  private readonly server = http.createServer((request, response) => void this.handle(request, response));

  constructor(
    private readonly chain: Chain,
    private readonly log: (line: string) => void,
  ) {}

  /** Listens and returns the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => resolve((this.server.address() as AddressInfo).port));
    });
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    let reply: Reply;
    try {
      reply = await this.route(request);
    } catch (error) {
      if (!(error instanceof ApiError)) this.log(`internal error: ${(error as Error).message}`);
      reply = failed(error instanceof ApiError ? error : new ApiError(500, 'internal devnet error'));
    }
    const body = JSON.stringify(reply.body);
    response.writeHead(reply.status, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
    response.end(body);
  }

  private async route(request: http.IncomingMessage): Promise<Reply> {
    const url = new URL(request.url ?? '/', 'http://devnet');
    const body = request.method === 'POST' ? await readBody(request) : {};
    const parameters: Parameters = { ...Object.fromEntries(url.searchParams), ...body };
    if (url.pathname === '/healthz') return { status: 200, body: { ok: true } };
    if (url.pathname.startsWith('/devnet/'))
      return ok(await this.own(url.pathname.slice('/devnet/'.length), request.method, parameters));
    const match = /^\/api\/v2\/(\w+)$/.exec(url.pathname);
    if (!match) throw new ApiError(404, 'Not Found');
    if (match[1] !== 'jsonRPC') return ok(await this.call(match[1], parameters));
    if (request.method !== 'POST') throw new ApiError(405, 'Method Not Allowed');
    return this.jsonRpc(body);
  }

  private async jsonRpc({ id, method, params }: Parameters): Promise<Reply> {
    if (typeof method !== 'string') throw badParameter('method', 'field required');
    if (params !== undefined && (typeof params !== 'object' || params === null))
      throw badParameter('params', 'expected an object');
    const envelope = { jsonrpc: '2.0', id: id ?? null };
    try {
      const reply = ok(await this.call(method, { ...(params as Parameters) }));
      return { status: 200, body: { ...(reply.body as object), ...envelope } };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const reply = failed(error);
      return { status: reply.status, body: { ...(reply.body as object), ...envelope } };
    }
  }

  private async call(method: string, parameters: Parameters): Promise<unknown> {
    if (!Object.hasOwn(METHODS, method)) throw new ApiError(404, `Unknown method ${method.slice(0, 60)}`);
    this.chain.tick();
    return METHODS[method](this.chain, parameters);
  }

  /** What only a devnet has: money for nothing and time at will. */
  private async own(call: string, method: string | undefined, parameters: Parameters): Promise<unknown> {
    const { networkId } = this.chain.options;
    if (call === 'info') {
      this.chain.tick();
      const { now, seqno, registry } = this.chain;
      return { simulated: true, networkId, now, seqno, registry: registry?.toRawString() ?? null };
    }
    if (method !== 'POST') throw new ApiError(405, 'Method Not Allowed');
    if (call === 'faucet') {
      const address: Address = addressParameter(parameters);
      const amount = String(parameters.amountNano ?? '');
      if (!/^\d{1,18}$/.test(amount) || BigInt(amount) > MAX_FAUCET_NANO)
        throw badParameter('amountNano', `expected 1..${MAX_FAUCET_NANO}`);
      await this.chain.faucet(address, BigInt(amount));
      return { address: address.toRawString(), amountNano: amount };
    }
    if (call === 'advance') {
      const seconds = Number(parameters.seconds);
      if (!Number.isInteger(seconds) || seconds < 1 || seconds > 10 * 365 * 86_400)
        throw badParameter('seconds', 'expected 1..315360000');
      await this.chain.advance(seconds);
      return { now: this.chain.now };
    }
    throw new ApiError(404, 'Not Found');
  }
}

function readBody(request: http.IncomingMessage): Promise<Parameters> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    });
    request.on('error', () => reject(new ApiError(400, 'the request broke off')));
    request.on('end', () => {
      if (size > MAX_BODY_BYTES) return reject(new ApiError(413, `Request body larger than ${MAX_BODY_BYTES} bytes`));
      if (size === 0) return resolve({});
      try {
        const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
        if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('not an object');
        resolve(parsed as Parameters);
      } catch {
        reject(new ApiError(422, 'body: expected a JSON object'));
      }
    });
  });
}
