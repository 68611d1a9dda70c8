import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Base64, hexToByteArray, SessionCrypto } from '@tonconnect/protocol';
import { Bridge } from '../../../miniapp/host/simulated';

const A = 'aa'.repeat(32);
const B = 'bb'.repeat(32);

describe('the simulated bridge', { timeout: 10_000 }, () => {
  const bridge = new Bridge();
  const server = http.createServer((request, response) => void (bridge.handle(request, response) || response.writeHead(404).end()));
  let url = '';
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bridge`;
  });
  after(() => {
    bridge.close();
    server.closeAllConnections();
    server.close();
  });

  const post = (body: string, parameters: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/message?${new URLSearchParams({ client_id: A, to: B, ttl: '60', topic: 'connect', ...parameters })}`, { method: 'POST', body });

  /** Messages that a client gets at once. */
  async function events(query: string): Promise<{ id: number; from: string; message: string }[]> {
    const stop = new AbortController();
    const response = await fetch(`${url}/events?${query}`, { signal: stop.signal });
    let text = '';
    setTimeout(() => stop.abort(), 50);
    try {
      for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) text += Buffer.from(part).toString();
    } catch {
      // Stopped.
    }
    return [...text.matchAll(/id: (\d+)\nevent: message\ndata: (\{.*\})\n\n/g)].map(([, id, data]) => ({ id: Number(id), ...JSON.parse(data) }));
  }

  test('a message waits for its client until its time is over, and comes again from the last event on', async () => {
    for (const body of ['one', 'two']) assert.deepEqual(await (await post(body)).json(), { message: 'OK', statusCode: 200 });
    await post('short', { ttl: '1' });
    await post('elsewhere', { to: 'cc'.repeat(32) });
    const all = await events(`client_id=${A},${B}`);
    assert.deepEqual(all.map(({ from, message }) => [from, message]), [[A, 'one'], [A, 'two'], [A, 'short']]);
    assert.deepEqual((await events(`client_id=${B}&last_event_id=${all[1].id}`)).map(({ message }) => message), ['short']);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.deepEqual((await events(`client_id=${B}`)).map(({ message }) => message), ['one', 'two']);
    assert.deepEqual(bridge.passed[0], { from: A, to: B, topic: 'connect' });
  });

  test('what comes while a client listens comes at once, and any page may ask', async () => {
    const later = events(`client_id=${'dd'.repeat(32)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const response = await post('now', { to: 'dd'.repeat(32), trace_id: 't' });
    assert.equal(response.headers.get('access-control-allow-origin'), '*');
    assert.equal((await fetch(`${url}/message`, { method: 'OPTIONS' })).status, 204);
    assert.deepEqual((await later).map(({ message }) => message), ['now']);
  });

  test('what is no client, no time to live and too much is refused, and other paths are not the bridge\'s', async () => {
    assert.equal((await post('x', { client_id: 'zz' })).status, 400);
    for (const ttl of ['0', '301', 'x', '']) assert.equal((await post('x', { ttl })).status, 400);
    assert.equal((await post('x'.repeat(70_000))).status, 413);
    assert.equal((await fetch(`${url}/events?client_id=1`)).status, 400);
    assert.equal((await fetch(`${url}/events?client_id=${A}&last_event_id=-1`)).status, 400);
    assert.equal((await fetch(`${url}/other`)).status, 404);
  });

  test('it passes what it cannot read: a message sealed for one client opens with its key alone', async () => {
    const [page, wallet, other] = [new SessionCrypto(), new SessionCrypto(), new SessionCrypto()];
    await post(Base64.encode(page.encrypt('asked', hexToByteArray(wallet.sessionId))), { client_id: page.sessionId, to: wallet.sessionId });
    const [{ message, from }] = await events(`client_id=${wallet.sessionId}`);
    const sealed = Base64.decode(message).toUint8Array();
    assert.equal(wallet.decrypt(sealed, hexToByteArray(from)), 'asked');
    assert.throws(() => other.decrypt(sealed, hexToByteArray(from)));
  });
});
