import { isIP, isIPv4 } from 'node:net';
import { isAbsolute } from 'node:path';
import { UpstreamError } from '../errors';

/** Where an upstream listens: an address of this machine's loopback, or a socket file. */
export type Endpoint = { host: string; port: number; base: string } | { socketPath: string; base: string };

/**
 * Reads `http://127.0.0.1:8000`, `http://[::1]:8000/v1`, `http://localhost:8000` (taken as 127.0.0.1, whatever a resolver says)
 * or `unix:/run/server.sock`. Nothing else: what the worker opens must not leave the machine, and no setting allows it.
 * @throws UpstreamError `engine.upstream-url`
 */
export function parseEndpoint(text: string): Endpoint {
  const refuse = (received: string): never => {
    throw new UpstreamError('engine.upstream-url', 'the upstream is not on this machine, or not named as one that is', {
      expected: 'http://127.0.0.1:PORT, http://[::1]:PORT or unix:/PATH',
      received: received.slice(0, 100),
      hint: 'run the server beside the worker, inside the same trust domain',
    });
  };
  if (text.startsWith('unix:')) {
    const socketPath = text.slice('unix:'.length);
    return isAbsolute(socketPath) && !socketPath.includes('\0') ? { socketPath, base: '' } : refuse(text);
  }
  const url = URL.canParse(text) ? new URL(text) : refuse('no URL');
  if (url.protocol !== 'http:' || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return refuse(`${url.protocol}//${url.host}`);
  }
  const host = url.hostname === 'localhost' ? '127.0.0.1' : url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(host)) return refuse(url.host);
  return { host, port: url.port === '' ? 80 : Number(url.port), base: url.pathname.replace(/\/+$/, '') };
}

/** `URL` writes every form of an address in one way, so that this need not know the others. */
const isLoopback = (host: string): boolean => (isIP(host) === 0 ? false : isIPv4(host) ? host.startsWith('127.') : host === '::1');
