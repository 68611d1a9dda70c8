/** A client that gives up, is refused, leaves, or dies: what it owes is what its worker counts, to the last nanoTON, and the channel goes on. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ClientStore } from '../../gateway/channel/clientStore';
import { decodeFrame, dueFor } from '../../protocol';
import type { OpenChannel } from '../../worker/channels/desk';
import type { ServedJob } from '../../worker/engine';
import { ChainApiError } from '../../worker/errors';
import { PRICES, WorkerWorld } from '../worker/channels/conversationWorld';
import { honest, RelayWorld } from './relayWorld';
import { until } from './support';

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const gone = new Error('given up');

/** Lets generations begin when it is told to. */
class Gate {
  reached = 0;
  private openers: (() => void)[] = [];

  pass(): Promise<void> {
    this.reached++;
    return new Promise((resolve) => this.openers.push(resolve));
  }

  open(): void {
    for (const open of this.openers.splice(0)) open();
  }
}

describe('a client that gives up, leaves or is refused', { timeout: 60_000 }, () => {
  let loaded: Awaited<ReturnType<typeof WorkerWorld.loaded>>;
  const worlds: RelayWorld[] = [];
  before(async () => (loaded = await WorkerWorld.loaded()));
  after(async () => {
    for (const world of worlds) await world.end();
    await loaded.engine.close();
  });
  const begin = async (): Promise<RelayWorld> => {
    const relayed = await RelayWorld.open(loaded);
    worlds.push(relayed);
    return relayed;
  };
  /** The engine, each of whose generations waits for the gate. */
  const gated = ({ world }: RelayWorld): Gate => {
    const gate = new Gate();
    world.context.engine = {
      ...loaded.engine,
      generate: async (job: ServedJob) => {
        await gate.pass();
        return loaded.engine.generate(job);
      },
    };
    return gate;
  };
  const ledgerOf = async ({ world }: RelayWorld): Promise<OpenChannel['ledger']> => ((await world.context.desk.find(world.address)) as OpenChannel).ledger;
  /** Both sides hold the same amounts; answers what is owed. */
  async function equal(relayed: RelayWorld): Promise<bigint> {
    const ledger = await ledgerOf(relayed);
    const both = (): bigint[] => {
      const { owed, vouched } = relayed.store.position(relayed.world.address);
      return [owed, vouched, ledger.counted, ledger.vouched];
    };
    await until(() => both()[0] === both()[2] && both()[1] === both()[3]).catch(() => assert.fail(`owed, vouched; counted, vouched: ${both().join(', ')}`));
    assert.equal(relayed.world.store.read.balance(relayed.world.address).voucherNano, ledger.vouched);
    return ledger.counted;
  }
  /** The channel is closed for this amount. */
  async function settles(relayed: RelayWorld, amount: bigint): Promise<void> {
    const { world, store } = relayed;
    await relayed.backend.finish();
    await until(() => world.store.read.channel(world.address)!.voucher!.final);
    assert.equal(world.store.read.balance(world.address).voucherNano, amount);
    assert.equal(store.position(world.address).vouched, amount);
  }
  const cost = ({ promptTokens }: RelayWorld, ...tokens: number[]): bigint => tokens.reduce((sum, each) => sum + dueFor(PRICES, promptTokens.length, each), 0n);
  const promptPrice = (relayed: RelayWorld): bigint => cost(relayed, 0);
  const kindOf = (frame: Uint8Array): string => decodeFrame(frame).kind;
  const requests = ({ seen }: RelayWorld): number => seen.filter(({ way, frame }) => way === 'up' && kindOf(new Uint8Array(frame)) === 'request').length;
  /** Acts when so many pieces have come, right before the last of them reaches the client; or before any does, if they are held until then. */
  const atPiece = (relayed: RelayWorld, pieces: number, act: () => void, areHeld = false): void => {
    let came = 0;
    const held: Uint8Array[] = [];
    relayed.meddle = (way, frame) => {
      if (way !== 'down' || kindOf(frame) !== 'piece' || ++came > pieces) return [frame];
      if (came === pieces) act();
      held.push(frame);
      return areHeld && came < pieces ? [] : held.splice(0);
    };
  };

  test('any number of pieces that were on their way when it gave up is paid once, and the connection stays', async () => {
    const relayed = await begin();
    const dear = { promptPrice: PRICES.outputPrice };
    relayed.backend = relayed.client(undefined, dear);
    const long = Array.from({ length: 200 }, () => relayed.promptTokens[0]);
    // What was prepaid for a request that is refused lets that many chunks of the next leave without a further payment.
    await assert.rejects(relayed.ask(300, { promptTokens: long }), hasCode('gateway.refused'));
    const stop = new AbortController();
    atPiece(relayed, 6, () => stop.abort(gone), true);
    let connections = 0;
    const { meddle } = relayed;
    relayed.meddle = (way, frame, index) => {
      connections += Number(way === 'up' && index === 0);
      return meddle(way, frame, index);
    };
    await assert.rejects(relayed.ask(256, { abort: stop.signal }), gone);
    assert.equal((await relayed.ask(40)).length, 40);
    const owed = await equal(relayed);
    assert.equal(connections, 0);
    const chunks = BigInt(relayed.world.store.read.request(relayed.world.address, 2)!.receipts.length);
    assert.ok(chunks >= 6n);
    const prices = { ...PRICES, ...dear };
    assert.equal(owed, dueFor(prices, relayed.promptTokens.length, 32 * Number(chunks)) + dueFor(prices, relayed.promptTokens.length, 40));
    assert.equal(relayed.store.position(relayed.world.address).vouched, larger(owed, dueFor(prices, 200, 0)));
  });

  test('what may still come of an answer that was given up is kept within the budget', async () => {
    const relayed = await begin();
    const budget = 500_000n;
    relayed.backend = relayed.client(undefined, { promptPrice: PRICES.outputPrice, budget });
    const long = Array.from({ length: 200 }, () => relayed.promptTokens[0]);
    await assert.rejects(relayed.ask(300, { promptTokens: long }), hasCode('gateway.refused'));
    const stop = new AbortController();
    let next: Promise<number[]> | undefined;
    atPiece(relayed, 6, () => {
      stop.abort(gone);
      next = new Promise((resolve) => setImmediate(resolve)).then(() => relayed.ask(250, { promptTokens: long }));
      next.catch(() => undefined);
    }, true);
    await assert.rejects(relayed.ask(256, { abort: stop.signal }), gone);
    await assert.rejects(next!, hasCode('gateway.channel-exhausted'));
    assert.equal((await relayed.ask(40)).length, 40);
    await equal(relayed);
    assert.ok(relayed.store.position(relayed.world.address).vouched <= budget);
  });

  test('a worker that goes on with what was given up is left, and gets a few pieces at most', async () => {
    const relayed = await begin();
    const stop = new AbortController();
    let isCut = false;
    let connections = 0;
    relayed.meddle = (way, frame, index) => {
      connections += Number(way === 'up' && index === 0);
      if (way === 'down' && kindOf(frame) === 'piece' && !isCut) {
        isCut = true;
        stop.abort(gone);
      }
      return way === 'up' && kindOf(frame) === 'cancel' ? [] : [frame];
    };
    await assert.rejects(relayed.ask(256, { abort: stop.signal }), gone);
    await until(() => relayed.world.context.admission.size === 0);
    assert.ok(relayed.world.store.read.request(relayed.world.address, 1)!.receipts.length < 6);
    relayed.meddle = honest;
    assert.equal((await relayed.ask(8)).length, 8);
    await equal(relayed);
    assert.equal(connections, 1);
  });

  for (const moment of ['before it connects', 'while another is asked']) {
    test(`a request given up before it was asked, ${moment}, costs nothing and blocks nothing`, async () => {
      const relayed = await begin();
      const others = moment === 'before it connects' ? [] : [relayed.ask(40)];
      const stop = new AbortController();
      const left = relayed.ask(200, { abort: stop.signal, promptTokens: Array.from({ length: 200 }, () => 5) });
      stop.abort(gone);
      await assert.rejects(left, gone);
      await Promise.all(others);
      assert.equal(requests(relayed), others.length);
      assert.equal((await relayed.ask(40)).length, 40);
      const owed = await equal(relayed);
      assert.equal(owed, cost(relayed, ...others.map(() => 40), 40));
      await settles(relayed, owed);
    });
  }

  test('a request given up before its worker was reached leaves no voucher behind', async () => {
    const relayed = await begin();
    const backend = relayed.client('ws://127.0.0.1:9');
    await assert.rejects(relayed.ask(40, {}, undefined, backend), hasCode('gateway.unreachable'));
    assert.deepEqual(relayed.store.position(relayed.world.address), { nextSeq: 2, owed: 0n, vouched: 0n });
  });

  test('a refusal that crosses the word that it is given up leaves nothing paid for it', async () => {
    const relayed = await begin();
    const { world } = relayed;
    for (const draining of [true, false]) {
      const stop = new AbortController();
      relayed.meddle = (way, frame) => {
        if (way === 'down' && kindOf(frame) === 'refusal') stop.abort(gone);
        return [frame];
      };
      // Refused before it is begun, and after it was.
      Object.assign(world.context, draining ? { draining: AbortSignal.abort() } : { engine: { ...loaded.engine, generate: () => Promise.reject(new Error('out of memory')) } });
      await assert.rejects(relayed.ask(40, { abort: stop.signal }), gone);
      relayed.meddle = honest;
      Object.assign(world.context, { draining: new AbortController().signal, engine: loaded.engine });
    }
    assert.equal((await relayed.ask(40)).length, 40);
    assert.equal(await equal(relayed), cost(relayed, 40));
  });

  test('what was prepaid for a refused request, at whatever moment, counts for the next', async () => {
    const relayed = await begin();
    const { world } = relayed;
    const engine = (error: Error) => ({ engine: { ...loaded.engine, generate: () => Promise.reject(error) } });
    const table: [object, number][] = [
      [{}, 300], [{ draining: AbortSignal.abort() }, 40], [engine(new Error('out of memory')), 40],
      [{ desk: { has: () => true, find: () => Promise.reject(new ChainApiError('network.unreachable', 'no answer')) } }, 40],
    ];
    const { draining, desk } = world.context;
    for (const [changes, maxTokens] of table) {
      Object.assign(world.context, changes);
      await assert.rejects(relayed.ask(maxTokens), /refused|busy/);
      Object.assign(world.context, { draining, desk, engine: loaded.engine });
      assert.ok(relayed.store.position(world.address).vouched <= promptPrice(relayed));
    }
    assert.equal((await relayed.ask(40)).length, 40);
    await settles(relayed, cost(relayed, 40));
  });

  test('a prompt that is being read is not paid a second time when another request is given up beside it', async () => {
    const relayed = await begin();
    const gate = gated(relayed);
    const stays = relayed.ask(40);
    await until(() => gate.reached === 1);
    const stop = new AbortController();
    const left = relayed.ask(40, { abort: stop.signal });
    await until(() => gate.reached === 2);
    stop.abort(gone);
    await assert.rejects(left, gone);
    const next = relayed.ask(8);
    await until(() => gate.reached === 3);
    gate.open();
    assert.equal((await stays).length, 40);
    assert.equal((await next).length, 8);
    // The prompt of the one that was given up was being read.
    const owed = await equal(relayed);
    assert.equal(owed, cost(relayed, 40, 8) + promptPrice(relayed));
    await settles(relayed, owed);
  });

  test('given up at any of its moments, one after another and side by side, both sides count the same', async () => {
    const relayed = await begin();
    for (const [pieces, beside] of [[1, 0], [1, 2], [2, 0], [2, 1], [3, 2]]) {
      const stop = new AbortController();
      atPiece(relayed, pieces, () => stop.abort(gone));
      const left = assert.rejects(relayed.ask(250, { abort: stop.signal }), gone);
      await Promise.all([left, ...Array.from({ length: beside }, () => relayed.ask(70))]);
      relayed.meddle = honest;
      assert.equal((await relayed.ask(8)).length, 8);
      await equal(relayed);
    }
    for (let turns = 0; turns < 24; turns++) {
      const stop = new AbortController();
      const left = assert.rejects(relayed.ask(250, { abort: stop.signal }), gone);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      stop.abort(gone);
      await left;
      assert.equal((await relayed.ask(8)).length, 8);
      await equal(relayed);
    }
    await settles(relayed, relayed.store.position(relayed.world.address).owed);
  });

  test('a refused greeting while a chunk is on its way loses the connection, not the channel', async () => {
    const relayed = await begin();
    const { desk } = relayed.world.context;
    const stop = new AbortController();
    let pieces = 0;
    relayed.meddle = (way, frame) => (way === 'down' && kindOf(frame) === 'piece' && ++pieces === 2 ? [] : [frame]);
    const stays = assert.rejects(relayed.ask(96), hasCode('gateway.overloaded'));
    await until(() => pieces === 2);
    // It is not begun before that chunk is paid.
    const left = assert.rejects(relayed.ask(96, { abort: stop.signal }), gone);
    await until(() => relayed.world.context.admission.size === 2);
    stop.abort(gone);
    await left;
    Object.assign(relayed.world.context, { desk: { has: () => true, find: () => Promise.reject(new ChainApiError('network.unreachable', 'no answer')) } });
    await assert.rejects(relayed.ask(8), hasCode('gateway.overloaded'));
    await stays;
    Object.assign(relayed.world.context, { desk });
    relayed.meddle = honest;
    assert.equal((await relayed.ask(8)).length, 8);
    assert.equal(await equal(relayed), cost(relayed, 64, 8));
  });

  /** What becomes of a client whose second piece is on its way, and what comes after it. */
  const ways: Record<string, (relayed: RelayWorld) => Promise<void>> = {
    'closes the connection and comes back': async (relayed) => {
      await relayed.backend.close();
      relayed.backend = relayed.client();
    },
    'loses its connection and comes back': async (relayed) => {
      relayed.meddle = () => null;
      await assert.rejects(relayed.ask(8));
    },
    'dies, and another process goes on with its store': async (relayed) => {
      const file = join(relayed.world.folder, 'client', 'channels.db');
      for (const end of ['', '-wal']) copyFileSync(file + end, `${file}.left${end}`);
      const dead = relayed.backend;
      await dead.close();
      relayed.store.close();
      relayed.store = ClientStore.open(`${file}.left`);
      relayed.backend = relayed.client();
    },
  };
  for (const [name, leave] of Object.entries(ways)) {
    for (const goesOn of [true, false]) {
      test(`a client that in the middle of an answer ${name}, and ${goesOn ? 'asks again and ' : ''}settles, pays what was delivered`, async () => {
        const relayed = await begin();
        let pieces = 0;
        relayed.meddle = (way, frame) => (way === 'down' && kindOf(frame) === 'piece' && ++pieces === 2 ? [] : [frame]);
        const cut = assert.rejects(relayed.ask(96), hasCode('gateway.connection-lost'));
        await until(() => pieces === 2);
        await leave(relayed);
        await cut;
        relayed.meddle = honest;
        if (goesOn) assert.equal((await relayed.ask(40)).length, 40);
        const due = cost(relayed, 64, ...(goesOn ? [40] : []));
        await settles(relayed, due);
        assert.equal(relayed.world.store.read.balance(relayed.world.address).dueNano, due);
        assert.equal(await equal(relayed), due);
      });
    }
  }
});

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
