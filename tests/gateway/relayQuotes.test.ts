/** Quotes of attested workers through a relay: byte for byte, bounded, and a worker that gives none breaks nothing else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, test } from 'node:test';
import pino from 'pino';
import { WorkerDirectory } from '../../gateway/relay/directory';
import { openOutbound } from '../../gateway/relay/outbound';
import { QuoteShelf } from '../../gateway/relay/quotes';
import { openRelay } from '../../gateway/relay/server';
import { MAX_QUOTE_FILE_BYTES } from '../../worker/quoteFile';
import { NOW } from '../worker/channels/conversationWorld';
import { providerAt } from './relayWorld';

const log = pino({ level: 'silent' });
const key = new Uint8Array(32).fill(5);
const stakeName = '03'.repeat(32);
const keyName = '05'.repeat(32);
const descriptor = JSON.stringify({ channels: { path: '/v1/channel' }, networkId: 2026, stake: stakeName, workerKey: keyName });
const QUOTE = '{"quote": "00"}\n';
const ends: (() => unknown)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

/** A relay in front of one worker, whose key is attested unless it is not. */
async function relayFor(answer: (response: ServerResponse) => unknown, tier = 1): Promise<{ get: (path: string) => Promise<[number, string]>; asked: () => number }> {
  let asked = 0;
  const server = createServer(({ url }, response) => {
    if (url !== '/v1/quote') return response.end(descriptor);
    asked++;
    answer(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const provider = providerAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, descriptor, key);
  provider.keys[0].tier = tier;
  const outbound = openOutbound(true);
  const directory = new WorkerDirectory({
    networkId: 2026, discover: async () => ({ providers: [provider], unreadable: [], complete: true }), outbound, isPrivateAllowed: true, now: () => NOW, log,
  });
  const relay = await openRelay({ directory, outbound, log, host: '127.0.0.1', port: 0 });
  ends.push(() => server.close(), () => relay.close(), () => server.closeAllConnections());
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(relay.url + path);
    const text = await response.text();
    return [response.status, response.ok ? text : (JSON.parse(text) as { error: { code: string } }).error.code];
  };
  return { get, asked: () => asked };
}
const quoteOf = (name: string): string => `/v1/providers/${name}/quote`;

describe('a quote through a relay', () => {
  test('comes as the worker serves it, by the name of stake or key, and the worker is asked once', async () => {
    const { get, asked } = await relayFor((response) => response.end(QUOTE));
    const all = await Promise.all([stakeName, keyName, stakeName].map((name) => get(quoteOf(name))));
    assert.deepEqual(all, all.map(() => [200, QUOTE]));
    assert.equal(asked(), 1);
  });

  test('of an unknown worker, of one whose key is bonded, and of one that has none is 404; a bonded one is not asked', async () => {
    const bonded = await relayFor((response) => response.end(QUOTE), 0);
    assert.deepEqual(await bonded.get(quoteOf(stakeName)), [404, 'no_quote']);
    assert.equal(bonded.asked(), 0);
    const none = await relayFor((response) => response.writeHead(404).end('{}'));
    assert.deepEqual(await none.get(quoteOf(stakeName)), [404, 'no_quote']);
    assert.deepEqual(await none.get(quoteOf('00'.repeat(32))), [404, 'unknown_worker']);
    assert.deepEqual(await none.get(`${quoteOf(stakeName)}/x`), [404, 'unknown_url']);
  });

  test('that is too long, no JSON, redirected or cut is 503, asked for once in a while, and list and descriptor are served as before', async () => {
    const answers: ((response: ServerResponse) => unknown)[] = [
      (response) => response.end(`"${'x'.repeat(MAX_QUOTE_FILE_BYTES)}"`), (response) => response.end('<html>'), (response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
      (response) => response.writeHead(500).end(QUOTE), (response) => response.destroy(),
    ];
    for (const answer of answers) {
      const { get, asked } = await relayFor(answer);
      for (let time = 0; time < 2; time++) assert.deepEqual(await get(quoteOf(stakeName)), [503, 'gateway.quote-unreachable']);
      assert.equal(asked(), 1);
      assert.deepEqual(await get(`/v1/providers/${stakeName}/descriptor`), [200, descriptor]);
      assert.equal((await get('/v1/providers'))[0], 200);
    }
  });
});

describe('the quotes that a relay keeps', () => {
  const shelf = () => {
    const world = { now: 0, asked: [] as string[], answer: (): Promise<Uint8Array> => Promise.resolve(Buffer.from(QUOTE)) };
    const quotes = new QuoteShelf({ download: (url) => (world.asked.push(url), world.answer()) }, () => world.now);
    return { world, quotes };
  };

  test('are fetched again after a while, sooner where that failed', async () => {
    const { world, quotes } = shelf();
    for (const [now, asked] of [[0, 1], [59_999, 1], [60_000, 2]]) {
      world.now = now;
      assert.equal(String(await quotes.take('a')), QUOTE);
      assert.equal(world.asked.length, asked);
    }
    world.answer = () => Promise.reject(new Error('no'));
    for (const [now, asked] of [[120_000, 3], [129_999, 3], [130_000, 4]]) {
      world.now = now;
      await assert.rejects(async () => quotes.take('a'), { code: 'gateway.quote-unreachable' });
      assert.equal(world.asked.length, asked);
    }
  });

  test('are few, and few workers are asked at a time', async () => {
    const { world, quotes } = shelf();
    for (let at = 0; at < 65; at++) await quotes.take(`u${at}`);
    await quotes.take('u64');
    assert.equal(world.asked.length, 65);
    await quotes.take('u0');
    assert.equal(world.asked.length, 66, 'the oldest was forgotten');
    world.answer = () => new Promise(() => undefined);
    for (let at = 0; at < 8; at++) void quotes.take(`silent${at}`);
    assert.throws(() => quotes.take('one more'), { code: 'gateway.overloaded' });
    assert.equal(String(await quotes.take('u64')), QUOTE);
  });
});
