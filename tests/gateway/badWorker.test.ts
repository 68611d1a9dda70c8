/** Workers and ways to them that are wrong, late or false: a typed error each, in OpenAI's shape over HTTP, nothing lost and nothing paid twice. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { decodeFrame, dueFor, encodeFrame, NO_VOUCHER } from '../../protocol';
import { ChainApiError } from '../../worker/errors';
import { newKey, NOW, PRICES } from '../worker/channels/conversationWorld';
import { honest, type Meddling, relaySuite, welcomed } from './relayWorld';
import { frames, startGateway, until } from './support';

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const chunk = dueFor(PRICES, 0, 32);

describe('a worker that is not as it should be', { timeout: 60_000 }, () => {
  const { loaded, begin } = relaySuite();

  test('a clock three minutes from the worker\'s refuses its receipts by name, and pays for no token; two minutes are served, and so is the channel once it is right', async () => {
    for (const skew of [-180, 180]) {
      const relayed = await begin();
      const prompt = dueFor(PRICES, relayed.promptTokens.length, 0);
      relayed.now = NOW + skew;
      await assert.rejects(relayed.ask(40), hasCode('gateway.bad-date'));
      assert.equal(relayed.world.store.read.balance(relayed.world.address).voucherNano, prompt);
      relayed.now = NOW + Math.sign(skew) * 115;
      assert.equal((await relayed.ask(40)).length, 40);
      relayed.now = NOW;
      assert.equal((await relayed.ask(40)).length, 40);
      await relayed.agreed();
      assert.ok(relayed.store.position(relayed.world.address).owed <= 2n * dueFor(PRICES, relayed.promptTokens.length, 40) + prompt + chunk);
    }
  });

  test('wrong keys: nothing is sealed to another, nothing is believed of another, and nobody asks in the name of another', async () => {
    const relayed = await begin();
    const { world } = relayed;
    const sealing = new Uint8Array(Buffer.from('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f', 'hex'));
    const other = newKey();
    const table = [
      [{ sealingKey: sealing }, 'gateway.refused'],
      [{ workerKey: other.publicKey }, 'gateway.bad-worker'],
      [{ sign: other.sign }, 'gateway.refused'],
      [{ networkId: -239 }, 'gateway.bad-worker'],
      [{ stake: new Uint8Array(32).fill(4) }, 'gateway.refused'],
      [{ promptPrice: 1n }, 'gateway.refused'],
    ] as const;
    for (const [changes, code] of table) {
      const backend = relayed.client(undefined, changes);
      await assert.rejects(relayed.ask(8, {}, () => undefined, backend), hasCode(code), Object.keys(changes)[0]);
      await backend.close();
    }
    assert.equal(world.store.read.balance(world.address).dueNano, 0n);
    assert.equal((await relayed.ask(8)).length, 8);
    await relayed.agreed();
  });

  test('what it says at the beginning is believed as far as one chunk beyond the vouchers, and never if it is more', async () => {
    const relayed = await begin();
    relayed.meddle = welcomed(({ owed }) => ({ owed: owed + 10n ** 8n }));
    await assert.rejects(relayed.ask(8), hasCode('gateway.bad-worker'));
    const { owed, vouched } = relayed.store.position(relayed.world.address);
    assert.ok(owed === 0n && vouched <= dueFor(PRICES, relayed.promptTokens.length, 0));
    relayed.meddle = welcomed(() => ({ owed: 0n }));
    assert.equal((await relayed.ask(40)).length, 40);
    relayed.meddle = honest;
    await relayed.agreed();
  });

  test('a gateway that was killed goes on with a channel whose last chunk never came: at most that chunk is paid for nothing', async () => {
    const relayed = await begin();
    let pieces = 0;
    relayed.meddle = (way, frame) => (way === 'down' && decodeFrame(frame).kind === 'piece' && ++pieces === 2 ? null : [frame]);
    await assert.rejects(relayed.ask(96), hasCode('gateway.connection-lost'));
    await relayed.backend.close();
    relayed.backend = relayed.client();
    relayed.meddle = honest;
    assert.equal((await relayed.ask(40)).length, 40);
    await relayed.agreed();
    const due = dueFor(PRICES, relayed.promptTokens.length, 64) + dueFor(PRICES, relayed.promptTokens.length, 40);
    assert.equal(relayed.store.position(relayed.world.address).owed, due);
  });

  test('a worker that ends each connection and says that one more chunk is owed gets it for a request that was lost, once, and for nothing else', async () => {
    const relayed = await begin();
    const lying = welcomed(({ voucher }) => ({ owed: voucher.amount + chunk }));
    const again = async (): Promise<void> => {
      await relayed.backend.close();
      relayed.backend = relayed.client();
    };
    const owed = (): bigint => relayed.store.position(relayed.world.address).owed;
    relayed.meddle = lying;
    await assert.rejects(relayed.ask(8), hasCode('gateway.bad-worker'));
    relayed.meddle = honest;
    assert.equal((await relayed.ask(40)).length, 40);
    await relayed.agreed();
    const earned = owed();
    await again();
    relayed.meddle = lying;
    await assert.rejects(relayed.ask(8), hasCode('gateway.bad-worker'));
    assert.equal(owed(), earned);
    // The second piece is cut off.
    let pieces = 0;
    relayed.meddle = (way, frame) => (way === 'down' && decodeFrame(frame).kind === 'piece' && ++pieces === 2 ? null : [frame]);
    await assert.rejects(relayed.ask(96), hasCode('gateway.connection-lost'));
    const { vouched } = relayed.store.position(relayed.world.address);
    relayed.meddle = lying;
    assert.equal((await relayed.ask(8)).length, 8);
    const answer = dueFor(PRICES, relayed.promptTokens.length, 8);
    assert.ok(owed() <= vouched + chunk + answer);
    const before = owed();
    await again();
    await assert.rejects(relayed.ask(8), hasCode('gateway.bad-worker'));
    assert.equal(owed(), before);
  });

  test('a request that is given up at any moment leaves a channel that goes on, and what was delivered is paid', async () => {
    const relayed = await begin();
    for (const [tokens, millis] of [[0, 0], [0, 20], [32, 0], [32, 5], [32, 40], [64, 0], [64, 15]]) {
      const stop = new AbortController();
      const enough = new AbortController();
      let got = 0;
      const which = tokens === 64 ? enough : stop;
      if (tokens === 0) setTimeout(() => which.abort(new Error('given up')), millis);
      await relayed.ask(200, { abort: stop.signal, enough: enough.signal }, (event) => {
        got += event.kind === 'tokens' ? event.tokens.length : 0;
        if (tokens > 0 && got >= tokens) setTimeout(() => which.abort(new Error('given up')), millis);
      }).catch((error: Error) => assert.equal(error.message, 'given up'));
      assert.equal((await relayed.ask(8)).length, 8, `${tokens} tokens, ${millis} ms`);
    }
    await relayed.agreed(2n);
  });

  test('bytes that are no WebSocket, in the same breath as a welcome, end the connection and nothing else', async () => {
    const server = createServer();
    const sockets = new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.on('message', () => {
        const { _socket: raw } = socket as unknown as { _socket: Socket };
        raw.cork();
        socket.send(encodeFrame({ kind: 'welcome', nextSeq: 1, owed: 0n, voucher: NO_VOUCHER }));
        raw.write(Buffer.alloc(20, 0xff));
        raw.uncork();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const relayed = await begin();
    const backend = relayed.client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await assert.rejects(relayed.ask(8, {}, () => undefined, backend), hasCode('gateway.connection-lost'));
    await backend.close();
    sockets.close();
    server.close();
    server.closeAllConnections();
  });

  test('what its key signed and does not hold ends all business with it; nothing of it is paid', async () => {
    const { engine } = loaded;
    const relayed = await begin({ engine: { ...engine, generate: async (job) => ({ ...(await engine.generate(job)), finishReason: 'stop' }) } });
    for (let round = 0; round < 2; round++) await assert.rejects(relayed.ask(8), hasCode('gateway.bad-answer'));
    const { dueNano, voucherNano } = relayed.world.store.read.balance(relayed.world.address);
    assert.equal(voucherNano, dueFor(PRICES, relayed.promptTokens.length, 0));
    assert.ok(dueNano - voucherNano <= chunk);
    assert.equal(relayed.world.store.read.channel(relayed.world.address)!.lastSeq, 1, 'it is not asked a second time');
  });

  test('over HTTP each of them is an error in OpenAI\'s shape, a status before anything came and an event afterwards', async () => {
    const relayed = await begin();
    const { url } = await startGateway({}, relayed.backend);
    const { desk } = relayed.world.context;
    const chat = (stream = false) => fetch(`${url}/chat/completions`, {
      method: 'POST', body: JSON.stringify({ model: relayed.card.id, messages: [{ role: 'user', content: 'happy' }], max_tokens: 96, temperature: 0, stream }),
    });
    const dropped = (nth: number): Meddling => {
      let pieces = 0;
      return (way, frame) => (way === 'down' && decodeFrame(frame).kind === 'piece' && pieces++ >= nth ? null : [frame]);
    };
    const flipped: Meddling = (way, frame) => [way === 'down' && decodeFrame(frame).kind === 'piece' ? frame.map((byte, at) => (at === 200 ? byte ^ 1 : byte)) : frame];
    const silent = (): void => void Object.assign(relayed.world.context, { desk: { has: () => true, find: () => Promise.reject(new ChainApiError('network.unreachable', 'no answer')) } });
    const table: [string, () => void, number, string, string][] = [
      ['dropped at each attempt', () => (relayed.meddle = dropped(0)), 503, 'gateway.connection-lost', 'server_error'],
      ['changed on the way', () => (relayed.meddle = flipped), 503, 'gateway.tampered', 'server_error'],
      ['a clock that is wrong', () => (relayed.now = NOW + 180), 503, 'gateway.bad-date', 'server_error'],
      ['a worker whose chain is silent', silent, 429, 'gateway.overloaded', 'rate_limit_error'],
    ];
    for (const [name, act, status, code, type] of table) {
      act();
      const response = await chat();
      const { error } = await response.json() as { error: Record<string, unknown> };
      assert.deepEqual([response.status, error.code, error.type, error.param], [status, code, type, null], name);
      assert.ok(String(error.message).length > 10 && !/\n\s+at /.test(String(error.message)));
      assert.equal(response.headers.has('retry-after'), status === 429);
      Object.assign(relayed, { meddle: honest, now: NOW });
      Object.assign(relayed.world.context, { desk });
    }
    assert.equal((await chat()).status, 200);
    relayed.meddle = dropped(1);
    const events = frames(await (await chat(true)).text());
    assert.equal(events.at(-1), '[DONE]');
    const failure = JSON.parse(events.at(-2)!) as { error: { code: string; type: string } };
    assert.deepEqual([failure.error.code, failure.error.type], ['gateway.connection-lost', 'server_error']);
    assert.ok(events.length > 3, 'what came before is kept');
    relayed.meddle = honest;
    assert.equal((await chat()).status, 200);
    await relayed.agreed();
    await relayed.relay.close();
    await until(async () => (await chat()).status === 503);
    const gone = await chat();
    assert.equal((await gone.json() as { error: { code: string } }).error.code, 'gateway.unreachable');
  });
});
