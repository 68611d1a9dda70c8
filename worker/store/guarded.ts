import { StorageError } from '../errors';

/** Runs `work` and turns errors of SQLite into typed ones. */
export function guarded<T>(subject: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw storageError(subject, cause);
  }
}

/** What SQLite said about `subject`, as a typed error; a typed one stays what it is. */
export function storageError(subject: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const code = String((cause as { code?: unknown }).code ?? '');
  const message = String((cause as Error).message ?? cause);
  if (/FULL/.test(code) || /disk is full/.test(message)) {
    return new StorageError('storage.full', 'the disk is full', {
      received: subject,
      hint: 'free some space and start again; unfinished jobs are taken up where they were',
      cause,
    });
  }
  if (/READONLY|CANTOPEN|PERM/.test(code) || /readonly database|unable to open/.test(message)) {
    return new StorageError('storage.readonly', 'the store cannot be written', {
      received: subject,
      hint: 'check the owner and the permissions of the data folder',
      cause,
    });
  }
  if (/NOTADB|CORRUPT/.test(code) || /file is not a database|malformed/.test(message)) {
    return new StorageError('storage.damaged', 'the store is damaged', {
      received: `${subject}: ${message}`,
      hint: 'put a copy in its place that you know to be the newest; nothing was changed',
      cause,
    });
  }
  if (/CONSTRAINT/.test(code)) {
    return new StorageError('storage.invariant', 'the store refused a change', { received: message, cause });
  }
  return new StorageError('storage.io', 'the store failed', { received: message || code, cause });
}
