import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createWasmEngine } from '../../../exact/wasm';
import { type ChannelRequest, dueFor, PROMPT_PIECE_TOKENS, RefusalReason, type RefusalFrame } from '../../../protocol';
import type { LoadedEngine, LoadedModel } from '../../../worker/engine';
import { generationOf } from '../../../worker/jobs/request';
import { longModel } from '../../exact/longModel';
import { watchPrompts } from '../../exact/promptPieces';
import { checked, PRICES, prepaid, settled, WorkerWorld } from './conversationWorld';

const PIECE = PROMPT_PIECE_TOKENS;
const oneChunk = dueFor(PRICES, 0, 32);

describe('a prompt of several pieces over a channel', () => {
  let model: LoadedModel;
  let engine: LoadedEngine;
  /** Tokens of prompts that the engine was given to compute since it was asked last. */
  let computed: () => number;
  const worlds: WorkerWorld[] = [];
  before(() => {
    model = { model: longModel(), name: 'long', stopTokens: [] };
    const watched = watchPrompts(createWasmEngine(model.model, { threads: 1 }));
    [engine, computed] = [watched.engine, watched.tokens];
  });
  after(async () => {
    for (const world of worlds) world.end();
    await engine.close();
  });

  const begin = async (of: LoadedEngine = engine): Promise<WorkerWorld> => {
    const world = await WorkerWorld.create(model, of);
    worlds.push(world);
    computed();
    return world;
  };
  const long = (world: WorkerWorld, seq: number, promptTokens: number, maxTokens = 40): ChannelRequest =>
    world.request(seq, maxTokens, {}, Array.from({ length: promptTokens }, (_, i) => (3 * i + seq) % 250));
  const due = (promptTokens: number, outputTokens = 0): bigint => dueFor(PRICES, promptTokens, outputTokens);
  const refusal = (frame: unknown): number => (frame as RefusalFrame).reason;

  test('is read piece by piece, each when it is prepaid, and answered with the bits of the engine', async () => {
    const world = await begin();
    const client = await world.greeted();
    const request = long(world, 1, 2 * PIECE + 4);
    await client.ask(request, due(PIECE));
    for (const read of [PIECE, 2 * PIECE]) {
      await client.count(1 + read / PIECE);
      const next = due(Math.min(read + PIECE, 2 * PIECE + 4));
      await client.pay(next - 1n);
      await settled();
      const [piece, ...more] = client.pieces(1).slice(read / PIECE - 1);
      assert.deepEqual([piece.index, piece.promptTokens, piece.outputTokens, piece.final, piece.dueNano], [read / PIECE - 1, read, 0, false, due(read)]);
      assert.deepEqual(more, []);
      assert.equal(computed(), PIECE);
      await client.pay(next);
    }
    await client.count(4);
    await client.pay(due(2 * PIECE + 4, 32));
    await client.count(5);
    const { tokens } = await engine.generate(generationOf(request.payload, world.address, 1));
    assert.deepEqual(checked(request, client.pieces(1)), tokens);
    assert.equal(world.store.read.balance(world.address).dueNano, due(2 * PIECE + 4, 40));
  });

  for (const how of ['drop', 'cancel'] as const) {
    test(`finding 44: wherever its client leaves (${how}), nothing was read that was not paid, one chunk at most is unpaid, and one piece at most is lost`, async () => {
      const world = await begin();
      const tokens = PIECE + 2;
      /** All that was ever vouched for, and how many prompt tokens of it. */
      let [vouched, paidTokens, lost, seq] = [0n, 0, 0n, 0];
      let client = await world.greeted();
      const pay = async (amount: bigint, promptTokens = 0): Promise<void> => {
        vouched = amount;
        paidTokens += promptTokens;
        await client.pay(amount);
      };
      const readingFirst = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 40));
      const acknowledged = (): Promise<void> => client.count(client.frames.length + 1);
      const readingSecond = async (base: bigint): Promise<void> => {
        await acknowledged();
        await pay(base + due(tokens), 2);
      };
      const firstChunk = async (base: bigint): Promise<void> => {
        await readingSecond(base);
        while (client.pieces(seq).length < 2) await client.count(client.frames.length + 1);
      };
      const secondChunk = async (base: bigint): Promise<void> => {
        await firstChunk(base);
        await pay(base + due(tokens, 32));
        while (client.pieces(seq).length < 3) await client.count(client.frames.length + 1);
      };
      let read = 0;
      for (const leave of [readingFirst, acknowledged, readingSecond, firstChunk, secondChunk]) {
        client = await world.greeted(seq + 1);
        const { owed } = client.last as { owed: bigint };
        // A request that nothing is prepaid for is refused, or waits while a chunk that came before could still be paid.
        vouched = owed > vouched ? owed : vouched;
        await client.ask(long(world, ++seq, tokens, 70), vouched);
        await settled();
        assert.equal(computed(), 0);
        assert.ok(client.frames.length === 1 || refusal(client.last) === RefusalReason.voucherTooLow);
        await client.send({ kind: 'cancel', seq });
        const request = long(world, ++seq, tokens, 70);
        vouched = owed + due(PIECE);
        paidTokens += PIECE;
        await client.ask(request, vouched);
        await leave(owed);
        if (how === 'cancel') await client.send({ kind: 'cancel', seq });
        client.drop();
        await settled();
        read += computed();
        assert.ok(read <= paidTokens, `${leave.name}: ${read} tokens of prompts were read, ${paidTokens} paid`);
        const { dueNano, voucherNano } = world.store.read.balance(world.address);
        assert.equal(voucherNano, vouched);
        assert.ok(dueNano - vouched <= oneChunk, `${leave.name}: ${dueNano} is due, ${vouched} vouched for`);
        assert.ok(vouched - dueNano - lost <= due(PIECE), `${leave.name}: more than a piece is lost`);
        lost = vouched > dueNano ? vouched - dueNano : 0n;
      }
      assert.ok(read > 4 * PIECE);
    });
  }

  test('is not read for a voucher that pays for another, nor for one that was given up', async () => {
    const world = await begin();
    const client = await world.greeted();
    const [first, second] = [long(world, 1, PIECE), long(world, 2, PIECE)];
    await client.ask(first, due(PIECE));
    await client.ask(second, due(PIECE));
    assert.equal(refusal(client.last), RefusalReason.voucherTooLow);
    await client.send({ kind: 'cancel', seq: 1 });
    await client.ask(long(world, 3, PIECE), due(PIECE));
    assert.equal(refusal(client.last), RefusalReason.voucherTooLow);
    await settled();
    assert.ok(computed() <= PIECE);
    const again = await world.greeted(4);
    assert.equal((again.last as { owed: bigint }).owed, world.store.read.balance(world.address).dueNano || due(PIECE));
    const paid = long(world, 4, PIECE, 8);
    await again.ask(paid, due(PIECE) + oneChunk + due(PIECE));
    await again.count(2);
    assert.equal(again.pieces(4).length, 1);
  });

  test('finding 1: goes on after a lost connection and a restart with the same bytes, and reads nothing again before the next piece is paid', async () => {
    const world = await begin();
    const first = await world.greeted();
    const request = long(world, 1, PIECE + 5);
    await first.ask(request, due(PIECE));
    await first.count(2);
    first.drop();
    await settled();
    world.restart();
    computed();
    const second = await world.greeted();
    await second.ask(request, due(PIECE));
    await second.count(2);
    await settled();
    assert.deepEqual(second.bytes[1], first.bytes[1]);
    assert.equal(second.frames.length, 2);
    assert.equal(computed(), 0);
    await second.pay(due(PIECE + 5));
    await second.count(3);
    await second.pay(due(PIECE + 5, 32));
    await second.count(4);
    const { tokens } = await engine.generate(generationOf(request.payload, world.address, 1));
    assert.deepEqual(checked(request, second.pieces(1)), tokens);
    assert.equal(world.store.read.balance(world.address).dueNano, due(PIECE + 5, 40));
  });

  test('is refused when it does not fit the context or the memory of the worker, and nothing is due', async () => {
    const small = createWasmEngine(model.model, { threads: 1, cachePositions: 64 });
    const world = await begin(small);
    const client = await world.greeted();
    const beyond = long(world, 1, 5_100, 30);
    await client.ask(beyond, prepaid(beyond));
    assert.equal(refusal(client.last), RefusalReason.tooLong);
    assert.equal(world.store.read.channel(world.address)!.lastSeq, 0);
    const large = long(world, 2, 100, 8);
    await client.ask(large, prepaid(large));
    await client.count(3);
    assert.equal(refusal(client.last), RefusalReason.tooLong);
    const fits = long(world, 3, 20, 8);
    // What was not read is free for the next request.
    await client.ask(fits, prepaid(large));
    await client.count(4);
    assert.equal(client.pieces(3).length, 1);
    assert.equal(world.store.read.request(world.address, 2)!.endedAt, world.clock);
    await small.close();
  });

  test('is not paid to an engine that reads it without leave', async () => {
    const hasty: LoadedEngine = { ...engine, generate: ({ promptLimit: _, ...job }) => engine.generate(job) };
    const world = await begin(hasty);
    const client = await world.greeted();
    const request = long(world, 1, PIECE + 5);
    await client.ask(request, due(PIECE + 5));
    await client.count(2);
    assert.equal(refusal(client.last), RefusalReason.failed);
    assert.equal(world.store.read.balance(world.address).dueNano, 0n);
  });
});
