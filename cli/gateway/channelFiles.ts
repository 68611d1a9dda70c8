import { Cell } from '@ton/core';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packChannel, parseChannel, type PaymentChannelTerms } from '../../wrappers';
import { ensurePrivateFolder, writePrivateFile } from '../../worker/dataFolder';

/** The terms of a channel that money may have gone to. */
export interface ChannelFile {
  /** Hash part of its address, lowercase hex. */
  name: string;
  terms: PaymentChannelTerms;
  /** Unix seconds at which its last voucher was signed; null while it is in use. */
  finishedAt: number | null;
}

const OPEN = '.boc';
const FINISHED = '.finished.boc';
const NAME = /^([0-9a-f]{64})(?:\.finished)?\.boc$/;

/** The channels of a client as files: written before money leaves, and kept until it is back. Their terms are all that the chain does not tell. */
export class ChannelFiles {
  private readonly reported = new Set<string>();

  /** @param onUnreadable hears once of each file that is damaged: its channel cannot be tended, the others can */
  constructor(
    private readonly folder: string,
    private readonly onUnreadable: (path: string, error: unknown) => void,
  ) {}

  list(): ChannelFile[] {
    if (!existsSync(this.folder)) return [];
    const files = readdirSync(this.folder).filter((file) => NAME.test(file)).sort();
    const finished = new Set(files.filter((file) => file.endsWith(FINISHED)).map(nameOf));
    // A channel with both files was being finished when the process ended.
    return files.filter((file) => file.endsWith(FINISHED) || !finished.has(nameOf(file))).flatMap((file) => this.read(file));
  }

  private read(file: string): ChannelFile[] {
    const path = join(this.folder, file);
    try {
      const { terms } = parseChannel(Cell.fromBoc(readFileSync(path))[0]);
      return [{ name: nameOf(file), terms, finishedAt: file.endsWith(FINISHED) ? Math.floor(statSync(path).mtimeMs / 1000) : null }];
    } catch (error) {
      if (!this.reported.has(file)) this.onUnreadable(path, error);
      this.reported.add(file);
      return [];
    }
  }

  add(name: string, terms: PaymentChannelTerms): void {
    ensurePrivateFolder(this.folder);
    writePrivateFile(join(this.folder, `${name}${OPEN}`), packChannel(terms).toBoc());
  }

  /** Nothing is bought over it any more. */
  finish({ name, terms }: ChannelFile): void {
    writePrivateFile(join(this.folder, `${name}${FINISHED}`), packChannel(terms).toBoc());
    rmSync(join(this.folder, `${name}${OPEN}`), { force: true });
  }

  forget(name: string): void {
    for (const ending of [OPEN, FINISHED]) rmSync(join(this.folder, `${name}${ending}`), { force: true });
  }
}

const nameOf = (file: string): string => NAME.exec(file)![1];
