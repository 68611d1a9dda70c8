import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ensurePrivateFolder, writePrivateFile } from '../../worker/dataFolder';
import { StorageError } from '../../worker/errors';

/** A challenge of this data folder, written before its money is sent: a restart finds it. */
const schema = z.strictObject({
  version: z.literal(1),
  /** Of the answer, for `accusedOf`. */
  name: z.string(),
  receiptHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** `0:<hex>`. */
  stake: z.string(),
  case: z.string(),
  /** Chain time before it was opened, Unix seconds. */
  since: z.number().int(),
  /** What the stake had lost before, nanoTON. */
  slashedBefore: z.string(),
  /** Gas of the proof, once one was given. */
  proofGas: z.number().int().nullable(),
  check: z.string().nullable(),
  moves: z.number().int(),
  verdict: z.enum(['acquitted', 'convicted', 'moot']).nullable(),
});
export type ChallengeRecord = z.infer<typeof schema>;

const folderOf = (dataFolder: string): string => join(dataFolder, 'challenges');
const pathOf = (dataFolder: string, receiptHash: string): string => join(folderOf(dataFolder), `${receiptHash}.json`);

/** @throws StorageError */
export function saveChallenge(dataFolder: string, record: ChallengeRecord): void {
  ensurePrivateFolder(dataFolder);
  ensurePrivateFolder(folderOf(dataFolder));
  writePrivateFile(pathOf(dataFolder, record.receiptHash), `${JSON.stringify(schema.parse(record), null, 2)}\n`);
}

/** @throws StorageError `storage.damaged` */
export function loadChallenge(dataFolder: string, receiptHash: string): ChallengeRecord | null {
  const path = pathOf(dataFolder, receiptHash);
  if (!existsSync(path)) return null;
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new StorageError('storage.damaged', 'the record of a challenge is damaged', { received: path, hint: 'the chain still has the case: move the file away and run the command again', cause });
  }
}

/** Challenges that have no verdict yet. */
export function runningChallenges(dataFolder: string): ChallengeRecord[] {
  const folder = folderOf(dataFolder);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const record = /^[0-9a-f]{64}\.json$/.test(name) ? loadChallenge(dataFolder, name.slice(0, 64)) : null;
    return record?.verdict === null ? [record] : [];
  });
}
