import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginCell, Cell } from '@ton/core';
import { cellDepth, cellHash, ProtocolError, toHex } from '../../protocol';
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
});
