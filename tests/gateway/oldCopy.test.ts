/** A gateway whose client.db is an old copy: it learns from the worker what its own key signed, and believes nothing else. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { decodeFrame, toHex, voucherHash } from '../../protocol';
import { ClientStore } from '../../gateway/channel/clientStore';
import { newKey } from '../worker/channels/conversationWorld';
import { honest, relaySuite, type RelayWorld, welcomed } from './relayWorld';
import { until } from './support';

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

describe('an old copy of the store of a client', { timeout: 60_000 }, () => {
  const { begin } = relaySuite();
  /** A client that bought three answers after the copy was made that it has now. */
  async function behind(): Promise<{ relayed: RelayWorld; lost: ReturnType<ClientStore['position']> }> {
    const relayed = await begin();
    const file = join(relayed.world.folder, 'client', 'channels.db');
    await relayed.ask(40);
    for (const end of ['', '-wal']) copyFileSync(file + end, `${file}.old${end}`);
    for (let count = 0; count < 3; count++) await relayed.ask(40);
    const lost = relayed.store.position(relayed.world.address);
    await relayed.backend.close();
    relayed.store.close();
    relayed.store = ClientStore.open(`${file}.old`);
    relayed.backend = relayed.client();
    assert.ok(relayed.store.position(relayed.world.address).vouched < lost.vouched);
    return { relayed, lost };
  }

  test('goes on where the newer one was: the next number, its own newest voucher, and nothing is paid twice', async () => {
    const { relayed, lost } = await behind();
    assert.equal((await relayed.ask(40)).length, 40);
    const { address } = relayed.world;
    const { nextSeq, owed, vouched } = relayed.store.position(address);
    assert.ok(nextSeq > lost.nextSeq);
    await until(() => relayed.world.store.read.balance(address).voucherNano === vouched);
    assert.equal(relayed.world.store.read.balance(address).dueNano, owed);
    assert.equal(vouched - lost.vouched, owed - lost.owed);
    const termsOf = new Map<number, string>();
    for (const { way, frame } of relayed.seen) {
      const decoded = way === 'up' ? decodeFrame(new Uint8Array(frame)) : null;
      if (decoded?.kind !== 'request') continue;
      const hash = toHex(decoded.termsHash);
      assert.equal(termsOf.get(decoded.seq) ?? hash, hash, `two requests were sent under number ${decoded.seq}`);
      termsOf.set(decoded.seq, hash);
    }
    assert.equal(termsOf.size, 5);
  });

  test('closes the channel with the newest voucher that was ever signed, not with its own', async () => {
    const { relayed, lost } = await behind();
    await relayed.backend.finish();
    await until(() => relayed.world.store.read.channel(relayed.world.address)!.voucher!.final);
    assert.equal(relayed.world.store.read.balance(relayed.world.address).voucherNano, lost.vouched);
  });

  test('believes no voucher that its own key did not sign for this channel, however much the worker says', async () => {
    const { relayed } = await behind();
    const { world } = relayed;
    const before = relayed.store.position(world.address);
    const amount = 10n ** 8n;
    const lies = [
      { amount, final: false, signature: new Uint8Array(64) },
      world.voucher(amount, false, newKey()),
      { ...world.voucher(amount), final: true },
      { ...world.voucher(amount), amount: amount + 1n },
      { amount, final: false, signature: world.clientKey.sign(voucherHash({ networkId: 2026, channel: new Uint8Array(32), final: false, amount })) },
    ];
    for (const voucher of lies) {
      relayed.meddle = welcomed(() => ({ voucher, nextSeq: before.nextSeq, owed: amount }));
      await assert.rejects(relayed.ask(8), hasCode('gateway.bad-worker'));
      const { owed, vouched } = relayed.store.position(world.address);
      assert.ok(owed === before.owed && vouched < amount / 2n, `${vouched}`);
    }
  });

  test('leaves out as many numbers as an old copy may lack, and refuses more by name', async () => {
    const relayed = await begin();
    await relayed.ask(8);
    const { nextSeq } = relayed.store.position(relayed.world.address);
    relayed.meddle = welcomed(() => ({ nextSeq: 2 ** 32 - 1 }));
    await relayed.backend.close();
    await assert.rejects(relayed.ask(8), hasCode('gateway.old-copy'));
    assert.equal(relayed.store.position(relayed.world.address).nextSeq, nextSeq + 1);
    let greetings = 0;
    relayed.meddle = welcomed(() => (greetings++ === 0 ? { nextSeq: nextSeq + 1_000_000 } : {}));
    assert.equal((await relayed.ask(8)).length, 8);
    assert.equal(relayed.store.position(relayed.world.address).nextSeq, nextSeq + 1_000_001);
    relayed.meddle = honest;
    assert.equal((await relayed.ask(8)).length, 8);
  });
});
