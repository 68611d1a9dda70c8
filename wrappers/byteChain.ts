import { beginCell, type Builder, type Cell, type Slice } from '@ton/core';
import { CocoonError } from '../protocol/errors';

/** Bytes that one cell of a chain holds. */
export const CHAIN_CELL_BYTES = 127;

/**
 * Stores bytes: the first `inlineBytes` here, the rest in a chain of cells of 127 bytes, each the only reference of the
 * one before it. Every byte string has exactly one such form.
 */
export function storeByteChain(bytes: Uint8Array, inlineBytes: number): (builder: Builder) => void {
  let tail: Cell | null = null;
  const chained = bytes.subarray(inlineBytes);
  const cells = Math.ceil(chained.length / CHAIN_CELL_BYTES);
  for (let index = cells - 1; index >= 0; index--) {
    const part = chained.subarray(index * CHAIN_CELL_BYTES, (index + 1) * CHAIN_CELL_BYTES);
    const cell = beginCell().storeBuffer(Buffer.from(part));
    if (tail) cell.storeRef(tail);
    tail = cell.endCell();
  }
  return (builder) => {
    builder.storeBuffer(Buffer.from(bytes.subarray(0, inlineBytes)));
    if (tail) builder.storeRef(tail);
  };
}

/** Reads such bytes from all that is left of a slice; refuses any other form of them. */
export function loadByteChain(slice: Slice, inlineBytes: number): Uint8Array {
  const parts: Buffer[] = [];
  let current = slice;
  for (let limit = inlineBytes; ; limit = CHAIN_CELL_BYTES) {
    const bits = current.remainingBits;
    const more = current.remainingRefs;
    if (bits % 8 !== 0 || bits > limit * 8 || more > 1 || (more === 1 && bits !== limit * 8)) {
      throw new CocoonError('NOT_A_BYTE_CHAIN', 'Bytes in cells are not in their canonical form', {
        expected: `${limit} bytes and a reference, or fewer bytes and none`,
        received: `${bits} bits and ${more} references`,
      });
    }
    const part = current.loadBuffer(bits / 8);
    if (part.length === 0 && parts.length > 0) {
      throw new CocoonError('NOT_A_BYTE_CHAIN', 'A chain of bytes ends in an empty cell', { expected: 'at least one byte' });
    }
    parts.push(part);
    if (more === 0) break;
    current = current.loadRef().beginParse();
  }
  return new Uint8Array(Buffer.concat(parts));
}
