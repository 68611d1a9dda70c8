/** A worker that ends connections and lies in its greetings: it earns the vouchers that left, a chunk for a request that was lost, and nothing else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { GatewayError } from '../../gateway';
import { ClientStore } from '../../gateway/channel/clientStore';
import { decodeFrame, dueFor, encodeFrame, NO_VOUCHER } from '../../protocol';
import type { OpenChannel } from '../../worker/channels/desk';
import type { ServedJob } from '../../worker/engine';
import { PRICES } from '../worker/channels/conversationWorld';
import { honest, type Meddling, meddlingHop } from './meddlingHop';
import { relaySuite, type RelayWorld, welcomed } from './relayWorld';
import { until } from './support';

const ROUNDS = 4;
/** Prompts dearer than chunks: what was only noted for one shows beside a chunk that was granted. */
const DEAR = { promptPrice: PRICES.outputPrice };
const DEAR_PRICES = { ...PRICES, ...DEAR };
const chunk = dueFor(PRICES, 0, 32);
const isGateways = (error: unknown): boolean => error instanceof GatewayError;
const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
/** nanoTON of the voucher in a frame of the client. */
const voucherOf = (frame: Uint8Array): bigint => {
  const decoded = decodeFrame(frame);
  return decoded.kind === 'request' ? decoded.voucher.amount : decoded.kind === 'payment' ? decoded.amount : 0n;
};
const kindOf = (frame: Uint8Array): string => decodeFrame(frame).kind;

/** What came to a worker that lies: greetings it said, requests, and the newest voucher, nanoTON. */
interface Seen {
  greetings: number;
  requests: number;
  voucher: bigint;
}

describe('a worker that ends connections', { timeout: 60_000 }, () => {
  const { loaded, ends, begin } = relaySuite();
  const dearPrompt = ({ promptTokens }: RelayWorld): number[] => Array.from({ length: 200 }, () => promptTokens[0]);
  const owed = ({ store, world }: RelayWorld): bigint => store.position(world.address).owed;
  const noted = ({ store, world }: RelayWorld): bigint => store.position(world.address).vouched;

  /** A client of a server that says in its greeting what `owes` says, and ends the connection right then, or at the request; it counts what left towards it. */
  async function liar(relayed: RelayWorld, owes: (seen: Seen) => bigint, endsAtOnce: (greeting: number) => boolean) {
    const seen: Seen = { greetings: 0, requests: 0, voucher: 0n };
    const server = createServer();
    const sockets = new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.on('message', (data: Buffer) => {
        const frame = new Uint8Array(data);
        if (kindOf(frame) !== 'hello') {
          seen.requests += Number(kindOf(frame) === 'request');
          if (voucherOf(frame) > seen.voucher) seen.voucher = voucherOf(frame);
          return socket.terminate();
        }
        seen.greetings++;
        socket.send(encodeFrame({ kind: 'welcome', nextSeq: 1, owed: owes(seen), voucher: NO_VOUCHER }));
        if (endsAtOnce(seen.greetings)) socket.close();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const backend = relayed.client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, DEAR);
    ends.push(async () => {
      await backend.close();
      sockets.close();
      server.close();
      server.closeAllConnections();
    });
    return { seen, backend };
  }
  const failing = (relayed: RelayWorld, backend = relayed.backend): Promise<void> =>
    assert.rejects(relayed.ask(8, { promptTokens: dearPrompt(relayed) }, undefined, backend), isGateways);

  /** Greetings of the worker take so long, until what it returns is called. */
  function greetsAfter({ world: { context } }: RelayWorld, millis: number): () => void {
    const { desk } = context;
    Object.assign(context, { desk: { has: () => true, find: (address: Uint8Array) => new Promise((resolve) => setTimeout(resolve, millis)).then(() => desk.find(address)) } });
    return () => Object.assign(context, { desk });
  }

  /** A hop in front of the relay whose connections the test can end. */
  async function hopped(relayed: RelayWorld, meddle: Meddling): Promise<() => void> {
    const server = createServer();
    let socket: WebSocket | undefined;
    const stop = meddlingHop(server, () => (socket = new WebSocket(relayed.socketUrl)), meddle);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ends.push(() => {
      stop();
      server.close();
    });
    await relayed.backend.close();
    relayed.backend = relayed.client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, DEAR);
    return () => socket!.terminate();
  }

  test('right after a greeting in which all that was noted is owed earns nothing, however often: no voucher left', async () => {
    const relayed = await begin();
    const { seen, backend } = await liar(relayed, () => noted(relayed), () => true);
    for (let round = 0; round < ROUNDS; round++) {
      await failing(relayed, backend);
      assert.deepEqual([owed(relayed), noted(relayed)], [0n, 0n], `round ${round}`);
    }
    assert.ok(seen.greetings >= ROUNDS && seen.requests === 0);
  });

  test('right after an honest greeting loses no request: no chunk is granted in the next', async () => {
    const relayed = await begin();
    const { seen, backend } = await liar(relayed, ({ greetings }) => (greetings % 2 === 1 ? 0n : chunk), () => true);
    for (let round = 0; round < ROUNDS; round++) await failing(relayed, backend);
    assert.ok(seen.requests === 0 && seen.greetings >= ROUNDS);
    assert.equal(owed(relayed), 0n);
  });

  test('when it has a request earns the voucher that it has, and a chunk, and not what was noted for another that waits', async () => {
    const relayed = await begin();
    const isGreedy = (greeting: number): boolean => greeting % 3 !== 1;
    const { seen, backend } = await liar(relayed, ({ greetings, requests, voucher }) => (isGreedy(greetings) ? noted(relayed) : voucher) + (requests > 0 ? chunk : 0n), isGreedy);
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all([failing(relayed, backend), failing(relayed, backend)]);
      assert.ok(owed(relayed) <= seen.voucher + chunk, `round ${round}: ${owed(relayed)} owed, vouchers of ${seen.voucher} left`);
    }
    assert.ok(seen.requests > 0 && owed(relayed) > 0n);
  });

  test('while the last piece of an answer waits to be paid earns nothing for the request that waits for its greeting', async () => {
    const relayed = await begin();
    let left = 0n;
    let isLying = false;
    const end = await hopped(relayed, (way, frame, index) => {
      if (way === 'up' && voucherOf(frame) > left) left = voucherOf(frame);
      return isLying ? welcomed(() => ({ owed: noted(relayed) }))(way, frame, index) : [frame];
    });
    for (let round = 0; round < ROUNDS; round++) {
      isLying = false;
      assert.equal((await relayed.ask(8)).length, 8);
      end();
      isLying = true;
      // Longer than a last piece waits.
      const atOnce = greetsAfter(relayed, 120);
      await new Promise((resolve) => setTimeout(resolve, 10));
      await assert.rejects(relayed.ask(8, { promptTokens: dearPrompt(relayed) }), hasCode('gateway.bad-worker'));
      assert.ok(owed(relayed) <= left + dueFor(DEAR_PRICES, relayed.promptTokens.length, 8), `round ${round}: ${owed(relayed)} owed, ${left} left`);
      atOnce();
    }
  });

  test('with a piece that is still to be paid earns nothing for a request that was begun beside it and not asked', async () => {
    const relayed = await begin();
    let left = 0n;
    let act: (() => void) | null = null;
    let isLying = false;
    const end = await hopped(relayed, (way, frame, index) => {
      if (way === 'up' && voucherOf(frame) > left) left = voucherOf(frame);
      if (way === 'down' && kindOf(frame) === 'piece') act?.();
      return isLying ? welcomed(() => ({ owed: noted(relayed) + chunk }))(way, frame, index) : [frame];
    });
    const { log } = relayed.store as unknown as { log: { sync(): Promise<void> } };
    const sync = log.sync.bind(log);
    let beside: Promise<void> | null = null;
    act = () => {
      act = null;
      log.sync = () => new Promise<void>((resolve) => setTimeout(resolve, 100)).then(sync);
      beside = assert.rejects(relayed.ask(8, { promptTokens: dearPrompt(relayed) }), hasCode('gateway.bad-worker'));
      isLying = true;
      // By then the payment for the piece could have left.
      greetsAfter(relayed, 300);
      setTimeout(end, 40);
    };
    await assert.rejects(relayed.ask(96), hasCode('gateway.connection-lost'));
    await beside;
    log.sync = sync;
    assert.ok(left > 0n && owed(relayed) <= left + chunk, `${owed(relayed)} owed, vouchers of ${left} left`);
  });

  for (const way of ['the connection', 'the client\'s process']) {
    test(`not by its own will, with ${way}, is believed that it had begun to read a prompt that was prepaid`, async () => {
      const relayed = await begin();
      const { world } = relayed;
      relayed.backend = relayed.client(undefined, DEAR);
      const piece = dueFor(DEAR_PRICES, 200, 0);
      let reached = 0;
      world.context.engine = { ...loaded.engine, generate: (job: ServedJob) => (reached++, new Promise((_, reject) => job.signal?.addEventListener('abort', () => reject(job.signal!.reason)))) };
      const lost = failing(relayed);
      await until(() => reached === 1);
      const file = join(world.folder, 'client', 'channels.db');
      for (const end of ['', '-wal']) copyFileSync(file + end, `${file}.left${end}`);
      relayed.meddle = () => null;
      await Promise.all([failing(relayed), lost]);
      if (way !== 'the connection') {
        await relayed.backend.close();
        relayed.store.close();
        relayed.store = ClientStore.open(`${file}.left`);
        relayed.backend = relayed.client(undefined, DEAR);
      }
      relayed.meddle = honest;
      world.context.engine = loaded.engine;
      const answers = await Promise.all([relayed.ask(40), relayed.ask(8)]);
      assert.deepEqual(answers.map((answer) => answer.length), [40, 8]);
      assert.equal(owed(relayed), piece + dueFor(DEAR_PRICES, relayed.promptTokens.length, 40) + dueFor(DEAR_PRICES, relayed.promptTokens.length, 8));
      const { ledger } = (await world.context.desk.find(world.address)) as OpenChannel;
      await until(() => ledger.counted === owed(relayed) && ledger.vouched === noted(relayed));
    });
  }
});
