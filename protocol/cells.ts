import { sha256 } from '@noble/hashes/sha2';
import { fitsUint } from './bytes';
import { ProtocolError } from './protocolError';

/** An ordinary TON cell: at most 1,023 bits and 4 references. Its bytes are zero padded; `bitLength` counts. */
export interface PlainCell {
  readonly bytes: Uint8Array;
  readonly bitLength: number;
  readonly refs: readonly PlainCell[];
}

const MAX_BITS = 1023;
const MAX_REFS = 4;

/** Writes integers and bytes bit by bit, most significant bit first, as TL-B does. */
export class CellWriter {
  private readonly bytes = new Uint8Array(128);
  private readonly refs: PlainCell[] = [];
  private length = 0;

  /** Unsigned integer of `bits` bits. */
  uint(name: string, value: bigint | number, bits: number): this {
    if (!fitsUint(value, bits)) {
      throw new ProtocolError('OUT_OF_RANGE', `${name} does not fit its field`, {
        expected: `an integer in 0..2^${bits}-1`,
        received: String(value).slice(0, 90),
      });
    }
    const integer = BigInt(value);
    for (let bit = bits - 1; bit >= 0; bit--) this.bit(((integer >> BigInt(bit)) & 1n) === 1n);
    return this;
  }

  /** Signed integer of 32 bits, two's complement. */
  int32(name: string, value: number): this {
    if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31) {
      throw new ProtocolError('OUT_OF_RANGE', `${name} does not fit its field`, {
        expected: 'a 32-bit signed integer',
        received: String(value),
      });
    }
    return this.uint(name, value >>> 0, 32);
  }

  /** Exactly `length` bytes. */
  fixedBytes(name: string, value: Uint8Array, length: number): this {
    expectLength(name, value, length);
    for (const byte of value) this.uint(name, byte, 8);
    return this;
  }

  /** Grams: 4 bits of length in bytes, then the integer without leading zero bytes. */
  coins(name: string, value: bigint): this {
    if (!fitsUint(value, 120)) {
      throw new ProtocolError('OUT_OF_RANGE', `${name} is not an amount`, {
        expected: 'nanoTON in 0..2^120-1',
        received: String(value).slice(0, 90),
      });
    }
    let bytes = 0;
    while (value >> BigInt(bytes * 8) !== 0n) bytes++;
    return this.uint(name, bytes, 4).uint(name, value, bytes * 8);
  }

  /** A standard address of the basechain: addr_std$10, no anycast, workchain 0. */
  basechainAddress(name: string, hash: Uint8Array): this {
    return this.uint(name, 0b100, 3).uint(name, 0, 8).fixedBytes(name, hash, 32);
  }

  ref(cell: PlainCell): this {
    if (this.refs.length === MAX_REFS) throw new ProtocolError('CELL_OVERFLOW', 'A cell holds at most 4 references');
    this.refs.push(cell);
    return this;
  }

  cell(): PlainCell {
    return { bytes: this.bytes.slice(0, Math.ceil(this.length / 8)), bitLength: this.length, refs: [...this.refs] };
  }

  private bit(value: boolean): void {
    if (this.length === MAX_BITS) throw new ProtocolError('CELL_OVERFLOW', 'A cell holds at most 1023 bits');
    if (value) this.bytes[this.length >> 3] |= 0x80 >> (this.length & 7);
    this.length++;
  }
}

/** Reads what a CellWriter wrote and insists that nothing is left over. */
export class CellReader {
  private position = 0;
  private nextRef = 0;

  constructor(
    private readonly name: string,
    private readonly source: PlainCell,
  ) {}

  uint(bits: number): bigint {
    if (this.position + bits > this.source.bitLength) throw this.malformed(`${bits} more bits`);
    let value = 0n;
    for (let index = 0; index < bits; index++, this.position++) {
      const byte = this.source.bytes[this.position >> 3];
      value = (value << 1n) | BigInt((byte >> (7 - (this.position & 7))) & 1);
    }
    return value;
  }

  number(bits: number): number {
    return Number(this.uint(bits));
  }

  int32(): number {
    return Number(this.uint(32)) | 0;
  }

  fixedBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.number(8));
  }

  coins(): bigint {
    const bytes = this.number(4);
    const value = this.uint(bytes * 8);
    if (bytes > 0 && value >> BigInt((bytes - 1) * 8) === 0n) throw this.malformed('coins without leading zeros');
    return value;
  }

  basechainAddress(): Uint8Array {
    if (this.uint(11) !== 0b10000000000n) throw this.malformed('a standard address of the basechain');
    return this.fixedBytes(32);
  }

  tag(expected: number): void {
    const tag = this.number(32);
    if (tag !== expected) {
      throw new ProtocolError('WRONG_TAG', `This is not a ${this.name}`, {
        expected: `tag ${tagText(expected)}`,
        received: `0x${tag.toString(16)}`,
      });
    }
  }

  ref(name: string): CellReader {
    if (this.nextRef === this.source.refs.length) throw this.malformed(`a reference to its ${name}`);
    return new CellReader(name, this.source.refs[this.nextRef++]);
  }

  end(): void {
    const bits = this.source.bitLength - this.position;
    const refs = this.source.refs.length - this.nextRef;
    if (bits > 0 || refs > 0) throw this.malformed('nothing more', `${bits} bits and ${refs} references`);
  }

  private malformed(expected: string, received = `${this.source.bitLength} bits in all`): ProtocolError {
    return new ProtocolError('MALFORMED_CELL', `${this.name} is malformed`, { expected, received });
  }
}

export function expectLength(name: string, value: Uint8Array, length: number): void {
  if (value.length !== length) {
    throw new ProtocolError('WRONG_LENGTH', `${name} has the wrong length`, {
      expected: `${length} bytes`,
      received: `${value.length} bytes`,
    });
  }
}

const tagText = (tag: number): string =>
  `"${String.fromCharCode(tag >>> 24, (tag >> 16) & 0xff, (tag >> 8) & 0xff, tag & 0xff)}"`;

/** Depths and hashes of cells are computed once each: a tree may refer to one cell along very many paths. */
const depths = new WeakMap<PlainCell, number>();
const hashes = new WeakMap<PlainCell, Uint8Array>();

/** Depth: 0 without references, else one more than the deepest child. */
export function cellDepth(cell: PlainCell): number {
  let depth = depths.get(cell);
  if (depth === undefined) {
    depth = cell.refs.length === 0 ? 0 : 1 + Math.max(...cell.refs.map(cellDepth));
    depths.set(cell, depth);
  }
  return depth;
}

/** Representation hash of an ordinary cell, TVM whitepaper 3.1.5: SHA-256(d1 d2 data, depths, hashes). 32 bytes. */
export function cellHash(cell: PlainCell): Uint8Array {
  let hash = hashes.get(cell);
  if (hash === undefined) {
    hash = sha256(representation(cell));
    hashes.set(cell, hash);
  }
  return hash.slice();
}

function representation(cell: PlainCell): Uint8Array {
  const dataBytes = Math.ceil(cell.bitLength / 8);
  const whole = cell.bitLength % 8 === 0;
  const message = new Uint8Array(2 + dataBytes + cell.refs.length * 34);
  message[0] = cell.refs.length;
  message[1] = dataBytes + Math.floor(cell.bitLength / 8);
  message.set(cell.bytes, 2);
  if (!whole) message[1 + dataBytes] |= 0x80 >> (cell.bitLength & 7);
  let offset = 2 + dataBytes;
  for (const ref of cell.refs) {
    const depth = cellDepth(ref);
    message[offset++] = depth >> 8;
    message[offset++] = depth & 0xff;
  }
  for (const ref of cell.refs) {
    message.set(cellHash(ref), offset);
    offset += 32;
  }
  return message;
}
