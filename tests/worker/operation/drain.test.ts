import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, mock, test } from 'node:test';
import pino from 'pino';
import { type RefusalFrame, RefusalReason } from '../../../protocol';
import { packChannel } from '../../../wrappers';
import { stopSignal } from '../../../cli/commands/worker';
import type { ChainClient } from '../../../worker/chain/chainClient';
import { ChannelService } from '../../../worker/channels/service';
import { ChannelStore } from '../../../worker/channels/store/channelStore';
import { type LoadedEngine, openEngine, openModel } from '../../../worker/engine';
import { ChainApiError } from '../../../worker/errors';
import { escrowCodes } from '../../../worker/jobs/escrowCheck';
import { loadWorkerKeys } from '../../../worker/keys/workerKeys';
import { createLogger } from '../../../worker/log';
import { Admission } from '../../../worker/operation/admission';
import { deadline } from '../../../worker/operation/wait';
import { startService } from '../../../worker/service';
import { JobStore } from '../../../worker/store/jobStore';
import { checked, NOW, networkPrices, prepaid, PRICES, settled, WorkerWorld } from '../channels/conversationWorld';
import { fill, LyingChain, NETWORK, payJobTo, wallet } from '../lyingChain';
import { eventually, TINY_MODEL } from '../../support/marketplace';
import { ChannelClient } from './channelClient';

/** Something that waits for the test. */
class Latch {
  reached = 0;
  open = (): void => undefined;
  private readonly opened = new Promise<void>((resolve) => (this.open = resolve));

  pass(): Promise<void> {
    this.reached++;
    return this.opened;
  }
}

const far = (): AbortSignal => AbortSignal.timeout(20_000);
const millisOf = async (work: Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await work;
  return performance.now() - started;
};

describe('a worker with channels that is asked to stop', () => {
  let loaded: Awaited<ReturnType<typeof WorkerWorld.loaded>>;
  let world: WorkerWorld;
  let server: Server;
  let url: string;
  let service: ChannelService;
  let engineLatch: Latch | null;
  let sendLatch: Latch | null;
  let looks: number;

  before(async () => {
    mock.timers.enable({ apis: ['Date'], now: NOW * 1_000 });
    loaded = await WorkerWorld.loaded();
  });
  after(async () => {
    await loaded.engine.close();
    mock.timers.reset();
  });
  beforeEach(async () => {
    world = await WorkerWorld.create(loaded.model, loaded.engine);
    [engineLatch, sendLatch, looks] = [null, null, 0];
  });
  afterEach(async () => {
    await service.stop().catch(() => undefined);
    server.close();
    rmSync(world.folder, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    const { code } = world.channel.init!;
    const chain = {
      getAccount: async () => {
        looks++;
        return { state: 'active' as const, balance: world.balance, code, data: packChannel(world.terms), apiTime: NOW };
      },
      networkPrices: async () => networkPrices,
      sendExternal: () => sendLatch?.pass() ?? Promise.resolve(),
    };
    const engine: LoadedEngine = {
      ...loaded.engine,
      generate: async (job) => {
        await engineLatch?.pass();
        return loaded.engine.generate(job);
      },
    };
    server = createServer();
    service = new ChannelService(server, {
      chain: chain as unknown as ChainClient, log: pino({ level: 'silent' }), keys: world.keys, model: loaded.model, engine, stake: fill(3),
      policy: { networkId: 2026, payout: wallet(2), tier: 0 }, maxTokens: 256, admission: new Admission(),
    }, { store: world.store, claimKey: { publicKey: world.claimKey.publicKey, secret: fill(8) }, ...PRICES, claimSeconds: 60 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const reopened = (): ChannelStore => (
    ChannelStore.open(world.folder, { networkId: 2026, workerKey: Buffer.from(world.keys.signingPublic).toString('hex') }, NOW)
  );

  test('finishes the answer that runs, refuses the next with a reason, keeps the last voucher, and says goodbye', async () => {
    engineLatch = new Latch();
    await start();
    const client = await ChannelClient.open(world, url);
    const [request, next] = [world.request(1, 64), world.request(2, 8)];
    client.ask(request, prepaid(request));
    await eventually(() => (engineLatch!.reached === 1 ? true : null));
    let isDrained = false;
    const drained = service.drain(far()).then(() => (isDrained = true));
    client.ask(next, prepaid(request) + prepaid(next));
    await client.count(2);
    const refusal = client.frames[1] as RefusalFrame;
    assert.deepEqual([refusal.seq, refusal.reason, refusal.retryAfter], [2, RefusalReason.draining, 10]);
    engineLatch.open();
    await client.count(3);
    client.pay(client.pieces[0].dueNano);
    await client.count(4);
    await settled();
    assert.equal(isDrained, false, 'the last piece is not paid for yet');
    const { dueNano } = client.pieces[1];
    client.pay(dueNano);
    await drained;
    assert.equal(checked(request, client.pieces).length, 64);
    await service.stop();
    assert.deepEqual(await client.closed, [1_001, 'the worker stops']);
    const store = reopened();
    assert.equal(store.read.balance(world.address).voucherNano, dueNano);
    store.close();
  });

  test('waits for nothing when nothing runs, whoever is connected', async () => {
    await start();
    const client = await ChannelClient.open(world, url);
    assert.ok((await millisOf(service.drain(far()))) < 100);
    assert.ok((await millisOf(service.stop())) < 500);
    assert.equal((await client.closed)[0], 1_001);
  });

  test('is held up for two seconds by a client that does not pay for its last piece', async () => {
    await start();
    const client = await ChannelClient.open(world, url);
    const request = world.request(1, 8);
    client.ask(request, prepaid(request));
    await client.count(2);
    const held = await millisOf(service.drain(far()));
    assert.ok(held > 1_900 && held < 4_000, `${held} ms`);
  });

  test('ends what did not finish in time; a restart finds it begun, and signs nothing twice', async () => {
    engineLatch = new Latch();
    await start();
    const client = await ChannelClient.open(world, url);
    const request = world.request(1, 8);
    client.ask(request, prepaid(request));
    await eventually(() => (engineLatch!.reached === 1 ? true : null));
    const short = deadline(60);
    assert.ok((await millisOf(service.drain(short.signal))) < 1_000);
    // The engine heeds nothing.
    assert.ok((await millisOf(service.stop())) < 800);
    engineLatch.open();
    await client.closed;
    assert.equal(client.pieces.length, 0);
    const store = reopened();
    assert.deepEqual(store.read.openRequests(world.address).map(({ seq, receipts }) => [seq, receipts.length]), [[1, 0]]);
    store.close();
  });

  test('lets a claim under way finish, and begins no other', async () => {
    sendLatch = new Latch();
    const terms = packChannel(world.terms).toBoc();
    for (const address of [world.address, new Uint8Array(32).fill(9)]) {
      await world.store.addChannel(address, terms, NOW);
      await world.store.keepVoucher(address, { amountNano: 500_000_000n, final: false, signature: new Uint8Array(64) });
    }
    await start();
    await eventually(() => (sendLatch!.reached === 1 ? true : null));
    let isStopped = false;
    const stopped = service.stop().then(() => (isStopped = true));
    await settled();
    assert.equal(isStopped, false);
    sendLatch.open();
    await stopped;
    assert.deepEqual([sendLatch.reached, looks], [1, 1]);
    const store = reopened();
    assert.equal(store.read.pendingClaims().length, 1);
    store.close();
  });
});

describe('a worker with jobs that is asked to stop', () => {
  const root = mkdtempSync(join(tmpdir(), 'cocoon-drain-'));
  const model = openModel(TINY_MODEL);
  const keys = loadWorkerKeys(join(root, 'keys'));
  let engine: LoadedEngine;
  before(async () => (engine = await openEngine(model, 'reference')));
  after(async () => {
    await engine.close();
    rmSync(root, { recursive: true, force: true });
  });

  async function serve(chain: LyingChain, latch: Latch) {
    const workerKey = keys.signingPublic;
    const folder = mkdtempSync(join(root, 'store-'));
    const open = (): JobStore => JobStore.open(folder, { networkId: NETWORK, workerKey: Buffer.from(workerKey).toString('hex') });
    const held: LoadedEngine = {
      ...engine,
      generate: async (job) => {
        await latch.pass();
        return engine.generate(job);
      },
    };
    const service = await startService({
      chain: chain as unknown as ChainClient, store: open(), log: createLogger('silent'), keys, stake: fill(0), model, engine: held,
      policy: { networkId: NETWORK, workerKey, payout: wallet(2), tier: 0, minPrice: 1n, minSeconds: 30, maxSeconds: 86_400 },
      escrowCodes: await escrowCodes(), maxTokens: 64, queueLimit: 4, pollSeconds: 0.05, lagSeconds: 60, maxCoverage: 0n, host: '127.0.0.1', port: 0,
    });
    const announce = (address: string): Promise<Response> => fetch(`${service.url}/v1/jobs`, { method: 'POST', body: JSON.stringify({ address }) });
    return { service, open, announce };
  }

  test('delivers the job that it computes, takes no other, and says so to whoever asks', async () => {
    const chain = new LyingChain();
    const latch = new Latch();
    const { service, open, announce } = await serve(chain, latch);
    chain.record.answered();
    assert.equal((await fetch(`${service.url}/readyz`)).status, 200);
    const job = (await payJobTo({ model, keys }, chain)).toRawString();
    assert.equal((await announce(job)).status, 202);
    await eventually(() => (latch.reached === 1 ? true : null));
    const stopped = service.stop(20);
    const refused = await announce(`0:${'1'.repeat(64)}`);
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '10']);
    assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'request.draining');
    assert.equal((await fetch(`${service.url}/v1/acceptances`, { method: 'POST', body: '{}' })).status, 503);
    assert.equal((await announce(job)).status, 202, 'a job that it has is told of');
    assert.equal((await fetch(`${service.url}/healthz`)).status, 200);
    const ready = await fetch(`${service.url}/readyz`);
    assert.deepEqual([ready.status, await ready.json()], [503, { ready: false, reasons: ['draining'] }]);
    assert.equal(chain.sent.length, 0);
    latch.open();
    await stopped;
    assert.equal(chain.sent.length, 1);
    const store = open();
    assert.equal(store.get(job)!.state, 'answered');
    store.close();
  });

  test('waits with an answer that cannot be sent yet, and sends it before it stops', async () => {
    const chain = new LyingChain();
    const latch = new Latch();
    const { service, announce } = await serve(chain, latch);
    const job = (await payJobTo({ model, keys }, chain)).toRawString();
    await announce(job);
    await eventually(() => (latch.reached === 1 ? true : null));
    const stopped = service.stop(20);
    // The first look is for the date of the receipt.
    let looks = 0;
    const { account } = chain;
    chain.getAccount = () => (looks++ % 8 === 0 ? Promise.resolve(account) : Promise.reject(new ChainApiError('network.unreachable', 'away')));
    latch.open();
    await stopped;
    assert.ok(looks >= 8);
    assert.equal(chain.sent.length, 1);
  });

  test('stops at once when nothing runs, and when it is told to a second time does nothing more', async () => {
    const { service } = await serve(new LyingChain(), new Latch());
    assert.ok((await millisOf(service.stop(20))) < 300);
    await service.stop(20);
  });

  test('a first signal is heard, a second one ends the process as if nobody listened', async () => {
    const before = process.listenerCount('SIGTERM');
    const stopped = stopSignal();
    assert.equal(process.listenerCount('SIGTERM'), before + 1);
    process.emit('SIGTERM');
    await stopped;
    assert.equal(process.listenerCount('SIGTERM'), before);
  });
});
