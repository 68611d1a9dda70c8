import Database from 'libsql';
import { accessSync, constants } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { fileSystemError } from '../../dataFolder';
import { StorageError } from '../../errors';
import { schemaVersion } from '../../store/database';
import { guarded } from '../../store/guarded';
import { ChannelTable } from './channelTable';
import { ChannelReader } from './reader';
import { CHANNEL_SCHEMA_STEPS } from './schema';
import { Statements } from './statements';

/** A store that is only read: its vouchers can be claimed, and nothing can be begun or signed. */
export interface ClaimingCopy {
  read: ChannelReader;
  close(): void;
}

/**
 * Opens a backup or an old copy of a store, wherever it lies and whatever worker key is in use now: a claim needs the claim
 * key and a voucher, no worker key.
 * @throws StorageError `storage.missing` or `storage.denied` when it cannot be read, `storage.schema`
 */
export function openForClaiming(file: string): ClaimingCopy {
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw fileSystemError(cause, file, 'cannot read the copy of a channel store');
  }
  return guarded(file, () => {
    const database = new Database(`${pathToFileURL(file).href}?mode=ro`);
    try {
      const version = schemaVersion(database);
      // What a claim needs is in every version.
      if (version < 1 || version > CHANNEL_SCHEMA_STEPS.length) {
        throw new StorageError('storage.schema', 'the store was written by another version', {
          expected: `schema 1..${CHANNEL_SCHEMA_STEPS.length}`,
          received: `schema ${version}`,
          hint: 'read it with the version that wrote it',
        });
      }
      const statements = new Statements(database);
      return { read: new ChannelReader(statements, new ChannelTable(statements)), close: () => database.close() };
    } catch (error) {
      database.close();
      throw error;
    }
  });
}
