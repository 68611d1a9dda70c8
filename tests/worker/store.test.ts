import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import Database from 'libsql';
import { defaultDataFolder, ensurePrivateFolder, fileSystemError } from '../../worker/dataFolder';
import { loadKey, loadOrCreateKey } from '../../worker/keys/keyFile';
import { loadWorkerKeys } from '../../worker/keys/workerKeys';
import { JobStore } from '../../worker/store/jobStore';
import { SCHEMA_STEPS } from '../../worker/store/schema';

const root = mkdtempSync(join(tmpdir(), 'cocoon-store-'));
after(() => rmSync(root, { recursive: true, force: true }));
let counter = 0;
const freshFolder = (): string => join(root, `data-${counter++}`);
const identity = { networkId: 2026, workerKey: 'ab'.repeat(32) };
const hasCode = (code: string) => (error: unknown) => (error as { code: string }).code === code;

describe("the worker's store", () => {
  test('a job is seen once, and a second announcement finds the first record', () => {
    const store = JobStore.open(freshFolder(), identity);
    assert.equal(store.add('0:aa', 100).added, true);
    const again = store.add('0:aa', 200);
    assert.equal(again.added, false);
    assert.equal(again.job.firstSeen, 100);
    store.close();
  });

  test('signed bytes and the time of the receipt are written once', () => {
    const store = JobStore.open(freshFolder(), identity);
    store.add('0:aa', 1);
    store.update('0:aa', { issuedAt: 4 }, 2);
    store.update('0:aa', { issuedAt: 5 }, 2);
    store.update('0:aa', { state: 'answered', external: Buffer.from([1, 2, 3]) }, 3);
    store.update('0:aa', { external: Buffer.from([1, 2, 3]) }, 4);
    assert.throws(() => store.update('0:aa', { external: Buffer.from([9]) }, 5), hasCode('storage.invariant'));
    assert.throws(() => store.update('0:aa', { external: null }, 5), hasCode('storage.invariant'));
    assert.throws(() => store.update('0:aa', { issuedAt: 6 }, 5), hasCode('storage.invariant'));
    assert.deepEqual([...store.get('0:aa')!.external!], [1, 2, 3]);
    assert.throws(() => store.update('0:bb', { state: 'expired' }, 5), hasCode('storage.unknown-job'));
    store.close();
  });

  test('an answer cannot be recorded without its bytes', () => {
    const store = JobStore.open(freshFolder(), identity);
    store.add('0:aa', 1);
    assert.throws(() => store.update('0:aa', { state: 'answered' }, 2), hasCode('storage.invariant'));
    assert.equal(store.get('0:aa')!.state, 'seen');
    store.close();
  });

  test('unfinished jobs survive a restart in the order in which they came, amounts exact', () => {
    const folder = freshFolder();
    const first = JobStore.open(folder, identity);
    for (const [index, address] of ['0:cc', '0:aa', '0:bb', '0:dd'].entries()) first.add(address, index);
    first.update('0:aa', { state: 'computing', priceNano: 2n ** 100n }, 9);
    first.update('0:bb', { state: 'expired', settledAt: 9 }, 9);
    first.close();
    const second = JobStore.open(folder, identity);
    assert.deepEqual(
      second.unfinished().map((job) => job.address),
      ['0:cc', '0:aa', '0:dd'],
    );
    assert.equal(second.get('0:aa')!.priceNano, 2n ** 100n);
    assert.deepEqual(second.counts(), { seen: 2, computing: 1, expired: 1 });
    second.close();
  });

  test('a store belongs to one network and one worker key', () => {
    const folder = freshFolder();
    JobStore.open(folder, identity).close();
    assert.throws(() => JobStore.open(folder, { ...identity, networkId: -3 }), hasCode('storage.identity'));
    assert.throws(
      () => JobStore.open(folder, { ...identity, workerKey: 'cd'.repeat(32) }),
      hasCode('storage.identity'),
    );
    JobStore.open(folder, identity).close();
  });

  test('a second process on the same store is refused, and the lock ends with kill -9', async () => {
    const folder = freshFolder();
    const script = `require('./worker/store/jobStore').JobStore.open(${JSON.stringify(folder)}, ${JSON.stringify(identity)})
      .add('0:aa', 1); console.log('open'); setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ['--import', 'tsx', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    assert.throws(() => JobStore.open(folder, identity), hasCode('storage.locked'));
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const store = JobStore.open(folder, identity);
    assert.equal(store.get('0:aa')!.state, 'seen');
    store.close();
  });

  test('a damaged or foreign-version store gives a typed error', () => {
    const folder = freshFolder();
    ensurePrivateFolder(folder);
    writeFileSync(join(folder, 'worker.db'), 'this is not a database, but it is long enough to look at'.repeat(30));
    assert.throws(() => JobStore.open(folder, identity), hasCode('storage.damaged'));
  });

  test('a full disk or a read-only file is a typed error, and what was written before stays', () => {
    const folder = freshFolder();
    const store = JobStore.open(folder, identity);
    store.add('0:aa', 1);
    const { database } = store as unknown as { database: { exec(sql: string): void } };
    database.exec('PRAGMA query_only = 1');
    assert.throws(() => store.add('0:bb', 1), hasCode('storage.readonly'));
    database.exec('PRAGMA query_only = 0; PRAGMA max_page_count = 1');
    assert.throws(() => {
      for (let index = 0; index < 1000; index++)
        store.update('0:aa', { external: Buffer.alloc(100_000), note: 'x'.repeat(10_000) }, index);
    }, hasCode('storage.full'));
    database.exec('PRAGMA max_page_count = 100000');
    assert.equal(store.get('0:aa')!.state, 'seen');
    assert.equal(store.get('0:aa')!.external, null);
    store.update('0:aa', { external: Buffer.alloc(100_000) }, 2);
    store.close();
    for (const [code, expected] of [
      ['ENOSPC', 'storage.full'],
      ['EROFS', 'storage.readonly'],
      ['EACCES', 'storage.denied'],
    ]) {
      assert.equal(fileSystemError({ code }, '/x', 'cannot write').code, expected);
    }
  });

  test('a store of the first version keeps its jobs and learns of promises; one of a later version is refused', () => {
    const folder = freshFolder();
    ensurePrivateFolder(folder);
    const old = new Database(join(folder, 'worker.db'));
    old.exec(`${SCHEMA_STEPS[0]} PRAGMA user_version = 1;
      INSERT INTO jobs (address, state, firstSeen, updatedAt) VALUES ('0:aa', 'seen', 1, 1);`);
    old.close();
    const store = JobStore.open(folder, identity);
    assert.equal(store.get('0:aa')!.state, 'seen');
    assert.equal(store.promises.get('0:aa'), null);
    const { database } = store as unknown as { database: Database.Database };
    database.exec(`PRAGMA user_version = ${SCHEMA_STEPS.length + 1}`);
    store.close();
    assert.throws(() => JobStore.open(folder, identity), hasCode('storage.schema'));
  });

  test('a promise and its job are one, written once, and forgotten only while nothing was computed for it', () => {
    const folder = freshFolder();
    const store = JobStore.open(folder, identity);
    const job = { deadline: 900, priceNano: 2n ** 60n, termsHash: 'cd'.repeat(32) };
    const promise = { acceptBy: 60, coverageNano: 2n ** 70n, request: Buffer.from([1, 2]), signed: Buffer.from([3]) };
    for (const address of ['0:aa', '0:bb']) store.promises.add({ address, ...promise }, job, 1);
    assert.throws(() => store.promises.add({ address: '0:aa', ...promise }, job, 2), hasCode('storage.invariant'));
    store.add('0:cc', 1);
    assert.throws(() => store.promises.add({ address: '0:cc', ...promise }, job, 2), hasCode('storage.invariant'));
    assert.equal(store.promises.get('0:cc'), null);
    assert.deepEqual(store.promises.open(), { count: 2, coverageNano: 2n ** 71n });
    store.update('0:bb', { state: 'computing' }, 2);
    store.promises.forget('0:aa');
    store.promises.forget('0:bb');
    store.close();
    const again = JobStore.open(folder, identity);
    assert.deepEqual([again.get('0:aa'), again.promises.get('0:aa')], [null, null]);
    assert.deepEqual(again.promises.get('0:bb'), { address: '0:bb', ...promise });
    assert.deepEqual([again.get('0:bb')!.deadline, again.get('0:bb')!.priceNano], [900, 2n ** 60n]);
    again.close();
  });

  test('an address that never was a job is forgotten; one whose terms were read is not', () => {
    const store = JobStore.open(freshFolder(), identity);
    store.add('0:aa', 1);
    store.add('0:bb', 1);
    store.update('0:bb', { deadline: 5 }, 1);
    store.forget('0:aa');
    store.forget('0:bb');
    assert.deepEqual([store.get('0:aa'), store.get('0:bb')?.deadline], [null, 5]);
    store.close();
  });

  test('keys are created once with mode 0600 in a 0700 folder and refused when others can read them', () => {
    const folder = freshFolder();
    const keys = loadWorkerKeys(folder);
    assert.deepEqual(loadWorkerKeys(folder), keys);
    const path = join(folder, 'keys', 'worker-ed25519.json');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'keys')).mode & 0o777, 0o700);
    chmodSync(path, 0o640);
    assert.throws(() => loadWorkerKeys(folder), hasCode('config.key-permissions'));
    chmodSync(path, 0o600);
    chmodSync(folder, 0o755);
    assert.throws(() => ensurePrivateFolder(folder), hasCode('storage.permissions'));
  });

  test('a passphrase keeps the secret out of the file; a wrong or missing one is refused by name', () => {
    const path = join(freshFolder(), 'wallet.json');
    const secret = loadOrCreateKey(path, 'wallet-ed25519', 'correct horse');
    assert.ok(!readFileSync(path, 'utf8').includes(secret.toString('hex')));
    assert.deepEqual(loadKey(path, 'wallet-ed25519', 'correct horse'), secret);
    assert.throws(() => loadKey(path, 'wallet-ed25519'), hasCode('config.passphrase-missing'));
    assert.throws(() => loadKey(path, 'wallet-ed25519', 'wrong'), hasCode('config.passphrase-wrong'));
    assert.throws(() => loadKey(path, 'worker-ed25519', 'correct horse'), hasCode('config.key-damaged'));
    const file = JSON.parse(readFileSync(path, 'utf8')) as { purpose: string };
    writeFileSync(path, JSON.stringify({ ...file, purpose: 'worker-ed25519' }));
    assert.throws(() => loadKey(path, 'worker-ed25519', 'correct horse'), hasCode('config.passphrase-wrong'));
    writeFileSync(path, '{');
    assert.throws(() => loadKey(path, 'wallet-ed25519'), hasCode('config.key-damaged'));
  });

  test('the default data folder follows each platform', () => {
    assert.equal(defaultDataFolder('linux', { XDG_DATA_HOME: '/x' }, '/home/a'), '/x/open-cocoon');
    assert.equal(
      defaultDataFolder('linux', { XDG_DATA_HOME: 'relative' }, '/home/a'),
      '/home/a/.local/share/open-cocoon',
    );
    assert.equal(defaultDataFolder('darwin', {}, '/Users/a'), '/Users/a/Library/Application Support/open-cocoon');
    assert.match(defaultDataFolder('win32', { APPDATA: 'C:\\Roaming' }, 'C:\\a'), /Roaming.open-cocoon$/);
  });
});
