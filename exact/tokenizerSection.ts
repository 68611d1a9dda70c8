/** Reading of the tokenizer section of a model file; refusals have codes `model.tokenizer.<reason>`. */
import { ModelFileError } from './errors';

const NO_TOKEN = 0xffffffff;

export function refuseSection(reason: string, message: string, expected: string, received: string): never {
  throw new ModelFileError(`model.tokenizer.${reason}`, message, { expected, received });
}

export function decodeUtf8(bytes: Uint8Array, reason: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    refuseSection(reason, 'the tokenizer section holds text that is not UTF-8', 'UTF-8', 'other bytes');
  }
}

/** bosToken or eosToken: an id of the vocabulary, or none. */
export function optionalId(reader: SectionReader, vocab: number): number | undefined {
  const id = reader.u32();
  if (id === NO_TOKEN) return undefined;
  if (id >= vocab) refuseSection('special-id', 'bos or eos not in the vocabulary', `< ${vocab}`, `${id}`);
  return id;
}

/** How a section says that there is no such token. */
export const idOrNone = (id: number | undefined): number => id ?? NO_TOKEN;

/** Reads big-endian fields; past the end is a truncated section. */
export class SectionReader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly source: Uint8Array) {
    this.view = new DataView(source.buffer, source.byteOffset, source.length);
  }

  u16(): number {
    return this.view.getUint16(this.take(2));
  }

  u32(): number {
    return this.view.getUint32(this.take(4));
  }

  bytes(length: number): Uint8Array {
    const from = this.take(length);
    return this.source.subarray(from, from + length);
  }

  end(): void {
    if (this.at !== this.source.length) {
      refuseSection('length', 'bytes after the tokenizer section', `${this.at} bytes`, `${this.source.length}`);
    }
  }

  private take(length: number): number {
    const from = this.at;
    if (from + length > this.source.length) {
      const expected = `at least ${from + length} bytes`;
      refuseSection('length', 'the tokenizer section is truncated', expected, `${this.source.length}`);
    }
    this.at += length;
    return from;
  }
}
