/** Requests that run side by side share one store: none carries a voucher that was noted for another one and is not on disk yet. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type Database from 'libsql';
import { decodeFrame } from '../../protocol';
import { PRICES } from '../worker/channels/conversationWorld';
import { relaySuite } from './relayWorld';

const SYNC_MILLIS = 25;

describe('vouchers and the disk', { timeout: 60_000 }, () => {
  const { begin } = relaySuite();

  test('of requests and payments side by side none leaves for more than the disk holds, however slow it is', async () => {
    const relayed = await begin();
    const { address } = relayed.world;
    const { log, database } = relayed.store as unknown as { log: { sync(): Promise<void> }; database: Database.Database };
    const row = database.prepare('SELECT vouchedNano FROM channels WHERE address = ?');
    const inLog = (): bigint => BigInt((row.get([Buffer.from(address)]) as { vouchedNano: string } | undefined)?.vouchedNano ?? 0);
    let onDisk = 0n;
    const sync = log.sync.bind(log);
    log.sync = async () => {
      const written = inLog();
      await new Promise((resolve) => setTimeout(resolve, SYNC_MILLIS));
      await sync();
      onDisk = written;
    };
    let vouchers = 0;
    relayed.meddle = (way, frame) => {
      const decoded = way === 'up' ? decodeFrame(frame) : null;
      const amount = decoded?.kind === 'request' ? decoded.voucher.amount : decoded?.kind === 'payment' ? decoded.amount : 0n;
      if (amount > 0n) vouchers++;
      if (amount > onDisk) tooEarly.push(`${decoded!.kind}: ${amount} of ${onDisk}`);
      return [frame];
    };
    const tooEarly: string[] = [];
    const lane = async (maxTokens: number): Promise<void> => {
      for (let count = 0; count < 6; count++) assert.equal((await relayed.ask(maxTokens)).length, maxTokens);
    };
    await Promise.all([8, 40, 72, 96].map(lane));
    assert.deepEqual(tooEarly, []);
    assert.ok(vouchers >= 24, `${vouchers} vouchers`);
    log.sync = sync;
    await relayed.agreed();
  });

  test('an answer whose end needs no payment of its own is read from its start, however long the disk takes for what came before', async () => {
    const relayed = await begin();
    const whole = await relayed.ask(40);
    // What was prepaid for a request that is refused lets the pieces of the next come together.
    const dear = relayed.client(undefined, { promptPrice: PRICES.outputPrice });
    await assert.rejects(relayed.ask(300, { promptTokens: Array.from({ length: 200 }, () => relayed.promptTokens[0]) }, undefined, dear), { code: 'gateway.refused' });
    await dear.close();
    const { log } = relayed.store as unknown as { log: { sync(): Promise<void> } };
    const sync = log.sync.bind(log);
    log.sync = () => new Promise<void>((resolve) => setTimeout(resolve, 4 * SYNC_MILLIS)).then(sync);
    assert.deepEqual(await relayed.ask(40), whole);
    log.sync = sync;
    await relayed.agreed();
  });
});
