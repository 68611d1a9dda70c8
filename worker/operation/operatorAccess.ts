/** Who may read what a worker tells its operator about money: Host against DNS rebinding, Origin against foreign pages, and the operator's token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { RequestError } from '../errors';

export interface OperatorAccess {
  /** Address that is listened on. */
  host: string;
  /** What `Authorization: Bearer` must say; without one the loopback alone is served. */
  token?: string;
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/** Whether only this machine reaches an address that is listened on. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/**
 * A page whose name its owner points at 127.0.0.1 sends that name as Host, and its browser sees no foreign origin. With a token names do not matter: such a
 * page has none.
 * @throws RequestError 403 `request.host`
 */
export function requireHost({ token }: OperatorAccess, { host = '' }: IncomingHttpHeaders): void {
  if (token !== undefined || LOOPBACK_NAMES.includes(host.toLowerCase().replace(/:\d+$/, ''))) return;
  throw new RequestError(403, 'request.host', "the operator's port is not called by that name", {
    expected: LOOPBACK_NAMES.join(', '), hint: 'call it by its address, or set COCOON_OPERATOR_TOKEN',
  });
}

/**
 * A browser says where a request comes from, and lets no page say otherwise; programs say nothing.
 * @throws RequestError 403 `request.origin`
 */
export function requireOwnPage({ origin, host, 'sec-fetch-site': site }: IncomingHttpHeaders): void {
  const isOwn = (site === undefined || site === 'same-origin' || site === 'none') && (origin === undefined || origin === `http://${host}` || origin === `https://${host}`);
  if (!isOwn) throw new RequestError(403, 'request.origin', "pages of other origins may not read the operator's port");
}

/** @throws RequestError 401 `request.token`, 403 `request.token-unset` */
export function requireToken({ host, token }: OperatorAccess, { authorization }: IncomingHttpHeaders): void {
  if (token === undefined) {
    if (isLoopback(host)) return;
    throw new RequestError(403, 'request.token-unset', 'others reach this port, and no token is set', {
      hint: 'set COCOON_OPERATOR_TOKEN (16 characters or more), or --metrics-host 127.0.0.1',
    });
  }
  const given = /^Bearer +(.+)$/i.exec(authorization ?? '')?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given), digest(token))) return;
  throw new RequestError(401, 'request.token', "the operator's token is missing or wrong", { expected: 'Authorization: Bearer and COCOON_OPERATOR_TOKEN of the worker' });
}
