import type { Database, Table } from '../../../miniapp/src/channel/database';
import type { Locks } from '../../../miniapp/src/channel/store';

/** The page was closed. */
export class Killed extends Error {}

/** A disk in memory, which outlives the page that writes to it and counts its steps. */
export class MemoryDisk {
  readonly tables: Record<Table, Map<string, unknown>> = { channels: new Map(), keys: new Map() };
  /** Written so far. */
  writes = 0;
}

/**
 * One start of the page over a disk. It can be killed: before what is being written is there, or when it is and nobody was told. From then on nothing
 * answers.
 */
export class MemoryDatabase implements Database {
  private left = Infinity;
  private isDead = false;

  constructor(readonly disk: MemoryDisk) {}

  /** Ends the page at half a write from now: an even number before it is on disk, an odd one behind it. */
  killAfter(halves: number): void {
    this.left = halves;
  }

  kill(): void {
    this.isDead = true;
  }

  async get(table: Table, key: string): Promise<unknown> {
    this.live();
    return structuredClone(this.disk.tables[table].get(key));
  }

  async all(table: Table): Promise<unknown[]> {
    this.live();
    return structuredClone([...this.disk.tables[table].values()]);
  }

  async update(table: Table, key: string, change: (known: unknown) => unknown): Promise<void> {
    await Promise.resolve();
    this.step();
    const next = change(structuredClone(this.disk.tables[table].get(key)));
    if (next === undefined) this.disk.tables[table].delete(key);
    else this.disk.tables[table].set(key, structuredClone(next));
    this.disk.writes++;
    this.step();
  }

  private step(): void {
    this.live();
    if (this.left-- > 0) return;
    this.isDead = true;
    throw new Killed();
  }

  private live(): void {
    if (this.isDead) throw new Killed();
  }
}

/** Locks of one browser; a tab that dies loses its own. */
export class MemoryLocks {
  private readonly held = new Map<string, object>();

  tab(): Locks & { die(): void } {
    const mine = {};
    const free = (name: string): void => void (this.held.get(name) === mine && this.held.delete(name));
    return {
      take: async (name) => {
        if (this.held.has(name)) return null;
        this.held.set(name, mine);
        return () => free(name);
      },
      die: () => [...this.held.keys()].forEach(free),
    };
  }
}
