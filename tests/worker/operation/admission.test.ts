import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { encodeFrame, type RefusalFrame, RefusalReason } from '../../../protocol';
import { ChannelLedger, Unpaid } from '../../../worker/channels/ledger';
import { boundConnections } from '../../../worker/http/connections';
import { createJsonServer } from '../../../worker/http/server';
import { createLogger } from '../../../worker/log';
import { Admission, ADMISSION_LIMITS } from '../../../worker/operation/admission';
import { RateLimit } from '../../../worker/operation/rateLimit';
import { type Connection, prepaid, settled, WorkerWorld } from '../channels/conversationWorld';

const channel = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

describe('rates', () => {
  test('a bucket gives its burst at once, then as much as time passes, and says when to come again', () => {
    let now = 0;
    const limit = new RateLimit(2, 4, () => now);
    const taken = (): number => {
      let count = 0;
      while (limit.take('a') === 0) count++;
      return count;
    };
    assert.equal(taken(), 4);
    now += 499;
    assert.equal(taken(), 0);
    now += 1;
    assert.equal(taken(), 1);
    now += 60_000;
    assert.equal(taken(), 4, 'never more than the burst');
    assert.equal(limit.take('b'), 0, 'keys do not share');
    const slow = new RateLimit(0.1, 1, () => now);
    slow.take('a');
    assert.equal(slow.take('a'), 10);
    assert.equal(new RateLimit(0, 0).take('a'), 0, '0 is no limit');
  });

  test('a flood of new keys does not fill the memory', () => {
    const limit = new RateLimit(1, 1);
    for (let index = 0; index < 12_000; index++) limit.take(String(index));
    assert.equal(limit.size, 10_000);
  });

  test('one sender has one rate, whatever form its address has; senders on this machine have none', () => {
    const admission = new Admission({ ...ADMISSION_LIMITS, senderRate: 1 }, () => 0);
    assert.deepEqual(['10.0.0.1', '::ffff:10.0.0.1', '10.0.0.1'].map((address) => admission.sender(address)), [0, 0, 1]);
    assert.deepEqual(['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2::3'].map((address) => admission.sender(address)), [0, 0, 1]);
    assert.equal(admission.sender('2001:db8:1:3::1'), 0);
    for (let index = 0; index < 50; index++) assert.equal(admission.sender('127.0.0.1'), 0);
  });

  test('a channel has a rate and so many requests at a time, over all senders', () => {
    let now = 0;
    const admission = new Admission({ ...ADMISSION_LIMITS, channelRate: 2, perChannel: 3 }, () => now);
    const held = [1, 2, 3].map((sender) => admission.enter(channel(1), `10.0.0.${sender}`));
    assert.ok(held.every((each) => 'leave' in each));
    assert.deepEqual(admission.enter(channel(1), '10.0.0.4'), { retryAfter: 2 }, 'three run');
    assert.equal(admission.size, 3);
    for (const each of held) if ('leave' in each) [each.leave(), each.leave()];
    assert.equal(admission.size, 0, 'who leaves twice leaves once');
    assert.deepEqual(admission.enter(channel(1), '10.0.0.5'), { retryAfter: 1 }, 'four in no time');
    assert.ok('leave' in admission.enter(channel(2), '10.0.0.5'));
    now += 500;
    assert.ok('leave' in admission.enter(channel(1), '10.0.0.5'));
  });

  test('who does not pay for a piece holds its place for a while only', async () => {
    const ledger = new ChannelLedger(5n, 0n, 20);
    const blocked = ledger.release(1, () => Promise.resolve(6n), new AbortController().signal);
    await Promise.all([assert.rejects(blocked, Unpaid), settled()]);
    ledger.vouch(5n);
    await ledger.release(1, () => Promise.resolve(6n), new AbortController().signal);
    assert.equal(ledger.counted, 6n);
  });
});

describe('what one sender gets of a worker over HTTP', () => {
  test('too many requests are told when to come again; pages that say whether the worker is there are always answered', async () => {
    const admission = new Admission({ ...ADMISSION_LIMITS, senderRate: 1 }, () => 0);
    const replies: number[] = [];
    const page = (path: RegExp, isUnlimited: boolean) => ({ method: 'GET' as const, path, isUnlimited, handle: () => ({ status: 200, body: {} }) });
    const server = createJsonServer([page(/^\/a$/, false), page(/^\/healthz$/, true)], createLogger('silent'), {
      limit: () => admission.sender('10.0.0.1'), onReply: (status) => replies.push(status),
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const expected of [200, 200, 429]) assert.equal((await fetch(`${url}/a`)).status, expected);
    const refused = await fetch(`${url}/a`);
    assert.equal(refused.headers.get('retry-after'), '1');
    assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'request.too-many');
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    assert.deepEqual(replies, [200, 200, 429, 429, 200]);
    server.close();
    server.closeAllConnections();
  });

  test('a sender holds so many connections; those on this machine count in total only', async () => {
    const server = createServer();
    const sockets: Socket[] = [];
    let sender = '10.0.0.1';
    server.on('connection', (socket) => Object.defineProperty(socket, 'remoteAddress', { value: sender }));
    boundConnections(server, 6, 2);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    /** Whether the server keeps it. */
    const kept = async (from: string): Promise<boolean> => {
      sender = from;
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket);
      const closed = once(socket, 'close').then(() => false);
      socket.resume();
      return Promise.race([closed, settled().then(() => true)]);
    };
    assert.deepEqual([await kept('10.0.0.1'), await kept('10.0.0.1'), await kept('10.0.0.1')], [true, true, false]);
    assert.equal(await kept('10.0.0.2'), true);
    sockets[0].destroy();
    await settled();
    assert.equal(await kept('10.0.0.1'), true, 'one that closed frees its place');
    const local = await Promise.all(Array.from({ length: 4 }, () => kept('127.0.0.1')));
    assert.equal(local.filter(Boolean).length, 3, 'six in all');
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

describe('admission to a channel', () => {
  let loaded: Awaited<ReturnType<typeof WorkerWorld.loaded>>;
  let world: WorkerWorld;
  before(async () => {
    loaded = await WorkerWorld.loaded();
    world = await WorkerWorld.create(loaded.model, loaded.engine);
  });
  after(async () => {
    world.end();
    await loaded.engine.close();
  });
  const refusal = (client: Connection): { reason: number; retryAfter: number } => {
    const { reason, retryAfter } = client.last as RefusalFrame;
    return { reason, retryAfter };
  };
  const admit = (limits: Partial<typeof ADMISSION_LIMITS>, now?: () => number): Admission => {
    const admission = new Admission({ ...ADMISSION_LIMITS, ...limits }, now);
    Object.assign(world.context, { admission });
    return admission;
  };

  test('more connections are not more places: requests of a channel count over all of them, and end with their connection', async () => {
    const admission = admit({ perChannel: 2 });
    const [first, second] = [world.connect(), world.connect()];
    await first.hello(1);
    await second.hello(1);
    const requests = [1, 2, 3].map((seq) => world.request(seq, 64));
    const all = requests.reduce((sum, request) => sum + prepaid(request), 0n);
    await first.ask(requests[0], all);
    await first.ask(requests[1], all);
    await second.ask(requests[2], all);
    assert.deepEqual(refusal(second), { reason: RefusalReason.overloaded, retryAfter: 2 });
    await settled();
    assert.equal(world.store.read.channel(world.address)!.lastSeq, 2, 'what was refused was not begun');
    first.drop();
    await settled();
    assert.equal(admission.size, 0);
  });

  test('what is refused for another reason frees its place', async () => {
    const admission = admit({});
    const client = world.connect();
    await client.hello(3);
    await client.ask(world.request(3, 257), 10n ** 9n);
    assert.deepEqual(refusal(client), { reason: RefusalReason.tooLong, retryAfter: 0 });
    assert.equal(admission.size, 0);
  });

  test('a request whose client is gone before it was looked at is not begun, and holds no place', async () => {
    const admission = admit({});
    const client = world.connect();
    await client.hello(3);
    const { owed } = client.frames[0] as { owed: bigint };
    const request = world.request(3, 8);
    const { store } = world.context;
    const kept = store.keepVoucher.bind(store);
    store.keepVoucher = (...voucher) => {
      client.drop();
      return kept(...voucher);
    };
    await client.ask(request, owed + prepaid(request));
    await settled();
    Object.assign(store, { keepVoucher: kept });
    assert.deepEqual([admission.size, world.store.read.channel(world.address)!.lastSeq], [0, 2]);
  });

  test('a flood of hellos about channels that are not served asks the chain a bounded number of times', async () => {
    admit({}, () => 0);
    const { desk } = world.context;
    let looks = 0;
    const counted = { has: () => false, find: () => Promise.resolve(looks++).then(() => ({ kind: 'refused', reason: RefusalReason.channelEnding, note: '' })) };
    Object.assign(world.context, { desk: counted });
    const binding = { networkId: 2026, channel: channel(7), workerKey: world.keys.signingPublic, firstSeq: 1 };
    const hello = encodeFrame({ kind: 'hello', ...binding, enc: channel(1), signature: new Uint8Array(64) });
    const flood = async (sender: string): Promise<void> => {
      const client = world.connect(sender);
      for (let index = 0; index < 30; index++) await client.send(hello);
      assert.equal(refusal(client).reason, RefusalReason.overloaded);
      assert.ok(refusal(client).retryAfter > 0);
    };
    await flood('10.0.0.1');
    assert.equal(looks, 20, 'one sender');
    for (let sender = 2; sender < 9; sender++) await flood(`10.0.0.${sender}`);
    assert.equal(looks, 100, 'all senders together');
    Object.assign(world.context, { desk });
    const known = world.connect('10.0.0.1');
    await known.hello(3);
    assert.equal(known.last?.kind, 'welcome', 'who is served already goes on');
  });

  test('a request that waits for the engine when its place goes to another channel is told so, and can be asked again', async () => {
    const admission = admit({ parallel: 1, waiting: 2 });
    let free = (): void => undefined;
    void admission.queue.run('other', () => new Promise<void>((resolve) => (free = resolve)));
    const client = world.connect();
    await client.hello(3);
    const { owed } = client.frames[0] as { owed: bigint };
    const requests = [3, 4].map((seq) => world.request(seq, 8));
    const amount = owed + requests.reduce((sum, request) => sum + prepaid(request), 0n);
    for (const request of requests) await client.ask(request, amount);
    await settled();
    assert.equal(admission.queue.waiting, 2);
    void admission.queue.run('third', () => Promise.resolve());
    await client.count(2);
    assert.deepEqual(refusal(client), { reason: RefusalReason.overloaded, retryAfter: 2 });
    assert.equal((client.last as RefusalFrame).seq, 4);
    free();
    await client.count(3);
    assert.equal(client.pieces(3).length, 1);
    const again = world.connect();
    await again.hello(4);
    await again.ask(requests[1], amount + client.pieces(3)[0].dueNano);
    await again.count(2);
    assert.equal(again.pieces(4).length, 1);
  });
});
