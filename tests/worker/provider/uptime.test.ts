import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createLogger } from '../../../worker/log';
import { BEAT_SECONDS, Heartbeat } from '../../../worker/operation/heartbeat';
import { uptimeReport } from '../../../worker/provider/uptime';
import { JobStore } from '../../../worker/store/jobStore';
import { SCHEMA_STEPS } from '../../../worker/store/schema';
import Database from 'libsql';

const root = mkdtempSync(join(tmpdir(), 'cocoon-uptime-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const DAY = 86_400;
const START = 1_800_000_000 - (1_800_000_000 % DAY);

/** A worker that beats when the test says so. */
class Beating {
  readonly folder = join(root, `data-${count++}`);
  now: number;
  isReady = true;
  store!: JobStore;
  private heart!: Heartbeat;

  constructor(now = START) {
    this.now = now;
    this.start();
  }

  start(): void {
    this.store = JobStore.open(this.folder, { networkId: 2026, workerKey: 'ab'.repeat(32) });
    this.heart = new Heartbeat(this.store.uptime, () => this.isReady, createLogger('silent'), () => this.now);
  }

  run(seconds: number): void {
    for (let left = seconds; left > 0; left -= BEAT_SECONDS) {
      this.now += Math.min(left, BEAT_SECONDS);
      this.heart.beat();
    }
  }

  /** Nothing more is written. */
  kill(): void {
    clearInterval((this.heart as unknown as { timer: NodeJS.Timeout }).timer);
    this.store.close();
  }

  stop(): void {
    this.heart.stop();
    this.store.close();
  }

  totals(): number[] {
    const { upSeconds, readySeconds, ofSeconds } = uptimeReport(this.store.uptime, this.now).total;
    return [upSeconds, readySeconds, ofSeconds];
  }
}

describe("a worker's record of when it ran", () => {
  test('a worker that was killed counts as down from its last beat until it starts again', () => {
    const worker = new Beating();
    worker.run(150);
    worker.now += 7;
    worker.kill();
    worker.now += 1_000;
    worker.start();
    worker.run(45);
    assert.deepEqual(worker.totals(), [195, 195, 150 + 7 + 1_000 + 45]);
    worker.kill();
  });

  test('one that stops well counts until it stopped', () => {
    const worker = new Beating();
    worker.run(30);
    worker.now += 7;
    worker.stop();
    worker.now += 10;
    worker.start();
    assert.deepEqual(worker.totals(), [37, 37, 47]);
    worker.now += 9;
    assert.deepEqual(worker.totals(), [37, 37, 47], 'what no beat covers yet is neither');
    worker.kill();
  });

  test('time around a beat that was not ready counts as up and not as ready, on both sides', () => {
    const worker = new Beating();
    worker.run(60);
    worker.isReady = false;
    worker.run(30);
    worker.isReady = true;
    worker.run(60);
    assert.deepEqual(worker.totals(), [150, 150 - 30 - 15, 150]);
    worker.kill();
  });

  test('a machine that slept, or whose clock was set back, adds nothing that it did not run', () => {
    const worker = new Beating();
    worker.run(60);
    worker.now += 10 * DAY;
    worker.run(60);
    const [up, , of] = worker.totals();
    assert.deepEqual([up, of], [60 + 60 - BEAT_SECONDS, 10 * DAY + 120]);
    const before = worker.now;
    worker.now -= 60;
    worker.run(75);
    assert.equal(worker.now, before + 15);
    assert.equal(worker.totals()[0], up + 15, 'the minute that came twice counts once');
    worker.kill();
  });

  test('the bars are 30 UTC days, of which those before the record have no time to be down in', () => {
    const worker = new Beating(START + DAY - 300);
    worker.run(600);
    const { days, since } = uptimeReport(worker.store.uptime, worker.now);
    assert.equal(since, START + DAY - 300);
    assert.equal(days.length, 30);
    assert.deepEqual(days.at(-1), { start: START + DAY, upSeconds: 300, readySeconds: 300, ofSeconds: 300 });
    assert.deepEqual(days.at(-2), { start: START, upSeconds: 300, readySeconds: 300, ofSeconds: 300 });
    assert.deepEqual(days.at(-3), { start: START - DAY, upSeconds: 0, readySeconds: 0, ofSeconds: 0 });
    const rows = (worker.store as unknown as { database: Database.Database }).database.prepare('SELECT count(*) AS n FROM uptime').get() as { n: number };
    assert.equal(rows.n, 1, 'a stretch of one state is one row');
    worker.kill();
  });

  test('what an earlier version noted of payments is in the books of this one', () => {
    const folder = join(root, `data-${count++}`);
    JobStore.open(folder, { networkId: 2026, workerKey: 'ab'.repeat(32) }).close();
    const file = join(folder, 'worker.db');
    rmSync(file);
    const old = new Database(file);
    old.exec(`${SCHEMA_STEPS.slice(0, 4).join('')} PRAGMA user_version = 4;
      INSERT INTO jobs (address, state, firstSeen, updatedAt, settledAt, external, paidNano) VALUES ('0:aa', 'delivered', 1, 9, 8, x'00', '9007199254740993');
      INSERT INTO jobs (address, state, firstSeen, updatedAt) VALUES ('0:bb', 'seen', 1, 9);`);
    old.close();
    const store = JobStore.open(folder, { networkId: 2026, workerKey: 'ab'.repeat(32) });
    assert.deepEqual(store.payments.page({ time: 100, row: 0 }, 5), [{ job: '0:aa', row: 1, lt: 0n, hash: null, time: 8, receivedNano: 9_007_199_254_740_993n }]);
    store.payments.add({ job: '0:aa', lt: 5n, hash: 'cd', time: 7, receivedNano: 3n });
    store.payments.add({ job: '0:aa', lt: 5n, hash: 'cd', time: 7, receivedNano: 3n });
    assert.deepEqual(store.payments.sums(0, 100), { payments: 1, receivedNano: 3n }, 'the transaction takes the place of the note');
    store.close();
  });
});
