/** What a relay asks of endpoints that strangers wrote on chain. */
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { WebSocket } from 'ws';
import { CocoonError } from '../../protocol/errors';
import { checkUrlHost, publicLookup, type SocketLookup } from './addresses';

export interface Outbound {
  /** Bytes at a URL. No redirect is followed. @throws CocoonError */
  download(url: string, mostBytes: number): Promise<Uint8Array>;
  /** A connection that is being made; errors are its events. @throws GatewayError `gateway.private-address` */
  connect(url: string, maxPayload: number): WebSocket;
}

/** An answer other than 200. */
export class HttpStatusError extends Error {
  constructor(readonly status: number | undefined) {
    super(`HTTP ${status}`);
  }
}

const TIMEOUT_MILLIS = 5_000;

/** @param isPrivateAllowed for a devnet, whose workers are on this machine */
export function openOutbound(isPrivateAllowed: boolean, lookup: SocketLookup = publicLookup()): Outbound {
  const guard = isPrivateAllowed ? {} : { lookup };
  const check = (url: string): void => {
    if (!isPrivateAllowed) checkUrlHost(url);
  };
  return {
    async download(url, mostBytes) {
      check(url);
      try {
        return await read(url, mostBytes, guard);
      } catch (cause) {
        if (cause instanceof CocoonError) throw cause;
        throw new CocoonError('network.descriptor-unreachable', 'cannot read the descriptor of a provider', {
          received: `${url}: ${(cause as Error).message}`.slice(0, 200), cause,
        });
      }
    },
    connect(url, maxPayload) {
      check(url);
      // Nothing of the client goes along: no address, no origin, no header.
      return new WebSocket(url, { ...guard, perMessageDeflate: false, handshakeTimeout: TIMEOUT_MILLIS, maxPayload });
    },
  };
}

function read(url: string, mostBytes: number, guard: { lookup?: SocketLookup }): Promise<Uint8Array> {
  const get = new URL(url).protocol === 'https:' ? getHttps : getHttp;
  return new Promise((resolve, reject) => {
    const request = get(url, { ...guard, agent: false, signal: AbortSignal.timeout(TIMEOUT_MILLIS) }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > mostBytes) request.destroy(new Error(`more than ${mostBytes} bytes`));
        parts.push(part);
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(new Uint8Array(Buffer.concat(parts)));
        else reject(new HttpStatusError(response.statusCode));
      });
    });
    request.on('error', reject);
  });
}
