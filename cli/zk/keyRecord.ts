/** The verification key of a proving key, once it is seen to be of this circuit. */
import { FIELD_MODULUS, type R1cs, type Term } from '../../circuits';
import { domainOf } from '../../circuits/record';
import { readProvingKey, type ProvingKey } from '../../circuits/groth16';
import { COEFFICIENT_BYTES } from '../../circuits/groth16/zkey';
import { toField, readElement } from '../../circuits/field';
import { toHex } from '../../protocol/bytes';
import { sha256 } from '../../protocol/sha256';
import { writeKeyRecord, type VerificationKeyRecord } from '../../protocol/zk/key';
import { VerificationError } from '../errors';

/** Coefficients of a key are multiplied by it: 2^512, twice the Montgomery factor. */
const FACTOR = toField(1n << 512n);
/** csHash, then the number of contributions. */
const CONTRIBUTIONS_AT = 64;

/**
 * A key from here is a development key: whoever made it may have kept its secrets. Those of a ceremony are recorded with its transcript.
 * @throws VerificationError `verification.zk.circuit` for the key of another circuit
 * @throws as readProvingKey: a key that anyone can forge with, points that are none
 */
export function keyRecordOf(r1cs: R1cs, zkey: Uint8Array, hashes: { r1csHash: string; phase1Hash: string }): VerificationKeyRecord {
  const key = readProvingKey(zkey);
  const difference = differenceOf(r1cs, key);
  if (difference !== undefined) {
    throw new VerificationError('verification.zk.circuit', 'the proving key is of another circuit', { expected: `the key of r1cs ${hashes.r1csHash}`, received: difference });
  }
  return writeKeyRecord(key.verification, {
    kind: 'development', ...hashes, zkeyHash: toHex(sha256(zkey)), contributions: key.contributions.getUint32(CONTRIBUTIONS_AT, true), beacon: null,
  });
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
