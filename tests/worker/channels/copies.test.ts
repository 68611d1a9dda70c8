import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openForClaiming } from '../../../worker/channels/store/claimingCopy';
import type { ChannelStore } from '../../../worker/channels/store/channelStore';
import { buildChild, childEnvironment } from './childProcess';
import { bytes32, channelA, chunk, databaseOf, folders, hasCode, memoryFolder, never, openStore, signature, terms } from './support';

const { fresh, remove } = folders(memoryFolder);
after(remove);

const databaseFile = (folder: string): string => join(folder, 'channels.db');
const markFile = (folder: string): string => join(folder, 'keys', 'channels.mark');
/** All that `cp channels.db*` takes. */
function copyStore(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const suffix of ['', '-wal']) {
    rmSync(databaseFile(to) + suffix, { force: true });
    if (existsSync(databaseFile(from) + suffix)) copyFileSync(databaseFile(from) + suffix, databaseFile(to) + suffix);
  }
  rmSync(`${databaseFile(to)}-shm`, { force: true });
}
/** What a killed process leaves: the folder as it is on disk now. */
function snapshot(from: string): string {
  const to = fresh();
  copyStore(from, to);
  cpSync(join(from, 'keys'), join(to, 'keys'), { recursive: true });
  chmodSync(join(to, 'keys'), 0o700);
  return to;
}
async function servedOnce(folder: string): Promise<ChannelStore> {
  const store = openStore(folder);
  await store.addChannel(channelA, terms, 1);
  await store.begin(channelA, { seq: 1, termsHash: bytes32(1) }, 1);
  await store.signOnce(channelA, 1, 0, chunk('first', 1n), 1);
  await store.keepVoucher(channelA, { amountNano: 5n, final: false, signature: signature(1) });
  return store;
}

describe('an old copy of a store', () => {
  test('made by cp in the middle of the same run is refused once the store has answered anything more', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const copy = fresh();
    copyStore(folder, copy);
    await store.signOnce(channelA, 1, 1, chunk('second', 2n), 1);
    const killed = snapshot(folder);
    store.close();
    for (const victim of [folder, killed]) {
      copyStore(copy, victim);
      assert.throws(() => openStore(victim), hasCode('storage.old-copy'));
    }
  });

  test('made by backup() is refused after one more commit, a new start or none at all is no way around it', async () => {
    const folder = fresh();
    const backup = join(folder, 'backup.db');
    const store = await servedOnce(folder);
    store.backup(backup);
    await store.signOnce(channelA, 1, 1, chunk('second', 2n), 1);
    store.close();
    openStore(folder).close();
    for (const suffix of ['', '-wal']) rmSync(databaseFile(folder) + suffix, { force: true });
    copyFileSync(backup, databaseFile(folder));
    assert.throws(() => openStore(folder), hasCode('storage.old-copy'));
    assert.throws(() => openStore(folder), hasCode('storage.old-copy'));
    const copy = openForClaiming(backup);
    assert.deepEqual(copy.read.request(channelA, 1)!.receipts.map(({ bytes }) => bytes.toString()), ['first']);
    copy.close();
  });

  test('of which nothing was written since is the store: it goes on, and then the original is the old one', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const original = fresh();
    store.close();
    copyStore(folder, original);
    const copy = openStore(folder);
    assert.equal((await copy.signOnce(channelA, 1, 0, never, 1)).bytes.toString(), 'first');
    await copy.signOnce(channelA, 1, 1, chunk('second', 2n), 1);
    copy.close();
    copyStore(original, folder);
    assert.throws(() => openStore(folder), hasCode('storage.old-copy'));
  });

  test('that went on elsewhere, further than the store ever came, is refused', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const elsewhere = snapshot(folder);
    await store.signOnce(channelA, 1, 1, chunk('here', 2n), 1);
    store.close();
    const branch = openStore(elsewhere);
    for (let index = 1; index < 9; index++) await branch.signOnce(channelA, 1, index, chunk('there', 2n), 1);
    branch.close();
    copyStore(elsewhere, folder);
    assert.throws(() => openStore(folder), hasCode('storage.old-copy'));
  });

  test('is not even that when the store comes from another folder with the same identity, however far it came', async () => {
    const folder = fresh();
    (await servedOnce(folder)).close();
    const other = fresh();
    (await servedOnce(other)).close();
    openStore(other).close();
    copyStore(other, folder);
    assert.throws(() => openStore(folder), hasCode('storage.old-copy'));
  });

  test('as main file under the log of the newer store is refused: the log alone would make it seem new', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const old = fresh();
    mkdirSync(old);
    const backup = join(old, 'backup.db');
    store.backup(backup);
    store.close();
    const newer = openStore(folder);
    const copied = fresh();
    copyStore(folder, copied);
    // More commits than stay in the log.
    for (let index = 1; index <= 600; index++) await newer.signOnce(channelA, 1, index, chunk(`chunk ${index}`, 1n), 1);
    const killed = snapshot(folder);
    newer.close();
    for (const file of [backup, databaseFile(copied)]) {
      const victim = snapshot(killed);
      copyFileSync(file, databaseFile(victim));
      assert.ok(statSync(`${databaseFile(victim)}-wal`).size > 0);
      assert.throws(() => openStore(victim), hasCode('storage.old-copy'));
    }
    const intact = openStore(killed);
    assert.equal(intact.read.request(channelA, 1)!.receipts.length, 601);
    intact.close();
  });

  test('as main file under a log that holds one commit, of which nobody was told, is refused as well', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const old = fresh();
    copyStore(folder, old);
    // Until the log has just been moved.
    const { binding } = store as unknown as { binding: { mark: { checkpoints: number }; file: { writeLater(mark: object): Promise<void> } } };
    const { checkpoints } = binding.mark;
    for (let index = 1; binding.mark.checkpoints === checkpoints; index++) await store.signOnce(channelA, 1, index, chunk('more', 1n), 1);
    binding.file.writeLater = () => Promise.reject(new Error('killed'));
    await assert.rejects(store.keepVoucher(channelA, { amountNano: 9n, final: false, signature: signature(9) }));
    const killed = snapshot(folder);
    store.close();
    assert.ok(statSync(`${databaseFile(killed)}-wal`).size > 0);
    copyFileSync(databaseFile(old), databaseFile(killed));
    assert.throws(() => openStore(killed), hasCode('storage.old-copy'));
  });

  test('an empty store beside the mark of one that served is refused, and so is a lost log', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const killed = snapshot(folder);
    store.close();
    rmSync(databaseFile(folder));
    assert.throws(() => openStore(folder), hasCode('storage.old-copy'));
    rmSync(`${databaseFile(killed)}-wal`);
    assert.throws(() => openStore(killed), hasCode('storage.old-copy'));
  });

  test('a restored, missing or damaged mark is refused: nothing says any more which store is the newest', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const oldMark = readFileSync(markFile(folder));
    for (const index of [1, 2]) await store.signOnce(channelA, 1, index, chunk('more', 2n), 1);
    store.close();
    const mark = readFileSync(markFile(folder));
    writeFileSync(markFile(folder), oldMark);
    assert.throws(() => openStore(folder), hasCode('storage.old-mark'));
    rmSync(markFile(folder));
    assert.throws(() => openStore(folder), hasCode('storage.mark-missing'));
    writeFileSync(markFile(folder), Buffer.alloc(mark.length));
    assert.throws(() => openStore(folder), hasCode('storage.mark-damaged'));
    writeFileSync(markFile(folder), mark);
    openStore(folder).close();
    openStore(folder).close();
    writeFileSync(markFile(folder), mark);
    // Two starts that served nobody: nothing can have been signed.
    openStore(folder).close();
  });

  test('a write of the mark that was cut off leaves the one before it, and the store goes on', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    for (const index of [1, 2, 3]) {
      const before = readFileSync(markFile(folder));
      await store.signOnce(channelA, 1, index, chunk('more', 2n), 1);
      const cut = snapshot(folder);
      const written = readFileSync(markFile(cut));
      const at = written.findIndex((byte, position) => byte !== before[position]);
      before.copy(written, at + 3, at + 3);
      writeFileSync(markFile(cut), written);
      const again = openStore(cut);
      assert.equal(again.read.request(channelA, 1)!.receipts.length, index + 1);
      again.close();
    }
    store.close();
    const before = readFileSync(markFile(folder));
    openStore(folder).close();
    const written = readFileSync(markFile(folder));
    const at = written.findIndex((byte, position) => byte !== before[position]);
    before.copy(written, at + 3, at + 3);
    writeFileSync(markFile(folder), written);
    openStore(folder).close();
  });

  test('when the mark cannot be written nobody is answered, and a new start goes on with what was committed', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const { binding } = store as unknown as { binding: { file: { writeLater(): Promise<void> } } };
    binding.file.writeLater = () => Promise.reject(new Error('the disk is gone'));
    await assert.rejects(store.signOnce(channelA, 1, 1, chunk('second', 2n), 1), hasCode('storage.io'));
    assert.throws(() => store.read.request(channelA, 1), hasCode('storage.io'));
    await assert.rejects(store.signOnce(channelA, 1, 1, never, 1), hasCode('storage.io'));
    store.close();
    const again = openStore(folder);
    assert.equal((await again.signOnce(channelA, 1, 1, never, 1)).bytes.toString(), 'second');
    again.close();
  });
});

describe('a backup', () => {
  test('holds one moment of a store in use, is private, and claims without a worker key', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const message = Buffer.from('claim');
    await store.addClaim(channelA, { messageHash: bytes32('claim'), amountNano: 5n, message }, 3);
    const backup = join(folder, "a 'backup' #1.db");
    const writing = store.begin(channelA, { seq: 2, termsHash: bytes32(2) }, 1);
    store.backup(backup);
    await writing;
    assert.throws(() => store.backup(backup), hasCode('storage.backup-exists'));
    assert.throws(() => store.backup(join(folder, 'no such folder', 'backup.db')), hasCode('storage.missing'));
    store.close();
    assert.equal(statSync(backup).mode & 0o777, 0o600);
    const copy = openForClaiming(backup);
    assert.equal(copy.read.channel(channelA)!.lastSeq, 1);
    assert.deepEqual(copy.read.channel(channelA)!.voucher, { amountNano: 5n, final: false, signature: signature(1) });
    assert.deepEqual(copy.read.pendingClaims().map((claim) => claim.message), [message]);
    copy.close();
    assert.throws(() => openForClaiming(join(folder, 'nothing.db')), hasCode('storage.missing'));
  });

  test('what is open for claiming cannot be changed', async () => {
    const folder = fresh();
    const store = await servedOnce(folder);
    const backup = join(folder, 'backup.db');
    store.backup(backup);
    store.close();
    const copy = openForClaiming(backup);
    const { read } = copy as unknown as { read: { statements: { run(sql: string): void } } };
    assert.throws(() => read.statements.run('UPDATE channels SET lastSeq = 9'), /readonly/);
    copy.close();
  });
});

describe('the tables of a store', () => {
  test('refuse to lose or change what a signature stands on, whatever a program asks', async () => {
    const store = await servedOnce(fresh());
    for (const sql of [
      "UPDATE receipts SET bytes = x'00'",
      'DELETE FROM channels',
      'UPDATE channels SET lastSeq = 0',
      'UPDATE channels SET dueNano = zeroblob(16)',
      'UPDATE channels SET voucherNano = zeroblob(16)',
      'UPDATE requests SET termsHash = zeroblob(32)',
      'DELETE FROM requests',
      'DELETE FROM receipts',
    ]) {
      assert.throws(() => databaseOf(store).exec(sql), hasCode('SQLITE_CONSTRAINT_TRIGGER'), sql);
    }
    store.close();
  });
});

test('two processes never have one store, and the lock of a killed one is free', async () => {
  const folder = fresh();
  const child = await buildChild();
  const holder = spawn(process.execPath, [child, 'load', folder, `${folder}.log`, '1'], { env: childEnvironment(), stdio: 'ignore' });
  while (!existsSync(`${folder}.log`)) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.throws(() => openStore(folder), hasCode('storage.locked'));
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  openStore(folder).close();
});
