import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toNano } from '@ton/core';
import {
  decodeFrame, dueFor, encodeFrame, equalBytes, NO_VOUCHER, refusalHash, type RefusalFrame, RefusalReason, termsHash, type ChannelRequest,
} from '../../../protocol';
import type { OpenChannel } from '../../../worker/channels/desk';
import { ChainApiError } from '../../../worker/errors';
import { nodeEd25519 } from '../../../worker/keys/ed25519';
import { generationOf } from '../../../worker/jobs/request';
import { checked, type Connection, newKey, NOW, prepaid, settled, type WorkerWorld } from './conversationWorld';
import { workerSuite } from './suite';

describe('a conversation over a channel', () => {
  const { loaded, begin } = workerSuite();
  const dueOf = ({ terms, payload }: ChannelRequest, tokens: number): bigint => dueFor(terms, payload.request.promptTokens.length, tokens);
  const refusalOf = (world: WorkerWorld, frame: unknown): number => {
    const { kind, seq, termsHash: hash, reason, retryAfter, signature } = frame as RefusalFrame;
    assert.equal(kind, 'refusal');
    const signed = refusalHash({ networkId: 2026, termsHash: hash, escrow: world.address, seq, reason, retryAfter });
    assert.ok(nodeEd25519.verify(signed, signature, world.keys.signingPublic));
    return reason;
  };

  test('serves an answer chunk by chunk as it is paid, with the bits of the engine', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = world.request(1, 80);
    await client.ask(request, prepaid(request));
    const paid = await client.payThrough(request);
    assert.equal(client.pieces(1).length, 3);
    const { tokens, traceRoot } = await loaded.engine.generate(generationOf(request.payload, world.address, 1));
    assert.deepEqual(checked(request, client.pieces(1)), tokens);
    assert.ok(traceRoot);
    assert.equal(paid, dueOf(request, 80));
    const { dueNano, voucherNano, uncoveredNano } = world.store.read.balance(world.address);
    assert.deepEqual([dueNano, voucherNano, uncoveredNano], [paid, paid, 0n]);
  });

  test('finding 44: a client that stops paying gets one chunk and nothing more; what it paid resumes the answer', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = world.request(1, 100);
    await client.ask(request, prepaid(request));
    await client.count(2);
    await settled();
    assert.equal(client.pieces(1).length, 1);
    assert.equal(world.store.read.balance(world.address).uncoveredNano, dueOf(request, 32) - prepaid(request));
    await client.pay(dueOf(request, 32) - 1n);
    await settled();
    assert.equal(client.pieces(1).length, 1);
    await client.pay(dueOf(request, 32));
    await client.count(3);
    await settled();
    assert.equal(client.pieces(1).length, 2);
    client.drop();
  });

  test('finding 44: of several requests over one channel at a time, one chunk of one of them is unpaid', async () => {
    const world = await begin();
    const client = await world.greeted();
    const requests = [1, 2, 3].map((seq) => world.request(seq, 64));
    const prepaidAll = requests.reduce((sum, request) => sum + prepaid(request), 0n);
    for (const request of requests) await client.ask(request, prepaidAll);
    const delivered = (): bigint => requests.reduce((sum, { seq }) => sum + (client.pieces(seq).at(-1)?.dueNano ?? 0n), 0n);
    const oneChunk = dueFor(requests[0].terms, 0, 32);
    let vouched = prepaidAll;
    for (let pieces = 1; pieces <= 6; pieces++) {
      await client.count(1 + pieces);
      await settled();
      assert.equal(client.frames.length, 1 + pieces);
      assert.ok(delivered() - vouched <= oneChunk);
      const rest = requests.filter(({ seq }) => client.pieces(seq).length === 0).reduce((sum, request) => sum + prepaid(request), 0n);
      vouched = delivered() + rest;
      await client.pay(vouched);
    }
    for (const request of requests) assert.equal(checked(request, client.pieces(request.seq)).length, 64);
  });

  test('finding 1: goes on after a lost connection and a restart with the same bytes, and computes nothing under another number', async () => {
    const world = await begin();
    const first = await world.greeted();
    const request = world.request(1, 100);
    await first.ask(request, prepaid(request));
    await first.count(2);
    await first.pay(dueOf(request, 32));
    await first.count(3);
    first.drop();
    await settled();
    world.restart();
    const second = world.connect();
    await second.hello(1);
    assert.deepEqual(second.frames[0], { kind: 'welcome', nextSeq: 2, owed: dueOf(request, 64), voucher: world.voucher(dueOf(request, 32)) });
    await second.ask(request, dueOf(request, 64));
    await second.payThrough(request);
    assert.deepEqual(second.bytes.slice(1, 3), first.bytes.slice(1, 3));
    assert.deepEqual(checked(request, second.pieces(1)), (await loaded.engine.generate(generationOf(request.payload, world.address, 1))).tokens);
    assert.equal(world.store.read.balance(world.address).dueNano, dueOf(request, 100));
    const third = await world.greeted();
    await third.ask(request, 1n);
    await third.count(5);
    assert.deepEqual(third.bytes.slice(1), second.bytes.slice(1));
  });

  test('finding 2: another request under a number that was used is refused, and a number below one that was used', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = world.request(1, 8);
    await client.ask(request, prepaid(request));
    const paid = await client.payThrough(request);
    const again = await world.greeted();
    const other = { ...world.request(1, 9) };
    await again.ask(other, paid + prepaid(other));
    await again.count(2);
    assert.equal(refusalOf(world, again.last), RefusalReason.conflictingRequest);
    // Numbers whose requests never arrived are passed over, and used up.
    const far = world.request(5, 8);
    await again.ask(far, paid + prepaid(far));
    const paidFar = await again.payThrough(far, paid);
    const passed = await world.greeted(3);
    await passed.ask(world.request(3, 8), paidFar + prepaid(far));
    await passed.count(2);
    assert.equal(refusalOf(world, passed.last), RefusalReason.wrongSequence);
  });

  test('refuses vouchers that are forged, too low, or beyond what the channel holds, and keeps none of them', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = world.request(1, 40);
    const sealed = new Uint8Array(256);
    const hash = termsHash(request.terms);
    await client.ask(request, prepaid(request) - 1n);
    assert.equal(refusalOf(world, client.last), RefusalReason.voucherTooLow);
    const second = world.request(2, 40);
    await client.ask(second, toNano('1'));
    assert.equal(refusalOf(world, client.last), RefusalReason.channelExhausted);
    await settled();
    assert.equal(world.store.read.balance(world.address).voucherNano, prepaid(request) - 1n);
    await client.send({ kind: 'payment', ...world.voucher(prepaid(request), false, newKey()) });
    assert.equal(refusalOf(world, client.last), RefusalReason.badVoucher);
    await client.send({ kind: 'payment', ...world.voucher(5_000n), amount: 6_000n });
    assert.equal(refusalOf(world, client.last), RefusalReason.badVoucher);
    await client.send({ kind: 'request', seq: 1, termsHash: hash, voucher: world.voucher(prepaid(request)), sealed });
    assert.equal(refusalOf(world, client.last), RefusalReason.unreadableRequest);
    assert.equal(world.store.read.balance(world.address).voucherNano, prepaid(request) - 1n);
    assert.equal(world.store.read.channel(world.address)!.lastSeq, 0);
  });

  test('a request that crosses a piece on the wire waits until that piece is paid, and is not refused', async () => {
    const world = await begin();
    const client = await world.greeted();
    const [first, second] = [world.request(1, 8), world.request(2, 8)];
    await client.ask(first, prepaid(first));
    await client.count(2);
    // The client has not seen the piece when it says what it owes.
    await client.ask(second, prepaid(first) + prepaid(second));
    await settled();
    assert.equal(client.pieces(2).length, 0);
    assert.equal(client.frames.length, 2);
    await client.pay(dueOf(first, 8) + prepaid(second));
    await client.count(3);
    assert.equal(client.pieces(2).length, 1);
    const third = world.request(3, 8);
    await client.ask(third, dueOf(first, 8) + prepaid(second) - 1n);
    await settled();
    assert.equal(client.pieces(3).length, 0);
  });

  test('a request is not refused because its own prepayment, which came before it, let more than one piece leave', async () => {
    const world = await begin();
    const client = await world.greeted();
    const [short, long] = [world.request(1, 1), world.request(2, 64)];
    const late = world.request(3, 8, { promptPrice: 1_000_000_000n });
    assert.ok(prepaid(late) > dueOf(short, 1) - prepaid(short));
    // The client has begun all three, saw nothing yet, and sends the last one behind what that lets the worker do.
    const vouched = prepaid(short) + prepaid(long) + prepaid(late);
    await client.ask(short, vouched);
    await client.ask(long, vouched);
    await client.count(3);
    await client.ask(late, vouched);
    await settled();
    assert.equal(client.frames.length, 3);
    await client.pay(dueOf(short, 1) + dueOf(long, 64) + prepaid(late));
    await client.count(5);
    assert.equal(client.pieces(3).length, 1);
  });

  test('a request that is asked again over another connection is owed once', async () => {
    const world = await begin();
    const [first, second] = [await world.greeted(), await world.greeted()];
    const request = world.request(1, 64);
    await first.ask(request, prepaid(request));
    await second.ask(request, prepaid(request));
    await second.payThrough(request);
    await settled();
    const next = await world.greeted(2);
    assert.deepEqual(next.frames[0], { kind: 'welcome', nextSeq: 2, owed: dueOf(request, 64), voucher: world.voucher(dueOf(request, 64)) });
    assert.deepEqual(first.pieces(1), second.pieces(1).slice(0, first.pieces(1).length));
    assert.equal(checked(request, second.pieces(1)).length, 64);
  });

  test('a chain API that does not answer refuses for a while and ends nothing that runs', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = world.request(1, 64);
    await client.ask(request, prepaid(request));
    await client.count(2);
    const { desk } = world.context;
    Object.assign(world.context, { desk: { has: () => true, find: () => Promise.reject(new ChainApiError('network.unreachable', 'no answer')) } });
    const next = world.request(2, 8);
    await client.ask(next, dueOf(request, 32) + prepaid(next));
    assert.equal(refusalOf(world, client.last), RefusalReason.overloaded);
    const late = world.connect();
    await late.hello(2);
    assert.equal(refusalOf(world, late.last), RefusalReason.overloaded);
    Object.assign(world.context, { desk });
    await client.payThrough(request);
    assert.equal(checked(request, client.pieces(1)).length, 64);
  });

  test('refuses a request whose whole answer the channel could not pay', async () => {
    const world = await begin();
    const mostOwed = async (): Promise<bigint> => ((await world.context.desk.find(world.address)) as OpenChannel).view.mostOwed;
    world.balance -= (await mostOwed()) - dueOf(world.request(1, 40), 40);
    world.restart();
    assert.equal(await mostOwed(), dueOf(world.request(1, 40), 40));
    const client = await world.greeted();
    const request = world.request(1, 256);
    await client.ask(request, prepaid(request));
    assert.equal(refusalOf(world, client.last), RefusalReason.channelExhausted);
  });

  test('refuses terms that it does not serve, before anything is begun', async () => {
    const world = await begin();
    const client = await world.greeted();
    const refused = [
      [world.request(1, 8, { outputPrice: 999_999_999n }), RefusalReason.unsupportedTerms],
      [world.request(2, 8, { tier: 1 }), RefusalReason.unsupportedTerms],
      [world.request(3, 8, { semantics: 1 }), RefusalReason.unsupportedTerms],
      [world.request(4, 8, { visibility: 1 }), RefusalReason.unsupportedTerms],
      [world.request(5, 8, { modelRoot: new Uint8Array(32).fill(1) }), RefusalReason.unsupportedTerms],
      [world.request(6, 8, { expiresAt: NOW }), RefusalReason.unsupportedTerms],
      [world.request(7, 8, { expiresAt: NOW + 3_601 }), RefusalReason.unsupportedTerms],
      [world.request(8, 8, { flags: 2 }), RefusalReason.unsupportedTerms],
      [world.request(9, 257), RefusalReason.tooLong],
    ] as const;
    for (const [request, reason] of refused) {
      await client.ask(request, prepaid(request) + 10n ** 7n);
      assert.equal(refusalOf(world, client.last), reason, `request ${request.seq}`);
    }
    assert.equal(world.store.read.channel(world.address)!.lastSeq, 0);
  });

  test('talks to nobody but the client of the channel: whoever saw its vouchers cannot ask in its name', async () => {
    const world = await begin();
    const stranger = world.connect();
    await stranger.hello(1, newKey());
    assert.equal(refusalOf(world, stranger.last), RefusalReason.notTheClient);
    const request = world.request(1, 8);
    await stranger.ask(request, prepaid(request));
    assert.equal(stranger.closed, 'HELLO_FIRST');
    // A hello that was seen, sent again: its session's key is unknown to whoever repeats it.
    const client = await world.greeted();
    const replayed = world.connect();
    const seen = { networkId: 2026, channel: world.address, workerKey: world.keys.signingPublic, firstSeq: 1, enc: client.sealer.enc };
    await replayed.send({ kind: 'hello', ...seen, signature: new Uint8Array(64) });
    assert.equal(refusalOf(world, replayed.last), RefusalReason.notTheClient);
  });

  test('ends a connection that speaks out of turn, in another version, or about another channel', async () => {
    const world = await begin();
    const cases: [(client: Connection) => Promise<void>, string][] = [
      [(client) => client.send({ kind: 'cancel', seq: 1 }), 'HELLO_FIRST'],
      [(client) => client.send(Uint8Array.of(2, 1)), 'UNKNOWN_VERSION'],
      [(client) => client.send(Uint8Array.of(1, 99)), 'UNKNOWN_FRAME'],
      [(client) => client.send(new Uint8Array(0)), 'MALFORMED_PAYLOAD'],
      [async (client) => {
        await client.hello();
        await client.send({ kind: 'welcome', nextSeq: 1, owed: 0n, voucher: NO_VOUCHER });
      }, 'UNEXPECTED_FRAME'],
      [async (client) => {
        await client.hello();
        const signature = new Uint8Array(64);
        await client.send({ kind: 'hello', networkId: 2026, channel: new Uint8Array(32), workerKey: world.keys.signingPublic, firstSeq: 1, enc: signature.subarray(32), signature });
      }, 'OTHER_CHANNEL'],
    ];
    for (const [act, code] of cases) {
      const client = world.connect();
      await act(client);
      assert.equal(client.closed, code);
    }
  });

  test('a client gives a request up: nothing more is computed, and the next request goes on', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = world.request(1, 200);
    await client.ask(request, prepaid(request));
    await client.count(2);
    await client.send({ kind: 'cancel', seq: 1 });
    await settled();
    assert.notEqual(world.store.read.request(world.address, 1)!.endedAt, null);
    const next = world.request(2, 8);
    await client.ask(next, dueOf(request, 32) + prepaid(next));
    await client.payThrough(next, dueOf(request, 32));
    assert.equal(client.pieces(1).length, 1);
    assert.equal(checked(next, client.pieces(2)).length, 8);
  });

  test('serves nothing beyond a final voucher, before the chain shows the close and after a restart', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = world.request(1, 8);
    await client.ask(request, prepaid(request));
    const paid = await client.payThrough(request);
    await client.send({ kind: 'payment', ...world.voucher(paid, true) });
    assert.deepEqual(world.store.read.channel(world.address)!.voucher!.final, true);
    const next = world.request(2, 8);
    await client.ask(next, paid + prepaid(next));
    assert.equal(refusalOf(world, client.last), RefusalReason.channelEnding);
    world.restart();
    const again = await world.greeted(2);
    await again.ask(next, paid + prepaid(next));
    assert.equal(refusalOf(world, again.last), RefusalReason.channelEnding);
    assert.equal(world.store.read.balance(world.address).voucherNano, paid);
  });

  test('says so when the engine fails or the worker drains, and begins nothing while it drains', async () => {
    const world = await begin();
    world.context.engine = { ...loaded.engine, generate: () => Promise.reject(new Error('out of memory')) };
    const client = await world.greeted();
    const request = world.request(1, 8);
    await client.ask(request, prepaid(request));
    await client.count(2);
    assert.equal(refusalOf(world, client.last), RefusalReason.failed);
    world.draining.abort();
    const next = world.request(2, 8);
    await client.ask(next, prepaid(request) + prepaid(next));
    assert.equal(refusalOf(world, client.last), RefusalReason.draining);
    assert.equal(world.store.read.channel(world.address)!.lastSeq, 1);
  });

  test('computes while the disk is busy with the beginning of a request, and sends nothing of it before beginning and piece are on disk', async () => {
    const world = await begin();
    const { engine } = world.context;
    let isComputed = (): void => undefined;
    const computed = new Promise<void>((resolve) => (isComputed = resolve));
    world.context.engine = {
      ...engine,
      generate: async (job) => {
        const answered = await engine.generate(job);
        isComputed();
        return answered;
      },
    };
    const client = await world.greeted();
    const { log } = (world.store as unknown as { binding: { log: { sync(): Promise<void> } } }).binding;
    const sync = log.sync.bind(log);
    const held: (() => void)[] = [];
    log.sync = async () => {
      await new Promise<void>((resolve) => held.push(resolve));
      await sync();
    };
    const request = world.request(1, 20);
    const asked = client.ask(request, prepaid(request));
    await computed;
    for (let syncs = 1; syncs <= 2; syncs++) {
      await settled();
      assert.deepEqual([held.length, client.pieces(1).length], [syncs, 0]);
      held[syncs - 1]();
    }
    await client.count(2);
    await asked;
    assert.equal(client.pieces(1).length, 1);
    log.sync = sync;
  });

  test('a request whose beginning cannot be written down is refused, and what was computed of it is neither signed nor sent', async () => {
    const world = await begin();
    const client = await world.greeted();
    const { log } = (world.store as unknown as { binding: { log: { sync(): Promise<void> } } }).binding;
    log.sync = () => Promise.reject(new Error('EIO'));
    const request = world.request(1, 20);
    await client.ask(request, prepaid(request));
    await client.count(2);
    assert.equal(client.pieces(1).length, 0);
    assert.ok(client.closed !== null || refusalOf(world, client.last) === RefusalReason.failed);
  });

  test('sends only what is stored: every piece on the wire is in the store, byte for byte', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = world.request(1, 70);
    await client.ask(request, prepaid(request));
    await client.payThrough(request);
    const stored = world.store.read.request(world.address, 1)!.receipts;
    assert.equal(stored.length, 3);
    for (const [index, piece] of stored.entries()) {
      assert.ok(equalBytes(piece.bytes, client.bytes[1 + index]));
      assert.deepEqual(encodeFrame(decodeFrame(piece.bytes)), new Uint8Array(piece.bytes));
    }
  });
});
