import { sha256 } from './sha256';
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
  private readonly bytes = new Uint8Array(129); // one more than a cell's, for `put`
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
    this.reserve(bits);
    const first = bits & 7;
    if (typeof value === 'number' && bits <= 32) {
      if (first > 0) this.put((value >>> (bits - first)) & ((1 << first) - 1), first);
      for (let rest = bits - first - 8; rest >= 0; rest -= 8) this.put((value >>> rest) & 0xff, 8);
      return this;
    }
    const integer = BigInt(value);
    if (first > 0) this.put(Number(integer >> BigInt(bits - first)), first);
    for (let rest = bits - first - 8; rest >= 0; rest -= 8) this.put(Number((integer >> BigInt(rest)) & 0xffn), 8);
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
    this.reserve(length * 8);
    if ((this.length & 7) === 0) {
      this.bytes.set(value, this.length >> 3);
      this.length += length * 8;
    } else for (const byte of value) this.put(byte, 8);
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

  private reserve(bits: number): void {
    if (this.length + bits > MAX_BITS) throw new ProtocolError('CELL_OVERFLOW', 'A cell holds at most 1023 bits');
  }

  /** Up to 8 bits, for which there is room. */
  private put(value: number, bits: number): void {
    const index = this.length >> 3;
    const pair = value << (16 - (this.length & 7) - bits);
    this.bytes[index] |= pair >> 8;
    this.bytes[index + 1] |= pair & 0xff;
    this.length += bits;
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
    this.demand(bits);
    let value = BigInt(this.take(bits & 7));
    for (let rest = bits >> 3; rest > 0; rest--) value = (value << 8n) | BigInt(this.take(8));
    return value;
  }

  /** At most 32 bits. */
  number(bits: number): number {
    this.demand(bits);
    let value = this.take(bits & 7);
    for (let rest = bits >> 3; rest > 0; rest--) value = value * 256 + this.take(8);
    return value;
  }

  int32(): number {
    return this.number(32) | 0;
  }

  fixedBytes(length: number): Uint8Array {
    this.demand(length * 8);
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = this.take(8);
    return bytes;
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

  private demand(bits: number): void {
    if (this.position + bits > this.source.bitLength) throw this.malformed(`${bits} more bits`);
  }

  /** Up to 8 bits that are there. */
  private take(bits: number): number {
    const { bytes } = this.source;
    const index = this.position >> 3;
    const pair = (bytes[index] << 8) | (bytes[index + 1] ?? 0);
    const value = (pair >> (16 - (this.position & 7) - bits)) & ((1 << bits) - 1);
    this.position += bits;
    return value;
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
