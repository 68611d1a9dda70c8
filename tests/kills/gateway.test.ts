/** A client with its store, killed while it asks and pays; the worker sees every frame that ever left it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { decodeFrame, dueFor, toHex } from '../../protocol';
import { ClientStore } from '../../gateway/channel/clientStore';
import { ChannelConversation } from '../../worker/channels/conversation';
import { CLIENT_CRASH_POINTS } from '../../worker/crash';
import { openModel } from '../../worker/engine';
import { TINY_MODEL } from '../support/marketplace';
import { buildChild, childEnvironment } from '../worker/channels/childProcess';
import { NOW, PRICES, WorkerWorld } from '../worker/channels/conversationWorld';
import { randomFrom } from '../worker/channels/support';
import { askFor, clientOf } from './gatewayClient';
import type { GatewayRole } from './gatewayProgram';
import { seededEngine } from './seededEngine';

/** Kills at random moments; COCOON_GATEWAY_KILLS=50 for a long run. The named points come on top. */
const RANDOM_KILLS = Number(process.env.COCOON_GATEWAY_KILLS ?? 5);
const LANES = 4;
/** What was sent before it was on disk shows at the first of them alone, and not at every commit. */
const NAMED = [...CLIENT_CRASH_POINTS, 'clientPrepared', 'clientPrepared'];
const prompt = dueFor(PRICES, 3, 0);
const chunk = dueFor(PRICES, 0, 32);

describe('a gateway killed while it asks and pays', { timeout: 30_000 + RANDOM_KILLS * 3_000 }, () => {
  const model = openModel(TINY_MODEL);
  /** Terms of every request that ever arrived, by number. */
  const termsOf = new Map<number, string>();
  let highest = 0n;
  /** Of the processes before this one. */
  let highestBefore = 0n;
  /** Prompts that were prepaid when a process ended, and for which it got nothing. */
  let mostLost = 0n;
  let world: WorkerWorld;
  let sockets: WebSocketServer;
  let child = '';

  before(async () => {
    child = await buildChild('tests/kills/gatewayProgram.ts');
    world = await WorkerWorld.create(model, seededEngine());
    sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(sockets, 'listening');
    sockets.on('connection', (socket) => {
      const conversation = new ChannelConversation(world.context, { sender: '127.0.0.1', send: (frame) => socket.send(frame), close: () => socket.close() });
      socket.on('error', () => socket.terminate()).on('close', () => conversation.end());
      socket.on('message', (data: Buffer) => {
        hear(new Uint8Array(data));
        void conversation.receive(new Uint8Array(data));
      });
    });
  });
  after(() => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    world.end();
  });

  function hear(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame.kind === 'request') {
      assert.equal(termsOf.get(frame.seq), undefined, `number ${frame.seq} was used twice`);
      termsOf.set(frame.seq, toHex(frame.termsHash));
    }
    const amount = frame.kind === 'request' ? frame.voucher.amount : frame.kind === 'payment' ? frame.amount : null;
    if (amount === null) return;
    assert.ok(amount >= highestBefore, `a voucher for ${amount} after one for ${highestBefore}`);
    if (amount > highest) highest = amount;
  }

  function roleIn(folder: string): GatewayRole {
    const { keys, address } = world;
    return {
      url: `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`, channel: toHex(address), workerKey: toHex(keys.signingPublic),
      sealingKey: toHex(keys.sealingPublic), secret: toHex(world.clientKey.secret), store: join(folder, 'client', 'client.db'), log: join(folder, 'given'), lanes: LANES,
    };
  }

  async function runUntilKilled(role: GatewayRole, kill: string | number): Promise<void> {
    const env = childEnvironment(typeof kill === 'string' ? { COCOON_CRASH_AT: kill } : {});
    const running = spawn(process.execPath, [child, JSON.stringify(role)], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const exited = once(running, 'exit');
    if (typeof kill === 'number') {
      const size = (): number => statSync(role.log, { throwIfNoEntry: false })?.size ?? 0;
      const before = size();
      while (size() === before && running.exitCode === null) await sleep(2);
      await sleep(kill);
      running.kill('SIGKILL');
    }
    assert.deepEqual(await exited, [null, 'SIGKILL']);
    mostLost += BigInt(LANES) * prompt;
    while (sockets.clients.size > 0) await sleep(2);
  }

  /** Nothing that left the process is unknown to its store, and nothing was paid that nobody served. */
  function check(role: GatewayRole): void {
    const store = ClientStore.open(role.store, () => NOW);
    const { nextSeq, owed, vouched } = store.position(world.address);
    store.close();
    assert.ok(nextSeq > Math.max(0, ...termsOf.keys()));
    assert.ok(vouched >= highest, `${vouched} in the store, ${highest} sent`);
    const given = new Map<string, bigint>();
    // A line that was cut off was given to nobody.
    const lines = existsSync(role.log) ? readFileSync(role.log, 'utf8').split('\n').slice(0, -1) : [];
    for (const [seq, due] of lines.map((line) => line.split(' '))) given.set(seq, BigInt(due));
    const sum = [...given.values()].reduce((total, due) => total + due, 0n);
    assert.ok(owed >= sum, `${owed} owed, pieces for ${sum} were given to the application`);
    const { dueNano } = world.store.read.balance(world.address);
    assert.ok(vouched <= dueNano + mostLost, `${vouched} vouched for, receipts for ${dueNano}`);
    assert.ok(dueNano <= vouched + chunk);
    highestBefore = vouched;
  }

  test(`${RANDOM_KILLS} times at random and at ${NAMED.length} named points: no number is used twice, no voucher falls, nothing is forgotten or paid twice`, async () => {
    const role = roleIn(world.folder);
    const random = randomFrom(9);
    await runUntilKilled(role, 50);
    check(role);
    for (const point of NAMED) {
      await runUntilKilled(role, `${point}:${1 + Math.floor(random() * 30)}`);
      check(role);
    }
    for (let round = 1; round < RANDOM_KILLS; round++) {
      await runUntilKilled(role, random() * 150);
      check(role);
    }
    const store = ClientStore.open(role.store, () => NOW);
    const backend = clientOf(role, model.model, store);
    await askFor(backend, 40, 2 ** 31, () => undefined);
    await backend.close();
    const { owed, vouched } = store.position(world.address);
    store.close();
    while (world.store.read.balance(world.address).voucherNano < vouched) await sleep(2);
    const { dueNano, voucherNano } = world.store.read.balance(world.address);
    assert.equal(voucherNano, vouched);
    assert.ok(owed - dueNano >= 0n && owed - dueNano <= mostLost, `${owed} owed, receipts for ${dueNano}`);
  });
});
