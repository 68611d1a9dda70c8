import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import type { ChannelStore } from '../../../worker/channels/store/channelStore';
import { buildChild, childEnvironment } from './childProcess';
import { bytes32, channelA, channelB, chunk, databaseOf, folders, hasCode, memoryFolder, never, openStore, signature, terms } from './support';

const { fresh, remove } = folders();
const inMemory = folders(memoryFolder);
after(remove);
after(inMemory.remove);

async function storeWithChannel(folder = fresh()): Promise<ChannelStore> {
  const store = openStore(folder);
  await store.addChannel(channelA, terms, 1);
  return store;
}
const commitsOf = (store: ChannelStore): number =>
  Number(
    (databaseOf(store).prepare('SELECT commits FROM starts ORDER BY generation DESC').get() as { commits: number }).commits,
  );

describe('vouchers of a channel', () => {
  test('only a voucher that is worth more replaces the one that is kept, or one of the same amount that also closes', async () => {
    const folder = fresh();
    const store = await storeWithChannel(folder);
    const voucher = (amountNano: bigint, name: string, final = false) => ({ amountNano, final, signature: signature(name) });
    assert.equal((await store.keepVoucher(channelA, voucher(0n, 'zero'))).isNew, true);
    assert.equal((await store.keepVoucher(channelA, voucher(255n, 'a'))).isNew, true);
    assert.equal((await store.keepVoucher(channelA, voucher(256n, 'b'))).isNew, true);
    for (const late of [voucher(256n, 'c'), voucher(255n, 'd', true), voucher(0n, 'e')]) {
      assert.deepEqual(await store.keepVoucher(channelA, late), { isNew: false, voucher: voucher(256n, 'b') });
    }
    assert.equal((await store.keepVoucher(channelA, voucher(256n, 'f', true))).isNew, true);
    for (const late of [voucher(256n, 'g', true), voucher(256n, 'h')]) {
      assert.deepEqual(await store.keepVoucher(channelA, late), { isNew: false, voucher: voucher(256n, 'f', true) });
    }
    const most = 2n ** 120n - 1n;
    for (const amountNano of [2n ** 64n, 2n ** 119n, most]) {
      assert.equal((await store.keepVoucher(channelA, voucher(amountNano, 'm', true))).isNew, true);
    }
    for (const amountNano of [most + 1n, -1n]) {
      await assert.rejects(store.keepVoucher(channelA, voucher(amountNano, 'n')), hasCode('channel.amount'));
    }
    await assert.rejects(store.keepVoucher(channelB, voucher(1n, 'n')), hasCode('channel.unknown'));
    store.close();
    const again = openStore(folder);
    assert.deepEqual(again.read.channel(channelA)!.voucher, voucher(most, 'm', true));
    assert.equal(again.read.channel(channelB), null);
    again.close();
  });

  test('a channel is added once and has one set of terms', async () => {
    const store = await storeWithChannel();
    assert.equal((await store.addChannel(channelA, terms, 9)).addedAt, 1);
    await assert.rejects(store.addChannel(channelA, Buffer.from('other'), 9), hasCode('channel.other-terms'));
    assert.deepEqual(
      store.read.channels().map(({ address }) => address),
      [channelA],
    );
    store.close();
  });
});

describe('requests of a channel', () => {
  test('findings 1 and 2: the same request again finds what was signed, another one under its number is refused', async () => {
    const folder = fresh();
    const store = await storeWithChannel(folder);
    const start = { seq: 1, termsHash: bytes32('first'), request: Buffer.from('sealed') };
    const begun = await store.begin(channelA, start, 5);
    assert.deepEqual([begun.isNew, begun.receipts, begun.request], [true, [], Buffer.from('sealed')]);
    await store.signOnce(channelA, 1, 0, chunk('chunk 0', 10n), 6);
    await store.signOnce(channelA, 1, 1, chunk('chunk 1', 20n), 6);
    store.close();
    const again = openStore(folder);
    const { isNew, receipts, begunAt, dueNano, endedAt } = await again.begin(channelA, { ...start, request: undefined }, 99);
    assert.deepEqual([isNew, begunAt, dueNano, endedAt], [false, 5, 20n, null]);
    assert.deepEqual(
      receipts.map(({ index, bytes }) => [index, bytes.toString()]),
      [
        [0, 'chunk 0'],
        [1, 'chunk 1'],
      ],
    );
    await assert.rejects(again.begin(channelA, { seq: 1, termsHash: bytes32('other') }, 99), hasCode('channel.seq-taken'));
    assert.deepEqual(again.read.openRequests(channelA).map(({ seq }) => seq), [1]);
    again.close();
  });

  test('sequence numbers rise, and one that was passed over is used up', async () => {
    const store = await storeWithChannel();
    const begin = (seq: number): Promise<unknown> => store.begin(channelA, { seq, termsHash: bytes32(seq) }, 1);
    for (const seq of [0, -1, 0.5, 2 ** 32]) await assert.rejects(begin(seq), hasCode('channel.seq-range'));
    await begin(2);
    await assert.rejects(begin(1), hasCode('channel.seq-forgotten'));
    await begin(5);
    assert.equal(store.read.channel(channelA)!.lastSeq, 5);
    await assert.rejects(store.begin(channelB, { seq: 1, termsHash: bytes32(1) }, 1), hasCode('channel.unknown'));
    store.close();
  });

  test('a chunk is made once: asked again, even in the same turn, the store gives the same bytes', async () => {
    const store = await storeWithChannel();
    await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
    const both = await Promise.all([
      store.signOnce(channelA, 1, 0, chunk('one', 1n), 1),
      store.signOnce(channelA, 1, 0, never, 1),
    ]);
    assert.deepEqual(both.map(({ bytes }) => bytes.toString()), ['one', 'one']);
    assert.deepEqual(await store.signOnce(channelA, 1, 0, never, 2), both[0]);
    store.close();
  });

  test('chunks leave none out, nothing follows the final one, and what is due never falls', async () => {
    const store = await storeWithChannel();
    const sign = (index: number, make: Parameters<ChannelStore['signOnce']>[3]): Promise<unknown> =>
      store.signOnce(channelA, 1, index, make, 7);
    await assert.rejects(sign(0, never), hasCode('channel.not-begun'));
    await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
    await assert.rejects(sign(1, never), hasCode('channel.index-gap'));
    await sign(0, chunk('a', 5n));
    await assert.rejects(sign(1, chunk('b', 4n)), hasCode('channel.due'));
    await assert.rejects(sign(1, chunk('b', 2n ** 64n)), hasCode('channel.due'));
    await sign(1, chunk('b', 2n ** 64n - 1n, true));
    await assert.rejects(sign(2, never), hasCode('channel.request-ended'));
    assert.equal(store.read.request(channelA, 1)!.endedAt, 7);
    store.close();
  });

  test('a signature that fails leaves no trace, and the changes beside it are made', async () => {
    const store = await storeWithChannel();
    await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
    const failing = assert.rejects(store.signOnce(channelA, 1, 0, never, 1), /made a second time/);
    const other = store.addChannel(channelB, terms, 1);
    await Promise.all([failing, other]);
    assert.equal((await store.signOnce(channelA, 1, 0, chunk('a', 1n), 1)).bytes.toString(), 'a');
    store.close();
  });

  test('a request that was given up keeps its chunks and gets no more', async () => {
    const store = await storeWithChannel();
    await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
    await store.signOnce(channelA, 1, 0, chunk('a', 5n), 1);
    await store.end(channelA, 1, 8);
    await store.end(channelA, 1, 9);
    await assert.rejects(store.signOnce(channelA, 1, 1, never, 9), hasCode('channel.request-ended'));
    assert.equal((await store.signOnce(channelA, 1, 0, never, 9)).bytes.toString(), 'a');
    assert.equal(store.read.request(channelA, 1)!.endedAt, 8);
    await assert.rejects(store.end(channelA, 2, 9), hasCode('channel.not-begun'));
    store.close();
  });

  test('a request that nobody asks for any more is given up, however many there are, and one that ended stays as it is', async () => {
    const store = await storeWithChannel();
    await Promise.all(Array.from({ length: 450 }, (_, index) => store.begin(channelA, { seq: index + 1, termsHash: bytes32(index) }, 100)));
    await store.begin(channelA, { seq: 451, termsHash: bytes32('new') }, 200);
    await store.end(channelA, 1, 150);
    assert.equal(await store.endOld(100, 300), 0);
    assert.equal(await store.endOld(200, 300), 449);
    assert.deepEqual(store.read.openRequests(channelA).map(({ seq }) => seq), [451]);
    assert.deepEqual([1, 2].map((seq) => store.read.request(channelA, seq)!.endedAt), [150, 300]);
    await assert.rejects(store.signOnce(channelA, 2, 0, never, 301), hasCode('channel.request-ended'));
    store.close();
  });

  test('old requests are removed, and neither their numbers nor what is due for them is forgotten', async () => {
    const folder = fresh();
    const store = await storeWithChannel(folder);
    for (let seq = 1; seq <= 3; seq++) {
      await store.begin(channelA, { seq, termsHash: bytes32(seq) }, seq);
      await store.signOnce(channelA, seq, 0, chunk(`answer ${seq}`, 10n, seq !== 2), seq * 100);
    }
    assert.equal(await store.prune(300), 1);
    assert.equal(await store.prune(301), 1);
    store.close();
    const again = openStore(folder);
    assert.equal(again.read.balance(channelA).dueNano, 30n);
    for (const seq of [1, 3]) {
      await assert.rejects(again.begin(channelA, { seq, termsHash: bytes32(seq) }, 1), hasCode('channel.seq-forgotten'));
      await assert.rejects(again.signOnce(channelA, seq, 1, never, 1), hasCode('channel.not-begun'));
    }
    assert.equal((await again.begin(channelA, { seq: 2, termsHash: bytes32(2) }, 1)).receipts.length, 1);
    assert.equal((await again.begin(channelA, { seq: 4, termsHash: bytes32(4) }, 1)).isNew, true);
    again.close();
  });
});

describe('money of a channel', () => {
  test('what is served without a voucher is the sum over requests, less the newest voucher', async () => {
    const store = await storeWithChannel();
    await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
    await store.begin(channelA, { seq: 2, termsHash: bytes32(2) }, 1);
    await store.signOnce(channelA, 1, 0, chunk('a', 5n), 1);
    await store.signOnce(channelA, 2, 0, chunk('b', 7n), 1);
    await store.signOnce(channelA, 1, 1, chunk('c', 11n, true), 1);
    assert.deepEqual(store.read.balance(channelA), { dueNano: 18n, voucherNano: 0n, settledNano: 0n, uncoveredNano: 18n });
    await store.keepVoucher(channelA, { amountNano: 10n, final: false, signature: signature(1) });
    assert.equal(store.read.balance(channelA).uncoveredNano, 8n);
    await store.keepVoucher(channelA, { amountNano: 30n, final: false, signature: signature(2) });
    assert.equal(store.read.balance(channelA).uncoveredNano, 0n);
    assert.throws(() => store.read.balance(channelB), hasCode('channel.unknown'));
    store.close();
  });

  test('finding 38: pending claims come back after a restart, and no payment counts twice, however often and late it is seen', async () => {
    const folder = fresh();
    const store = await storeWithChannel(folder);
    await store.addChannel(channelB, terms, 1);
    for (const address of [channelA, channelB])
      await store.keepVoucher(address, { amountNano: 100n, final: false, signature: signature(1) });
    const claim = (name: string, amountNano: bigint) => ({ messageHash: bytes32(name), amountNano, message: Buffer.from(name) });
    await assert.rejects(store.addClaim(channelA, claim('x', 101n), 2), hasCode('channel.claim-above-voucher'));
    await store.addClaim(channelA, claim('x', 60n), 2);
    await store.addClaim(channelA, claim('y', 100n), 3);
    await store.addClaim(channelB, claim('z', 100n), 3);
    assert.equal((await store.addClaim(channelA, claim('x', 60n), 9)).madeAt, 2);
    await assert.rejects(store.addClaim(channelA, claim('x', 61n), 9), hasCode('channel.other-claim'));
    store.close();

    const again = openStore(folder);
    const pending = (): string[] => again.read.pendingClaims().map(({ message }) => message.toString());
    assert.deepEqual(pending(), ['x', 'y', 'z']);
    const day = 86_400;
    assert.deepEqual(await again.settle(channelA, 60n, day, bytes32('x')), { paidNano: 60n });
    assert.deepEqual(pending(), ['y', 'z']);
    assert.deepEqual(await again.settle(channelA, 60n, day, bytes32('x')), { paidNano: 0n });
    // The balance was short: the claim of 100 is paid with 90 altogether.
    assert.deepEqual(await again.settle(channelA, 90n, 2 * day, bytes32('y')), { paidNano: 30n });
    assert.deepEqual(await again.settle(channelA, 60n, 3 * day), { paidNano: 0n });
    assert.deepEqual(await again.settle(channelB, 7n, 2 * day + 1), { paidNano: 7n });
    await again.dropClaim(bytes32('z'), 3 * day);
    assert.deepEqual(pending(), []);
    assert.deepEqual(again.read.earnings(), {
      totalNano: 97n,
      byChannel: [
        { address: channelA, paidNano: 90n },
        { address: channelB, paidNano: 7n },
      ],
      byDay: [
        { day: '1970-01-02', paidNano: 60n },
        { day: '1970-01-03', paidNano: 37n },
      ],
    });
    assert.deepEqual(
      again.read.claims(channelA).map(({ state, endedAt }) => [state, endedAt]),
      [
        ['settled', day],
        ['settled', 2 * day],
      ],
    );
    assert.equal(again.read.claims(channelB)[0].state, 'dropped');
    again.close();
  });
});

describe('commits', () => {
  test('changes of one turn share a commit, and each call is answered', async () => {
    const store = await storeWithChannel();
    assert.deepEqual(
      ['synchronous', 'journal_mode', 'wal_autocheckpoint', 'foreign_keys'].map(
        (name) => Object.values(databaseOf(store).prepare(`PRAGMA ${name}`).get() as object)[0] as unknown,
      ),
      [1, 'wal', 0, 1],
    );
    const before = commitsOf(store);
    const requests = await Promise.all(
      Array.from({ length: 300 }, (_, index) => store.begin(channelA, { seq: index + 1, termsHash: bytes32(index) }, 1)),
    );
    assert.equal(commitsOf(store), before + 1);
    assert.deepEqual(requests.map(({ seq }) => seq), Array.from({ length: 300 }, (_, index) => index + 1));
    store.close();
  });

  test('nobody is answered before the disk has the log and then the mark; what comes meanwhile shares the next commit', async () => {
    const store = await storeWithChannel();
    const { binding } = store as unknown as { binding: { log: { sync(): Promise<void> }; file: { writeLater(mark: object): Promise<void> } } };
    const events: string[] = [];
    const [sync, writeLater] = [binding.log.sync.bind(binding.log), binding.file.writeLater.bind(binding.file)];
    let release = (): void => undefined;
    binding.log.sync = async () => {
      events.push('log');
      await new Promise<void>((resolve) => (release = resolve));
      await sync();
    };
    binding.file.writeLater = async (mark) => {
      events.push('mark');
      await writeLater(mark);
    };
    const before = commitsOf(store);
    const begin = (seq: number): Promise<unknown> =>
      store.begin(channelA, { seq, termsHash: bytes32(seq) }, 1).then(() => events.push(`answer ${seq}`));
    const first = begin(1);
    await pause();
    const others = [begin(2), begin(3)];
    await pause();
    assert.deepEqual(events, ['log']);
    release();
    await first;
    await pause();
    assert.deepEqual(events, ['log', 'mark', 'answer 1', 'log']);
    release();
    await Promise.all(others);
    assert.deepEqual(events.slice(4), ['mark', 'answer 2', 'answer 3']);
    assert.equal(commitsOf(store), before + 2);
    store.close();
  });

  test('a log that cannot be synced answers nobody, and a close does not pretend that it was', async () => {
    const folder = fresh();
    const store = openStore(folder);
    await store.addChannel(channelA, terms, 1);
    const { binding } = store as unknown as { binding: { log: { sync(): Promise<void> } } };
    binding.log.sync = () => Promise.reject(new Error('EIO'));
    await assert.rejects(store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1), hasCode('storage.io'));
    await assert.rejects(store.begin(channelA, { seq: 2, termsHash: bytes32(2) }, 1), hasCode('storage.io'));
    store.close();
    // The store may be one commit ahead of its mark, or not: both are fine.
    openStore(folder).close();
  });

  test('what is being synced when the store is closed is noted, answered and there at the next start', async () => {
    const folder = fresh();
    const store = openStore(folder);
    await store.addChannel(channelA, terms, 1);
    const inFlight = store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    const waiting = store.begin(channelA, { seq: 2, termsHash: bytes32(2) }, 1);
    store.close();
    await Promise.all([inFlight, waiting]);
    const again = openStore(folder);
    assert.equal(again.read.channel(channelA)!.lastSeq, 2);
    again.close();
  });

  test('a second close leaves alone what was opened meanwhile under the numbers of its files', async () => {
    const store = await storeWithChannel();
    store.close();
    const file = fresh();
    const opened = Array.from({ length: 20 }, (_, index) => openSync(`${file}${index}`, 'w'));
    store.close();
    for (const number of opened) assert.equal(fstatSync(number).size, 0);
    opened.forEach(closeSync);
  });

  test('what waits when the store is closed is committed; later calls are refused', async () => {
    const folder = fresh();
    const store = openStore(folder);
    const waiting = store.addChannel(channelA, terms, 1);
    store.close();
    assert.deepEqual((await waiting).address, channelA);
    await assert.rejects(store.addChannel(channelB, terms, 1), hasCode('storage.closed'));
    assert.throws(() => store.read, hasCode('storage.closed'));
    const again = openStore(folder);
    assert.equal(again.read.channels().length, 1);
    again.close();
  });

  test('a change that fails halfway is taken back whole, and the changes beside it are made', async () => {
    const store = await storeWithChannel();
    await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
    databaseOf(store).exec(`CREATE TEMP TRIGGER broken BEFORE UPDATE OF dueNano ON channels
      BEGIN SELECT RAISE(ABORT, 'broken'); END`);
    const [failed, kept] = await Promise.allSettled([
      store.signOnce(channelA, 1, 0, chunk('lost', 5n), 1),
      store.keepVoucher(channelA, { amountNano: 1n, final: false, signature: signature(1) }),
    ]);
    assert.ok(failed.status === 'rejected' && hasCode('storage.invariant')(failed.reason));
    assert.equal(kept.status, 'fulfilled');
    const { receipts, dueNano } = store.read.request(channelA, 1)!;
    assert.deepEqual([receipts, dueNano], [[], 0n]);
    databaseOf(store).exec('DROP TRIGGER broken');
    assert.equal((await store.signOnce(channelA, 1, 0, chunk('made', 5n), 1)).bytes.toString(), 'made');
    store.close();
  });

  test('no room to move the log is no reason to stop: it stays, and moves when there is', async () => {
    const folder = inMemory.fresh();
    const store = await storeWithChannel(folder);
    const database = databaseOf(store);
    const { prepare } = database;
    let refused = 0;
    database.prepare = function (sql: string) {
      if (!sql.includes('wal_checkpoint')) return prepare.call(database, sql);
      refused += 1;
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    } as typeof prepare;
    await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
    for (let index = 0; refused === 0; index++) await store.signOnce(channelA, 1, index, chunk('chunk', 1n), 1);
    const { receipts } = store.read.request(channelA, 1)!;
    assert.equal((await store.signOnce(channelA, 1, receipts.length, chunk('next', 1n), 1)).bytes.toString(), 'next');
    store.close();
    const again = openStore(folder);
    assert.equal(again.read.request(channelA, 1)!.receipts.length, receipts.length + 1);
    again.close();
  });

  test('a full disk or a read-only file is a typed error that leaves nothing half-written, and ends when there is room', async () => {
    const store = await storeWithChannel();
    const database = databaseOf(store);
    await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
    database.exec('PRAGMA query_only = 1');
    await assert.rejects(store.signOnce(channelA, 1, 0, chunk('a', 1n), 1), hasCode('storage.readonly'));
    database.exec('PRAGMA query_only = 0; PRAGMA max_page_count = 1');
    const large = chunk('x'.repeat(1_000_000), 9n);
    const outcomes = await Promise.allSettled([
      store.keepVoucher(channelA, { amountNano: 5n, final: false, signature: signature(1) }),
      store.signOnce(channelA, 1, 0, large, 1),
    ]);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    assert.ok(refused.length > 0 && refused.every(hasCode('storage.full')));
    const { dueNano, voucherNano } = store.read.balance(channelA);
    assert.deepEqual([dueNano, voucherNano], [0n, outcomes[0].status === 'fulfilled' ? 5n : 0n]);
    assert.deepEqual(store.read.request(channelA, 1)!.receipts, []);
    database.exec('PRAGMA max_page_count = 100000');
    assert.equal((await store.signOnce(channelA, 1, 0, large, 1)).dueNano, 9n);
    store.close();
  });

  test('a disk that is really full refuses, and the store goes on where it was', { skip: !canMount() }, async () => {
    const child = await buildChild();
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['-Urm', 'sh', '-c', 'mount -t tmpfs -o size=2m none /mnt && exec "$0" "$@"', process.execPath, child, 'fillDisk', '/mnt/data'],
      { env: childEnvironment(), encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^storage\.full after [1-9]\d* chunks; reopened with all of them and goes on\n$/);
  });

  test('a store of a later version is refused', async () => {
    const folder = fresh();
    const store = await storeWithChannel(folder);
    databaseOf(store).exec('PRAGMA user_version = 99');
    store.close();
    assert.throws(() => openStore(folder), hasCode('storage.schema'));
  });
});

function canMount(): boolean {
  return spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
}

/** Time for a commit, were nothing in its way. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));
