import type Database from 'libsql';

export type Row = Record<string, unknown>;
type Value = number | string | Buffer | null;

/** Statements of one connection, each prepared once: preparing takes longer than most of them run. */
export class Statements {
  /** How often anything was changed. */
  changes = 0;
  private readonly prepared = new Map<string, Database.Statement>();

  constructor(private readonly database: Database.Database) {}

  get(sql: string, values: Value[] = []): Row | undefined {
    return this.prepare(sql).get(values) as Row | undefined;
  }

  all(sql: string, values: Value[] = []): Row[] {
    return this.prepare(sql).all(values) as Row[];
  }

  /** @returns how many rows changed */
  run(sql: string, values: Value[] = []): number {
    this.changes++;
    return this.prepare(sql).run(values).changes;
  }

  private prepare(sql: string): Database.Statement {
    let statement = this.prepared.get(sql);
    if (statement === undefined) this.prepared.set(sql, (statement = this.database.prepare(sql)));
    return statement;
  }
}
