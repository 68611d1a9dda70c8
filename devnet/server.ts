import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Address } from '@ton/core';
import type { Chain } from './chain';
import { ApiError, cannotParse, invalid, ParseError } from './errors';
import { METHODS } from './methods';
import { addressParameter, integerParameter, type Parameters } from './parameters';

const MAX_BODY_BYTES = 1 << 20;
const MAX_FAUCET_NANO = 10n ** 15n;

interface Reply {
  status: number;
  body: unknown;
}

/** toncenter says here which of its servers answered, and when. */
const EXTRA = 'devnet';

const ok = (result: unknown): Reply => ({ status: 200, body: { ok: true, result, '@extra': EXTRA } });
const failed = (error: ApiError): Reply => ({
  status: error.code,
  body: { ok: false, error: error.message, code: error.code, '@extra': EXTRA },
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
    const reply = await this.route(request).catch((error: unknown) => this.refuse(error, request.method));
    const body = JSON.stringify(reply.body);
    response.writeHead(reply.status, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
    response.end(body);
  }

  private refuse(error: unknown, method: string | undefined): Reply {
    if (error instanceof ParseError) {
      return failed(new ApiError(error.code, `failed to parse ${method?.toLowerCase()} request: ${error.message}`));
    }
    if (error instanceof ApiError) return failed(error);
    this.log(`internal error: ${(error as Error).message}`);
    return failed(new ApiError(500, 'internal devnet error'));
  }

  private async route(request: http.IncomingMessage): Promise<Reply> {
    const url = new URL(request.url ?? '/', 'http://devnet');
    if (request.method !== 'GET' && request.method !== 'POST') {
      throw new ApiError(405, `unsupported http method: ${request.method}`);
    }
    const body = request.method === 'POST' ? await readBody(request) : {};
    const parameters: Parameters = { ...Object.fromEntries(url.searchParams), ...body };
    if (url.pathname === '/healthz') return { status: 200, body: { ok: true } };
    if (url.pathname.startsWith('/devnet/')) {
      return ok(await this.own(url.pathname.slice('/devnet/'.length), request.method, parameters));
    }
    const match = /^\/api\/v2\/(\w+)$/.exec(url.pathname);
    if (!match) throw new ApiError(404, 'Not Found');
    if (match[1] !== 'jsonRPC') return ok(await this.call(match[1], parameters));
    if (request.method !== 'POST') throw new ApiError(405, 'method GET is not supported');
    return this.jsonRpc(body);
  }

  /** As toncenter does: the answer of the REST call; `jsonrpc` and `id` are added for clients that look for them. */
  private async jsonRpc({ id, method, params }: Parameters): Promise<Reply> {
    if (typeof method !== 'string') throw cannotParse('method');
    if (Array.isArray(params) && params.length > 0) throw new ApiError(422, 'params must contain an object');
    const isObject = typeof params === 'object' && params !== null;
    const reply = await this.call(method, isObject ? { ...(params as Parameters) } : {}).then(ok, (error: unknown) =>
      this.refuse(error, 'POST'),
    );
    const envelope = typeof id === 'string' || typeof id === 'number' ? { jsonrpc: '2.0', id } : {};
    return { status: reply.status, body: { ...(reply.body as object), ...envelope } };
  }

  private async call(method: string, parameters: Parameters): Promise<unknown> {
    if (!Object.hasOwn(METHODS, method)) throw new ApiError(404, `Unknown method ${method.slice(0, 60)}`);
    return this.chain.inTurn(() => METHODS[method](this.chain, parameters));
  }

  /** What only a devnet has: money for nothing and time at will. */
  private own(call: string, method: string, parameters: Parameters): Promise<unknown> {
    const { chain } = this;
    if (call === 'info') {
      return chain.inTurn(() => {
        const { now, seqno, registry, options } = chain;
        return { simulated: true, networkId: options.networkId, now, seqno, registry: registry?.toRawString() ?? null };
      });
    }
    const change = { faucet: () => this.faucet(parameters), advance: () => this.advance(parameters) }[call];
    if (change === undefined) throw new ApiError(404, 'Not Found');
    if (method !== 'POST') throw new ApiError(405, 'method GET is not supported');
    return chain.inTurn(change);
  }

  private async faucet(parameters: Parameters): Promise<unknown> {
    const address: Address = addressParameter(parameters);
    const amount = String(parameters.amountNano ?? '');
    if (!/^\d{1,18}$/.test(amount)) throw cannotParse('amountNano');
    const nano = BigInt(amount);
    if (nano < 1n || nano > MAX_FAUCET_NANO) throw invalid(`amountNano should be 1 to ${MAX_FAUCET_NANO}`);
    await this.chain.faucet(address, nano);
    return { address: address.toRawString(), amountNano: nano.toString() };
  }

  private advance(parameters: Parameters): unknown {
    this.chain.advance(integerParameter(parameters, 'seconds', { low: 1, high: 10 * 365 * 86_400 }));
    return { now: this.chain.now };
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
    request.on('error', () => reject(new ApiError(422, 'the request broke off')));
    request.on('end', () => {
      if (size > MAX_BODY_BYTES) return reject(new ApiError(413, `Request body larger than ${MAX_BODY_BYTES} bytes`));
      if (size === 0) return resolve({});
      try {
        const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
        if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('not an object');
        resolve(parsed as Parameters);
      } catch {
        reject(new ParseError('the body is not a JSON object'));
      }
    });
  });
}
