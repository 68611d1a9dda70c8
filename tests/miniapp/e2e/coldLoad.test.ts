/** The page before anybody does anything. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Response } from 'playwright-core';
import { SCREENS } from './browser';
import { ChatPage } from './page';
import { E2E, e2eSuite } from './suite';

describe('a cold load', E2E, () => {
  const suite = e2eSuite();

  test('breaks no rule of its policy, and asks nobody but its own origin until Connect is tapped; then the relay and the two chain APIs, and no wallet', async (t) => {
    const { world } = suite;
    const visitor = await suite.visitor(t);
    await visitor.page.goto(world.host.url);
    const page = new ChatPage(visitor);
    await page.begin().and(visitor.page.locator(':enabled')).waitFor();
    await visitor.page.waitForTimeout(1_000);
    assert.deepEqual(visitor.requestsElsewhere(world.host.url), []);
    await page.start();
    const known = [world.relay.url, ...world.apis.map(({ url }) => new URL(url).origin)];
    const elsewhere = visitor.requestsElsewhere(world.host.url).map((url) => new URL(url).origin);
    assert.deepEqual([...new Set(elsewhere)].sort(), known.sort(), 'no bridge, no wallet list, no analytics, no fonts');
    assert.deepEqual([visitor.log.violations, visitor.log.errors], [[], []]);
  });

  test('loads at most 35 kB before it can be used, is never kept as a page, and what it loads is kept for good', async (t) => {
    const visitor = await suite.visitor(t);
    const seen: Response[] = [];
    visitor.page.on('response', (response) => seen.push(response));
    await visitor.page.goto(suite.world.host.url);
    await new ChatPage(visitor).begin().and(visitor.page.locator(':enabled')).waitFor();
    // What the page loads by itself behind its first screen counts too.
    await visitor.page.waitForLoadState('networkidle');
    const sizes: [string, number][] = [];
    for (const response of [...seen]) {
      const { pathname } = new URL(response.url());
      if (!response.url().startsWith(suite.world.host.url) || !/^\/(assets\/.*|)$/.test(pathname)) continue;
      const caching = (await response.headerValue('cache-control')) ?? '';
      assert.match(caching, pathname === '/' ? /^no-store$/ : /immutable/, pathname);
      sizes.push([pathname, gzipSync(await response.body(), { level: 9 }).length]);
    }
    const sum = sizes.reduce((all, [, size]) => all + size, 0);
    t.diagnostic(`${sum} bytes (gzip) in ${sizes.length} files`);
    assert.ok(sizes.length >= 3, String(sizes));
    assert.ok(sum <= 35_000, String(sizes));
  });

  for (const screen of Object.keys(SCREENS) as (keyof typeof SCREENS)[]) {
    test(`can be used within 1.5 s on a ${screen} screen with a sixth of this machine's speed, and nothing is wider than the screen`, async (t) => {
      const times: number[] = [];
      for (let run = 0; run < 3; run++) {
        const visitor = await suite.visitor(t, { screen, slowdown: 6 });
        await visitor.page.goto(suite.world.host.url, { waitUntil: 'commit' });
        await new ChatPage(visitor).begin().and(visitor.page.locator(':enabled')).waitFor();
        times.push(await visitor.page.evaluate(() => performance.now()));
        const wide = await visitor.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(wide, 0);
        await visitor.close();
      }
      t.diagnostic(`${times.map((time) => Math.round(time)).join(', ')} ms`);
      assert.ok(Math.min(...times) < 1_500, String(times));
    });
  }

  test('runs no script that is injected into it and connects nowhere else: its policy is in force', async (t) => {
    const visitor = await suite.visitor(t);
    await visitor.page.goto(suite.world.host.url);
    // It answers pages of any origin; the page's own policy is all that is in the way.
    const elsewhere = new URL('/healthz', suite.world.market.api).href;
    const outcome = await visitor.page.evaluate(async (elsewhere) => {
      const script = document.createElement('script');
      const attempts: Record<string, string> = {};
      const attempt = (name: string, act: () => unknown): void => {
        try {
          act();
          attempts[name] = 'done';
        } catch (error) {
          attempts[name] = (error as Error).name;
        }
      };
      attempt('markup', () => (document.createElement('div').innerHTML = '<img src=x>'));
      attempt('source', () => (script.src = 'https://evil.example/x.js'));
      attempt('policy', () => (window as unknown as { trustedTypes: { createPolicy(name: string, rules: object): void } }).trustedTypes.createPolicy('mine', {}));
      attempts.fetch = await fetch(elsewhere).then(() => 'done', (error: Error) => error.name);
      return attempts;
    }, elsewhere);
    assert.deepEqual(outcome, { markup: 'TypeError', source: 'TypeError', policy: 'TypeError', fetch: 'TypeError' });
    await visitor.page.waitForTimeout(200);
    assert.ok(visitor.log.violations.includes(`connect-src ${elsewhere}`), String(visitor.log.violations));
  });
});
