/** What clients and the API of the chain may do wrong, or on purpose: a signed refusal or a named end, and nothing lost or owed twice. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, test } from 'node:test';
import { beginCell, Cell, toNano } from '@ton/core';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import {
  dueFor, encodeFrame, helloHash, type RefusalFrame, RefusalReason, RequestSealer, termsHash, voucherHash, type ChannelFrame, type ChannelRequest,
} from '../../../protocol';
import { packChannel, type PaymentChannelTerms } from '../../../wrappers';
import type { AccountSnapshot } from '../../../worker/chain/chainClient';
import { ChannelDesk } from '../../../worker/channels/desk';
import { ENDPOINT_LIMITS, ChannelEndpoint, CHANNEL_PATH } from '../../../worker/channels/endpoint';
import { ChainApiError } from '../../../worker/errors';
import { checked, newKey, NOW, PRICES, prepaid, settled } from './conversationWorld';
import { workerSuite } from './suite';

const { unreadableRequest, unsupportedTerms, channelEnding, channelExhausted, badVoucher, notTheClient, overloaded, tooLong } = RefusalReason;

describe('bad input over a channel', { timeout: 60_000 }, () => {
  const { loaded, ends, begin } = workerSuite();
  const reasonOf = (frame: ChannelFrame | undefined): number | undefined => (frame?.kind === 'refusal' ? (frame as RefusalFrame).reason : undefined);

  test('any bytes, and any frame with some of its bytes changed, end in a refusal or a named close, and leave nothing behind', async () => {
    const world = await begin();
    const request = world.request(1, 8);
    const sealer = await RequestSealer.open(world.keys.sealingPublic, { networkId: 2026, channel: world.address, workerKey: world.keys.signingPublic, firstSeq: 1 });
    const hello = encodeFrame({ kind: 'hello', ...sealer.binding, enc: sealer.enc, signature: world.clientKey.sign(helloHash(sealer.binding, sealer.enc)) });
    const asked = encodeFrame({ kind: 'request', seq: 1, termsHash: termsHash(request.terms), voucher: world.voucher(prepaid(request)), sealed: new Uint8Array(256) });
    const paid = encodeFrame({ kind: 'payment', ...world.voucher(5n) });
    const changed = fc.tuple(fc.constantFrom(hello, asked, paid), fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }), fc.nat(3))
      .map(([frame, flips, cut]) => {
        const bytes = frame.slice(0, frame.length - cut);
        for (const [at, mask] of flips) bytes[at % bytes.length] ^= mask;
        return bytes;
      });
    await fc.assert(fc.asyncProperty(fc.boolean(), fc.array(fc.oneof(changed, fc.uint8Array({ maxLength: 300 })), { maxLength: 3 }), async (isGreeted, messages) => {
      const client = world.connect();
      if (isGreeted) await client.send(hello);
      for (const message of messages) await client.send(message);
      assert.ok(client.closed === null || /^[A-Z_]+$/.test(client.closed), String(client.closed));
      assert.notEqual(client.closed, 'FAILED');
      assert.ok(client.frames.every(({ kind }) => kind === 'refusal' || kind === 'welcome'));
      client.drop();
    }), { numRuns: 80, seed: 6 });
    const { dueNano, voucherNano } = world.store.read.balance(world.address);
    assert.deepEqual([dueNano, voucherNano <= 5n + prepaid(request), world.store.read.channel(world.address)!.lastSeq], [0n, true, 0]);
  });

  test('a request that opens to nonsense, to other terms than it names, to foreign tokens or to too many is refused before anything is begun', async () => {
    const world = await begin();
    const client = await world.greeted();
    const vocabulary = loaded.model.model.config.vocab;
    const raw = (seq: number, payload: Uint8Array, hash: Uint8Array): Promise<void> =>
      client.send({ kind: 'request', seq, termsHash: hash, voucher: world.voucher(1_000_000n), sealed: client.sealer.seal(seq, payload, hash) });
    await raw(1, new Uint8Array([255, 254, 253]), new Uint8Array(32));
    assert.equal(reasonOf(client.last), unreadableRequest);
    const honest = world.request(2, 8);
    await client.ask({ ...honest, terms: { ...honest.terms, maxTokens: 9 } }, 1_000_000n);
    assert.equal(reasonOf(client.last), unreadableRequest);
    const withTokens = (seq: number, promptTokens: number[]): ChannelRequest => {
      const request = world.request(seq, 8);
      const payload = { ...request.payload, request: { ...request.payload.request, promptTokens } };
      return world.rebuilt(request, payload);
    };
    await client.ask(withTokens(3, [vocabulary]), 1_000_000n);
    assert.ok([tooLong, unsupportedTerms].includes(reasonOf(client.last) as never));
    await client.ask(withTokens(4, Array.from({ length: loaded.model.model.config.context + 1 }, () => 1)), 1_000_000n);
    assert.equal(reasonOf(client.last), tooLong);
    await client.ask(withTokens(5, []), 1_000_000n);
    assert.notEqual(reasonOf(client.last), undefined);
    assert.equal(world.store.read.channel(world.address)!.lastSeq, 0);
  });

  test('wrong keys: another sealing key, worker key, network or channel opens nothing', async () => {
    const world = await begin();
    const binding = { networkId: 2026, channel: world.address, workerKey: world.keys.signingPublic, firstSeq: 1 };
    const helloWith = async (changes: Partial<typeof binding>, sealingKey = world.keys.sealingPublic) => {
      const client = world.connect();
      client.sealer = await RequestSealer.open(sealingKey, { ...binding, ...changes });
      await client.send({ kind: 'hello', ...binding, ...changes, enc: client.sealer.enc, signature: world.clientKey.sign(helloHash({ ...binding, ...changes }, client.sealer.enc)) });
      return client;
    };
    assert.equal(reasonOf((await helloWith({ networkId: -239 })).last), unsupportedTerms);
    assert.equal(reasonOf((await helloWith({ workerKey: newKey().publicKey })).last), unsupportedTerms);
    assert.notEqual(reasonOf((await helloWith({ channel: new Uint8Array(32).fill(9) })).last), undefined);
    const otherSealing = Buffer.from('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f', 'hex');
    const sealed = await helloWith({}, new Uint8Array(otherSealing));
    assert.equal(sealed.last?.kind, 'welcome');
    const request = world.request(1, 8);
    await sealed.ask(request, prepaid(request));
    assert.equal(reasonOf(sealed.last), unreadableRequest);
    const stranger = world.connect();
    await stranger.hello(1, newKey());
    assert.equal(reasonOf(stranger.last), notTheClient);
  });

  test('replayed vouchers: of another channel or network, of another key, a lower one, or the same one again buy nothing', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = world.request(1, 40);
    await client.ask(request, prepaid(request));
    await client.count(2);
    const first = world.voucher(prepaid(request));
    const enough = dueFor(PRICES, request.payload.request.promptTokens.length, 32);
    const signed = (networkId: number, channel: Uint8Array): Uint8Array => world.clientKey.sign(voucherHash({ networkId, channel, final: false, amount: enough }));
    for (const signature of [signed(2026, new Uint8Array(32).fill(9)), signed(-239, world.address)]) {
      await client.send({ kind: 'payment', amount: enough, final: false, signature });
      assert.equal(reasonOf(client.last), badVoucher);
    }
    const frames = client.frames.length;
    for (const amount of [prepaid(request), prepaid(request) - 1n, 0n]) await client.send({ kind: 'payment', ...world.voucher(amount) });
    await client.send({ kind: 'payment', ...first });
    await settled();
    assert.equal(client.frames.length, frames, 'nothing more came');
    assert.equal(world.store.read.balance(world.address).voucherNano, prepaid(request));
    await client.payThrough(request);
    assert.equal(checked(request, client.pieces(1)).length, 40);
  });

  test('a reader that takes nothing is cut off, and what it has not paid is all that it has for nothing', async () => {
    const world = await begin();
    const server = createServer();
    const sockets: Socket[] = [];
    server.on('connection', (socket: Socket) => sockets.push(socket));
    const endpoint = new ChannelEndpoint(server, world.context, { ...ENDPOINT_LIMITS, unreadBytes: 2_000 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ends.push(() => {
      endpoint.close();
      server.close();
    });
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}${CHANNEL_PATH}`);
    await once(socket, 'open');
    // As a reader with full buffers does.
    sockets[0].cork();
    const sealer = await RequestSealer.open(world.keys.sealingPublic, { networkId: 2026, channel: world.address, workerKey: world.keys.signingPublic, firstSeq: 1 });
    socket.send(encodeFrame({ kind: 'hello', ...sealer.binding, enc: sealer.enc, signature: world.clientKey.sign(helloHash(sealer.binding, sealer.enc)) }));
    const closed = once(socket, 'close');
    for (let amount = 1n; amount < 60n && socket.readyState === socket.OPEN; amount++) {
      socket.send(encodeFrame({ kind: 'request', seq: 1, termsHash: new Uint8Array(32), voucher: world.voucher(amount), sealed: new Uint8Array(256) }));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.equal(((await closed) as [number])[0], 1_006);
    assert.equal(world.store.read.balance(world.address).dueNano, 0n);
  });

  test('clocks that differ: a request is dated by the client and served while it is young, up to an hour ahead', async () => {
    const world = await begin();
    const client = await world.greeted();
    let seq = 1;
    let base = 0n;
    for (const [skew, served] of [[-180, true], [180, true], [-601, false], [3_001, false]] as const) {
      const request = world.request(seq++, 8, { expiresAt: NOW + skew + 600 });
      await client.ask(request, base + prepaid(request));
      if (served) base = await client.payThrough(request, base);
      else assert.equal(reasonOf(client.last), unsupportedTerms, `${skew} s`);
    }
    assert.equal(world.store.read.balance(world.address).dueNano, base);
  });

  describe('an API of the chain that lies, lags or stands still', () => {
    /** A worker that sees the chain through `shown`. */
    const seeing = async () => {
      const world = await begin();
      const honest = (): AccountSnapshot => ({ state: 'active', balance: world.balance, code: world.channel.init!.code, data: packChannel(world.terms), apiTime: NOW });
      const api = { shown: honest as () => AccountSnapshot | Promise<AccountSnapshot>, honest, clock: NOW };
      const { policy, store } = world.context;
      const prices = await (world.context.desk as unknown as { options: { chain: { networkPrices(): Promise<never> } } }).options.chain.networkPrices();
      world.context.desk = new ChannelDesk({
        chain: { getAccount: async () => api.shown(), networkPrices: async () => prices }, store, policy, now: () => api.clock, viewSeconds: 0,
      });
      world.context.now = () => api.clock;
      return { world, api };
    };
    const stateWith = (terms: PaymentChannelTerms, claimed: bigint, endsAt: number): Cell => {
      const rest = packChannel(terms).beginParse();
      rest.loadCoins();
      rest.loadUint(32);
      return beginCell().storeCoins(claimed).storeUint(endsAt, 32).storeSlice(rest).endCell();
    };

    test('what is no channel of this provider is refused, whatever it is said to hold', async () => {
      const { world, api } = await seeing();
      const { honest } = api;
      const lies: [string, Partial<AccountSnapshot>, number][] = [
        ['gone', { state: 'absent', code: null, data: null }, channelEnding],
        ['frozen', { state: 'frozen' }, channelEnding],
        ['other code', { code: Cell.EMPTY }, unsupportedTerms],
        ['other data', { data: Cell.EMPTY }, unsupportedTerms],
        ['the data of another channel', { data: packChannel({ ...world.terms, clientKey: newKey().publicKey }) }, unsupportedTerms],
        ['closing', { data: stateWith(world.terms, 0n, NOW + 10) }, channelEnding],
        ['empty', { balance: 1n }, channelExhausted],
        ['of a time beyond its end', { apiTime: NOW + 600, data: stateWith(world.terms, 0n, NOW + 500) }, channelEnding],
      ];
      for (const [name, lie, reason] of lies) {
        api.shown = () => ({ ...honest(), ...lie });
        const client = world.connect();
        await client.hello();
        assert.equal(reasonOf(client.last), reason, name);
      }
      assert.equal(world.store.read.channel(world.address), null);
      api.shown = honest;
      await world.greeted();
    });

    test('one that does not answer, or whose newest block is a quarter of an hour from our clock, lets nothing be begun for a while and ends nothing that runs', async () => {
      const { world, api } = await seeing();
      const { honest } = api;
      const client = await world.greeted();
      const request = world.request(1, 64);
      await client.ask(request, prepaid(request));
      await client.count(2);
      const next = world.request(2, 8);
      const silences: [string, () => AccountSnapshot | Promise<AccountSnapshot>][] = [
        ['silent', () => Promise.reject(new ChainApiError('network.unreachable', 'no answer'))],
        ['standing still', () => ({ ...honest(), apiTime: NOW - 901 })],
        ['ahead', () => ({ ...honest(), apiTime: NOW + 901 })],
        ['at the beginning of time', () => ({ ...honest(), apiTime: 0 })],
      ];
      for (const [name, shown] of silences) {
        api.shown = shown;
        const late = world.connect();
        await late.hello();
        assert.equal(reasonOf(late.last), overloaded, name);
        assert.ok((late.last as RefusalFrame).retryAfter > 0);
      }
      await client.ask(next, dueFor(PRICES, request.payload.request.promptTokens.length, 32) + prepaid(next));
      assert.equal(reasonOf(client.last), overloaded);
      await client.payThrough(request);
      assert.equal(checked(request, client.pieces(1)).length, 64);
      for (const apart of [-899, 180, -180, 0]) {
        api.shown = () => ({ ...honest(), apiTime: NOW + apart });
        assert.equal((await world.greeted(3)).last?.kind, 'welcome', `${apart} s`);
      }
    });

    test('an older state than one that was seen changes nothing: neither money that was there, nor a close', async () => {
      const { world, api } = await seeing();
      const { honest } = api;
      const most = async (): Promise<bigint | string> => {
        const found = await world.context.desk.find(world.address);
        return 'kind' in found ? found.note : found.view.mostOwed;
      };
      const held = await most();
      const client = await world.greeted();
      world.balance = toNano('2');
      api.shown = () => ({ ...honest(), apiTime: NOW + 5 });
      const filled = await most();
      assert.ok(typeof filled === 'bigint' && filled > (held as bigint));
      api.shown = () => ({ ...honest(), balance: toNano('1'), apiTime: NOW + 1 });
      assert.equal(await most(), filled);
      api.shown = () => ({ ...honest(), data: stateWith(world.terms, 0n, NOW + 86_400), apiTime: NOW + 10 });
      const closing = await most();
      assert.equal(typeof closing, 'string');
      api.shown = () => ({ ...honest(), apiTime: NOW + 6 });
      assert.equal(await most(), closing);
      const request = world.request(1, 8);
      await client.ask(request, prepaid(request));
      assert.equal(reasonOf(client.last), channelEnding);
    });

    test('one that shows the channel gone and there again leaves it with one account: what is paid on one connection counts on all', async () => {
      const { world, api } = await seeing();
      const { honest } = api;
      const first = await world.greeted();
      const request = world.request(1, 96);
      await first.ask(request, prepaid(request));
      await first.count(2);
      api.shown = () => ({ ...honest(), state: 'absent', code: null, data: null });
      const refused = world.connect();
      await refused.hello();
      assert.equal(reasonOf(refused.last), channelEnding);
      api.shown = honest;
      const second = await world.greeted();
      assert.deepEqual(second.frames[0], { kind: 'welcome', nextSeq: 2, owed: dueFor(PRICES, request.payload.request.promptTokens.length, 32), voucher: world.voucher(prepaid(request)) });
      const other = world.request(2, 64);
      const paid = dueFor(PRICES, request.payload.request.promptTokens.length, 32) + prepaid(other);
      await second.ask(other, paid);
      // At most one chunk of one of them is unpaid, over whichever connection.
      const balanced = async (): Promise<bigint> => {
        await settled();
        const { dueNano, uncoveredNano } = world.store.read.balance(world.address);
        assert.ok(uncoveredNano <= dueFor(PRICES, 0, 32), `${uncoveredNano}`);
        return dueNano;
      };
      await balanced();
      await first.pay(paid);
      let due = await balanced();
      for (let round = 0; round < 8; round++) {
        await (round % 2 === 0 ? first : second).pay(due + prepaid(request) + prepaid(other));
        due = await balanced();
      }
      const prompt = request.payload.request.promptTokens.length;
      assert.equal(due, dueFor(PRICES, prompt, 96) + dueFor(PRICES, prompt, 64));
    });

    test("a clock that is behind the chain's serves nothing in a channel's last closeDelay, and neither does one that is ahead", async () => {
      for (const skew of [-180, 180]) {
        const { world, api } = await seeing();
        const { honest } = api;
        const last = world.terms.expiry - world.terms.closeDelay;
        api.clock = last + Math.min(0, skew);
        api.shown = () => ({ ...honest(), apiTime: last - Math.max(0, skew) });
        const client = world.connect();
        await client.hello();
        assert.equal(reasonOf(client.last), channelEnding, `${skew} s`);
        api.clock -= 181;
        api.shown = () => ({ ...honest(), apiTime: last - 181 });
        const again = world.connect();
        await again.hello();
        assert.equal(again.last?.kind, 'welcome');
      }
    });
  });
});
