/** Where the page keeps what it must not forget. One database, one version, two tables: `channels` and `keys`. */
import { walletError } from '../wallet/errors';

export type Table = 'channels' | 'keys';

/** A small database. What fails leaves everything as it was. */
export interface Database {
  /** undefined where there is none. */
  get(table: Table, key: string): Promise<unknown>;
  all(table: Table): Promise<unknown[]>;
  /**
   * Reads and writes one record with nobody in between, and resolves once it is on disk.
   * @param change gets what is there or undefined; what it returns is written, undefined deletes, and what it throws changes nothing
   */
  update(table: Table, key: string, change: (known: unknown) => unknown): Promise<void>;
}

const NAME = 'open-cocoon';
const VERSION = 1;
const TABLES: readonly Table[] = ['channels', 'keys'];

/** The browser's own. @throws PageError `wallet.storage` where a page cannot keep anything */
export async function openDatabase(name = NAME): Promise<Database> {
  try {
    return new IndexedDatabase(await opened(name));
  } catch (cause) {
    throw walletError('wallet.storage', {}, cause);
  }
}

function opened(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => TABLES.forEach((table) => request.result.createObjectStore(table));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    // Another tab has an older version open, and would have to be closed first.
    request.onblocked = () => reject(new Error('blocked'));
  });
}

class IndexedDatabase implements Database {
  constructor(private readonly database: IDBDatabase) {
    // A later version of the page may replace it.
    database.onversionchange = () => database.close();
  }

  get(table: Table, key: string): Promise<unknown> {
    return this.read(table, (store) => store.get(key));
  }

  all(table: Table): Promise<unknown[]> {
    return this.read(table, (store) => store.getAll());
  }

  private read<T>(table: Table, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => reject(walletError('wallet.storage', {}, cause));
      try {
        const request = ask(this.database.transaction(table, 'readonly').objectStore(table));
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => fail(request.error);
      } catch (cause) {
        fail(cause);
      }
    });
  }

  update(table: Table, key: string, change: (known: unknown) => unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => reject(walletError('wallet.storage', {}, cause));
      try {
        const transaction = this.database.transaction(table, 'readwrite', { durability: 'strict' });
        const store = transaction.objectStore(table);
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => fail(transaction.error);
        const request = store.get(key);
        request.onsuccess = () => {
          try {
            const next = change(request.result);
            if (next === undefined) store.delete(key);
            else store.put(next, key);
          } catch (refusal) {
            // What the change threw goes on as it is.
            reject(refusal);
            transaction.abort();
          }
        };
      } catch (cause) {
        fail(cause);
      }
    });
  }
}
