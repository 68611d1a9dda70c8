/** Files that the commands of the zk tier read and write. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { fileSystemError } from '../../worker/dataFolder';
import type { UsageError } from '../errors';

/** @throws StorageError */
export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileSystemError(cause, path, 'a file cannot be read');
  }
}

/** A JSON document of a form. @throws StorageError; what `refuse` makes, which must not repeat what may be secret */
export function readJson<T>(path: string, schema: z.ZodType<T>, refuse: (cause: unknown) => UsageError): T {
  const text = readBytes(path).toString('utf8');
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw refuse(cause);
  }
}

/** Makes its folder too. @throws StorageError */
export function writeFile(path: string, content: string | Uint8Array): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  } catch (cause) {
    throw fileSystemError(cause, path, 'a file cannot be written');
  }
}
