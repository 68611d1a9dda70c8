/** Who may speak to the port: Host against DNS rebinding, Origin against foreign pages, and the port's key. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { OpenAiRequestError } from './errors';

export interface AccessRules {
  /** Host names besides those of the loopback, without port. */
  hosts: readonly string[];
  /** Origins whose pages may call, like `https://chat.example`; `*` is any. */
  origins: readonly string[];
  /** What `Authorization: Bearer` must say; without one everybody on this machine may ask. */
  apiKey?: string;
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];
/** Headers that pages may read; OpenAI's client reads the first three. */
const EXPOSED = [
  'x-request-id', 'retry-after', 'x-should-retry', 'x-cocoon-warning', 'x-cocoon-cost-nanoton', 'x-cocoon-reference',
].join(', ');

/**
 * A page whose name its owner points at 127.0.0.1 sends that name as Host, and its browser sees no foreign origin.
 * @throws OpenAiRequestError 403 `host_not_allowed`
 */
export function checkHost({ hosts }: AccessRules, request: IncomingMessage): void {
  const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  if (LOOPBACK_NAMES.includes(host) || hosts.includes(host)) return;
  throw new OpenAiRequestError(403, 'host_not_allowed', 'this gateway is not called by that name', {
    expected: [...LOOPBACK_NAMES, ...hosts].join(', '), hint: 'name the host in the configuration of the gateway',
  });
}

/**
 * Answers a page's questions about what it may do. Requests of other pages are refused before anything is spent on them: a
 * browser sends some without asking first, and hides only the answer.
 * @throws OpenAiRequestError 403 `origin_not_allowed`
 */
export function applyCors(rules: Pick<AccessRules, 'origins'>, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('vary', 'Origin');
  requireOrigin(rules, request);
  if (request.headers.origin === undefined) return;
  response.setHeader('access-control-allow-origin', request.headers.origin);
  response.setHeader('access-control-expose-headers', EXPOSED);
}

/** Programs say no origin; what they say is their own choice. @throws OpenAiRequestError 403 `origin_not_allowed` */
export function requireOrigin({ origins }: Pick<AccessRules, 'origins'>, { headers: { origin } }: IncomingMessage): void {
  if (origin === undefined || origins.includes('*') || origins.includes(origin)) return;
  throw new OpenAiRequestError(403, 'origin_not_allowed', 'pages of this origin may not call this gateway', {
    hint: 'name the origin in the configuration of the gateway',
  });
}

/** OpenAI's client sends seven headers of its own in a browser, and others will be added: whatever is asked for is allowed. */
export function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  const asked = request.headers['access-control-request-headers'];
  response.writeHead(204, {
    'access-control-allow-methods': 'GET, POST, OPTIONS',
    ...(asked !== undefined && { 'access-control-allow-headers': asked }),
    // Chromium asks this of pages that call a private address.
    ...(request.headers['access-control-request-private-network'] === 'true' && {
      'access-control-allow-private-network': 'true',
    }),
    'access-control-max-age': '600',
    vary: 'Origin, Access-Control-Request-Headers',
  });
  response.end();
}

/** @throws OpenAiRequestError 401 `invalid_api_key` */
export function checkKey({ apiKey }: AccessRules, request: IncomingMessage): void {
  if (apiKey === undefined) return;
  const given = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given), digest(apiKey))) return;
  throw new OpenAiRequestError(401, 'invalid_api_key', 'the API key of this gateway is missing or wrong', {
    expected: 'Authorization: Bearer and the key that the gateway was started with',
  });
}
