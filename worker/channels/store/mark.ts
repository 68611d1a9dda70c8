import { createHash } from 'node:crypto';
import { closeSync, existsSync, fdatasync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { fileSystemError, writePrivateFile } from '../../dataFolder';
import { StorageError } from '../../errors';

/** What the key folder knows of the store: up to where it had come when it last answered anybody. */
export interface Mark {
  /** Number of the start, from 1 on. */
  generation: number;
  /** 16 random bytes of that start. */
  startId: Buffer;
  /** Commits since that start. */
  commits: number;
  /** How often the log had been moved into the store's main file (see binding.ts). */
  checkpoints: number;
}

/** The two slots lie in different blocks of the disk and are written in turn: a write that is cut off spoils one of them. */
const SLOT_DISTANCE = 4096;
const TAG = Buffer.from('OCM1');
const BODY_LENGTH = TAG.length + 16 + 3 * 8;
const SLOT_LENGTH = BODY_LENGTH + 32;

/** A small file beside the keys that is rewritten in place, with every start and every commit of the store. */
export class MarkFile {
  private inFlight: Promise<void> | null = null;

  private constructor(
    private readonly path: string,
    private readonly file: number,
    /** The slot to write next. */
    private turn: number,
  ) {}

  /** @returns null when there is none. @throws StorageError `storage.mark-damaged` */
  static read(path: string): Mark | null {
    return newest(path)?.mark ?? null;
  }

  /** Creates or opens the file and writes `mark` into it. Durable when it returns. */
  static open(path: string, mark: Mark): MarkFile {
    const last = newest(path);
    if (last === null) writePrivateFile(path, Buffer.concat([encode(mark), Buffer.alloc(SLOT_DISTANCE)]));
    try {
      const file = new MarkFile(path, openSync(path, 'r+'), last === null ? 1 : 1 - last.slot);
      if (last !== null) file.write(mark);
      return file;
    } catch (cause) {
      throw cause instanceof StorageError ? cause : fileSystemError(cause, path, 'cannot open the mark of the channel store');
    }
  }

  /** Durable when it returns. */
  write(mark: Mark): void {
    try {
      const slot = encode(mark);
      writeSync(this.file, slot, 0, slot.length, this.turn * SLOT_DISTANCE);
      fdatasyncSync(this.file);
      this.turn = 1 - this.turn;
    } catch (cause) {
      throw fileSystemError(cause, this.path, 'cannot write the mark of the channel store');
    }
  }

  /** Resolves when it is durable; the event loop goes on meanwhile. One call at a time. */
  async writeLater(mark: Mark): Promise<void> {
    try {
      const slot = encode(mark);
      writeSync(this.file, slot, 0, slot.length, this.turn * SLOT_DISTANCE);
      this.turn = 1 - this.turn;
      this.inFlight = sync(this.file);
      await this.inFlight;
    } catch (cause) {
      throw fileSystemError(cause, this.path, 'cannot write the mark of the channel store');
    } finally {
      this.inFlight = null;
    }
  }

  /** A file that is being synced is closed afterwards. */
  close(): void {
    const { file } = this;
    if (this.inFlight === null) closeSync(file);
    else void this.inFlight.catch(() => undefined).then(() => closeSync(file));
  }
}

const sync = promisify(fdatasync);

function newest(path: string): { mark: Mark; slot: number } | null {
  if (!existsSync(path)) return null;
  const content = readFileSync(path);
  const [last] = [0, 1]
    .map((slot) => ({ slot, mark: decode(content.subarray(slot * SLOT_DISTANCE, slot * SLOT_DISTANCE + SLOT_LENGTH)) }))
    .filter((found): found is { slot: number; mark: Mark } => found.mark !== null)
    .sort(({ mark: a }, { mark: b }) => b.generation - a.generation || b.commits - a.commits || b.checkpoints - a.checkpoints);
  if (last !== undefined) return last;
  throw new StorageError('storage.mark-damaged', 'the mark of the channel store cannot be read', {
    received: path,
    hint: 'whether this store is the newest cannot be known: use a new worker key in a new --data-folder',
  });
}

function encode({ generation, startId, commits, checkpoints }: Mark): Buffer {
  const numbers = Buffer.alloc(24);
  [generation, commits, checkpoints].forEach((value, index) => numbers.writeBigUInt64BE(BigInt(value), index * 8));
  const body = Buffer.concat([TAG, startId, numbers]);
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

function decode(slot: Buffer): Mark | null {
  const body = slot.subarray(0, BODY_LENGTH);
  const isWhole = body.subarray(0, TAG.length).equals(TAG)
    && createHash('sha256').update(body).digest().equals(slot.subarray(BODY_LENGTH));
  if (!isWhole) return null;
  const number = (index: number): number => Number(body.readBigUInt64BE(TAG.length + 16 + index * 8));
  return {
    generation: number(0),
    startId: Buffer.from(body.subarray(TAG.length, TAG.length + 16)),
    commits: number(1),
    checkpoints: number(2),
  };
}
