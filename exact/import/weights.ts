/** The tensors of a float model, read from disk a few rows at a time. */
import { closeSync, openSync, readSync } from 'node:fs';
import { refuse, tensorShapes, type Architecture } from './architecture';
import { decodeNumbers, fitsType, rowBytesOf, type NumberType } from './numberTypes';

/** Where a tensor lies in a file. */
export interface StoredTensor {
  file: string;
  /** name in the file, for messages */
  name: string;
  type: NumberType;
  /** of its first byte in the file */
  offset: number;
  rows: number;
  columns: number;
  /** stored row of a row, where the file has them in another order */
  order?: (row: number) => number;
}

/** Reads the tensors of one model. */
export class Weights {
  private readonly descriptors = new Map<string, number>();

  /** @param tensors by the names of architecture.ts; checked: none missing, none left over, right shapes */
  constructor(readonly architecture: Architecture, private readonly tensors: Map<string, StoredTensor>) {
    const shapes = tensorShapes(architecture);
    for (const [name, { rows, columns }] of shapes) {
      const tensor = tensors.get(name);
      if (!tensor) refuse('tensor.missing', `the model has no tensor for ${name}`, name, 'nothing');
      if (tensor.rows !== rows || tensor.columns !== columns) {
        const [expected, received] = [`${rows} x ${columns}`, `${tensor.rows} x ${tensor.columns}`];
        refuse('tensor.shape', `tensor ${tensor.name} has a wrong shape`, expected, received);
      }
      if (!fitsType(tensor.type, columns)) {
        const expected = `rows that ${tensor.type} can hold`;
        refuse('tensor.shape', `tensor ${tensor.name} has a wrong row length`, expected, `${columns}`);
      }
    }
    for (const [name, tensor] of tensors) {
      if (!shapes.has(name)) {
        refuse('tensor.extra', `the model has a tensor that its family has not: ${tensor.name}`, 'no such tensor', name);
      }
    }
  }

  /** The first numbers of a tensor that is not one of a model's. */
  static read({ file, type, offset }: StoredTensor, count: number): Float32Array {
    const bytes = Buffer.allocUnsafe(rowBytesOf(type, count));
    const descriptor = openForReading(file);
    try {
      readFully(descriptor, file, bytes, offset);
    } finally {
      closeSync(descriptor);
    }
    const out = new Float32Array(count);
    decodeNumbers(type, bytes, out);
    return out;
  }

  /** Bytes of the largest tensor as stored. */
  largestTensor(): number {
    return Math.max(...[...this.tensors.values()].map(({ type, rows, columns }) => rows * rowBytesOf(type, columns)));
  }

  shape(name: string): { rows: number; columns: number } {
    return this.tensor(name);
  }

  /**
   * Rows [from, from + count) as floats, [count][columns].
   * @throws ModelImportError `model.import.value` for what is not a number, `model.import.unreadable`
   */
  rows(name: string, from: number, count: number): Float32Array {
    const tensor = this.tensor(name);
    const bytes = this.bytes(tensor, from, count);
    const out = new Float32Array(count * tensor.columns);
    decodeNumbers(tensor.type, bytes, out);
    for (let i = 0; i < out.length; i++) {
      if (Number.isFinite(out[i])) continue;
      const where = `row ${from + Math.floor(i / tensor.columns)} of ${tensor.name}`;
      refuse('value', `${where} holds what is not a number`, 'finite weights', `${out[i]}`);
    }
    return out;
  }

  /** A whole tensor. */
  all(name: string): Float32Array {
    return this.rows(name, 0, this.tensor(name).rows);
  }

  close(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor);
    this.descriptors.clear();
  }

  private tensor(name: string): StoredTensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new RangeError(`no tensor ${name}`);
    return tensor;
  }

  private bytes({ file, type, offset, columns, order }: StoredTensor, from: number, count: number): Buffer {
    const rowBytes = rowBytesOf(type, columns);
    const bytes = Buffer.allocUnsafe(count * rowBytes);
    if (!order) this.read(file, bytes, offset + from * rowBytes);
    else {
      for (let i = 0; i < count; i++) {
        this.read(file, bytes.subarray(i * rowBytes, (i + 1) * rowBytes), offset + order(from + i) * rowBytes);
      }
    }
    return bytes;
  }

  private read(file: string, bytes: Buffer, position: number): void {
    let descriptor = this.descriptors.get(file);
    if (descriptor === undefined) this.descriptors.set(file, (descriptor = openForReading(file)));
    readFully(descriptor, file, bytes, position);
  }
}

/** Opens a file or refuses it with `model.import.unreadable`. */
export function openForReading(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (cause) {
    const received = (cause as NodeJS.ErrnoException).code ?? 'an error';
    refuse('unreadable', `${file} cannot be read`, 'a readable file', received, 'check the path and its permissions', cause);
  }
}

/** Fills `bytes` from a position of a file; a shorter file is refused with `model.import.truncated`. */
export function readFully(descriptor: number, file: string, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(descriptor, bytes, done, Math.min(bytes.length - done, 2 ** 30), position + done);
    if (count === 0) refuse('truncated', `${file} is shorter than its header says`, `${position + bytes.length} bytes`);
    done += count;
  }
}
