import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bls12_381 } from '@noble/curves/bls12-381';
import { insecureKey, keyWithoutContribution } from '../../../bench/zk/insecureKey';
import { syntheticCircuit } from '../../../bench/zk/syntheticCircuit';
import { Prover, readProvingKey } from '../../../circuits/groth16';
import { readSections, type Section, writeSections } from '../../../circuits/iden3File';
import { CocoonError } from '../../../protocol/errors';
import { g1Bytes, type Groth16Proof, parseG1, parseG2, type VerificationKey, verifyProof } from '../../../protocol/zk';

const { r1cs } = syntheticCircuit(40, 3);
const file = insecureKey(r1cs, 'zkey.test');
const code = (...expected: string[]) => (error: unknown) => error instanceof CocoonError && expected.includes(error.code);

const sectionsOf = (bytes: Uint8Array): Section[] =>
  [...readSections(bytes, 'zkey', 1)].map(([type, view]) => ({ type, bytes: new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) }));

/** The key with one section changed. */
function changed(type: number, change: (bytes: Uint8Array) => Uint8Array | void): Uint8Array {
  const sections = sectionsOf(file).map((section) => (section.type === type ? { type, bytes: change(section.bytes) ?? section.bytes } : section));
  return writeSections('zkey', 1, sections);
}

const setWord = (at: number, word: number) => (bytes: Uint8Array) => new DataView(bytes.buffer).setUint32(at, word, true);

/** Places in the header. */
const [MODULUS, ORDER, WIRES, PUBLIC, DOMAIN, POINTS] = [4, 56, 88, 92, 96, 100];

/** e(A, B) = e(alpha, beta) e(cpub, gamma) e(C, delta), whatever the key. */
function equationHolds({ alpha, beta, gamma, delta }: VerificationKey, cpub: Uint8Array, { a, b, c }: Groth16Proof): boolean {
  const pair = (g1: Uint8Array, g2: Uint8Array) => ({ g1: parseG1('a point', g1), g2: parseG2('a point', g2) });
  const { Fp12 } = bls12_381.fields;
  const side = (...pairs: ReturnType<typeof pair>[]) => bls12_381.pairingBatch(pairs);
  return Fp12.eql(side(pair(a, b)), side(pair(alpha, beta), pair(cpub, gamma), pair(c, delta)));
}

/** A = alpha, B = beta, C = -cpub: a proof of anything where gamma = delta. */
function forge(key: VerificationKey, signals: readonly bigint[]): { cpub: Uint8Array; proof: Groth16Proof } {
  const [constant, ...points] = key.ic.map((point, i) => parseG1(`ic ${i}`, point));
  const cpub = signals.reduce((sum, signal, i) => sum.add(points[i].multiply(signal)), constant);
  return { cpub: g1Bytes(cpub), proof: { a: key.alpha, b: key.beta, c: g1Bytes(cpub.negate()) } };
}

test('the verification key of a proving key has its public signals and points', () => {
  const { verification, wires, publicSignals, domainLog } = readProvingKey(file);
  assert.deepEqual([wires, publicSignals, 2 ** domainLog], [r1cs.wires, 3, 64]);
  assert.equal(verification.ic.length, 4);
  assert.deepEqual(verification.gamma, bls12_381.G2.Point.BASE.toBytes(true));
});

test('a key that nobody contributed to is refused, since anyone proves anything under it', () => {
  const unsafe = keyWithoutContribution(r1cs);
  assert.throws(() => readProvingKey(unsafe), code('BAD_KEY_FORGEABLE'));
  const safe = readProvingKey(file).verification;
  const forgeable = { ...safe, delta: safe.gamma };
  const signals = [1234n, 9n, 31337n];
  const { cpub, proof } = forge(forgeable, signals);
  assert.ok(equationHolds(forgeable, cpub, proof), 'the forgery is one');
  assert.ok(!equationHolds(safe, cpub, proof), 'a contribution ends it');
  assert.throws(() => verifyProof(forgeable, proof, signals), code('BAD_KEY_FORGEABLE'));
  assert.equal(verifyProof(safe, proof, signals), false);
});

test('a key that lacks a section, has one twice, or is not all there, is refused', () => {
  for (const { type } of sectionsOf(file)) {
    assert.throws(() => readProvingKey(writeSections('zkey', 1, sectionsOf(file).filter((section) => section.type !== type))), code('zkey.section'), `without ${type}`);
    assert.throws(() => readProvingKey(writeSections('zkey', 1, sectionsOf(file).flatMap((section) => (section.type === type ? [section, section] : [section])))), code('circuit.file'), `twice ${type}`);
  }
  for (let length = 0; length < file.length; length += 97) assert.throws(() => readProvingKey(file.subarray(0, length)), code('circuit.file'), `${length} bytes`);
  assert.throws(() => readProvingKey(Buffer.concat([file, Buffer.from([0])])), code('circuit.file'));
});

test('a key with counts, numbers or places that cannot be is refused before anything is read by them', () => {
  const cases: [string, Uint8Array, string][] = [
    ['of another proof system', changed(1, setWord(0, 2)), 'zkey.section'],
    ['of another curve', changed(2, (bytes) => void (bytes[MODULUS] ^= 1)), 'zkey.field'],
    ['of another order', changed(2, (bytes) => void (bytes[ORDER] ^= 1)), 'zkey.field'],
    ['with numbers of another size', changed(2, setWord(0, 32)), 'zkey.field'],
    ['with 4 billion wires', changed(2, setWord(WIRES, 0xffffffff)), 'zkey.size'],
    ['with a wire more', changed(2, setWord(WIRES, r1cs.wires + 1)), 'zkey.size'],
    ['with more public signals than wires', changed(2, setWord(PUBLIC, r1cs.wires)), 'zkey.size'],
    ['with 2^31 rows', changed(2, setWord(DOMAIN, 2 ** 31)), 'zkey.size'],
    ['with no rows', changed(2, setWord(DOMAIN, 0)), 'zkey.size'],
    ['with a number of rows that is no power of 2', changed(2, setWord(DOMAIN, 65)), 'zkey.size'],
    ['with another number of rows', changed(2, setWord(DOMAIN, 128)), 'zkey.size'],
    ['with a header that is too short', changed(2, (bytes) => bytes.subarray(0, -1)), 'zkey.size'],
    ['with a coefficient of a third matrix', changed(4, setWord(4, 2)), 'zkey.coefficient'],
    ['with a coefficient of a row that is not there', changed(4, setWord(8, 64)), 'zkey.coefficient'],
    ['with a coefficient of a wire that is not there', changed(4, setWord(12, r1cs.wires)), 'zkey.coefficient'],
    ['with more coefficients than there are', changed(4, setWord(0, 0xffffffff)), 'zkey.size'],
    ['with a point less', changed(8, (bytes) => bytes.subarray(0, -96)), 'zkey.size'],
    ['with a point of its public signals less', changed(3, (bytes) => bytes.subarray(0, -96)), 'zkey.size'],
    ['with a coordinate that is no number of the field', changed(2, (bytes) => void bytes.fill(0xff, POINTS, POINTS + 48)), 'zkey.point'],
    ['with an alpha off the curve', changed(2, (bytes) => void (bytes[POINTS] ^= 1)), 'zkey.point'],
    ['with a beta off the curve', changed(2, (bytes) => void (bytes[POINTS + 192] ^= 1)), 'zkey.point'],
    ['with no alpha', changed(2, (bytes) => void bytes.fill(0, POINTS, POINTS + 96)), 'BAD_POINT'],
    ['with a point of a public signal off the curve', changed(3, (bytes) => void (bytes[100] ^= 1)), 'zkey.point'],
  ];
  for (const [name, bytes, expected] of cases) assert.throws(() => readProvingKey(bytes), code(expected), name);
});

test('a key with any point off its curve is refused when it is loaded', () => {
  for (const [type, at] of [[5, 30], [6, 96 * r1cs.wires - 40], [8, 20], [9, 100]] as const) {
    const key = readProvingKey(changed(type, (bytes) => {
      const point = bytes.findIndex((byte, i) => i >= at && byte !== 0);
      bytes[point === -1 ? 0 : point] ^= 1;
    }));
    assert.throws(() => new Prover(key, { threads: 1 }), code('zkey.point'), `section ${type}`);
  }
});
