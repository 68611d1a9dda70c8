import { CellReader, CellWriter, type PlainCell } from './cells';
import { ProtocolError } from './protocolError';

/** Bytes that one cell of a chain holds. */
export const CHAIN_CELL_BYTES = 127;
/** Bytes of a request that stand in the create message itself. */
export const REQUEST_INLINE_BYTES = 32;
/** Bytes of an output that stand in the delivering message itself. */
export const OUTPUT_INLINE_BYTES = 24;

/** Cells that `length` bytes fill beyond the inline ones. */
export function chainCells(length: number, inlineBytes: number): number {
  return Math.max(0, Math.ceil((length - inlineBytes) / CHAIN_CELL_BYTES));
}

/**
 * Bytes as cells: the first `inlineBytes` in the root, the rest in a chain of cells of 127 bytes, each the only
 * reference of the one before it. Every byte string has exactly one such form.
 */
export function encodeByteChain(bytes: Uint8Array, inlineBytes: number): PlainCell {
  return chainOf<PlainCell>(bytes, inlineBytes, (part, tail) => ({ bytes: Uint8Array.from(part), bitLength: part.length * 8, refs: tail ? [tail] : [] }));
}

/** Hash of that root. 32 bytes. */
export function byteChainHash(bytes: Uint8Array, inlineBytes: number): Uint8Array {
  return chainOf<CellWriter>(bytes, inlineBytes, (part, tail) => {
    const writer = new CellWriter().bits(part, part.length * 8);
    if (tail !== undefined) writer.ref(tail);
    writer.hash();
    return writer;
  }).hash();
}

/** From its end to its root. */
function chainOf<T>(bytes: Uint8Array, inlineBytes: number, cellOf: (part: Uint8Array, tail?: T) => T): T {
  let tail: T | undefined;
  for (let index = chainCells(bytes.length, inlineBytes) - 1; index >= 0; index--) {
    const start = inlineBytes + index * CHAIN_CELL_BYTES;
    tail = cellOf(bytes.subarray(start, start + CHAIN_CELL_BYTES), tail);
  }
  return cellOf(bytes.subarray(0, inlineBytes), tail);
}

/** Reads such bytes; refuses any other form of them. */
export function decodeByteChain(root: PlainCell, inlineBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let cell: PlainCell | undefined = root;
  for (let limit = inlineBytes; cell; limit = CHAIN_CELL_BYTES) {
    const { bitLength, refs }: PlainCell = cell;
    const full = bitLength === limit * 8;
    if (bitLength % 8 !== 0 || bitLength > limit * 8 || refs.length > 1 || (refs.length === 1 && !full)) {
      throw new ProtocolError('NOT_A_BYTE_CHAIN', 'Bytes in cells are not in their canonical form', {
        expected: `${limit} bytes and a reference, or fewer bytes and none`,
        received: `${bitLength} bits and ${refs.length} references`,
      });
    }
    if (bitLength === 0 && parts.length > 0) {
      throw new ProtocolError('NOT_A_BYTE_CHAIN', 'A chain of bytes ends in an empty cell', {
        expected: 'at least one byte',
      });
    }
    parts.push(new CellReader('byte chain', cell).fixedBytes(bitLength / 8));
    cell = refs[0];
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
