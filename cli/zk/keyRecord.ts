/** The verification key of a proving key, once it is seen to be of this circuit. */
import { FIELD_MODULUS, type BuiltCircuit, type R1cs, type Term } from '../../circuits';
import { readElement, toField } from '../../circuits/field';
import { readProvingKey, type ProvingKey } from '../../circuits/groth16';
import { COEFFICIENT_BYTES } from '../../circuits/groth16/zkey';
import { domainOf } from '../../circuits/record';
import { keyRecord } from '../../circuits/setup/keyRecord';
import type { VerificationKeyRecord } from '../../protocol/zk';
import { VerificationError } from '../errors';

/** Coefficients of a key are multiplied by it: 2^512, twice the Montgomery factor. */
const FACTOR = toField(1n << 512n);
/**
 * A key from here is recorded as a development key: whoever made it may have kept its secrets. A ceremony's transcript makes the other record.
 * @throws VerificationError `verification.zk.circuit` for the key of another circuit
 * @throws as readProvingKey and keyRecord: a key that anyone can forge with, points that are none
 */
export function keyRecordOf({ r1cs, r1csFile, record }: BuiltCircuit, zkey: Uint8Array, phase1: Uint8Array): VerificationKeyRecord {
  const difference = differenceOf(r1cs, readProvingKey(zkey));
  if (difference !== undefined) {
    throw new VerificationError('verification.zk.circuit', 'the proving key is of another circuit', { expected: `the key of r1cs ${record.r1csHash}`, received: difference });
  }
  return keyRecord('development', { zkey, r1cs: r1csFile, phase1 });
}

/** What shows that a key is not of these constraints: sizes, or a coefficient of a or b. c is in the points alone, so this is no proof that it is. */
function differenceOf(r1cs: R1cs, { wires, publicSignals, domainLog, coefficients }: ProvingKey): string | undefined {
  if (wires !== r1cs.wires || publicSignals !== r1cs.publicSignals || 2 ** domainLog !== domainOf(r1cs)) return `${wires} wires, ${publicSignals} public, domain 2^${domainLog}`;
  const expected = new Map<string, bigint>();
  const add = (matrix: number, row: number, terms: readonly Term[]) => terms.forEach(([wire, coefficient]) => expected.set(`${matrix} ${row} ${wire}`, coefficient));
  r1cs.constraints.forEach(([a, b], row) => {
    add(0, row, a);
    add(1, row, b);
  });
  // A row for the constant and one for each public signal bind them to the proof.
  for (let wire = 0; wire <= publicSignals; wire++) add(0, r1cs.constraints.length + wire, [[wire, 1n]]);
  for (let at = 0; at < coefficients.byteLength; at += COEFFICIENT_BYTES) {
    const place = [0, 4, 8].map((offset) => coefficients.getUint32(at + offset, true)).join(' ');
    if ((expected.get(place) ?? 0n) * FACTOR % FIELD_MODULUS !== readElement(coefficients, at + 12)) return `another coefficient at ${place}`;
    expected.delete(place);
  }
  return expected.size === 0 ? undefined : `${expected.size} coefficients too few`;
}
