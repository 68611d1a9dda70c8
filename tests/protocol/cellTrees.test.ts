import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginCell, Cell } from '@ton/core';
import { cellDepth, cellHash, CellWriter, encodeByteChain, OUTPUT_INLINE_BYTES, outputHash, ProtocolError, toHex } from '../../protocol';
import { fromCell, parseCreateJob, parseDelivery, toCell } from '../../wrappers';

/** `levels` cells that each refer four times to the next one: 4^levels paths in a bag of `levels` cells. */
function bomb(levels: number): Cell {
  let cell = beginCell().storeUint(1, 8).endCell();
  for (let level = 0; level < levels; level++) {
    cell = beginCell().storeUint(level, 8).storeRef(cell).storeRef(cell).storeRef(cell).storeRef(cell).endCell();
  }
  return Cell.fromBoc(cell.toBoc())[0];
}

const create = (chain: Cell) =>
  beginCell().storeUint(0x0c01, 32).storeBuffer(Buffer.alloc(32, 1)).storeRef(chain).endCell();

describe('cells that strangers send', () => {
  it('a create message whose few cells unfold to 4^200 paths is refused at once, not walked', () => {
    assert.throws(() => parseCreateJob(create(bomb(200))), ProtocolError);
  });

  it("a worker's claims or output of that kind do not stop a client", () => {
    const chain = bomb(200);
    const head = beginCell().storeBuffer(Buffer.alloc(64)).storeUint(0, 35).storeRef(chain);
    assert.throws(() => parseDelivery(head.storeBuffer(Buffer.alloc(24)).storeRef(chain).endCell()), ProtocolError);
    const plain = fromCell(chain);
    assert.equal(toHex(cellHash(plain)), chain.hash().toString('hex'));
    assert.equal(cellDepth(plain), chain.depth());
  });

  it('cells of every length up to 1,023 bits come over from @ton/core and back with their hash', () => {
    for (let length = 0; length <= 1023; length++) {
      const builder = beginCell();
      for (let bit = 0; bit < length; bit++) builder.storeBit((bit * 7 + length) % 3 === 0);
      const cell = builder.endCell();
      const plain = fromCell(cell);
      assert.equal(plain.bitLength, length);
      assert.equal(toHex(cellHash(plain)), cell.hash().toString('hex'));
      assert.ok(toCell(plain).equals(cell));
    }
  });

  it('a chain cell that is not whole bytes is refused with a typed error', () => {
    for (const bits of [1, 1017, 1023]) {
      const chain = beginCell();
      for (let bit = 0; bit < bits; bit++) chain.storeBit(1);
      assert.throws(() => parseCreateJob(create(chain.endCell())), ProtocolError);
    }
  });

  it('a writer that has made its cell or hash takes nothing more, and leaves nothing in the one that comes after it', () => {
    for (const end of ['cell', 'hash'] as const) {
      const full = new CellWriter();
      for (let bits = 1023; bits > 0; bits -= 31) full.uint('ones', 2 ** 31 - 1, 31);
      full.ref(new CellWriter().uint('ones', 255, 8));
      full[end]();
      assert.throws(() => full.uint('more', 0, 0), ProtocolError);
      const next = new CellWriter().uint('zeros', 0, 5).ref(new CellWriter());
      assert.equal(toHex(next.hash()), beginCell().storeUint(0, 5).storeRef(new Cell()).endCell().hash().toString('hex'));
    }
    const once = new CellWriter().uint('one', 1, 8);
    once.cell();
    assert.throws(() => once.hash(), ProtocolError);
  });

  it('what is written is hashed as the cell that is made of it, references and long chains included', () => {
    const child = (): CellWriter => new CellWriter().uint('odd', 5, 3).ref(new CellWriter().coins('coins', 2n ** 100n));
    const writer = (): CellWriter => new CellWriter().basechainAddress('address', new Uint8Array(32).fill(7)).uint('long', 2n ** 63n + 5n, 64).ref(child()).ref(child());
    assert.equal(toHex(writer().hash()), toHex(cellHash(writer().cell())));
    assert.equal(toHex(writer().hash()), toCell(writer().cell()).hash().toString('hex'));
    for (const length of [0, 24, 25, 151, 152, 256, 5_000]) {
      const bytes = Uint8Array.from({ length }, (_, index) => index * 7);
      assert.equal(toHex(outputHash(bytes)), toHex(cellHash(encodeByteChain(bytes, OUTPUT_INLINE_BYTES))));
    }
  });
});
