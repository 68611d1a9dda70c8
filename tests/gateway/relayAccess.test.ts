/** Whom a relay lets in, whom it connects to, and what it takes of them. */
import assert from 'node:assert/strict';
import { KeyObject, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { X509CertificateGenerator } from '@peculiar/x509';
import fc from 'fast-check';
import pino from 'pino';
import { WebSocket, WebSocketServer } from 'ws';
import { checkUrlHost, isPublicAddress, publicLookup } from '../../gateway/relay/addresses';
import { WorkerDirectory, type DirectoryOptions } from '../../gateway/relay/directory';
import { Senders, TokenBucket } from '../../gateway/relay/limits';
import { openOutbound } from '../../gateway/relay/outbound';
import { openRelay, type RelaySettings, type RunningRelay } from '../../gateway/relay/server';
import type { TlsFiles } from '../../worker/http/tls';
import type { Provider } from '../../wrappers/discovery';
import { NOW } from '../worker/channels/conversationWorld';
import { providerAt, relaySuite, type RelayWorld } from './relayWorld';
import { sleep, until } from './support';

const log = pino({ level: 'silent' });
const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const key = new Uint8Array(32).fill(5);
const keyName = '05'.repeat(32);
const stakeName = '03'.repeat(32);
const descriptorOf = (changes: object = {}): string => JSON.stringify({ channels: { path: '/v1/channel' }, networkId: 2026, stake: stakeName, workerKey: keyName, ...changes });
const closing = async (socket: WebSocket): Promise<[number, string]> => {
  socket.on('error', () => undefined);
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return [code, String(reason)];
};

describe('where a relay may connect to', () => {
  test('is the public internet: no loopback, private, link-local, reserved or tunnelled address, however it is written', () => {
    for (const address of ['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450::1']) assert.ok(isPublicAddress(address), address);
    for (const address of [
      '127.0.0.1', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.0.1', '169.254.169.254', '100.64.0.1', '224.0.0.1', '255.255.255.255', '198.18.0.1',
      '::1', '::', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:0:7f00:1::', '2001:db8::1', 'nonsense', '',
    ]) assert.ok(!isPublicAddress(address), address);
    for (const url of ['http://127.0.0.1/', 'http://0x7f.1/', 'http://2130706433/', 'http://[::1]:80/', 'http://[::ffff:7f00:1]/', 'https://169.254.169.254/v1']) {
      assert.throws(() => checkUrlHost(url), hasCode('gateway.private-address'), url);
    }
    checkUrlHost('https://worker.example/v1');
    checkUrlHost('https://1.1.1.1/v1');
  });

  test('is asked at the moment of each connection: a name that points inside, even with one of its addresses, is not connected to', async () => {
    let hits = 0;
    const server = createServer((_, response) => response.end(String(++hits))).listen(0, '127.0.0.1');
    const sockets = new WebSocketServer({ server }).on('connection', () => hits++);
    await once(server, 'listening');
    const port = (server.address() as AddressInfo).port;
    try {
      for (const addresses of [['127.0.0.1'], ['1.1.1.1', '127.0.0.1'], ['::1'], []]) {
        const outbound = openOutbound(false, publicLookup((_host, _options, done) => done(null, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))));
        await assert.rejects(outbound.download(`http://worker.example:${port}/v1/descriptor`, 100), hasCode('gateway.private-address'));
        const socket = outbound.connect(`ws://worker.example:${port}/v1/channel`, 100);
        const [error] = (await once(socket, 'error')) as [{ code?: string }];
        assert.equal(error.code, 'gateway.private-address');
      }
      assert.throws(() => openOutbound(false).connect(`ws://127.0.0.1:${port}/`, 100), hasCode('gateway.private-address'));
      assert.equal(hits, 0);
      await openOutbound(true).download(`http://127.0.0.1:${port}/`, 100);
      assert.equal(hits, 1);
      // Schemes are written in any case: this one is asked over TLS, which it does not speak.
      await assert.rejects(openOutbound(true).download(`HTTPS://127.0.0.1:${port}/`, 100), /SSL/);
    } finally {
      sockets.close();
      server.close();
      server.closeAllConnections();
    }
  });
});

describe('the workers that a relay knows', () => {
  const directoryOf = async (providers: Provider[], served: string | (() => string), changes: Partial<DirectoryOptions> = {}) => {
    const asked: string[] = [];
    const directory = new WorkerDirectory({
      networkId: 2026, discover: async () => ({ providers, unreadable: [], complete: true }), isPrivateAllowed: false, now: () => NOW, log,
      outbound: {
        download: async (url) => {
          asked.push(url);
          return Buffer.from(typeof served === 'string' ? served : served());
        },
      },
      ...changes,
    });
    await directory.refresh();
    return { directory, asked };
  };
  const faultOf = (directory: WorkerDirectory): string => (JSON.parse(String(directory.list())) as { providers: { fault: string }[] }).providers[0].fault;

  test('are those of the registry that serve the descriptor which the chain names; it is kept as it is for pages to check', async () => {
    const text = descriptorOf();
    const { directory, asked } = await directoryOf([providerAt('https://worker.example/a', text, key)], text);
    assert.deepEqual(asked, ['https://worker.example/a/v1/descriptor']);
    for (const name of [stakeName, keyName]) {
      assert.deepEqual(directory.find(name), { stake: stakeName, url: 'wss://worker.example/a/v1/channel' });
      assert.equal(String(directory.descriptor(name)), text);
    }
    assert.equal(directory.find('00'.repeat(32)), null);
    await directory.refresh();
    assert.equal(asked.length, 1, 'bytes with a known hash are not fetched again');
    const [shown] = (JSON.parse(String(directory.list())) as { providers: Record<string, unknown>[] }).providers;
    assert.deepEqual([shown.stake, shown.channel, shown.descriptor, shown.activeNano, shown.fault], [`0:${stakeName}`, `/v1/channel/${stakeName}`, text, '10', null]);
    assert.deepEqual((shown.keys as { workerKey: string }[])[0].workerKey, keyName);
  });

  test('are nobody whom a stake merely names: other bytes, another stake or network, a key that is not its own or has ended, a strange path, a private host', async () => {
    const ok = descriptorOf();
    const below = (provider: Provider): Provider => ({ ...provider, status: { ...provider.status, active: 4n } });
    const ended = (provider: Provider): Provider => ({ ...provider, keys: [{ ...provider.keys[0], endUnix: NOW }] });
    const same = (provider: Provider): Provider => provider;
    const cases: [string, string, string, (provider: Provider) => Provider, string][] = [
      ['other bytes', ok, descriptorOf({ more: 1 }), same, 'verification.descriptor-hash'],
      ['not JSON', '<html>', '<html>', same, 'gateway.provider-unusable'],
      ['another stake', descriptorOf({ stake: '04'.repeat(32) }), '', same, 'gateway.provider-unusable'],
      ['another network', descriptorOf({ networkId: -239 }), '', same, 'gateway.provider-unusable'],
      ['a key of somebody else', descriptorOf({ workerKey: '06'.repeat(32) }), '', same, 'gateway.provider-unusable'],
      ['no channels', descriptorOf({ channels: undefined }), '', same, 'gateway.provider-unusable'],
      ['a path with a query', descriptorOf({ channels: { path: '/v1?x=' } }), '', same, 'gateway.provider-unusable'],
      ['a path that climbs', descriptorOf({ channels: { path: '/../admin' } }), '', same, 'gateway.provider-unusable'],
      ['a path that is a host', descriptorOf({ channels: { path: '//evil.example/x' } }), '', same, 'gateway.provider-unusable'],
      ['below the minimum', ok, ok, below, 'gateway.provider-unusable'],
      ['an ended key', ok, ok, ended, 'gateway.provider-unusable'],
    ];
    for (const [name, named, served, change, fault] of cases) {
      const { directory } = await directoryOf([change(providerAt('https://worker.example', named, key))], served || named);
      assert.deepEqual([directory.find(stakeName), faultOf(directory)], [null, fault], name);
    }
    for (const endpoint of ['http://127.0.0.1:80', 'http://[::1]', 'http://10.0.0.1']) {
      const { directory } = await directoryOf([providerAt(endpoint, ok, key)], ok);
      assert.deepEqual([directory.find(stakeName), faultOf(directory)], [null, 'gateway.private-address'], endpoint);
    }
    const { directory } = await directoryOf([providerAt(null, ok, key)], ok);
    assert.equal(directory.find(stakeName), null);
  });

  test('stay known while the chain does not answer, and are gone when it says so', async () => {
    const text = descriptorOf();
    const found = { providers: [providerAt('https://worker.example', text, key)], unreadable: [], complete: true };
    let answer: () => Promise<typeof found> = async () => found;
    const { directory } = await directoryOf([], text, { discover: () => answer() });
    answer = () => Promise.reject(new Error('no answer'));
    await assert.rejects(directory.refresh());
    assert.notEqual(directory.find(stakeName), null);
    answer = async () => ({ ...found, providers: [] });
    await directory.refresh();
    assert.equal(directory.find(stakeName), null);
  });

  test('have the name of their own stake, whoever lists their key', async () => {
    const text = descriptorOf();
    const thief = providerAt('https://evil.example', text, new Uint8Array(32).fill(3), new Uint8Array(32).fill(9));
    const { directory } = await directoryOf([providerAt('https://worker.example', text, key), thief], text);
    assert.equal(directory.find(stakeName)!.url, 'wss://worker.example/v1/channel');
  });
});

describe('what a relay takes of one sender', () => {
  const limits = { connections: 5, perSender: 2, perWorker: 3, requestsPerMinute: 60 };

  test('is bounded: connections of an address, an IPv6 /64, a worker and all together; each place is given back once', () => {
    const senders = new Senders(limits);
    const first = senders.enter('1.1.1.1', 'a')!;
    assert.ok(senders.enter('::ffff:1.1.1.1', 'b'));
    assert.equal(senders.enter('1.1.1.1', 'c'), null);
    assert.ok(senders.enter('2606::1:2:3:4', 'a') && senders.enter('2606::5:6:7:8', 'a'));
    assert.equal(senders.enter('2606::9', 'c'), null);
    assert.equal(senders.enter('127.0.0.1', 'a'), null, 'the worker is full');
    assert.ok(senders.enter('127.0.0.1', 'd'));
    assert.equal(senders.enter('127.0.0.1', 'e'), null, 'the relay is full');
    first();
    first();
    assert.equal(senders.size, 4);
    assert.ok(senders.enter('127.0.0.1', 'e'));
  });

  test('is as many requests a minute, whatever their pace, and other senders do not feel it', () => {
    let now = 0;
    const senders = new Senders(limits, () => now);
    const asked = (address: string, times: number): number => Array.from({ length: times }, () => senders.mayAsk(address)).filter(Boolean).length;
    assert.equal(asked('1.1.1.1', 100), 60);
    assert.equal(asked('1.1.1.2', 1), 1);
    now += 5_000;
    assert.equal(asked('1.1.1.1', 100), 5);
    assert.equal(asked('127.0.0.1', 1_000), 1_000);
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(5_000), fc.integer({ min: 1, max: 50 }))), (steps) => {
      let at = 0;
      const bucket = new TokenBucket({ capacity: 100, perSecond: 10 }, () => at);
      let taken = 0;
      for (const [millis, amount] of steps) {
        at += millis;
        const wait = bucket.take(amount);
        taken += amount;
        at += wait;
        assert.ok(taken <= 100 + (at / 1_000) * 10 + 1e-6);
      }
    }), { seed: 20261128 });
  });

  test('leaves memory alone, however many senders there are', () => {
    const senders = new Senders(limits);
    for (let index = 0; index < 11_000; index++) senders.mayAsk(`${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.1`);
    assert.ok((senders as unknown as { rates: Map<string, unknown> }).rates.size <= 10_000);
  });
});

describe('the port of a relay', { timeout: 30_000 }, () => {
  const { ends, begin } = relaySuite();
  const worldOf = (settings: Partial<RelaySettings> = {}): Promise<RelayWorld> => begin({}, settings);

  /** A relay in front of a server of the test's own, which is no worker. */
  async function inFrontOf(accept: (socket: WebSocket) => void, settings: Partial<RelaySettings> = {}, tls?: TlsFiles): Promise<{ url: string; relay: RunningRelay }> {
    const server = createServer((_, response) => response.end(descriptorOf())).listen(0, '127.0.0.1');
    const sockets = new WebSocketServer({ server }).on('connection', accept);
    await once(server, 'listening');
    const outbound = openOutbound(true);
    const providers = [providerAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, descriptorOf(), key)];
    const directory = new WorkerDirectory({
      networkId: 2026, discover: async () => ({ providers, unreadable: [], complete: true }), outbound, isPrivateAllowed: true, now: () => NOW, log,
    });
    const relay = await openRelay({ directory, outbound, log, host: '127.0.0.1', port: 0, tls, settings });
    ends.push(() => {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      server.closeAllConnections();
    });
    ends.push(() => relay.close());
    return { url: `${relay.url.replace('http', 'ws')}/v1/channel/${keyName}`, relay };
  }

  test('shows pages of the named origins the list and the descriptors, and refuses those of others before anything else', async () => {
    const origin = 'https://app.example';
    const world = await worldOf({ origins: [origin] });
    const get = (path: string, from?: string, method = 'GET') => fetch(`${world.relay.url}${path}`, { method, ...(from !== undefined && { headers: { origin: from } }) });
    const list = await get('/v1/providers', origin);
    assert.deepEqual([list.status, list.headers.get('access-control-allow-origin'), list.headers.get('vary')], [200, origin, 'Origin']);
    const [shown] = (await list.json() as { providers: { descriptor: string }[] }).providers;
    const descriptor = await get(`/v1/providers/${world.name}/descriptor`, origin);
    assert.equal(await descriptor.text(), shown.descriptor);
    assert.equal(shown.descriptor, world.descriptorText);
    for (const other of ['https://evil.example', 'https://app.example.evil', 'http://app.example', 'null']) {
      const refused = await get('/v1/providers', other);
      assert.deepEqual([refused.status, refused.headers.get('access-control-allow-origin')], [403, null], other);
      const socket = new WebSocket(world.socketUrl, { origin: other });
      assert.match(String(((await once(socket, 'error')) as [Error])[0]), /403/);
    }
    const page = new WebSocket(world.socketUrl, { origin });
    await once(page, 'open');
    page.close();
    const table: [string, string, number, string][] = [
      ['/v1/elsewhere', 'GET', 404, 'unknown_url'], ['/v1/providers', 'POST', 405, 'method_not_allowed'], [`/v1/channel/${world.name}`, 'GET', 404, 'unknown_url'],
      [`/v1/providers/${'00'.repeat(32)}/descriptor`, 'GET', 404, 'unknown_worker'], ['/v1/providers/http%3A%2F%2F10.0.0.1/descriptor', 'GET', 404, 'unknown_url'],
    ];
    for (const [path, method, status, code] of table) {
      const response = await get(path, origin, method);
      assert.deepEqual([response.status, (await response.json() as { error: { code: string } }).error.code], [status, code], path);
    }
    assert.equal((await get('/v1/providers', origin, 'OPTIONS')).status, 204);
    assert.equal((await get('/healthz')).status, 200);
  });

  test('connects to nobody but a worker of the registry: no URL, host or other name is taken', async () => {
    const world = await worldOf();
    const base = world.relay.url.replace('http', 'ws');
    for (const path of ['/', '/v1/channel', `/v1/channel/${'00'.repeat(32)}`, `/v1/channel/${world.name.toUpperCase().replace(/3/g, 'A')}`, '/v1/channel/ws%3A%2F%2F127.0.0.1', `/v1/channel/${world.name}/x`, `/v1/other/${world.name}`]) {
      const socket = new WebSocket(base + path);
      assert.match(String(((await once(socket, 'error')) as [Error])[0]), /404/, path);
    }
    assert.equal(world.relay.size(), 0);
  });

  test('takes no more connections to one worker than its limit, and takes another one when one has left', async () => {
    const { url, relay } = await inFrontOf(() => undefined, { perWorker: 2 });
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(url);
      await once(socket, 'open');
      return socket;
    };
    const [first] = [await open(), await open()];
    const third = new WebSocket(url);
    assert.match(String(((await once(third, 'error')) as [Error])[0]), /429/);
    first.terminate();
    await until(() => relay.size() === 1);
    await open();
  });

  test('passes binary messages alone, none beyond the longest frame, and says which worker is not there', async () => {
    const { url } = await inFrontOf((socket) => socket.on('message', (data) => socket.send(data)));
    const text = new WebSocket(url);
    text.on('open', () => text.send('hello'));
    assert.equal((await closing(text))[0], 1_003);
    const long = new WebSocket(url);
    long.on('open', () => long.send(Buffer.alloc(2 * 2 ** 20)));
    assert.equal((await closing(long))[0], 1_009);
    const echo = new WebSocket(url);
    await once(echo, 'open');
    for (const length of [0, 1, 125, 126, 65_536, 2 ** 20]) {
      const sent = Buffer.alloc(length, length);
      echo.send(sent);
      assert.ok(((await once(echo, 'message')) as [Buffer])[0].equals(sent));
    }
    echo.close(4_321, 'enough');
    assert.deepEqual(await closing(echo), [4_321, 'enough']);
    const { url: dead } = await inFrontOf((socket) => socket.terminate());
    assert.deepEqual(await closing(new WebSocket(dead)), [1_014, 'the worker is gone or cannot be reached']);
  });

  test('hands on how a connection ended, and ends those that say nothing or give no sign of life', async () => {
    const { url } = await inFrontOf((socket) => socket.close(4_000, 'HELLO_FIRST: so it is'));
    assert.deepEqual(await closing(new WebSocket(url)), [4_000, 'HELLO_FIRST: so it is']);
    const idle = await inFrontOf(() => undefined, { idleMillis: 60, pingMillis: 20 });
    assert.deepEqual(await closing(new WebSocket(idle.url)), [1_001, 'idle']);
    const dead = await inFrontOf(() => undefined, { pingMillis: 30 });
    assert.equal((await closing(new WebSocket(dead.url, { autoPong: false })))[0], 1_006);
    const ended: number[] = [];
    const gone = await inFrontOf((socket) => socket.on('close', (code) => ended.push(code)));
    const client = new WebSocket(gone.url);
    await once(client, 'open');
    await sleep(30);
    client.terminate();
    await until(() => ended.length === 1);
    assert.equal(ended[0], 1_001);
  });

  for (const slow of ['client', 'worker'] as const) {
    test(`a ${slow} that reads nothing holds its writer back, costs a bounded amount of memory, and is cut in the end`, async () => {
      const waitingBytes = 128 * 1024;
      let worker: WebSocket | null = null;
      const { url, relay } = await inFrontOf((socket) => {
        worker = socket;
        socket.on('error', () => undefined);
      }, { waitingBytes, stallMillis: 700, burstBytes: 2 ** 30, bytesPerSecond: 2 ** 30 });
      const client = new WebSocket(url);
      client.on('error', () => undefined);
      await once(client, 'open');
      await until(() => worker !== null);
      const [reader, writer] = slow === 'client' ? [client, worker!] : [worker!, client];
      reader.pause();
      const message = Buffer.alloc(64 * 1024);
      let taken = 0;
      for (let index = 0; index < 800; index++) writer.send(message, () => (taken += message.length));
      await sleep(350);
      const held = taken;
      assert.ok(held < 800 * message.length * 0.6, `${held} bytes were taken`);
      await sleep(150);
      assert.equal(taken, held, 'nothing more is read');
      await until(() => relay.size() === 0);
      reader.terminate();
    });
  }

  test('what a client sends too fast is read later, and none of it is lost', async () => {
    let got = 0;
    const { url } = await inFrontOf((socket) => socket.on('message', (data: Buffer) => (got += data.length)), { burstBytes: 100_000, bytesPerSecond: 400_000 });
    const client = new WebSocket(url);
    await once(client, 'open');
    const begun = performance.now();
    for (let index = 0; index < 20; index++) client.send(Buffer.alloc(10_000));
    await until(() => got === 200_000);
    assert.ok(performance.now() - begun > 200);
    client.terminate();
  });

  const folder = mkdtempSync(join(tmpdir(), 'cocoon-relay-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  test('speaks TLS, and listens where others reach it with TLS alone', async () => {
    const { url, relay } = await inFrontOf((worker) => worker.on('message', (data) => worker.send(data)), {}, await selfSigned(folder));
    assert.match(relay.url, /^https:/);
    const socket = new WebSocket(url, { rejectUnauthorized: false });
    await once(socket, 'open');
    socket.send('x'.repeat(300), { binary: true });
    assert.equal(String(((await once(socket, 'message')) as [Buffer])[0]), 'x'.repeat(300));
    socket.terminate();
    const plain = request(relay.url.replace('https', 'http'));
    plain.end();
    await once(plain, 'error');
    const directory = new WorkerDirectory({
      networkId: 2026, discover: () => Promise.reject(new Error('asked')), outbound: openOutbound(true), isPrivateAllowed: true, now: () => NOW, log,
    });
    for (const host of ['0.0.0.0', '::', '192.168.0.1', 'relay.example']) {
      await assert.rejects(openRelay({ directory, outbound: openOutbound(true), log, host, port: 0 }), hasCode('config.gateway.tls'), host);
    }
  });

  test('keeps no connection that it refused, and ends, though the client does not end it', async () => {
    const { url, relay } = await inFrontOf(() => undefined);
    const { port, pathname } = new URL(url);
    const asking = async (path: string, version: number): Promise<Socket> => {
      const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined).resume();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: ${version}\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n\r\n`);
      await once(socket, 'end');
      return socket;
    };
    for (const [path, version] of [['/v1/elsewhere', 13], [pathname, 7]] as const) {
      const socket = await asking(path, version);
      // Only one that is gone at the other side as well refuses what is written.
      const writing = setInterval(() => socket.write('x'), 50);
      await Promise.race([new Promise((resolve) => socket.once('close', resolve)), sleep(3_000).then(() => assert.fail(`${path} is held`))]).finally(() => clearInterval(writing));
    }
    const last = await asking('/v1/elsewhere', 13);
    await Promise.race([relay.close(), sleep(3_000).then(() => assert.fail('the relay does not end'))]);
    last.destroy();
  });

  test('ends every connection when it is closed', async () => {
    const { url, relay } = await inFrontOf(() => undefined);
    const client = new WebSocket(url);
    await once(client, 'open');
    const closed = closing(client);
    await relay.close();
    assert.deepEqual(await closed, [1_001, 'the relay is going away']);
  });
});

async function selfSigned(folder: string): Promise<TlsFiles> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const cert = await X509CertificateGenerator.createSelfSigned({ name: 'CN=localhost', keys: keys as never, signingAlgorithm: algorithm });
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, cert.toString('pem'));
  writeFileSync(files.key, KeyObject.from(keys.privateKey as never).export({ format: 'pem', type: 'pkcs8' }));
  return files;
}
