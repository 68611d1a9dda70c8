import { cellHash, type PlainCell } from './cells';
import { concatBytes, equalBytes, toHex, uintBytes } from './bytes';
import { ProtocolError } from './protocolError';

const MAGIC = 0xb5ee9c72;
/** Longest bag that is read: an account's whole state is shorter. */
export const MAX_BOC_BYTES = 1 << 20;
/** Of a cell; TVM makes none that is deeper. */
const MAX_DEPTH = 1_024;

/**
 * A tree of cells as a bag (serialized_boc of boc.tlb): one root, equal cells once, no index.
 * @param withChecksum CRC-32C at its end, as wallets and explorers write it
 */
export function encodeBoc(root: PlainCell, withChecksum = true): Uint8Array {
  const indexes = new Map<string, number>();
  const order: PlainCell[] = [];
  // Last references first and backwards: each cell comes before those that it refers to.
  const visit = (cell: PlainCell): void => {
    const key = toHex(cellHash(cell));
    if (indexes.has(key)) return;
    for (let index = cell.refs.length - 1; index >= 0; index--) visit(cell.refs[index]);
    indexes.set(key, order.push(cell));
  };
  visit(root);
  const count = order.length;
  const size = bytesOf(count);
  const place = (cell: PlainCell): Uint8Array => uintBytes(count - indexes.get(toHex(cellHash(cell)))!, size);
  const cells = concatBytes(...order.reverse().flatMap((cell) => [ownBytes(cell), ...cell.refs.map(place)]));
  const offset = bytesOf(cells.length);
  const head = [uintBytes(MAGIC, 4), uintBytes((withChecksum ? 0x40 : 0) | size, 1), uintBytes(offset, 1), uintBytes(count, size)];
  const bag = concatBytes(...head, uintBytes(1, size), uintBytes(0, size), uintBytes(cells.length, offset), uintBytes(0, size), cells);
  return withChecksum ? concatBytes(bag, crc32c(bag)) : bag;
}

/**
 * The one root of a bag of ordinary cells, from anybody. Cells that several refer to are one object, so it takes no more memory than the bag.
 * Library, pruned and proof cells are refused, as are cells that carry hashes.
 * @throws ProtocolError MALFORMED_BOC
 */
export function decodeBoc(bytes: Uint8Array): PlainCell {
  if (bytes.length > MAX_BOC_BYTES) throw malformed(`at most ${MAX_BOC_BYTES} bytes`, bytes);
  let position = 0;
  const uint = (length: number): number => {
    if (position + length > bytes.length) throw malformed(`${length} more bytes at ${position}`, bytes);
    let value = 0;
    for (const end = position + length; position < end; position++) value = value * 256 + bytes[position];
    return value;
  };
  const demand = (holds: boolean, expected: string): void => {
    if (!holds) throw malformed(expected, bytes);
  };
  demand(uint(4) === MAGIC, 'b5ee9c72 at its beginning');
  const flags = uint(1);
  const size = flags & 7;
  const offset = uint(1);
  const [hasIndex, hasChecksum] = [(flags & 0x80) !== 0, (flags & 0x40) !== 0];
  demand((flags & 0x18) === 0 && (hasIndex || (flags & 0x20) === 0) && size >= 1 && size <= 4 && offset >= 1 && offset <= 8, 'known flags and sizes');
  const count = uint(size);
  demand(uint(size) === 1 && uint(size) === 0, 'one root, nothing absent');
  const length = uint(offset);
  const rootIndex = uint(size);
  const start = position + (hasIndex ? count * offset : 0);
  demand(rootIndex < count && start + length + (hasChecksum ? 4 : 0) === bytes.length && count * 2 <= length, 'as many bytes as its head says');
  if (hasChecksum) demand(equalBytes(crc32c(bytes.subarray(0, -4)), bytes.subarray(-4)), 'the checksum of its bytes');
  position = start;
  const heads = Array.from({ length: count }, (_, self) => {
    const refCount = uint(1);
    const descriptor = uint(1);
    demand(refCount <= 4, 'ordinary cells of at most 4 references');
    const data = new Uint8Array(bytes.subarray(position, (position += (descriptor + 1) >> 1)));
    let bitLength = data.length * 8;
    if ((descriptor & 1) === 1) {
      const last = data[data.length - 1];
      demand((last & 0x7f) !== 0, 'cells in their shortest form');
      bitLength -= 32 - Math.clz32(last & -last);
      data[data.length - 1] = last & (last - 1);
    }
    const refs = Array.from({ length: refCount }, () => uint(size));
    for (const ref of refs) demand(ref > self && ref < count, 'references to later cells');
    return { data, bitLength, refs };
  });
  demand(position === start + length, 'nothing behind its cells');
  const cells = new Array<PlainCell>(count);
  const depths = new Uint16Array(count);
  for (let index = count - 1; index >= 0; index--) {
    const { data, bitLength, refs } = heads[index];
    for (const ref of refs) depths[index] = Math.max(depths[index], depths[ref] + 1);
    demand(depths[index] <= MAX_DEPTH, `a depth of at most ${MAX_DEPTH}`);
    cells[index] = { bytes: data, bitLength, refs: refs.map((ref) => cells[ref]) };
  }
  return cells[rootIndex];
}

/** Descriptors and data of a cell; its references come behind them. */
function ownBytes({ bytes, bitLength, refs }: PlainCell): Uint8Array {
  const own = concatBytes(Uint8Array.of(refs.length, (bitLength + 7 >> 3) + (bitLength >> 3)), bytes);
  if ((bitLength & 7) !== 0) own[own.length - 1] |= 0x80 >> (bitLength & 7);
  return own;
}

/** Bytes that an unsigned integer takes, at least one. */
const bytesOf = (value: number): number => Math.max(1, Math.ceil((32 - Math.clz32(value)) / 8));

/** CRC-32C (RFC 3720), as a bag ends with it: little-endian. */
function crc32c(bytes: Uint8Array): Uint8Array {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return uintBytes(~crc >>> 0, 4).reverse();
}

const malformed = (expected: string, bytes: Uint8Array): ProtocolError =>
  new ProtocolError('MALFORMED_BOC', 'This is not a bag of cells that can be read', { expected, received: `${bytes.length} bytes` });
