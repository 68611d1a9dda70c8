/** What the page may do, as headers. */
import type { PageConfig } from '../src/types';

/** Web clients of Telegram, which show Mini Apps in a frame; the other clients have no frames. */
const FRAMES = ['https://web.telegram.org', 'https://webk.telegram.org', 'https://webz.telegram.org'];

type Places = Pick<PageConfig, 'relay' | 'apis' | 'wallets'>;

/** Directives that work in a <meta>, too. Nothing that a page of ours does needs an exception. */
function directives({ relay, apis, wallets }: Places): string[] {
  const places = [relay, relay.replace(/^http/, 'ws'), ...apis.map(({ url }) => originOf(url)), ...wallets.map(({ bridgeUrl }) => originOf(bridgeUrl))];
  return [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", `connect-src 'self' ${[...new Set(places)].join(' ')}`, "base-uri 'none'", "form-action 'none'",
    "require-trusted-types-for 'script'", "trusted-types 'none'",
  ];
}

export const headerPolicy = (places: Places): string => [...directives(places), `frame-ancestors ${FRAMES.join(' ')}`].join('; ');

/** The same without `frame-ancestors`, which browsers ignore in a <meta>: anybody could frame such a page. */
export const metaPolicy = (places: Places): string => directives(places).join('; ');

/** Headers of every answer besides its policy, type and caching. */
export const HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'permissions-policy': ['accelerometer', 'camera', 'display-capture', 'geolocation', 'gyroscope', 'magnetometer', 'microphone', 'midi', 'payment', 'usb'].map((name) => `${name}=()`).join(', '),
  // Whoever opens the page gets no hold of it; it may open a wallet's own page itself.
  'cross-origin-opener-policy': 'same-origin-allow-popups',
};

const originOf = (url: string): string => new URL(url).origin;
