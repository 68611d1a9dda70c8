/** A page that takes the SDK's one file from another host runs no other file than the one that the package names. Behind COCOON_BROWSER=1 (`npm run test:browser`). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestBrowser } from '../../miniapp/e2e/browser';
import { buildSdk, PACKAGE } from '../../sdk/packed';

describe('a pinned SDK in a browser', { skip: process.env.COCOON_BROWSER === undefined && 'set COCOON_BROWSER=1', timeout: 120_000 }, () => {
  const servers: Server[] = [];
  let browser: TestBrowser;
  let client: string;
  let pin: string;
  before(async () => {
    buildSdk();
    client = readFileSync(join(PACKAGE, 'dist/browser/client.js'), 'utf8');
    pin = (JSON.parse(readFileSync(join(PACKAGE, 'dist/browser/integrity.json'), 'utf8')) as Record<string, string>)['client.js'];
    browser = await TestBrowser.open();
  });
  after(async () => {
    await browser?.close();
    servers.forEach((server) => server.close());
  });

  const serve = async (files: Record<string, string>, policy?: string): Promise<string> => {
    const server = createServer(({ url }, response) => {
      const file = files[url ?? ''];
      response.writeHead(file === undefined ? 404 : 200, {
        'content-type': url === '/' ? 'text/html' : 'text/javascript', 'access-control-allow-origin': '*', ...(policy !== undefined && { 'content-security-policy': policy }),
      }).end(file);
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  test('a host that changes a byte of it has nothing run, and the file as it was packed runs', async () => {
    for (const [served, expected] of [[client, 'function'], [`${client} `, 'nothing ran']]) {
      const host = await serve({ '/client.js': served });
      const page = await serve({
        '/': `<!doctype html><title>x</title><link rel="icon" href="data:,"><link rel="modulepreload" href="${host}/client.js" integrity="${pin}" crossorigin><script type="module" src="/page.js"></script><p>nothing ran</p>`,
        '/page.js': `import { voucherHash } from '${host}/client.js'; document.querySelector('p').textContent = typeof voucherHash;`,
      }, `default-src 'none'; script-src 'self' ${host}; img-src data:; require-trusted-types-for 'script'`);
      const visitor = await browser.visitor();
      await visitor.page.goto(page, { waitUntil: 'networkidle' });
      assert.equal(await visitor.page.locator('p').textContent(), expected);
      assert.equal(visitor.log.console.filter((line) => line.includes('integrity')).length, expected === 'function' ? 0 : 1);
      await visitor.close();
    }
  });
});
