/**
 * INSECURE: a proving key made by whoever knows its secrets, all at once, for measuring and for tests. Nobody contributed to it, and
 * anyone can forge its proofs, since the secrets follow from the seed. A key that is to be believed comes from circuits/setup/.
 */
import { FIELD_BYTES, FIELD_MODULUS as R, invert, toField, writeElement } from '../../circuits/field';
import { writeSections } from '../../circuits/iden3File';
import { COORDINATE_MODULUS, rootOfUnity } from '../../circuits/groth16/elements';
import { COEFFICIENT_BYTES, COORDINATE_BYTES } from '../../circuits/groth16/zkey';
import type { R1cs, Term } from '../../circuits/r1cs';
import { sha256 } from '../../protocol/sha256';
import { FixedBase } from './fixedBase';

const FILE_SCALAR_RADIX = 1n << 512n;

/** Secrets of a setup; only the one of a test may be known. */
interface Secrets { tau: bigint; alpha: bigint; beta: bigint; delta: bigint }

/**
 * A .zkey file for constraints, with gamma = 1 and delta a number of its own.
 * @param seed the secrets are hashes of it
 */
export function insecureKey(r1cs: R1cs, seed: string): Uint8Array {
  const secret = (name: string): bigint => toField(BigInt(`0x${Buffer.from(sha256(new TextEncoder().encode(`${seed} ${name}`))).toString('hex')}`));
  return keyOf(r1cs, { tau: secret('tau'), alpha: secret('alpha'), beta: secret('beta'), delta: secret('delta') });
}

/** The same before anybody contributed: delta = gamma, so that everybody can forge. */
export const keyWithoutContribution = (r1cs: R1cs): Uint8Array => keyOf(r1cs, { tau: 1234567n, alpha: 7654321n, beta: 55555n, delta: 1n });

function keyOf({ wires, publicSignals, constraints }: R1cs, { tau, alpha, beta, delta }: Secrets): Uint8Array {
  const log = Math.max(1, Math.ceil(Math.log2(constraints.length + publicSignals + 1)));
  const domain = 2 ** log;
  // Rows that bind the public signals, which no constraint of the circuit needs to do.
  const rows = constraints.length + publicSignals + 1;
  const matrices = [0, 1].map((matrix): Term[][] => Array.from({ length: rows }, (_, row) =>
    row < constraints.length ? constraints[row][matrix] : matrix === 0 ? [[row - constraints.length, 1n]] : []));
  const lagrange = lagrangeAt(tau, log);
  const [a, b, c] = [...matrices, constraints.map((constraint) => constraint[2])].map((matrix) => columnsAt(matrix, lagrange, wires));
  const combined = a.map((_, wire) => toField(beta * a[wire] + alpha * b[wire] + c[wire]));
  const inverseDelta = invert(delta);
  const odd = lagrangeAt(tau, log + 1).filter((_, i) => i % 2 === 1);

  const g1 = (scalars: readonly bigint[]): Uint8Array => FixedBase.of(1).multiply(scalars);
  const g2 = (scalars: readonly bigint[]): Uint8Array => FixedBase.of(2).multiply(scalars);
  const header = new Uint8Array(4 + COORDINATE_BYTES + 4 + FIELD_BYTES + 12);
  const view = new DataView(header.buffer);
  view.setUint32(0, COORDINATE_BYTES, true);
  for (let i = 0; i < COORDINATE_BYTES; i += 8) view.setBigUint64(4 + i, BigInt.asUintN(64, COORDINATE_MODULUS >> BigInt(8 * i)), true);
  view.setUint32(4 + COORDINATE_BYTES, FIELD_BYTES, true);
  writeElement(R, view, 8 + COORDINATE_BYTES);
  [wires, publicSignals, domain].forEach((count, i) => view.setUint32(8 + COORDINATE_BYTES + FIELD_BYTES + 4 * i, count, true));
  const word = (number: number): Uint8Array => new Uint8Array(new Uint32Array([number]).buffer);
  return writeSections('zkey', 1, [
    { type: 1, bytes: word(1) },
    { type: 2, bytes: Buffer.concat([header, g1([alpha, beta]), g2([beta, 1n]), g1([delta]), g2([delta])]) },
    { type: 3, bytes: g1(combined.slice(0, publicSignals + 1)) },
    { type: 4, bytes: coefficientsOf(matrices) },
    { type: 9, bytes: g1(odd.map((value) => toField(value * inverseDelta))) },
    { type: 8, bytes: g1(combined.slice(publicSignals + 1).map((value) => toField(value * inverseDelta))) },
    { type: 5, bytes: g1(a) },
    { type: 6, bytes: g1(b) },
    { type: 7, bytes: g2(b) },
    // The hash of the circuit, which this key has none of, and no contributions.
    { type: 10, bytes: new Uint8Array(64 + 4) },
  ]);
}

/** Values at x of the polynomials that are 1 at one root of 1 of order 2^log and 0 at the others. */
function lagrangeAt(x: bigint, log: number): bigint[] {
  const size = 2 ** log;
  const root = rootOfUnity(log);
  let vanishing = x;
  for (let i = 0; i < log; i++) vanishing = (vanishing * vanishing) % R;
  const factor = ((vanishing - 1n) * invert(BigInt(size))) % R;
  const roots: bigint[] = [1n];
  for (let i = 1; i < size; i++) roots.push((roots[i - 1] * root) % R);
  const products: bigint[] = [1n];
  for (let i = 0; i < size; i++) products.push((products[i] * toField(x - roots[i])) % R);
  let inverse = invert(products[size]);
  const values = new Array<bigint>(size);
  for (let i = size - 1; i >= 0; i--) {
    values[i] = (((factor * roots[i]) % R) * ((inverse * products[i]) % R)) % R;
    inverse = (inverse * toField(x - roots[i])) % R;
  }
  return values.map(toField);
}

/** Each wire's polynomial at tau. */
function columnsAt(rows: readonly (readonly Term[])[], lagrange: readonly bigint[], wires: number): bigint[] {
  const columns = new Array<bigint>(wires).fill(0n);
  rows.forEach((terms, row) => {
    for (const [wire, coefficient] of terms) columns[wire] = (columns[wire] + coefficient * lagrange[row]) % R;
  });
  return columns;
}

function coefficientsOf(matrices: readonly (readonly Term[])[][]): Uint8Array {
  const count = matrices.reduce((sum, rows) => sum + rows.reduce((terms, row) => terms + row.length, 0), 0);
  const bytes = new Uint8Array(4 + count * COEFFICIENT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, count, true);
  let at = 4;
  matrices.forEach((rows, matrix) => rows.forEach((terms, row) => terms.forEach(([wire, coefficient]) => {
    [matrix, row, wire].forEach((number, i) => view.setUint32(at + 4 * i, number, true));
    writeElement((coefficient * FILE_SCALAR_RADIX) % R, view, at + 12);
    at += COEFFICIENT_BYTES;
  })));
  return bytes;
}
