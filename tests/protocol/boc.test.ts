import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginCell, BitString, Cell } from '@ton/core';
import fc from 'fast-check';
import { cellHash, CellWriter, decodeBoc, encodeBoc, MAX_BOC_BYTES, ProtocolError, toHex } from '../../protocol';
import { fromCell } from '../../wrappers/cells';

const SEED = 2026;

/** Cells of every length, later ones refer to any earlier ones, some equal; the last one is the root. */
const tree: fc.Arbitrary<Cell> = fc
  .array(fc.record({ length: fc.nat(1023), fill: fc.uint8Array({ minLength: 1, maxLength: 3 }), refs: fc.array(fc.nat(), { maxLength: 4 }) }), { minLength: 1, maxLength: 40 })
  .map((plans) => {
    const cells: Cell[] = [];
    for (const { length, fill, refs } of plans) {
      const data = Buffer.alloc(128, fill);
      const builder = beginCell().storeBits(new BitString(data, 0, length));
      if (cells.length > 0) for (const ref of refs) builder.storeRef(cells[ref % cells.length]);
      cells.push(builder.endCell());
    }
    return cells[cells.length - 1];
  });

/** Refused, and with the one error that says so. */
const refuses = (bytes: Uint8Array): void =>
  assert.throws(() => decodeBoc(bytes), (error: ProtocolError) => error instanceof ProtocolError && error.code === 'MALFORMED_BOC');

const chain = (length: number): Cell => {
  let cell = beginCell().endCell();
  for (let depth = 0; depth < length; depth++) cell = beginCell().storeUint(depth, 16).storeRef(cell).endCell();
  return cell;
};

describe('bags of cells', () => {
  it('are written byte for byte as @ton/core writes them, with and without a checksum', () => {
    fc.assert(
      fc.property(tree, fc.boolean(), (cell, crc32) => {
        assert.equal(toHex(encodeBoc(fromCell(cell), crc32)), cell.toBoc({ idx: false, crc32 }).toString('hex'));
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it('that @ton/core writes, with and without index and checksum, are read with the same hash and written again', () => {
    fc.assert(
      fc.property(tree, fc.boolean(), fc.boolean(), (cell, idx, crc32) => {
        const root = decodeBoc(cell.toBoc({ idx, crc32 }));
        assert.equal(toHex(cellHash(root)), cell.hash().toString('hex'));
        assert.ok(Cell.fromBoc(Buffer.from(encodeBoc(root)))[0].equals(cell));
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it('that were changed anywhere are refused with a typed error, or are another tree that @ton/core reads alike', () => {
    let read = 0;
    fc.assert(
      fc.property(tree, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (cell, at, flip, idx) => {
        const bytes = cell.toBoc({ idx, crc32: false });
        bytes[at % bytes.length] ^= flip;
        try {
          const root = decodeBoc(bytes);
          assert.equal(toHex(cellHash(root)), Cell.fromBoc(bytes)[0].hash().toString('hex'));
          read++;
        } catch (error) {
          assert.ok(error instanceof ProtocolError && error.code === 'MALFORMED_BOC', String(error));
        }
      }),
      { seed: SEED, numRuns: 1_000 },
    );
    assert.ok(read > 100, `${read} were read`);
  });

  it('with any one bit flipped under a checksum, cut anywhere, or with a byte behind them are refused', () => {
    const bytes = new Uint8Array(beginCell().storeUint(5, 7).storeRef(chain(2)).endCell().toBoc());
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const other = bytes.slice();
      other[bit >> 3] ^= 1 << (bit & 7);
      refuses(other);
    }
    for (let length = 0; length < bytes.length; length++) refuses(bytes.subarray(0, length));
    refuses(Uint8Array.of(...bytes, 0));
  });

  it('of 4^500 paths through 500 cells take no longer than their bytes', () => {
    let cell = beginCell().storeUint(1, 8).endCell();
    for (let level = 0; level < 500; level++) cell = beginCell().storeUint(level, 16).storeRef(cell).storeRef(cell).storeRef(cell).storeRef(cell).endCell();
    const root = decodeBoc(cell.toBoc());
    assert.equal(root.refs[0], root.refs[3]);
    assert.equal(toHex(cellHash(root)), cell.hash().toString('hex'));
    assert.equal(toHex(encodeBoc(root)), cell.toBoc().toString('hex'));
  });

  it('are refused when a cell refers to itself or backwards, is deeper than TVM allows, exotic, of two roots, or too long', () => {
    const twoCells = (head: string, ref: string): Uint8Array => Buffer.from(`b5ee9c72${head}0100${ref}0000`, 'hex');
    assert.equal(decodeBoc(twoCells('01010201000500', '01')).refs[0].bitLength, 0);
    refuses(twoCells('01010201000500', '00'));
    refuses(twoCells('01010201000500', '02'));
    refuses(twoCells('0101020200050001', '01'));
    // Its root is the second cell, which the first one refers to.
    assert.equal(decodeBoc(twoCells('01010201000501', '01')).refs.length, 0);
    assert.equal(decodeBoc(chain(1_024).toBoc()).refs.length, 1);
    const deep = chain(1_023);
    const plain = new CellWriter().ref(new CellWriter().ref(new CellWriter().ref(fromCell(deep)))).cell();
    refuses(encodeBoc(plain));
    refuses(beginCell().storeUint(2, 8).storeBuffer(Buffer.alloc(32)).endCell({ exotic: true }).toBoc());
    const fiveRefs = Uint8Array.of(5, 0, 1, 1, 1, 1, 1, 0, 0);
    refuses(Buffer.concat([Buffer.from('b5ee9c7201010201000900', 'hex'), fiveRefs]));
    // Its end in a byte of its own behind whole bytes.
    const longer = Uint8Array.of(0, 3, 1, 0x80);
    refuses(Buffer.concat([Buffer.from('b5ee9c7201010101000400', 'hex'), longer]));
    const bagOf = (count: number): Buffer => {
      const head = Buffer.from('b5ee9c7202040000000100000000000000000000', 'hex');
      head.writeUInt16BE(count, 6);
      head.writeUInt32BE(count * 129, 12);
      return Buffer.concat([head.subarray(0, 18), ...Array.from({ length: count }, () => Buffer.concat([Buffer.from([0, 254]), Buffer.alloc(127)]))]);
    };
    const most = Math.floor((MAX_BOC_BYTES - 18) / 129);
    assert.equal(decodeBoc(bagOf(most)).bitLength, 127 * 8);
    refuses(bagOf(most + 1));
  });
});
