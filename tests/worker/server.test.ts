import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { Address, beginCell } from '@ton/core';
import { ChainClient } from '../../worker/chain/chainClient';
import { MAX_BODY_BYTES, createJsonServer } from '../../worker/http/server';
import { createLogger } from '../../worker/log';

const servers: Server[] = [];
after(() => servers.forEach((server) => server.close()));
async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const hasCode = (code: string) => (error: unknown) => (error as { code: string }).code === code;

test('the HTTP endpoint answers every bad request with a typed JSON error', async () => {
  const url = await listen(
    createJsonServer(
      [
        { method: 'POST', path: /^\/v1\/echo$/, handle: (_match, body) => ({ status: 200, body: { body } }) },
        {
          method: 'GET',
          path: /^\/v1\/break$/,
          handle: () => {
            throw new Error('secret detail');
          },
        },
      ],
      createLogger('silent'),
    ),
  );
  const post = (body: BodyInit): Promise<Response> => fetch(`${url}/v1/echo`, { method: 'POST', body });
  const table: [string, Promise<Response>, number, string][] = [
    ['unknown path', fetch(`${url}/nothing`), 404, 'request.path'],
    ['wrong method', fetch(`${url}/v1/echo`), 405, 'request.method'],
    ['not JSON', post('{'), 400, 'request.json'],
    ['not UTF-8', post(new Uint8Array([0xff, 0xfe, 0x22])), 400, 'request.utf8'],
    ['too large', post('"'.padEnd(MAX_BODY_BYTES + 1, 'x')), 413, 'request.too-large'],
    ['a defect', fetch(`${url}/v1/break`), 500, 'internal'],
  ];
  for (const [name, pending, status, code] of table) {
    const response = await pending;
    const text = await response.text();
    assert.equal(response.status, status, name);
    assert.equal((JSON.parse(text) as { error: { code: string } }).error.code, code, name);
    assert.ok(!text.includes('secret detail'), name);
  }
  assert.deepEqual(await (await post('{"a":1}')).json(), { body: { a: 1 } });
});

/** A toncenter-shaped API whose answers the test decides. */
async function fakeApi(
  reply: (call: number, method: string) => { status: number; body: object },
): Promise<{ url: string; calls: () => number }> {
  let calls = 0;
  const url = await listen(
    createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const { status, body } = reply(++calls, (JSON.parse(text) as { method: string }).method);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    }),
  );
  return { url: `${url}/api/v2`, calls: () => calls };
}
const config19 = (id: number): object => ({
  ok: true,
  result: { config: { bytes: beginCell().storeInt(id, 32).endCell().toBoc().toString('base64') } },
});

test('a temporary failure of the API is tried again, a lasting one becomes a typed error', async () => {
  const flaky = await fakeApi((call) =>
    call < 3 ? { status: 503, body: { ok: false, error: 'busy' } } : { status: 200, body: config19(2026) },
  );
  const client = new ChainClient({ endpoint: flaky.url, backoffMillis: 1 });
  assert.equal(await client.networkId(), 2026);
  assert.equal(flaky.calls(), 3);
  const broken = await fakeApi(() => ({ status: 500, body: { ok: false, error: 'down' } }));
  await assert.rejects(
    new ChainClient({ endpoint: broken.url, backoffMillis: 1, attempts: 4 }).networkId(),
    hasCode('network.answer'),
  );
  assert.equal(broken.calls(), 4);
  const limited = await fakeApi(() => ({ status: 429, body: { ok: false, error: 'slow down' } }));
  await assert.rejects(
    new ChainClient({ endpoint: limited.url, backoffMillis: 1, attempts: 2 }).networkId(),
    hasCode('network.rate-limit'),
  );
});

test('a closed port is named, and a message that no contract accepts is not sent again', async () => {
  const closed = new ChainClient({ endpoint: 'http://127.0.0.1:9', backoffMillis: 1, attempts: 2 });
  await assert.rejects(closed.networkId(), hasCode('network.unreachable'));
  await assert.rejects(closed.getAccount(new Address(0, Buffer.alloc(32))), hasCode('network.unreachable'));
  const refusing = await fakeApi(() => ({
    status: 500,
    body: { ok: false, error: 'LITE_SERVER_UNKNOWN: cannot apply external message to current state', code: 500 },
  }));
  await assert.rejects(
    new ChainClient({ endpoint: refusing.url }).sendExternal(Buffer.from('b5ee', 'hex')),
    hasCode('chain.external-refused'),
  );
  assert.equal(refusing.calls(), 1);
});

test('an API of another network is refused', async () => {
  const mainnet = await fakeApi(() => ({ status: 200, body: config19(-239) }));
  await assert.rejects(new ChainClient({ endpoint: mainnet.url }).checkNetwork(2026), hasCode('chain.wrong-network'));
});
