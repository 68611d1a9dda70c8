/** What TON Connect keeps between starts of the page: in localStorage under a prefix, in memory where there is none or it throws. */
const PREFIX = 'open-cocoon:';

export type PlainStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export class WalletStorage {
  private readonly memory = new Map<string, string>();

  constructor(private readonly storage: () => PlainStorage = () => localStorage) {}

  get(key: string): string | null {
    return this.memory.get(key) ?? this.tried((storage) => storage.getItem(PREFIX + key)) ?? null;
  }

  set(key: string, value: string): void {
    const isKept = this.tried((storage) => {
      storage.setItem(PREFIX + key, value);
      return storage.getItem(PREFIX + key) === value;
    });
    if (isKept === true) this.memory.delete(key);
    else this.memory.set(key, value);
  }

  remove(key: string): void {
    this.memory.delete(key);
    this.tried((storage) => storage.removeItem(PREFIX + key));
  }

  /** undefined where it throws. Reading the property itself may throw. */
  private tried<T>(use: (storage: PlainStorage) => T): T | undefined {
    try {
      return use(this.storage());
    } catch {
      return undefined;
    }
  }
}
