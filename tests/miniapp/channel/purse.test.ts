import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { NO_VOUCHER, portableEd25519, type SignedAmount, voucherHash, type Welcome } from '../../../protocol';
import { mostPayable } from '../../../miniapp/src/channel/budget';
import { createKey } from '../../../miniapp/src/channel/keys';
import { ChannelPurse } from '../../../miniapp/src/channel/purse';
import type { ChannelRecord } from '../../../miniapp/src/channel/store';
import { Killed, MemoryDatabase, MemoryDisk } from './memory';
import { ADDRESS, Browser, CHUNK, DAY, FUNDS, NOW } from './world';

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const channel = new Uint8Array(Buffer.from(ADDRESS, 'hex'));
const hashOf = (amount: bigint, final = false): Uint8Array => voucherHash({ networkId: 2026, channel, final, amount });
const welcome = (owed: bigint, nextSeq = 1, voucher: SignedAmount = NO_VOUCHER): Welcome => ({ kind: 'welcome', nextSeq, owed, voucher });
const onDisk = (browser: Browser): ChannelRecord => browser.disk.tables.channels.get(ADDRESS) as ChannelRecord;
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const BUDGET = mostPayable(FUNDS, 30 * DAY);

describe('the purse of a channel', { timeout: 60_000 }, () => {
  test('a request is prepaid, its pieces are paid, and what it says is on disk and signed by the key of the channel', async () => {
    const browser = await Browser.withChannel();
    const purse = await browser.purse();
    const { seq, voucher } = await purse.begin(20n, 1_000n);
    assert.deepEqual([seq, voucher.amount, voucher.final, onDisk(browser).nextSeq], [1, 20n, false, 2]);
    assert.ok(portableEd25519.verify(hashOf(20n), voucher.signature, Buffer.from(browser.key.publicKey, 'hex')));
    assert.equal((await purse.pay(20n, 100n)).amount, 120n);
    assert.equal((await purse.pay(100n, 0n)).amount, 120n);
    await purse.end(false);
    assert.deepEqual(purse.position(), { vouched: 120n, owed: 120n, budget: BUDGET });
    assert.deepEqual([purse.nextSeq(), onDisk(browser).vouched, onDisk(browser).lost], [2, '120', false]);
  });

  test('one request runs at a time, and none is begun that the channel could not pay to its end', async () => {
    const browser = await Browser.withChannel();
    const purse = await browser.purse();
    await assert.rejects(purse.begin(1n, BUDGET + 1n), hasCode('wallet.exhausted'));
    await purse.begin(1n, BUDGET);
    await assert.rejects(purse.begin(1n, 1n), hasCode('wallet.busy'));
    await assert.rejects(purse.final(), hasCode('wallet.busy'));
    await assert.rejects(purse.pay(BUDGET, 1n), hasCode('wallet.exhausted'));
    await purse.pay(BUDGET, 0n);
    await purse.end(false);
    await assert.rejects(purse.begin(1n, 1n), hasCode('wallet.exhausted'));
    assert.equal(purse.nextSeq(), 2);
    // Two APIs showed more meanwhile.
    await browser.tab().store.change(ADDRESS, (known) => ({ ...known, funds: String(FUNDS + 1n) }));
    assert.equal((await purse.begin(1n, 1n)).voucher.amount, BUDGET + 1n);
  });

  test('a request that was lost goes on under its number, within what it may still come to', async () => {
    const browser = await Browser.withChannel();
    const purse = await browser.purse();
    await purse.begin(100n, 1_000n);
    await assert.rejects(purse.resume(0n, 1_000n), hasCode('wallet.busy'));
    await purse.pay(100n, 100n);
    await purse.end(true);
    await purse.believe(welcome(250n, 2));
    assert.equal((await purse.resume(50n, 750n)).amount, 300n);
    assert.deepEqual([purse.nextSeq(), onDisk(browser).running], [2, true]);
    await assert.rejects(purse.pay(751n, 0n), hasCode('wallet.exhausted'));
    assert.equal((await purse.pay(750n, 0n)).amount, 1_000n);
    await purse.end(false);
    await assert.rejects(purse.resume(0n, BUDGET), hasCode('wallet.exhausted'));
    await purse.final();
    await assert.rejects(purse.resume(0n, 1n), hasCode('wallet.finished'));
  });

  test('the last voucher is as high as the highest, and nothing is bought after it, in whatever tab', async () => {
    const browser = await Browser.withChannel();
    const purse = await browser.purse();
    await purse.begin(500n, 1_000n);
    await purse.end(true);
    const { amount, final, signature } = await purse.final();
    assert.ok(amount === 500n && final && portableEd25519.verify(hashOf(500n, true), signature, Buffer.from(browser.key.publicKey, 'hex')));
    await assert.rejects(purse.begin(1n, 1n), hasCode('wallet.finished'));
    purse.release();
    await assert.rejects((await browser.purse()).begin(1n, 1n), hasCode('wallet.finished'));
  });

  test('nothing is begun when the provider serves nothing any more', async () => {
    const purse = await (await Browser.withChannel()).purse(undefined, () => NOW + 29 * DAY);
    await assert.rejects(purse.begin(1n, 1n), hasCode('wallet.finished'));
  });

  test('one tab has a channel; another gets it when that one lets it go, and what changed meanwhile is seen', async () => {
    const browser = await Browser.withChannel();
    const purse = await browser.purse();
    await assert.rejects(browser.purse(), hasCode('wallet.otherTab'));
    purse.release();
    const second = await browser.purse();
    await second.begin(1n, 1n);
    // Whoever goes on without the lock is stopped by what it finds on disk.
    await assert.rejects(purse.begin(1n, 1n), hasCode('wallet.otherTab'));
  });

  test('a key of another channel is no key', async () => {
    const browser = await Browser.withChannel();
    const other = await createKey(new MemoryDatabase(new MemoryDisk()));
    await assert.rejects(ChannelPurse.open(browser.tab().store, ADDRESS, other, { promptPrice: 1n, outputPrice: 1n }, () => NOW), hasCode('wallet.noKey'));
    await browser.purse();
  });

  test('a worker is believed up to the newest voucher, and a chunk beyond it once for each loss', async () => {
    const browser = await Browser.withChannel();
    const purse = await browser.purse();
    await purse.begin(100n, 100_000n);
    await purse.end(false);
    await assert.rejects(purse.believe(welcome(101n)), hasCode('wallet.badWorker'));
    await purse.believe(welcome(100n));
    assert.equal(purse.position().owed, 100n);
    await purse.begin(0n, 100_000n);
    await purse.end(true);
    await assert.rejects(purse.believe(welcome(101n + CHUNK)), hasCode('wallet.badWorker'));
    await purse.believe(welcome(100n + CHUNK));
    assert.deepEqual([purse.position().owed, purse.position().vouched], [100n + CHUNK, 100n + CHUNK]);
    await assert.rejects(purse.believe(welcome(101n + CHUNK)), hasCode('wallet.badWorker'));
    await purse.believe(welcome(5n));
    assert.equal(purse.position().owed, 100n + CHUNK);
  });

  test('what was signed and never left is taken back: a worker is not believed for it, and a request that was not asked was not lost', async () => {
    const browser = await Browser.withChannel();
    const purse = await browser.purse();
    for (let round = 0; round < 3; round++) {
      await purse.begin(100n, 1_000n);
      await purse.end(true, null);
      for (const lie of [1n, 100n, CHUNK]) await assert.rejects(purse.believe(welcome(lie)), hasCode('wallet.badWorker'));
      assert.deepEqual([purse.nextSeq(), onDisk(browser).vouched, onDisk(browser).owed, onDisk(browser).lost], [round + 2, '0', '0', false]);
    }
    // One whose prompt costs nothing may leave a chunk behind too.
    await purse.begin(0n, 1_000n);
    await purse.end(true, 0n);
    assert.ok(onDisk(browser).lost);
    await purse.believe(welcome(0n));
    await purse.begin(100n, 1_000n);
    await purse.pay(100n, 300n);
    await purse.end(true, 100n);
    await assert.rejects(purse.believe(welcome(101n + CHUNK)), hasCode('wallet.badWorker'));
    await purse.believe(welcome(100n + CHUNK));
    assert.equal((await purse.begin(1n, 1_000n)).voucher.amount, 101n + CHUNK);
  });

  test('a chunk that was lost may be owed beyond what the channel holds, and nobody signs for it', async () => {
    const purse = await (await Browser.withChannel({ funds: String(FUNDS - BUDGET + 10n), lost: true, chunk: String(CHUNK) })).purse();
    await purse.believe(welcome(CHUNK));
    assert.deepEqual(purse.position(), { owed: CHUNK, vouched: 10n, budget: 10n });
  });

  test('a request that was under way when the page was closed was lost; one that had ended was not', async () => {
    for (const isRunning of [true, false]) {
      const browser = await Browser.withChannel();
      const tab = browser.tab();
      const purse = await browser.purse(tab.store);
      await purse.begin(100n, 1_000n);
      if (!isRunning) await purse.end(false);
      tab.die();
      const again = await browser.purse();
      assert.equal(again.nextSeq(), 2);
      if (isRunning) await again.believe(welcome(100n + CHUNK));
      else await assert.rejects(again.believe(welcome(100n + CHUNK)), hasCode('wallet.badWorker'));
    }
  });

  test('an old copy of the store goes on from a voucher that its key signed, and from no other', async () => {
    const browser = await Browser.withChannel();
    const purse = await browser.purse();
    const signed = { amount: 5_000n, final: false, signature: await browser.key.sign(hashOf(5_000n)) };
    await assert.rejects(purse.believe(welcome(5_000n, 9, { ...signed, amount: 5_001n })), hasCode('wallet.badWorker'));
    await assert.rejects(purse.believe(welcome(5_000n, 2 ** 20 + 10, signed)), hasCode('wallet.oldCopy'));
    await purse.believe(welcome(5_000n, 9, signed));
    assert.deepEqual([purse.nextSeq(), purse.position().vouched, purse.position().owed], [9, 5_000n, 5_000n]);
    const { seq, voucher } = await purse.begin(1n, 10n);
    assert.deepEqual([seq, voucher.amount], [9, 5_001n]);
    await purse.end(false);
    // A worker whose store is older says nothing that counts.
    await purse.believe(welcome(0n, 3, { ...signed, amount: 6_000n, signature: await browser.key.sign(hashOf(6_000n)) }));
    assert.deepEqual([purse.nextSeq(), purse.position().vouched], [10, 6_000n]);
    const last = { amount: 6_000n, final: true, signature: await browser.key.sign(hashOf(6_000n, true)) };
    await purse.believe(welcome(5_000n, 10, last));
    await assert.rejects(purse.begin(1n, 1n), hasCode('wallet.finished'));
  });

  test('whatever happens and whenever the page is closed: no number twice, no voucher falls or exceeds the budget, and a loss costs a chunk at most', async () => {
    const amount = fc.bigInt(0n, 3n * CHUNK);
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('begin' as const), first: amount, leaves: fc.boolean(), most: fc.bigInt(0n, 20n * CHUNK) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const), first: amount, leaves: fc.boolean(), most: fc.bigInt(0n, 20n * CHUNK) }) },
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('pay' as const), more: amount, ahead: amount, leaves: fc.boolean() }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), lost: fc.boolean() }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('believe' as const), beyond: fc.constantFrom(0n, 1n, CHUNK - 1n, CHUNK, CHUNK + 1n, -1n), skips: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('final' as const) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('kill' as const), halves: fc.nat(5) }) },
    );
    const funds = 60n * CHUNK + FUNDS - BUDGET;
    const budget = mostPayable(funds, 30 * DAY);
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const browser = await Browser.withChannel({ funds: String(funds) });
      let tab = browser.tab();
      let purse = await browser.purse(tab.store);
      const numbers = new Set<number>();
      let highest: SignedAmount = NO_VOUCHER;
      // What a worker that lies can have at most: what was accepted, the piece that was prepaid when a request ended if its voucher left, and a chunk for each loss.
      let accepted = 0n;
      let losses = 0n;
      let kept = 0n;
      let ahead: bigint | null = null;
      // Of the request that runs.
      let left: bigint | null = null;
      let aheadLeft = 0n;
      const ends = (prepaid = ahead ?? 0n): void => void ([kept, ahead, left, aheadLeft] = [kept + prepaid, null, null, 0n]);
      const sees = ({ amount: next, final, signature }: SignedAmount, prepaid: bigint | null): void => {
        aheadLeft = prepaid ?? 0n;
        if (prepaid === null) return;
        left = next;
        assert.ok(next >= highest.amount && next <= budget, `${next} after ${highest.amount}`);
        highest = { amount: next, final, signature };
      };
      for (const each of steps) {
        let more = 0n;
        try {
          if (each.kind === 'begin') {
            const { seq, voucher } = await purse.begin(each.first, each.most);
            assert.ok(!numbers.has(seq), `number ${seq} again`);
            numbers.add(seq);
            ahead = each.first;
            sees(voucher, each.leaves ? ahead : null);
          } else if (each.kind === 'resume') {
            sees(await purse.resume(each.first, each.most), each.leaves ? each.first : null);
            ahead = each.first;
          } else if (each.kind === 'pay') {
            // A piece costs what was prepaid for it at least.
            more = each.more + (ahead ?? 0n);
            sees(await purse.pay(more, each.ahead), each.leaves ? each.ahead : null);
            [accepted, ahead] = [accepted + more, each.ahead];
          } else if (each.kind === 'end') {
            const isAsked = ahead === null || left !== null;
            await purse.end(each.lost, ahead === null ? undefined : left);
            if (each.lost && isAsked) losses++;
            ends(aheadLeft);
          } else if (each.kind === 'believe') {
            await purse.believe(welcome(purse.position().vouched + each.beyond, purse.nextSeq() + each.skips, highest));
          } else if (each.kind === 'final') sees(await purse.final(), 0n);
          else tab.database.killAfter(each.halves);
        } catch (error) {
          if (!(error instanceof Killed)) {
            assert.match((error as { code: string }).code, /^wallet\.(exhausted|busy|finished|badWorker)$/);
            continue;
          }
          // What was being noted may be on disk or not; who had been told of it is counted above.
          if (each.kind === 'pay') [accepted, ahead] = [accepted + more, larger(ahead ?? 0n, each.ahead)];
          if (each.kind === 'begin' || each.kind === 'resume') ahead = each.first;
          if (ahead !== null || each.kind === 'end') losses++;
          ends();
          tab.die();
          tab = browser.tab();
          purse = await browser.purse(tab.store);
          assert.ok(purse.nextSeq() > Math.max(0, ...numbers) && purse.position().vouched >= highest.amount);
        }
        assert.ok(purse.position().owed <= accepted + kept + losses * CHUNK, 'more than a chunk for a loss');
      }
    }), { numRuns: 300, seed: 9 });
  });
});
