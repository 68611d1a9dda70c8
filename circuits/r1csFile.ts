/** Constraints as a file of iden3's format (.r1cs, version 1), which snarkjs reads. */
import { FIELD_BYTES, FIELD_MODULUS, writeElement } from './field';
import { writeSections } from './iden3File';
import type { R1cs, Term } from './r1cs';

const PUBLIC_INPUTS = 1;
const TERM_BYTES = 4 + FIELD_BYTES;

/** The same constraints give the same bytes. The last public signal is a public input, those before it are outputs. */
export function writeR1cs({ wires, publicSignals, constraints }: R1cs): Uint8Array {
  const header = new Uint8Array(4 + FIELD_BYTES + 28);
  const view = new DataView(header.buffer);
  view.setUint32(0, FIELD_BYTES, true);
  writeElement(FIELD_MODULUS, view, 4);
  const counts = [wires, publicSignals - PUBLIC_INPUTS, PUBLIC_INPUTS, 0];
  counts.forEach((count, i) => view.setUint32(4 + FIELD_BYTES + 4 * i, count, true));
  view.setBigUint64(4 + FIELD_BYTES + 16, BigInt(wires), true);
  view.setUint32(4 + FIELD_BYTES + 24, constraints.length, true);

  const body = new Uint8Array(constraints.reduce((sum, forms) => sum + forms.reduce((size, terms) => size + 4 + TERM_BYTES * terms.length, 0), 0));
  const out = new DataView(body.buffer);
  let at = 0;
  for (const forms of constraints) for (const terms of forms) at = writeTerms(terms, out, at);

  const labels = new Uint8Array(8 * wires);
  const labelView = new DataView(labels.buffer);
  for (let i = 0; i < wires; i++) labelView.setBigUint64(8 * i, BigInt(i), true);
  return writeSections('r1cs', 1, [{ type: 1, bytes: header }, { type: 2, bytes: body }, { type: 3, bytes: labels }]);
}

function writeTerms(terms: readonly Term[], out: DataView, at: number): number {
  out.setUint32(at, terms.length, true);
  terms.forEach(([wire, coefficient], i) => {
    out.setUint32(at + 4 + TERM_BYTES * i, wire, true);
    writeElement(coefficient, out, at + 8 + TERM_BYTES * i);
  });
  return at + 4 + TERM_BYTES * terms.length;
}
