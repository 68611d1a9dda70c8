/** Requests that are given up, at the worker: each ends at once whatever the engine does, counts what was delivered and begun, and keeps nothing busy. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { type ChannelRequest, dueFor, PROMPT_PIECE_TOKENS, RefusalReason, type RefusalFrame, type Welcome } from '../../../protocol';
import type { OpenChannel } from '../../../worker/channels/desk';
import { ChannelLedger, Unpaid } from '../../../worker/channels/ledger';
import type { Answered, ServedEngine, ServedJob } from '../../../worker/engine';
import { EngineBusy } from '../../../worker/operation/engineQueue';
import { longModel } from '../../exact/longModel';
import { checked, type Connection, prepaid, settled, WorkerWorld } from './conversationWorld';

/** An engine that does what the test says, and heeds no signal. */
class DeafEngine implements ServedEngine {
  readonly backend = 'wasm';
  readonly adapter = 'deaf';
  readonly calls: { job: ServedJob; end: (answer: Answered) => void; fail: (error: Error) => void }[] = [];
  private readonly watchers: (() => void)[] = [];

  generate(job: ServedJob): Promise<Answered> {
    return new Promise((end, fail) => {
      this.calls.push({ job, end, fail });
      for (const watch of this.watchers.splice(0)) watch();
    });
  }

  /** Resolves when it was asked so often. */
  async asked(times: number): Promise<void> {
    while (this.calls.length < times) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }

  async close(): Promise<void> {}
}

describe('a request that is given up', { timeout: 30_000 }, () => {
  let loaded: Awaited<ReturnType<typeof WorkerWorld.loaded>>;
  const worlds: WorkerWorld[] = [];
  before(async () => (loaded = await WorkerWorld.loaded()));
  after(async () => {
    for (const world of worlds) world.end();
    await loaded.engine.close();
  });

  async function begin(engine: ServedEngine = loaded.engine, model = loaded.model): Promise<WorkerWorld> {
    const world = await WorkerWorld.create(model, engine);
    worlds.push(world);
    return world;
  }
  async function greeted(world: WorkerWorld, firstSeq = 1): Promise<Connection> {
    const client = world.connect();
    await client.hello(firstSeq);
    assert.equal(client.last?.kind, 'welcome');
    return client;
  }
  const owed = (client: Connection): bigint => (client.last as Welcome).owed;
  const reason = (client: Connection): number => (client.last as RefusalFrame).reason;
  const ledgerOf = async (world: WorkerWorld): Promise<ChannelLedger> => ((await world.context.desk.find(world.address)) as OpenChannel).ledger;
  const due = (request: ChannelRequest, tokens: number): bigint => dueFor(request.terms, request.payload.request.promptTokens.length, tokens);

  test('an engine that heeds no signal keeps neither the place, nor the number, nor the channel; its late tokens are dropped', async () => {
    const engine = new DeafEngine();
    const world = await begin(engine);
    const client = await greeted(world);
    const requests = [1, 2, 3, 4].map((seq) => world.request(seq, 40));
    const all = requests.reduce((sum, request) => sum + prepaid(request), 0n);
    for (const request of requests) await client.ask(request, all);
    await engine.asked(4);
    await client.ask(world.request(5, 8), all);
    assert.equal(reason(client), RefusalReason.overloaded, 'four are as many as a channel may have');
    for (const { seq } of requests) await client.send({ kind: 'cancel', seq });
    assert.equal(world.context.admission.size, 0);
    assert.equal(((await world.context.desk.find(world.address)) as OpenChannel).running.size, 0);
    assert.deepEqual(world.store.read.openRequests(world.address), []);
    const next = world.request(6, 8);
    await client.ask(next, all + prepaid(next));
    await engine.asked(5);
    const frames = client.frames.length;
    for (const { job, end, fail } of engine.calls.slice(0, 4)) {
      for (let token = 0; token < 40; token++) job.onToken?.(token);
      if (job === engine.calls[0].job) fail(new Error('late'));
      else end({ tokens: Array.from({ length: 40 }, (_, token) => token), finishReason: 'length', millis: 1, traceRoot: new Uint8Array(32) });
    }
    await settled();
    assert.equal(client.frames.length, frames);
    assert.equal(world.store.read.balance(world.address).dueNano, 0n);
  });

  test('a connection that is gone frees its requests from such an engine: the same request is served at once over the next one', async () => {
    const engine = new DeafEngine();
    const world = await begin(engine);
    const request = world.request(1, 40);
    const first = await greeted(world);
    await first.ask(request, prepaid(request));
    await engine.asked(1);
    first.drop();
    world.context.engine = loaded.engine;
    const second = await greeted(world);
    await second.ask(request, prepaid(request));
    await second.count(2);
    for (let token = 0; token < 40; token++) engine.calls[0].job.onToken?.(0);
    await second.pay(due(request, 32));
    await second.count(3);
    assert.equal(checked(request, second.pieces(1)).length, 40);
    assert.equal(first.pieces(1).length, 0);
  });

  test('an engine that goes on reading a prompt has none of it acknowledged any more', async () => {
    const engine = new DeafEngine();
    const world = await begin(engine, { model: longModel(), name: 'long', stopTokens: [] });
    const client = await greeted(world);
    const request = world.request(1, 8, {}, Array.from({ length: PROMPT_PIECE_TOKENS + 8 }, (_, at) => at % 250));
    await client.ask(request, prepaid(request));
    await engine.asked(1);
    const { promptLimit } = engine.calls[0].job;
    assert.equal(await promptLimit!(0), PROMPT_PIECE_TOKENS);
    await client.send({ kind: 'cancel', seq: 1 });
    await assert.rejects(promptLimit!(PROMPT_PIECE_TOKENS + 8), Unpaid);
    assert.equal(world.store.read.balance(world.address).dueNano, 0n);
    // It was being read, and is paid.
    await client.hello(2);
    assert.equal(owed(client), prepaid(request));
  });

  test('a failure that comes after it is no refusal: what was being read stays paid on both sides', async () => {
    const engine = new DeafEngine();
    const world = await begin(engine);
    const client = await greeted(world);
    const request = world.request(1, 40);
    await client.ask(request, prepaid(request));
    await engine.asked(1);
    const cancelled = client.send({ kind: 'cancel', seq: 1 });
    engine.calls[0].fail(new EngineBusy());
    await cancelled;
    await settled();
    assert.equal(client.frames.length, 1);
    await client.hello(2);
    assert.equal(owed(client), prepaid(request));
  });

  test('before it is on disk it costs nothing, and is ended as soon as it is there', async () => {
    const world = await begin();
    const client = await greeted(world);
    const request = world.request(1, 40);
    await Promise.all([client.ask(request, prepaid(request)), client.send({ kind: 'cancel', seq: 1 })]);
    assert.notEqual(world.store.read.request(world.address, 1)!.endedAt, null);
    await client.hello(2);
    assert.equal(owed(client), 0n);
    const next = world.request(2, 8);
    await client.ask(next, prepaid(next));
    await client.count(3);
    assert.equal(client.pieces(2).length, 1);
  });

  test('asked again it gets what was delivered of it, and a word that nothing more comes', async () => {
    const world = await begin();
    const client = await greeted(world);
    const request = world.request(1, 100);
    await client.ask(request, prepaid(request));
    await client.count(2);
    await client.send({ kind: 'cancel', seq: 1 });
    const again = await greeted(world);
    await again.ask(request, due(request, 32));
    await again.count(3);
    assert.deepEqual(again.bytes[1], client.bytes[1]);
    assert.equal(reason(again), RefusalReason.wrongSequence);
    assert.equal(world.context.admission.size, 0);
  });

  test('a greeting over the same connection leaves out the prompts of requests that run, which their client counts; another connection counts them', async () => {
    const engine = new DeafEngine();
    const world = await begin(engine);
    const client = await greeted(world);
    const [first, second] = [world.request(1, 40), world.request(2, 40)];
    await client.ask(first, prepaid(first));
    await client.ask(second, prepaid(first) + prepaid(second));
    await engine.asked(2);
    await client.hello(3);
    assert.equal(owed(client), 0n);
    await client.send({ kind: 'cancel', seq: 2 });
    await client.hello(3);
    assert.equal(owed(client), prepaid(second));
    assert.equal(owed(await greeted(world, 3)), prepaid(first) + prepaid(second));
  });

  test('one that waits behind another\'s payment ends at once, and lets nobody pass that one', async () => {
    const ledger = new ChannelLedger(5n, 0n);
    const [stay, leave] = [new AbortController(), new AbortController()];
    const delivered: number[] = [];
    const release = (seq: number, { signal }: AbortController): Promise<void> => ledger.release(seq, async () => 5n + BigInt(delivered.push(seq)), signal);
    const first = release(1, stay);
    const second = release(2, leave);
    const third = release(3, stay);
    const acknowledged = assert.rejects(ledger.acknowledge(4, async () => 0n, leave.signal), Unpaid);
    leave.abort();
    await assert.rejects(second, Unpaid);
    await acknowledged;
    assert.deepEqual(delivered, []);
    ledger.vouch(5n);
    await first;
    await settled();
    assert.deepEqual(delivered, [1]);
    ledger.vouch(6n);
    await third;
    assert.deepEqual(delivered, [1, 3]);
  });

  test('any number of prompts that were given up count once, and those that run beside them are not counted twice', async () => {
    const ledger = new ChannelLedger(0n, 10_000n);
    const { signal } = new AbortController();
    await ledger.prepay(0, 7n, signal);
    for (let seq = 1; seq <= 1_000; seq++) {
      await ledger.prepay(seq, 1n, signal);
      ledger.leave(seq);
    }
    assert.equal(ledger.counted, 1_007n);
    assert.equal(ledger.countedWithout([0]), 1_000n);
    // The newest is asked again, and read at last.
    await ledger.prepay(1_000, 1n, signal);
    assert.equal(ledger.counted, 1_007n);
    await ledger.acknowledge(1_000, async () => 1n, signal);
    await ledger.release(0, async () => 8n, signal);
    assert.equal(ledger.counted, 999n + 8n);
  });

  test('whatever becomes of requests, in any order, all receipts and each prompt that was begun and not refused count, once', async () => {
    const act = fc.constantFrom('prepay' as const, 'leave' as const, 'forget' as const, 'read' as const);
    const run = fc.asyncProperty(fc.array(fc.record({ act, seq: fc.nat(5), nano: fc.bigInt(1n, 9n) }), { maxLength: 60 }), async (steps) => {
      const ledger = new ChannelLedger(0n, 10n ** 9n);
      const { signal } = new AbortController();
      const begun = new Map<number, { nano: bigint; runs: boolean }>();
      let owedNano = 0n;
      for (const { act, seq, nano } of steps) {
        const known = begun.get(seq);
        if (act === 'prepay') {
          await ledger.prepay(seq, nano, signal);
          begun.set(seq, { nano, runs: true });
        } else if (act === 'leave') {
          ledger.leave(seq);
          if (known) known.runs = false;
        } else if (act === 'forget') {
          ledger.forget(seq);
          begun.delete(seq);
        } else {
          await ledger.acknowledge(seq, async () => (owedNano += nano), signal);
          begun.delete(seq);
        }
        const sum = (which: (piece: { runs: boolean }) => boolean): bigint => [...begun.values()].filter(which).reduce((all, piece) => all + piece.nano, owedNano);
        assert.equal(ledger.counted, sum(() => true));
        assert.equal(ledger.countedWithout([0, 1, 2, 3, 4, 5]), sum(({ runs }) => !runs));
      }
    });
    await fc.assert(run, { seed: 6, numRuns: 300 });
  });

  test('a request that had to give way, and is never asked again, ends when nobody may ask for it any more', async () => {
    const engine = new DeafEngine();
    const world = await begin(engine);
    const client = await greeted(world);
    const request = world.request(1, 40);
    await client.ask(request, prepaid(request));
    await engine.asked(1);
    engine.calls[0].fail(new EngineBusy());
    await client.count(2);
    assert.equal(reason(client), RefusalReason.overloaded);
    assert.equal((await ledgerOf(world)).counted, 0n, 'what was prepaid counts for the next');
    const open = (): number[] => world.store.read.openRequests(world.address).map(({ seq }) => seq);
    assert.deepEqual(open(), [1], 'until then it goes on where it stood');
    assert.equal(await world.store.endOld(world.clock, world.clock), 0);
    assert.equal(await world.store.endOld(world.clock + 1, world.clock + 1), 1);
    assert.deepEqual(open(), []);
    assert.equal(await world.store.prune(world.clock + 2), 1);
    assert.equal(world.store.read.channel(world.address)!.lastSeq, 1);
  });
});
