/** The quote about a worker's keys as it lies in its data folder: public, and served to whoever wants to verify it. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { fileSystemError, writePrivateFile } from './dataFolder';
import { StorageError } from './errors';

const QUOTE_FILE = 'quote.json';
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** A quote about a worker's keys, carried from the trust domain to where the owner's key is. Nothing in it is secret. */
export const quoteFileSchema = z.strictObject({
  networkId: z.number().int(),
  registry: z.string(),
  owner: z.string(),
  workerKey: hash,
  sealingKey: hash,
  blockSeqno: z.number().int().min(0),
  blockHash: hash,
  platform: z.enum(['tdx', 'simulated']),
  quote: z.string().max(1 << 18).regex(/^[0-9a-f]+$/).refine((hex) => hex.length % 2 === 0),
});
export type QuoteFile = z.infer<typeof quoteFileSchema>;

/** The longest quote with everything around it. */
export const MAX_QUOTE_FILE_BYTES = (1 << 18) + 2_048;

/** @throws StorageError */
export function storeQuote(folder: string, file: QuoteFile): void {
  writePrivateFile(join(folder, QUOTE_FILE), `${JSON.stringify(file)}\n`);
}

/** The newest one; null where there is none. @throws StorageError `storage.quote` for a file that holds none */
export function storedQuote(folder: string): QuoteFile | null {
  const path = join(folder, QUOTE_FILE);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileSystemError(cause, path, 'cannot read the quote');
  }
  try {
    const { size } = fstatSync(file);
    if (size > MAX_QUOTE_FILE_BYTES) throw new Error(`${size} bytes`);
    return quoteFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new StorageError('storage.quote', 'the stored quote cannot be used', {
      expected: 'what `cocoon provider keys quote` wrote', received: path, hint: 'make a new one: cocoon provider keys quote', cause,
    });
  } finally {
    closeSync(file);
  }
}
