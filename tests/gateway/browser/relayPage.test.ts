/** examples/browser, a page without a bundler, with the packed SDK as one file, buys through a relay in a real browser. Behind COCOON_BROWSER=1 (`npm run test:browser`): it unpacks 190 MB. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { dueFor, toHex } from '../../../protocol';
import { STAKE } from '../bought';
import { NOW, PRICES } from '../../worker/channels/conversationWorld';
import { relaySuite, type RelayWorld } from '../relayWorld';
import { buildSdk, PACKAGE, ROOT } from '../../sdk/packed';
import { until } from '../support';
import { Chromium } from './chromium';
import type { PageFindings, PageOrder } from './pageOrder';

const EXAMPLE = join(ROOT, 'examples/browser');
/** Files of the site by path; the example's own, and the SDK where its README puts it. */
const siteFiles = (watcher: string): Record<string, string> => ({
  '/': readFileSync(join(EXAMPLE, 'index.html'), 'utf8').replace('</head>', '<script src="/watcher.js"></script></head>'),
  '/page.js': readFileSync(join(EXAMPLE, 'page.js'), 'utf8'),
  '/buy.js': readFileSync(join(EXAMPLE, 'buy.js'), 'utf8'),
  '/open-cocoon.js': readFileSync(join(PACKAGE, 'dist/browser/client.js'), 'utf8'),
  '/watcher.js': watcher,
});

/** A site with one page, whose policy lets it talk to itself and to one relay. */
class Site {
  order: PageOrder | null = null;
  private heard: (findings: PageFindings) => void = () => undefined;
  private readonly server: Server;

  constructor(files: Record<string, string>) {
    this.server = createServer((request, response) => {
      const reply = (type: string, body: string): void => {
        const relay = this.order?.relay ?? '';
        const policy = [
          "default-src 'none'", "script-src 'self'", `connect-src 'self' ${relay} ${relay.replace(/^http/, 'ws')}`, "base-uri 'none'", "form-action 'none'",
          "frame-ancestors 'none'", "require-trusted-types-for 'script'",
        ];
        response.writeHead(200, { 'content-type': type, 'content-security-policy': policy.join('; '), 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' }).end(body);
      };
      const file = files[request.url ?? ''];
      if (file !== undefined) return reply(request.url === '/' ? 'text/html' : 'text/javascript', file);
      if (request.url === '/order') return reply('application/json', JSON.stringify(this.order));
      if (request.url !== '/findings') return void response.writeHead(404).end();
      let body = '';
      request.on('data', (data: Buffer) => (body += String(data))).on('end', () => {
        reply('text/plain', '');
        this.heard(JSON.parse(body) as PageFindings);
      });
    });
  }

  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  findings(): Promise<PageFindings> {
    return new Promise((resolve) => (this.heard = resolve));
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

describe('a page in a browser', { timeout: 120_000, skip: process.env.COCOON_BROWSER !== '1' }, () => {
  const { loaded, begin, ends } = relaySuite();
  let chromium: Chromium;
  let files: Record<string, string>;
  before(async () => {
    const { outputFiles } = await build({
      entryPoints: [join(__dirname, 'page.ts')], bundle: true, platform: 'browser', format: 'iife', target: 'es2022', write: false, logLevel: 'error',
    });
    buildSdk();
    files = siteFiles(outputFiles[0].text);
    chromium = await Chromium.open();
  });
  after(() => chromium.end());

  async function site(): Promise<{ page: Site; origin: string }> {
    const page = new Site(files);
    ends.push(() => page.close());
    return { page, origin: await page.open() };
  }

  const orderFor = ({ world, card, relay, promptTokens }: RelayWorld, changes: Partial<PageOrder> = {}): PageOrder => ({
    relay: relay.url, networkId: 2026, channel: toHex(world.address), workerKey: toHex(world.keys.signingPublic), sealingKey: toHex(world.keys.sealingPublic), stake: toHex(STAKE),
    client: '01'.repeat(32), clientSecret: toHex(world.clientKey.secret), modelRoot: toHex(card.modelRoot), promptPrice: String(PRICES.promptPrice), outputPrice: String(PRICES.outputPrice),
    seq: 1, promptTokens, maxTokens: 70, now: NOW, ...changes,
  });

  test('buys an answer through the relay under a policy that allows its own scripts and the relay: the bits of the engine, each piece checked and paid, no violation', async () => {
    const { page, origin } = await site();
    const relayed = await begin({}, { origins: [origin] });
    page.order = orderFor(relayed);
    const { tokens, due: shownDue, fault, violations } = await chromium.visit(`${origin}/`, page.findings());
    assert.deepEqual([fault, violations], ['', []]);
    const { promptTokens, world } = relayed;
    const sampling = { t: 0, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32) };
    assert.deepEqual(tokens.split(' ').map(Number), (await loaded.engine.generate({ promptTokens, maxTokens: 70, stopTokens: [], sampling })).tokens);
    const due = dueFor(PRICES, promptTokens.length, 70);
    assert.equal(BigInt(shownDue), due);
    await until(() => world.store.read.balance(world.address).voucherNano === due);
    assert.equal(world.store.read.balance(world.address).dueNano, due);
  });

  test('of an origin that the relay does not know gets nothing, and what its own policy forbids is seen to be stopped', async () => {
    const { page, origin } = await site();
    const relayed = await begin({}, { origins: ['https://app.example'] });
    page.order = orderFor(relayed, { forbidden: 'http://127.0.0.1:9/elsewhere' });
    const { tokens, fault, violations } = await chromium.visit(`${origin}/`, page.findings());
    assert.equal(tokens, '');
    assert.match(fault, /Failed to fetch/);
    assert.deepEqual(violations, ['connect-src http://127.0.0.1:9/elsewhere']);
    assert.equal(relayed.seen.length, 0);
    assert.equal(relayed.world.store.read.channel(relayed.world.address), null);
  });
});
