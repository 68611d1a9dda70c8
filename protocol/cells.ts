import { sha256 } from './sha256';
import { fitsUint, uintBytes } from './bytes';
import { ProtocolError } from './protocolError';

/** An ordinary TON cell: at most 1,023 bits and 4 references. Its bytes are zero padded; `bitLength` counts. */
export interface PlainCell {
  readonly bytes: Uint8Array;
  readonly bitLength: number;
  readonly refs: readonly PlainCell[];
}

const MAX_BITS = 1023;
const MAX_REFS = 4;

/** Bits in front of a cell's data in what is hashed: the two descriptor bytes. */
const HEAD_BITS = 16;
const LONGEST_REPRESENTATION = 2 + 128 + MAX_REFS * 34;

/** Buffers that no writer holds, all zeros: making one takes longer than filling it. */
const spare: Uint8Array[] = [];
const MAX_SPARE = 64;
const NOTHING = new Uint8Array(0);

/** Writes integers and bytes bit by bit, most significant bit first, as TL-B does. `cell` or `hash` ends it. */
export class CellWriter {
  /** What is hashed in the end: descriptors, data, depths and hashes of the references. */
  private bytes = spare.pop() ?? new Uint8Array(LONGEST_REPRESENTATION);
  private readonly refs: (PlainCell | CellWriter)[] = [];
  private length = HEAD_BITS;
  private depth = 0;
  private hashed: Uint8Array | null = null;

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
    for (const byte of uintBytes(BigInt.asUintN(bits - first, integer), (bits - first) / 8)) this.put(byte, 8);
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
    } else for (let index = 0; index < length; index++) this.put(value[index], 8);
    return this;
  }

  /** The first `length` bits of zero padded bytes, at the beginning of a cell. */
  bits(value: Uint8Array, length: number): this {
    this.reserve(length);
    this.bytes.set(value.subarray(0, Math.ceil(length / 8)), this.length >> 3);
    this.length += length;
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
    for (let rest = value; rest !== 0n; rest >>= 8n) bytes++;
    return this.uint(name, bytes, 4).uint(name, value, bytes * 8);
  }

  /** A standard address of the basechain: addr_std$10, no anycast, workchain 0. */
  basechainAddress(name: string, hash: Uint8Array): this {
    return this.uint(name, 0b100, 3).uint(name, 0, 8).fixedBytes(name, hash, 32);
  }

  /** @param cell or what writes it */
  ref(cell: PlainCell | CellWriter): this {
    if (this.refs.length === MAX_REFS) throw new ProtocolError('CELL_OVERFLOW', 'A cell holds at most 4 references');
    this.refs.push(cell);
    this.depth = Math.max(this.depth, 1 + (cell instanceof CellWriter ? cell.depth : cellDepth(cell)));
    return this;
  }

  cell(): PlainCell {
    this.reserve(0);
    const bitLength = this.length - HEAD_BITS;
    const bytes = this.bytes.slice(2, 2 + Math.ceil(bitLength / 8));
    const refs = this.refs.map((ref) => (ref instanceof CellWriter ? ref.cell() : ref));
    this.end(bytes.length + 2);
    return { bytes, bitLength, refs };
  }

  /** Representation hash of the cell, TVM whitepaper 3.1.5: SHA-256(d1 d2 data, depths, hashes). 32 bytes. No cell is made for it. */
  hash(): Uint8Array {
    if (this.hashed !== null) return this.hashed;
    this.reserve(0);
    const { bytes, refs } = this;
    const bitLength = this.length - HEAD_BITS;
    let offset = 2 + Math.ceil(bitLength / 8);
    bytes[0] = refs.length;
    bytes[1] = (bitLength + 7 >> 3) + (bitLength >> 3);
    if ((bitLength & 7) !== 0) bytes[offset - 1] |= 0x80 >> (bitLength & 7);
    for (const ref of refs) {
      const depth = ref instanceof CellWriter ? ref.depth : cellDepth(ref);
      bytes[offset++] = depth >> 8;
      bytes[offset++] = depth & 0xff;
    }
    for (const ref of refs) {
      bytes.set(ref instanceof CellWriter ? ref.hash() : cellHash(ref), offset);
      offset += 32;
    }
    this.hashed = sha256(bytes.subarray(0, offset));
    this.end(offset);
    return this.hashed;
  }

  /** Nothing fits any more; the buffer is another writer's. */
  private end(usedBytes: number): void {
    if (spare.length < MAX_SPARE) spare.push(this.bytes.fill(0, 0, usedBytes + 1));
    this.bytes = NOTHING;
    this.length = Infinity;
  }

  private reserve(bits: number): void {
    if (this.length + bits > HEAD_BITS + MAX_BITS) throw new ProtocolError('CELL_OVERFLOW', 'A cell holds at most 1023 bits');
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
    return new CellReader(name, this.cell(name));
  }

  /** The cell that the next reference is to, unread. */
  cell(name: string): PlainCell {
    if (this.nextRef === this.source.refs.length) throw this.malformed(`a reference to its ${name}`);
    return this.source.refs[this.nextRef++];
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

/** Depths and hashes of cells with references are computed once each: a tree may refer to one cell along very many paths. */
const depths = new WeakMap<PlainCell, number>();
const hashes = new WeakMap<PlainCell, Uint8Array>();

/** Depth: 0 without references, else one more than the deepest child. */
export function cellDepth(cell: PlainCell): number {
  if (cell.refs.length === 0) return 0;
  let depth = depths.get(cell);
  if (depth === undefined) {
    depth = 1 + Math.max(...cell.refs.map(cellDepth));
    depths.set(cell, depth);
  }
  return depth;
}

/** Representation hash of an ordinary cell. 32 bytes. */
export function cellHash(cell: PlainCell): Uint8Array {
  let hash = hashes.get(cell);
  if (hash === undefined) {
    const writer = new CellWriter().bits(cell.bytes, cell.bitLength);
    for (const ref of cell.refs) writer.ref(ref);
    hash = writer.hash();
    if (cell.refs.length > 0) hashes.set(cell, hash);
  }
  return hash.slice();
}
