/** Writes an exact model file row by row: beside its place, and moved there only when it is whole and on disk. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { encodeConfig, type ExactConfig } from '../config';
import { MAGIC } from '../constants';
import { ModelImportError } from '../errors';
import { modelRowLeaves } from '../leafLayout';
import { node, sha256 } from '../merkle';
import { HEADER_BYTES } from '../modelFile';
import { TreeBuilder } from '../treeBuilder';

const BUFFER_BYTES = 4 * 2 ** 20;

/** What stands in front of the rows. */
export interface ModelHead {
  config: ExactConfig;
  /** tokenizer section */
  tokenizer: Uint8Array;
  /** tables section and its root */
  tables: { section: Uint8Array; root: Uint8Array };
}

/** Writes some bytes of a buffer to an open file and says how many; `fs.writeSync`, but for tests. */
export type WriteBytes = (descriptor: number, bytes: Uint8Array, from: number, count: number) => number;

export class ModelWriter {
  private readonly temporary: string;
  private readonly descriptor: number;
  private readonly tree = new TreeBuilder();
  private readonly buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  private filled = 0;
  private closed = false;

  /** @throws ModelImportError `storage.<reason>` */
  constructor(private readonly path: string, private readonly head: ModelHead, private readonly writeBytes: WriteBytes = writeSync) {
    this.temporary = `${path}.${process.pid}.part`;
    this.descriptor = attempt(path, () => openSync(this.temporary, 'wx', 0o644));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(head.tokenizer.length);
    this.orDiscard(() => {
      for (const part of [MAGIC, encodeConfig(head.config), length, head.tokenizer, head.tables.section]) this.write(part);
    });
  }

  /** The next row of the file: header and weights. */
  row(bytes: Buffer): void {
    const weights = new Int8Array(bytes.buffer, bytes.byteOffset + HEADER_BYTES, bytes.length - HEADER_BYTES);
    for (const leaf of modelRowLeaves(bytes.subarray(0, HEADER_BYTES), weights)) this.tree.push(sha256(leaf));
    this.orDiscard(() => this.write(bytes));
  }

  /** Ends the file, waits until the disk has it and gives it its name. Returns the modelRoot. */
  commit(): Uint8Array {
    const { config, tokenizer, tables } = this.head;
    const rows = this.tree.root(3);
    const root = node(node(sha256(encodeConfig(config)), rows), node(sha256(tokenizer), tables.root));
    this.orDiscard(() => {
      this.write(root);
      this.flush();
      fsyncSync(this.descriptor);
      this.close();
      renameSync(this.temporary, this.path);
      const folder = openSync(dirname(this.path), 'r');
      fsyncSync(folder);
      closeSync(folder);
    });
    return root;
  }

  /** Leaves nothing behind; does nothing after `commit`. */
  discard(): void {
    if (this.closed) return;
    this.close();
    rmSync(this.temporary, { force: true });
  }

  private write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, BUFFER_BYTES - this.filled);
      this.buffer.set(bytes.subarray(at, at + count), this.filled);
      this.filled += count;
      at += count;
      if (this.filled === BUFFER_BYTES) this.flush();
    }
  }

  private flush(): void {
    for (let at = 0; at < this.filled; ) at += this.writeBytes(this.descriptor, this.buffer, at, this.filled - at);
    this.filled = 0;
  }

  private close(): void {
    this.closed = true;
    closeSync(this.descriptor);
  }

  private orDiscard(act: () => void): void {
    try {
      attempt(this.path, act);
    } catch (error) {
      this.discard();
      rmSync(this.temporary, { force: true });
      throw error;
    }
  }
}

const REASONS: Record<string, [reason: string, hint: string]> = {
  ENOSPC: ['full', 'free some space on the disk; nothing was left behind'],
  EDQUOT: ['full', 'free some space in your quota; nothing was left behind'],
  EROFS: ['readonly', 'choose another --out'],
  EACCES: ['denied', 'check who owns the folder, or choose another --out'],
  EPERM: ['denied', 'check who owns the folder, or choose another --out'],
  ENOENT: ['missing', 'make the folder of --out first'],
  EEXIST: ['folder', 'another import is writing this file, or one that was killed left its .part file'],
};

function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === undefined) throw cause;
    const [reason, hint] = REASONS[code] ?? ['io', 'check the disk'];
    throw new ModelImportError(`storage.${reason}`, 'the model file could not be written', { expected: path, received: code, hint, cause });
  }
}
