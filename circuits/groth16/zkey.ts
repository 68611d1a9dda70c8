/**
 * Reads proving keys: Groth16 (type 1) files of iden3's binary format .zkey over BLS12-381, which snarkjs makes and checks.
 * Coordinates are little-endian, times 2^384; coefficients are times 2^512 (both Montgomery forms). Every count is compared with
 * the bytes that are there before anything is read by it.
 */
import { bls12_381 } from '@noble/curves/bls12-381';
import { checkVerificationKey, g1Bytes, g2Bytes, SCALAR_ORDER } from '../../protocol/zk';
import type { VerificationKey } from '../../protocol/zk';
import { readSections } from '../iden3File';
import { COORDINATE_MODULUS, invertCoordinate } from './elements';
import { ProvingKeyError } from './errors';

export const COORDINATE_BYTES = 48;
export const SCALAR_BYTES = 32;
/** A point at rest in the file. */
export const FILE_G1_BYTES = 2 * COORDINATE_BYTES;
export const FILE_G2_BYTES = 4 * COORDINATE_BYTES;
/** matrix, row, wire, value. */
export const COEFFICIENT_BYTES = 12 + SCALAR_BYTES;

/** 4 GiB of memory hold no more. */
const MAX_DOMAIN_LOG = 20;
const MAX_WIRES = 2 ** 21;

const SECTION = { type: 1, header: 2, ic: 3, coefficients: 4, a: 5, b1: 6, b2: 7, c: 8, h: 9, contributions: 10 } as const;
const GROTH16 = 1;

export interface ProvingKey {
  wires: number;
  publicSignals: number;
  /** Rows of the domain: 2^domainLog. */
  domainLog: number;
  verification: VerificationKey;
  /** Points as the file has them. */
  alpha1: Uint8Array;
  beta1: Uint8Array;
  beta2: Uint8Array;
  delta1: Uint8Array;
  delta2: Uint8Array;
  a: Uint8Array;
  b1: Uint8Array;
  b2: Uint8Array;
  c: Uint8Array;
  h: Uint8Array;
  /** COEFFICIENT_BYTES each; matrix, row and wire are in range. */
  coefficients: DataView;
  contributions: DataView;
}

const refuse = (code: string, message: string, expected: string, received: string): ProvingKeyError => new ProvingKeyError(code, message, { expected, received });

/**
 * @throws CircuitError `circuit.file`
 * @throws ProvingKeyError `zkey.section`, `zkey.field`, `zkey.size`, `zkey.coefficient`, `zkey.point`
 * @throws ProtocolError BAD_KEY_FORGEABLE for a key without a contribution (gamma = delta), BAD_VERIFICATION_KEY, BAD_POINT
 */
export function readProvingKey(file: Uint8Array): ProvingKey {
  const sections = readSections(file, 'zkey', 1);
  const section = (name: keyof typeof SECTION, bytes?: number): DataView => {
    const found = sections.get(SECTION[name]);
    if (found === undefined) throw refuse('zkey.section', `the proving key has no section ${name}`, `section ${SECTION[name]}`, [...sections.keys()].join(', '));
    if (bytes !== undefined && found.byteLength !== bytes) {
      throw refuse('zkey.size', `section ${name} of the proving key has another length`, `${bytes} bytes`, `${found.byteLength} bytes`);
    }
    return found;
  };
  if (section('type', 4).getUint32(0, true) !== GROTH16) throw refuse('zkey.section', 'the proving key is not one of Groth16', 'type 1', `type ${section('type').getUint32(0, true)}`);

  const header = section('header', 4 + COORDINATE_BYTES + 4 + SCALAR_BYTES + 12 + 3 * FILE_G1_BYTES + 3 * FILE_G2_BYTES);
  let at = 0;
  const word = (): number => (at += 4, header.getUint32(at - 4, true));
  const bytes = (length: number): Uint8Array => (at += length, bytesOf(header).subarray(at - length, at));
  for (const [length, modulus] of [[COORDINATE_BYTES, COORDINATE_MODULUS], [SCALAR_BYTES, SCALAR_ORDER]] as const) {
    const [bytesThere, number] = [word(), littleEndian(bytes(length))];
    if (bytesThere !== length || number !== modulus) throw refuse('zkey.field', 'the proving key is of another curve', 'BLS12-381', `a modulus of ${bytesThere} bytes, ${number}`);
  }
  const [wires, publicSignals, domain] = [word(), word(), word()];
  const domainLog = 31 - Math.clz32(domain);
  if (domain !== 2 ** domainLog || domainLog < 1 || domainLog > MAX_DOMAIN_LOG || wires > MAX_WIRES || publicSignals >= wires) {
    throw refuse('zkey.size', 'the proving key has counts that cannot be', `a domain of 2 to 2^${MAX_DOMAIN_LOG} rows, at most ${MAX_WIRES} wires, fewer public ones`, `${domain}, ${wires}, ${publicSignals}`);
  }
  const points = {
    alpha1: bytes(FILE_G1_BYTES), beta1: bytes(FILE_G1_BYTES), beta2: bytes(FILE_G2_BYTES), gamma2: bytes(FILE_G2_BYTES), delta1: bytes(FILE_G1_BYTES), delta2: bytes(FILE_G2_BYTES),
  };
  const ic = bytesOf(section('ic', (publicSignals + 1) * FILE_G1_BYTES));
  const verification: VerificationKey = {
    alpha: g1(points.alpha1), beta: g2(points.beta2), gamma: g2(points.gamma2), delta: g2(points.delta2),
    ic: Array.from({ length: publicSignals + 1 }, (_, i) => g1(ic.subarray(i * FILE_G1_BYTES, (i + 1) * FILE_G1_BYTES))),
  };
  checkVerificationKey(verification);
  const count = section('coefficients').byteLength < 4 ? 0 : section('coefficients').getUint32(0, true);
  const coefficients = section('coefficients', 4 + count * COEFFICIENT_BYTES);
  checkCoefficients(coefficients, domain, wires);
  return {
    wires, publicSignals, domainLog, verification, ...points,
    a: bytesOf(section('a', wires * FILE_G1_BYTES)),
    b1: bytesOf(section('b1', wires * FILE_G1_BYTES)),
    b2: bytesOf(section('b2', wires * FILE_G2_BYTES)),
    c: bytesOf(section('c', (wires - publicSignals - 1) * FILE_G1_BYTES)),
    h: bytesOf(section('h', domain * FILE_G1_BYTES)),
    coefficients: new DataView(coefficients.buffer, coefficients.byteOffset + 4, coefficients.byteLength - 4),
    contributions: section('contributions'),
  };
}

function checkCoefficients(view: DataView, rows: number, wires: number): void {
  for (let at = 4; at < view.byteLength; at += COEFFICIENT_BYTES) {
    const [matrix, row, wire] = [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
    if (matrix > 1 || row >= rows || wire >= wires) {
      throw refuse('zkey.coefficient', 'a coefficient of the proving key stands nowhere', `matrix 0 or 1, a row below ${rows}, a wire below ${wires}`, `${matrix}, ${row}, ${wire}`);
    }
  }
}

export const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

export function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

const INVERSE_RADIX = invertCoordinate(1n << 384n);

function coordinates(bytes: Uint8Array): bigint[] {
  return Array.from({ length: bytes.length / COORDINATE_BYTES }, (_, i) => {
    const number = littleEndian(bytes.subarray(i * COORDINATE_BYTES, (i + 1) * COORDINATE_BYTES));
    if (number >= COORDINATE_MODULUS) throw refuse('zkey.point', 'a coordinate of the proving key is no number of the field', `0..${COORDINATE_MODULUS - 1n}`, String(number));
    return (number * INVERSE_RADIX) % COORDINATE_MODULUS;
  });
}

/** A point of the file, compressed. @throws ProvingKeyError `zkey.point` */
function g1(bytes: Uint8Array): Uint8Array {
  const [x, y] = coordinates(bytes);
  const point = bls12_381.G1.Point.fromAffine({ x, y });
  requireMember('G1', point);
  return g1Bytes(point);
}

function g2(bytes: Uint8Array): Uint8Array {
  const [x0, x1, y0, y1] = coordinates(bytes);
  const point = bls12_381.G2.Point.fromAffine({ x: { c0: x0, c1: x1 }, y: { c0: y0, c1: y1 } });
  requireMember('G2', point);
  return g2Bytes(point);
}

function requireMember(group: string, point: { assertValidity(): void }): void {
  try {
    point.assertValidity();
  } catch (cause) {
    throw new ProvingKeyError('zkey.point', `a point of the proving key is none of ${group}`, { expected: 'a point on the curve and in its subgroup', received: (cause as Error).message, cause });
  }
}
