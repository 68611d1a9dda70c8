/** The page's host: what it refuses to be told, what it serves with which headers, and the same as files. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type HostConfigInput, parseHostConfig, readHostConfig } from '../../miniapp/host/config';
import { exportPage } from '../../miniapp/host/export';
import { openHost, type RunningHost } from '../../miniapp/host/server';
import { parseConfig } from '../../miniapp/src/app/config';
import { codeOf, cocoon } from '../support/cocoon';
import { TINY_MODEL } from '../support/marketplace';

const CONFIG: HostConfigInput = {
  origin: 'https://app.example', network: 'testnet', registry: `0:${'ab'.repeat(32)}`, relay: 'https://relay.example',
  apis: [{ name: 'One', url: 'https://one.example/api/v2' }, { name: 'Two', url: 'https://two.example/api/v2' }],
  models: [{ file: TINY_MODEL }], deposit: '500000000',
  wallets: [{ id: 'w', name: 'Wallet', bridgeUrl: 'https://bridge.example/bridge', universalLink: 'https://wallet.example/connect' }],
};

const folder = mkdtempSync(join(tmpdir(), 'cocoon-page-'));
const built = join(folder, 'built');
const PAGE = '<!doctype html>\n<html><head>\n    <meta charset="utf-8">\n    <script type="module" src="/assets/index-abcd.js"></script></head></html>\n';
before(() => {
  mkdirSync(join(built, 'assets'), { recursive: true });
  for (const [path, text] of [['index.html', PAGE], ['provider.html', PAGE], ['icon.png', 'png'], ['assets/index-abcd.js', 'x'.repeat(5_000)]]) writeFileSync(join(built, path), text);
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('the host of the page', () => {
  let host: RunningHost;
  before(async () => void (host = await openHost({ host: '127.0.0.1', port: 0, config: parseHostConfig(CONFIG), built })));
  after(() => host.close());
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${host.url}${path}`, init);

  test('serves a configuration that the page itself takes, and a manifest for wallets of any origin', async () => {
    const page = parseConfig(await (await get('/config.json')).json());
    assert.deepEqual([page.networkId, page.registry, page.manifestUrl], [-3, 'ab'.repeat(32), 'https://app.example/tonconnect-manifest.json']);
    assert.equal((await get(page.models[0].tokenizer)).status, 200);
    const manifest = await get('/tonconnect-manifest.json');
    assert.equal(manifest.headers.get('access-control-allow-origin'), '*');
    assert.deepEqual(await manifest.json(), { url: 'https://app.example', name: 'Open Cocoon', iconUrl: 'https://app.example/icon.png' });
    assert.equal((await get('/config.json')).headers.get('access-control-allow-origin'), null);
  });

  test('allows scripts and styles of its own alone, and connections to the relay, the two APIs and the bridges of its wallets', async () => {
    for (const path of ['/', '/index.html', '/provider.html', '/assets/index-abcd.js', '/nothing']) {
      const { headers } = await get(path);
      const policy = new Map(headers.get('content-security-policy')!.split('; ').map((part) => [part.split(' ')[0], part.split(' ').slice(1).join(' ')]));
      assert.deepEqual(['default-src', 'script-src', 'style-src', 'base-uri', 'form-action', 'require-trusted-types-for', 'trusted-types'].map((name) => policy.get(name)), ["'none'", "'self'", "'self'", "'none'", "'none'", "'script'", "'none'"]);
      assert.equal(policy.get('connect-src'), "'self' https://relay.example wss://relay.example https://one.example https://two.example https://bridge.example");
      assert.match(policy.get('frame-ancestors')!, /^https:\/\/web\.telegram\.org( https:\/\/\w+\.telegram\.org)*$/);
      assert.deepEqual(['x-content-type-options', 'referrer-policy', 'x-frame-options', 'set-cookie'].map((name) => headers.get(name)), ['nosniff', 'no-referrer', null, null]);
    }
  });

  test('keeps no page in any cache and lets whatever has its hash in its name be kept for good', async () => {
    for (const path of ['/', '/provider.html', '/config.json']) assert.equal((await get(path)).headers.get('cache-control'), 'no-store', path);
    const asset = await get('/assets/index-abcd.js', { headers: { 'accept-encoding': 'gzip' } });
    assert.match(asset.headers.get('cache-control')!, /immutable/);
    assert.deepEqual([asset.headers.get('content-encoding'), (await asset.text()).length], ['gzip', 5_000]);
  });

  test('reads nothing but its own files, and takes no other method', async () => {
    for (const path of ['/../package.json', '/%2e%2e/package.json', '/assets', '/integrity.json', '//index.html']) assert.equal((await get(path)).status, 404, path);
    assert.equal((await get('/', { method: 'POST', body: 'x' })).status, 405);
    assert.equal((await (await get('/', { method: 'HEAD' })).text()), '');
  });
});

test('a configuration that cannot be meant is refused by the name of its field', () => {
  const wrong: [string, object][] = [
    ['origin', { origin: 'https://app.example/' }], ['origin', { origin: 'http://app.example' }], ['registry', { registry: 'nowhere' }], ['registry', { registry: `-1:${'ab'.repeat(32)}` }],
    ['relay', { relay: 'wss://relay.example' }], ['apis', { apis: [CONFIG.apis[0], { name: 'Again', url: 'https://one.example/v3' }] }], ['apis.1.url', { apis: [CONFIG.apis[0], { name: 'Two', url: 'two.example' }] }],
    ['quoteRoot', { quoteRoot: 'simulated' }], ['deposit', { deposit: '0.5' }], ['returnUrl', { returnUrl: 'https://evil.example' }], ['wallets', { wallets: [] }], ['models', { models: [] }],
    ['document', { colour: 'red' }], ['apis.0.url', { apis: [{ name: 'One', url: 'https://one.example;sandbox' }, CONFIG.apis[1]] }],
  ];
  for (const [field, change] of wrong) {
    assert.throws(() => parseHostConfig({ ...CONFIG, ...change }), (error: { code: string; message: string }) => error.code === 'config.page.field' && error.message.includes(`wrong: ${field};`), field);
  }
  assert.equal(parseHostConfig({ ...CONFIG, network: 'devnet', quoteRoot: 'simulated', relay: 'http://127.0.0.1:1' }).quoteRoot, 'simulated');
});

test('as files it has the same policy in every page, rules for the host, and a hash of everything; never over other files', () => {
  const out = join(folder, 'out');
  const report = exportPage(parseHostConfig(CONFIG), out, built);
  const read = (name: string): string => readFileSync(join(out, name), 'utf8');
  const hashes = JSON.parse(read('integrity.json')) as Record<string, string>;
  assert.equal(report.files, Object.keys(hashes).length + 1);
  assert.ok('/_headers' in hashes, 'the rules too');
  for (const [path, hash] of Object.entries(hashes)) assert.equal(hash, `sha384-${createHash('sha384').update(readFileSync(join(out, path))).digest('base64')}`, path);
  assert.equal(report.integrity, createHash('sha384').update(read('integrity.json')).digest('hex'));
  const rules = read('_headers');
  const policy = /^\/\*\n(?: {2}.*\n)*? {2}content-security-policy: (.*)$/m.exec(rules)![1];
  assert.match(policy, /; frame-ancestors https:/);
  for (const page of ['index.html', 'provider.html']) {
    const meta = /<meta charset="utf-8">\n\s*<meta http-equiv="content-security-policy" content="([^"]+)">/.exec(read(page))!;
    assert.equal(meta[1], policy.replace(/; frame-ancestors [^;]*/, ''), 'before any script');
  }
  assert.match(rules, /^\/config\.json\n(?: {2}.*\n)* {2}cache-control: no-store$/m);
  assert.throws(() => exportPage(parseHostConfig(CONFIG), out, built), { code: 'config.page.out-not-empty' });
});

test('commands: a page that is not built, a file that is not there or no JSON are said by name, with exit code 3', async () => {
  const file = join(folder, 'page.json');
  writeFileSync(file, '{');
  assert.throws(() => readHostConfig(file), { code: 'config.page.json' });
  for (const [page, code] of [[join(folder, 'none.json'), 'config.page.unreadable'], [file, 'config.page.json']]) {
    const run = await cocoon(['miniapp', 'export', '--page', page, '--out', join(folder, 'never'), '--json']);
    assert.deepEqual([run.status, codeOf(run), run.stdout], [3, code, '']);
  }
  await assert.rejects(openHost({ host: '127.0.0.1', port: 0, config: parseHostConfig(CONFIG), built: join(folder, 'nowhere') }), { code: 'config.page.not-built' });
});
