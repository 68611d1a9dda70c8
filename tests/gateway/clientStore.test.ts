import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type Database from 'libsql';
import { ClientStore } from '../../gateway/channel/clientStore';

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const channel = new Uint8Array(32).fill(7);
const databaseOf = (store: ClientStore): Database.Database => (store as unknown as { database: Database.Database }).database;

describe('the store of a client', { timeout: 30_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), 'cocoon-client-store-'));
  let counter = 0;
  const fresh = (): string => join(root, `client-${counter++}`, 'client.db');
  after(() => rmSync(root, { recursive: true, force: true }));

  test('serves one process at a time, and is free again when it is closed', () => {
    const file = fresh();
    const store = ClientStore.open(file);
    assert.throws(() => ClientStore.open(file), (error: Error & { code: string }) => error.code === 'storage.locked' && /another process/.test(error.message));
    store.close();
    ClientStore.open(file).close();
  });

  test('a file that is no store, or is damaged, is refused by name and left as it is', async () => {
    const file = fresh();
    mkdirSync(join(file, '..'), { mode: 0o700 });
    writeFileSync(file, 'this is not a database, but it is long enough to look at'.repeat(30));
    assert.throws(() => ClientStore.open(file), hasCode('storage.damaged'));
    rmSync(file);
    const store = ClientStore.open(file);
    await store.begin(channel, 5n).durable;
    databaseOf(store).exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE');
    store.close();
    const bytes = readFileSync(file);
    writeFileSync(file, Buffer.concat([bytes.subarray(0, 4_096), Buffer.alloc(bytes.length - 4_096, 0xa5)]));
    assert.throws(() => ClientStore.open(file).position(channel), hasCode('storage.damaged'));
  });

  test('a folder that others can read, and a store of a later version, are refused', () => {
    const file = fresh();
    const store = ClientStore.open(file);
    databaseOf(store).exec('PRAGMA user_version = 99');
    store.close();
    assert.throws(() => ClientStore.open(file), hasCode('storage.schema'));
    chmodSync(join(file, '..'), 0o755);
    assert.throws(() => ClientStore.open(file), hasCode('storage.permissions'));
  });

  test('a file that another connection has for a moment is waited for: one whose store was closed goes when its last statement does', async () => {
    const file = fresh();
    mkdirSync(join(file, '..'), { mode: 0o700 });
    const hold = `const Database = require('libsql'); const other = new Database(${JSON.stringify(file)});
      other.prepare('PRAGMA journal_mode = WAL').get(); other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
      process.stdout.write('held'); setTimeout(() => process.exit(), 300);`;
    const other = spawn(process.execPath, ['-e', hold], { stdio: ['ignore', 'pipe', 'inherit'], cwd: join(__dirname, '../..') });
    const [said] = (await Promise.race([once(other.stdout, 'data'), once(other, 'exit')])) as [unknown];
    assert.equal(String(said), 'held');
    const again = ClientStore.open(file);
    assert.equal(again.position(channel).nextSeq, 1);
    again.close();
  });

  test('a full disk or a read-only file lets nothing leave; when there is room it goes on, with all numbers that were taken', async () => {
    const file = fresh();
    const store = ClientStore.open(file);
    await store.begin(channel, 5n).durable;
    const database = databaseOf(store);
    database.exec('PRAGMA query_only = 1');
    await assert.rejects(store.begin(channel, 6n).durable, hasCode('storage.readonly'));
    database.exec('PRAGMA query_only = 0; PRAGMA max_page_count = 1');
    const many = Array.from({ length: 200 }, (_, index) => store.begin(new Uint8Array(32).fill(index), 1n).durable);
    for (const outcome of await Promise.allSettled(many)) assert.ok(outcome.status === 'rejected' && hasCode('storage.full')(outcome.reason));
    database.exec('PRAGMA max_page_count = 100000');
    const { seq, durable } = store.begin(channel, 6n);
    await durable;
    store.close();
    const again = ClientStore.open(file);
    assert.deepEqual(again.position(channel), { nextSeq: seq + 1, owed: 0n, vouched: 6n });
    again.close();
  });

  test('a sync that failed is the last one: nothing is said to be on disk afterwards', async () => {
    const store = ClientStore.open(fresh());
    await store.begin(channel, 5n).durable;
    const { log } = store as unknown as { log: { sync(): Promise<void> } };
    const { sync } = log;
    log.sync = () => Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    await assert.rejects(store.accept(channel, 1n, 0n).durable, hasCode('storage.io'));
    log.sync = sync;
    await assert.rejects(store.accept(channel, 1n, 0n).durable, hasCode('storage.io'));
    assert.throws(() => store.close(), hasCode('storage.io'));
  });
});
