/** Reads witnesses: files of iden3's binary format .wtns, version 2. */
import { FIELD_MODULUS } from '../field';
import { readSections } from '../iden3File';
import { ProverError } from './errors';
import { bytesOf, littleEndian, SCALAR_BYTES } from './zkey';

const HEADER_BYTES = 4 + SCALAR_BYTES + 4;

/**
 * The wires of a witness, 32 bytes each, little-endian. Errors say nothing of what they are.
 * @throws CircuitError `circuit.file`
 * @throws ProverError `prover.witness`
 */
export function readWitness(file: Uint8Array, wires: number): Uint8Array {
  const sections = readSections(file, 'wtns', 2);
  const [header, values] = [sections.get(1), sections.get(2)];
  const refuse = (expected: string, received: string) => new ProverError('prover.witness', 'the witness is not one of this key', { expected, received });
  if (header?.byteLength !== HEADER_BYTES || values === undefined) throw refuse('sections 1 and 2', [...sections.keys()].join(', '));
  if (header.getUint32(0, true) !== SCALAR_BYTES || littleEndian(bytesOf(header).subarray(4, 4 + SCALAR_BYTES)) !== FIELD_MODULUS) {
    throw refuse('numbers modulo the order of BLS12-381', 'another modulus');
  }
  const count = header.getUint32(4 + SCALAR_BYTES, true);
  if (count !== wires || values.byteLength !== wires * SCALAR_BYTES) throw refuse(`${wires} wires`, `${count} wires in ${values.byteLength} bytes`);
  const bytes = bytesOf(values);
  if (values.getUint8(0) !== 1 || bytes.subarray(1, SCALAR_BYTES).some((byte) => byte !== 0)) throw refuse('1 on wire 0', 'another number');
  for (let wire = 0; wire < wires; wire++) if (!isBelowOrder(values, wire * SCALAR_BYTES)) throw refuse('numbers below the order of BLS12-381', `another one on wire ${wire}`);
  return bytes;
}

const ORDER_WORDS = Array.from({ length: 4 }, (_, i) => BigInt.asUintN(64, FIELD_MODULUS >> BigInt(64 * i)));
const ORDER_TOP = Number(FIELD_MODULUS >> 224n);

function isBelowOrder(values: DataView, at: number): boolean {
  const top = values.getUint32(at + 28, true);
  if (top !== ORDER_TOP) return top < ORDER_TOP;
  for (let word = 3; word >= 0; word--) {
    const there = values.getBigUint64(at + 8 * word, true);
    if (there !== ORDER_WORDS[word]) return there < ORDER_WORDS[word];
  }
  return false;
}
