import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import {
  type ChannelFrame, type ChannelRequest, decodeFrame, encodeFrame, encodePayload, helloHash, type PieceFrame, RefusalReason, RequestSealer, termsHash,
} from '../../../protocol';
import { ChannelEndpoint, CHANNEL_PATH, ENDPOINT_LIMITS, type EndpointLimits } from '../../../worker/channels/endpoint';
import { checked, prepaid, WorkerWorld } from './conversationWorld';

describe('the channel endpoint of a worker', () => {
  let world: WorkerWorld;
  let close: () => Promise<void>;
  const ended: (() => void)[] = [];

  before(async () => {
    const { model, engine } = await WorkerWorld.loaded();
    world = await WorkerWorld.create(model, engine);
    close = async () => {
      for (const end of ended) end();
      world.end();
      await engine.close();
    };
  });
  after(() => close());

  async function listening(limits: Partial<EndpointLimits> = {}): Promise<{ url: string; endpoint: ChannelEndpoint; server: Server }> {
    const server = createServer((_, response) => response.end('ok'));
    const endpoint = new ChannelEndpoint(server, world.context, { ...ENDPOINT_LIMITS, ...limits });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ended.push(() => {
      endpoint.close();
      server.close();
      server.closeAllConnections();
    });
    return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, endpoint, server };
  }

  const connected = async (url: string): Promise<WebSocket> => {
    const socket = new WebSocket(url + CHANNEL_PATH);
    await once(socket, 'open');
    return socket;
  };
  const closing = async (socket: WebSocket): Promise<[number, string]> => {
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    return [code, reason.toString()];
  };

  test('carries a whole paid answer over a real socket', async () => {
    const { url } = await listening();
    const socket = await connected(url);
    const request: ChannelRequest = world.request(1, 70);
    const pieces: PieceFrame[] = [];
    const binding = { networkId: 2026, channel: world.address, workerKey: world.keys.signingPublic, firstSeq: 1 };
    const sealer = await RequestSealer.open(world.keys.sealingPublic, binding);
    const send = (frame: ChannelFrame): void => socket.send(encodeFrame(frame));
    const done = new Promise<void>((resolve, reject) => {
      socket.on('message', (data: Buffer) => {
        const frame = decodeFrame(new Uint8Array(data));
        if (frame.kind === 'welcome') {
          const hash = termsHash(request.terms);
          send({ kind: 'request', seq: 1, termsHash: hash, voucher: world.voucher(prepaid(request)), sealed: sealer.seal(1, encodePayload(request.payload), hash) });
        } else if (frame.kind === 'piece') {
          pieces.push(frame);
          send({ kind: 'payment', ...world.voucher(frame.dueNano) });
          if (frame.final) resolve();
        } else reject(new Error(frame.kind));
      });
    });
    send({ kind: 'hello', ...binding, enc: sealer.enc, signature: world.clientKey.sign(helloHash(binding, sealer.enc)) });
    await done;
    assert.equal(checked(request, pieces).length, 70);
    socket.close();
    await once(socket, 'close');
  });

  test('tells why it ends a connection: the code of the error, and no stack trace', async () => {
    const { url } = await listening();
    const socket = await connected(url);
    socket.send(Uint8Array.of(9, 9));
    const [code, reason] = await closing(socket);
    assert.equal(code, 4_000);
    assert.match(reason, /^UNKNOWN_VERSION: /);
    assert.ok(Buffer.byteLength(reason) <= 123);
  });

  test('takes no text, and no message beyond the longest frame', async () => {
    const { url } = await listening();
    const text = await connected(url);
    text.send('hello');
    assert.equal((await closing(text))[0], 1_003);
    const long = await connected(url);
    long.send(Buffer.alloc(5 * 1024 * 1024));
    assert.equal((await closing(long))[0], 1_009);
  });

  test('reads no more frames than it can handle, and answers every one of a burst', async () => {
    const { url, endpoint } = await listening({ waitingFrames: 3 });
    const { desk } = world.context;
    const refused = { kind: 'refused' as const, reason: RefusalReason.channelEnding, note: 'of the test' };
    Object.assign(world.context, { desk: { has: () => true, find: () => new Promise((resolve) => setImmediate(() => resolve(refused))) } });
    const burst = await connected(url);
    const hello = encodeFrame({
      kind: 'hello', networkId: 2026, channel: world.address, workerKey: world.keys.signingPublic, firstSeq: 1, enc: new Uint8Array(32), signature: new Uint8Array(64),
    });
    let answers = 0;
    const all = new Promise<void>((resolve) => burst.on('message', () => ++answers === 4_000 && resolve()));
    for (let index = 0; index < 4_000; index++) burst.send(hello);
    const [talk] = (endpoint as unknown as { talks: Map<WebSocket, { waiting: number }> }).talks;
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, talk[1].waiting)), 1);
    await all;
    clearInterval(watch);
    Object.assign(world.context, { desk });
    // What came in one read of the socket is there.
    assert.ok(most < 1_000, `${most} waited at a time`);
    burst.terminate();
  });

  test('drops whoever says nothing, or gives no sign of life', async () => {
    const { url, endpoint } = await listening({ helloMillis: 60 });
    const silent = await connected(url);
    assert.equal((await closing(silent))[0], 1_006);
    while (endpoint.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const pinging = await listening({ pingMillis: 40 });
    const dead = new WebSocket(pinging.url + CHANNEL_PATH, { autoPong: false });
    await once(dead, 'open');
    assert.equal((await closing(dead))[0], 1_006);
  });

  test('is at its path alone, and takes so many connections', async () => {
    const { url } = await listening({ connections: 2 });
    const elsewhere = new WebSocket(`${url}/v1/other`);
    assert.match(String(((await once(elsewhere, 'error')) as [Error])[0].message), /404/);
    const first = await connected(url);
    await connected(url);
    const third = new WebSocket(url + CHANNEL_PATH);
    assert.match(String(((await once(third, 'error')) as [Error])[0].message), /503/);
    first.terminate();
    await new Promise((resolve) => setTimeout(resolve, 50));
    (await connected(url)).terminate();
  });
});
