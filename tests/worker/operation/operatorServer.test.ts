import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createLogger } from '../../../worker/log';
import { RequestError } from '../../../worker/errors';
import { isLoopback } from '../../../worker/operation/operatorAccess';
import { readPage } from '../../../worker/operation/operatorPage';
import { type OperatorServer, startOperatorServer } from '../../../worker/operation/operatorServer';

const folder = mkdtempSync(join(tmpdir(), 'cocoon-operator-'));
mkdirSync(join(folder, 'assets'));
for (const [name, text] of [['provider.html', '<p>page'], ['index.html', 'of users'], ['assets/provider-abcdefgh.js', '1;'], ['assets/page.css', 'p{}'], ['assets/note.txt', 'x'], ['secret', 'x']]) {
  writeFileSync(join(folder, name), text);
}
const servers: OperatorServer[] = [];
after(() => {
  servers.forEach((server) => server.close());
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

describe("an operator's port", () => {
  const start = async (access: { host: string; token?: string }, page = true): Promise<(path: string, headers?: Record<string, string>, method?: string) => Promise<Answer>> => {
    const own = {
      '/v1/provider': (query: URLSearchParams) => ({ of: query.get('of') }),
      '/v1/bad': () => Promise.reject(new RequestError(400, 'request.query', 'it cannot be used', { hint: 'another' })),
      '/v1/broken': () => Promise.reject(new Error('secret detail')),
    };
    const open = { '/healthz': () => ({ status: 200, type: 'text/plain', text: 'ok' }) };
    const server = await startOperatorServer(access, 0, { open, own }, createLogger('silent'), page ? readPage(folder) : readPage(join(folder, 'assets')));
    servers.push(server);
    const { port } = new URL(server.url);
    return (path, headers = {}, method = 'GET') => new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, headers, method }, (response) => {
        let text = '';
        response.on('data', (data) => (text += String(data))).on('end', () => resolve({ status: response.statusCode!, headers: response.headers as Record<string, string>, text }));
      }).on('error', reject).end();
    });
  };

  test('serves the page with a policy of its own origin, its scripts under their names for good, and no other file', async () => {
    const get = await start({ host: '127.0.0.1' });
    const page = await get('/');
    assert.deepEqual([page.status, page.text, page.headers['content-type'], page.headers['cache-control']], [200, '<p>page', 'text/html; charset=utf-8', 'no-store']);
    for (const part of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
      assert.ok(page.headers['content-security-policy'].split('; ').includes(part), part);
    }
    assert.deepEqual([page.headers['x-content-type-options'], page.headers['referrer-policy'], page.headers['cross-origin-resource-policy']], ['nosniff', 'no-referrer', 'same-origin']);
    const script = await get('/assets/provider-abcdefgh.js');
    assert.deepEqual([script.status, script.text, script.headers['content-type']], [200, '1;', 'text/javascript; charset=utf-8']);
    assert.match(script.headers['cache-control'], /immutable/);
    for (const path of ['/index.html', '/provider.html', '/assets/note.txt', '/assets/../secret', '/assets/%2e%2e/secret', '/secret', '/__proto__', '/constructor', '//', '/assets/']) {
      assert.equal((await get(path)).status, 404, path);
    }
    assert.equal((await get('/', {}, 'POST')).status, 404);
    assert.equal((await get('/v1/provider', {}, 'POST')).status, 404);
  });

  test('says that the page was not built where it was not', async () => {
    const missing = await (await start({ host: '127.0.0.1' }, false))('/');
    assert.equal(missing.status, 404);
    assert.match(missing.text, /npm run build:miniapp/);
  });

  test('on the loopback answers under its own names, to its own page and to programs; what it says to others is nothing', async () => {
    const get = await start({ host: '127.0.0.1' });
    assert.deepEqual(JSON.parse((await get('/v1/provider?of=jobs')).text), { of: 'jobs' });
    assert.equal((await get('/v1/provider', { host: 'LOCALHOST:9464' })).status, 200);
    assert.equal((await get('/v1/provider', { host: '[::1]:1', origin: 'http://[::1]:1' })).status, 200);
    for (const headers of [
      { host: 'evil.example' }, { host: '127.0.0.1.evil.example' }, { origin: 'https://evil.example' }, { origin: 'null' }, { origin: 'http://127.0.0.1:1' },
      { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' },
    ] as Record<string, string>[]) {
      const { status, text, headers: got } = await get('/v1/provider', headers);
      assert.deepEqual([status, text.includes('jobs'), got['access-control-allow-origin']], [403, false, undefined], JSON.stringify(headers));
    }
    assert.equal((await get('/', { host: 'evil.example' })).status, 403);
    assert.equal((await get('/healthz', { host: 'prometheus.example' })).status, 200);
  });

  test('that others reach too answers with the token alone, and not at all without one', async () => {
    const token = '0123456789abcdef';
    const bare = await start({ host: '0.0.0.0' });
    assert.equal((await bare('/v1/provider')).status, 403);
    assert.equal((await bare('/healthz')).status, 200);
    const get = await start({ host: '0.0.0.0', token });
    for (const authorization of [undefined, 'Bearer', 'Bearer 0123456789abcdeg', `Bearer ${token}0`, `Basic ${token}`, `Bearer ${token.toUpperCase()}`]) {
      assert.equal((await get('/v1/provider', authorization === undefined ? {} : { authorization })).status, 401, authorization);
    }
    assert.equal((await get('/v1/provider', { authorization: `Bearer ${token}`, host: 'gpu.example' })).status, 200);
    assert.equal((await get('/v1/provider', { authorization: `Bearer ${token}`, origin: 'https://evil.example' })).status, 403);
    assert.equal((await get('/', { host: 'gpu.example' })).status, 200);
    assert.deepEqual(['127.0.0.1', '127.8.8.8', 'localhost', '::1', '0.0.0.0', '::', '10.0.0.1', '127.evil.example'].map(isLoopback), [true, true, true, true, false, false, false, false]);
  });

  test('answers errors with their code, and what is a defect with nothing of it', async () => {
    const get = await start({ host: '127.0.0.1' });
    const bad = await get('/v1/bad');
    assert.deepEqual([bad.status, JSON.parse(bad.text)], [400, { error: { code: 'request.query', message: 'it cannot be used', hint: 'another' } }]);
    const broken = await get('/v1/broken');
    assert.deepEqual([broken.status, broken.text.includes('secret')], [500, false]);
  });
});
