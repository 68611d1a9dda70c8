import { StorageError } from '../errors';

/** Runs `work` and turns errors of SQLite into typed ones. */
export function guarded<T>(subject: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    const code = String((cause as { code?: unknown }).code ?? '');
    const message = String((cause as Error).message ?? cause);
    if (/FULL/.test(code) || /disk is full/.test(message)) {
      throw new StorageError('storage.full', 'the disk is full', {
        received: subject,
        hint: 'free some space and start again; unfinished jobs are taken up where they were',
        cause,
      });
    }
    if (/READONLY|CANTOPEN|PERM/.test(code) || /readonly database|unable to open/.test(message)) {
      throw new StorageError('storage.readonly', 'the store cannot be written', {
        received: subject,
        hint: 'check the owner and the permissions of the data folder',
        cause,
      });
    }
    if (/CONSTRAINT/.test(code)) {
      throw new StorageError('storage.invariant', 'the store refused a change', { received: message, cause });
    }
    throw new StorageError('storage.io', 'the store failed', { received: message || code, cause });
  }
}
