/** A browser whose every request, WebSocket message, console line and policy violation is kept. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium, type FoundChromium } from '../../support/chromium';

export interface Wire {
  /** http: method, URL, headers and body of a request; sent and received: one WebSocket message. */
  kind: 'http' | 'sent' | 'received';
  url: string;
  /** Everything of it, latin1. */
  bytes: string;
}

/** What a page did. */
export interface PageLog {
  wire: Wire[];
  console: string[];
  /** `directive blockedURI`, by the page's own event; and errors that nobody caught. */
  violations: string[];
  errors: string[];
}

/** A phone that Telegram runs on, and the smallest that is supported. */
export const SCREENS = { phone: { width: 390, height: 844 }, small: { width: 320, height: 568 } } as const;

export interface PageOptions {
  screen?: keyof typeof SCREENS;
  scheme?: 'light' | 'dark';
  locale?: string;
  reducedMotion?: boolean;
  /** Times slower than this machine. */
  slowdown?: number;
}

export class TestBrowser {
  private constructor(private readonly found: FoundChromium, readonly browser: Browser) {}

  static async open(): Promise<TestBrowser> {
    const found = await findChromium();
    return new TestBrowser(found, await chromium.launch({ executablePath: found.program, args: CHROMIUM_FLAGS }));
  }

  /** A visitor with storage of its own. */
  async visitor(options: PageOptions = {}): Promise<Visitor> {
    const context = await this.browser.newContext({
      viewport: SCREENS[options.screen ?? 'phone'], hasTouch: true, colorScheme: options.scheme ?? 'light', locale: options.locale ?? 'en-US',
      reducedMotion: options.reducedMotion === true ? 'reduce' : 'no-preference',
    });
    return Visitor.open(context, options);
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.found.end();
  }
}

export class Visitor {
  readonly log: PageLog = { wire: [], console: [], violations: [], errors: [] };

  private constructor(readonly context: BrowserContext, readonly page: Page) {}

  static async open(context: BrowserContext, options: PageOptions): Promise<Visitor> {
    context.setDefaultTimeout(15_000);
    const visitor = new Visitor(context, await context.newPage());
    await visitor.watch(options);
    return visitor;
  }

  /** Requests that left, but for those to `origin`. */
  requestsElsewhere(origin: string): string[] {
    return this.log.wire.filter(({ kind, url }) => kind === 'http' && /^(https?|wss?):/.test(url) && new URL(url).origin !== origin).map(({ url }) => url);
  }

  /** Everything that left or came, was logged or is kept, in which one of the spellings of `marker` occurs. */
  async tracesOf(marker: string): Promise<string[]> {
    const spellings = spellingsOf(marker);
    const has = (text: string): boolean => spellings.some((spelling) => text.includes(spelling));
    const { wire, console: lines } = this.log;
    return [
      ...wire.filter(({ bytes }) => has(bytes)).map(({ kind, url }) => `${kind} ${url}`),
      ...lines.filter(has).map((line) => `console ${line}`),
      ...(has(this.page.url()) ? ['address'] : []),
      ...(await this.stored()).filter(({ text }) => has(text)).map(({ place }) => `stored in ${place}`),
    ];
  }

  /** Everything that the origin keeps in this browser: one text for each value, bytes as latin1. */
  async stored(): Promise<{ place: string; text: string }[]> {
    const own = await this.page.evaluate(dumpStorage);
    const cookies = (await this.context.cookies()).map(({ name, value }) => ({ place: `cookie ${name}`, text: value }));
    return [...own, ...cookies];
  }

  /** As a browser does that forgets: every kind of storage of the origin, with the page gone meanwhile. */
  async wipe(origin: string): Promise<void> {
    await this.page.goto('about:blank');
    const session = await this.context.newCDPSession(this.page);
    await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
    await session.detach();
  }

  close(): Promise<void> {
    return this.context.close();
  }

  private async watch({ slowdown }: PageOptions): Promise<void> {
    const { page, log } = this;
    // tsx wraps functions with names, in those that run in the page too.
    await page.addInitScript('globalThis.__name = (value) => value');
    await page.exposeFunction('cocoonViolation', (text: string) => void log.violations.push(text));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
        (window as unknown as { cocoonViolation(text: string): void }).cocoonViolation(`${violatedDirective} ${blockedURI}`);
      });
    });
    this.context.on('request', (request) => {
      const bytes = `${request.method()} ${request.url()}\n${JSON.stringify(request.headers())}\n${request.postDataBuffer()?.toString('latin1') ?? ''}`;
      log.wire.push({ kind: 'http', url: request.url(), bytes });
    });
    page.on('websocket', (socket) => {
      const url = socket.url();
      log.wire.push({ kind: 'http', url, bytes: url });
      const latin1 = (payload: string | Buffer): string => Buffer.from(payload).toString('latin1');
      socket.on('framesent', ({ payload }) => log.wire.push({ kind: 'sent', url, bytes: latin1(payload) }));
      socket.on('framereceived', ({ payload }) => log.wire.push({ kind: 'received', url, bytes: latin1(payload) }));
    });
    page.on('console', (message) => log.console.push(`${message.type()} ${message.text()}`));
    page.on('pageerror', (error) => log.errors.push(error.message));
    if (slowdown !== undefined) {
      const session = await this.context.newCDPSession(page);
      await session.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
    }
  }
}

/** A text as it is, as URLs, JSON, hex and base64 of any alignment have it, and as UTF-16 in latin1. */
export function spellingsOf(marker: string): string[] {
  const bytes = Buffer.from(marker, 'utf8');
  const base64 = [0, 1, 2].map((shift) => {
    // Characters at both ends depend on their neighbours.
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').replace(/=+$/, '');
    return text.slice(Math.ceil((shift * 8) / 6), -1);
  });
  return [...new Set([
    bytes.toString('latin1'), marker, encodeURIComponent(marker), JSON.stringify(marker).slice(1, -1), bytes.toString('hex'), bytes.toString('hex').toUpperCase(),
    ...base64, ...base64.map((text) => text.replace(/\+/g, '-').replace(/\//g, '_')), Buffer.from(marker, 'utf16le').toString('latin1'),
  ])];
}

/** Runs in the page. */
async function dumpStorage(): Promise<{ place: string; text: string }[]> {
  const found: { place: string; text: string }[] = [];
  for (const [name, storage] of [['localStorage', localStorage], ['sessionStorage', sessionStorage]] as const) {
    for (let index = 0; index < storage.length; index++) {
      const key = storage.key(index)!;
      found.push({ place: name, text: `${key}=${storage.getItem(key)}` });
    }
  }
  const bytesOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  const textOf = (value: unknown, depth = 0): string => {
    if (value instanceof ArrayBuffer) return bytesOf(new Uint8Array(value));
    if (ArrayBuffer.isView(value)) return bytesOf(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    if (value instanceof CryptoKey) return `CryptoKey ${value.type} extractable=${value.extractable}`;
    if (value instanceof Map || value instanceof Set) return textOf([...value], depth + 1);
    if (typeof value === 'object' && value !== null && depth < 8) return Object.entries(value).map(([key, inner]) => `${key}: ${textOf(inner, depth + 1)}`).join('\n');
    return String(value);
  };
  const done = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'));
  });
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name!));
    for (const store of Array.from(database.objectStoreNames)) {
      const all = database.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([done(all.getAllKeys()), done(all.getAll())]);
      keys.forEach((key, index) => found.push({ place: `IndexedDB ${name}/${store}`, text: `${textOf(key)}=${textOf(values[index])}` }));
    }
    database.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) found.push({ place: `cache ${name}`, text: `${request.url} ${await (await cache.match(request))!.text()}` });
  }
  return found;
}
