/** A witness as a file of iden3's format (.wtns, version 2), which snarkjs reads. */
import { FIELD_BYTES, FIELD_MODULUS, writeElement } from './field';
import { writeSections } from './iden3File';

/** @param witness [wires], each in [0, r) */
export function writeWtns(witness: readonly bigint[]): Uint8Array {
  const header = new Uint8Array(8 + FIELD_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, FIELD_BYTES, true);
  writeElement(FIELD_MODULUS, view, 4);
  view.setUint32(4 + FIELD_BYTES, witness.length, true);
  const body = new Uint8Array(FIELD_BYTES * witness.length);
  const out = new DataView(body.buffer);
  witness.forEach((x, i) => writeElement(x, out, FIELD_BYTES * i));
  return writeSections('wtns', 2, [{ type: 1, bytes: header }, { type: 2, bytes: body }]);
}
