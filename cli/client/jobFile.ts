import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ensurePrivateFolder, fileSystemError, writePrivateFile } from '../../worker/dataFolder';
import { StorageError } from '../../worker/errors';

const hex = z.string().regex(/^([0-9a-f]{2})*$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * Everything that opens a job's answer and checks it. Written with mode 0600 before any money is sent, so that a crash
 * at any moment loses nothing: `cocoon job resume` goes on from here. It contains the prompt and the response key.
 */
export const jobFileSchema = z.strictObject({
  version: z.literal(1),
  address: z.string(),
  networkId: z.number().int(),
  workerUrl: z.string(),
  createdAt: z.number().int(),
  escrow: z.strictObject({
    deadline: z.number().int(),
    priceNano: z.string(),
    outputCells: z.number().int(),
    client: hash,
    payout: hash,
    workerKey: hash,
    termsHash: hash,
  }),
  model: hash,
  valueNano: z.string(),
  /** The plain request (payload of the sealed envelope): asked terms, keys, sampling and prompt tokens. */
  payload: hex,
  stake: hash,
  /** Whether the stake was checked on chain before the money was sent. */
  hasStake: z.boolean().optional(),
  /** A job that asks the stake; with the worker's promise (bag of cells) when it has coverage. */
  checked: z.strictObject({ coverageNano: z.string(), acceptance: hex.optional() }).optional(),
  prompt: z.string(),
  /** Signed wallet message (bag of cells) that creates the job; the same bytes are sent again after a crash. */
  createMessage: hex,
  state: z.enum(['prepared', 'created', 'answered', 'declined', 'expired', 'refused']),
  /** Bag of cells of the body that delivered the answer. */
  delivery: hex.optional(),
  /** Two receipts of the worker that cannot both be honest, as bags of cells with their signatures. */
  evidence: z
    .strictObject({
      terms: hex,
      first: z.strictObject({ receipt: hex, signature: hex }),
      second: z.strictObject({ receipt: hex, signature: hex }),
    })
    .optional(),
});
export type JobFile = z.infer<typeof jobFileSchema>;

const folderOf = (dataFolder: string): string => join(dataFolder, 'jobs');
const pathOf = (dataFolder: string, address: string): string =>
  join(folderOf(dataFolder), `${address.replace(/^0:/, '')}.json`);

/** Writes the file durably; the old content stays whole when writing fails. */
export function saveJob(dataFolder: string, job: JobFile): void {
  ensurePrivateFolder(dataFolder);
  ensurePrivateFolder(folderOf(dataFolder));
  writePrivateFile(pathOf(dataFolder, job.address), `${JSON.stringify(jobFileSchema.parse(job), null, 2)}\n`);
}

/** @throws StorageError `storage.unknown-job`, `storage.damaged` */
export function loadJob(dataFolder: string, address: string): JobFile {
  const path = pathOf(dataFolder, address);
  if (!existsSync(path)) {
    throw new StorageError('storage.unknown-job', 'this data folder knows nothing of the job', {
      received: address,
      hint: 'give the --data-folder of the client that created it',
    });
  }
  try {
    return jobFileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== undefined) throw fileSystemError(cause, path, 'cannot read a job');
    throw new StorageError('storage.damaged', 'a job file is damaged', { received: path, cause });
  }
}

/** Addresses of all jobs of this data folder. */
export function listJobs(dataFolder: string): string[] {
  const folder = folderOf(dataFolder);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
    .map((name) => `0:${name.slice(0, 64)}`);
}
