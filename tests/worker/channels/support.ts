import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'libsql';
import { ChannelStore } from '../../../worker/channels/store/channelStore';
import type { MadeReceipt } from '../../../worker/channels/store/records';

export const identity = { networkId: 2026, workerKey: 'ab'.repeat(32) };
export const bytes32 = (name: string | number): Buffer => createHash('sha256').update(String(name)).digest();
export const signature = (name: string | number): Buffer => Buffer.concat([bytes32(`${name}r`), bytes32(`${name}s`)]);
export const terms = Buffer.from('terms of a channel');
export const channelA = bytes32('channel a');
export const channelB = bytes32('channel b');

export const openStore = (folder: string, now = 1000): ChannelStore => ChannelStore.open(folder, identity, now);
export const hasCode = (code: string) => (error: unknown) => (error as { code: string }).code === code;
export const never = (): MadeReceipt => {
  throw new Error('made a second time');
};
export const chunk = (text: string, dueNano: bigint, final = false) => (): MadeReceipt => ({
  bytes: Buffer.from(text),
  dueNano,
  final,
});

/** Numbers in 0..1 that follow from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** SQLite behind an open store, to bring about what a disk does. */
export const databaseOf = (store: ChannelStore): Database.Database =>
  (store as unknown as { database: Database.Database }).database;

/** Where the system keeps files in memory, if it does: for tests that wait for the disk too often. */
export const memoryFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Fresh data folders below one that `remove` deletes. */
export function folders(parent = tmpdir()): { fresh(): string; root: string; remove(): void } {
  const root = mkdtempSync(join(parent, 'cocoon-channels-'));
  let counter = 0;
  return {
    root,
    fresh: () => join(root, `data-${counter++}`),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
