import { bls12_381 } from '@noble/curves/bls12-381';
import { toHex } from '../bytes';
import { ProtocolError } from '../protocolError';

export type G1Point = InstanceType<typeof bls12_381.G1.Point>;
export type G2Point = InstanceType<typeof bls12_381.G2.Point>;

export const G1_BYTES = 48;
export const G2_BYTES = 96;

/** Order of both groups; public inputs are numbers below it. */
export const SCALAR_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

/** The third bit of a compressed point: which of the two y. */
const SIGN = 0x20;

interface Group<Point> {
  readonly name: string;
  readonly bytes: number;
  fromHex(hex: string): Point;
}
interface AnyPoint {
  is0(): boolean;
  assertValidity(): void;
  toHex(isCompressed: boolean): string;
}

/** TVM's opcodes check less than this: a pairing takes points outside of the subgroup, and whatever follows a point. */
function parse<Point extends AnyPoint>(group: Group<Point>, name: string, bytes: Uint8Array): Point {
  const refuse = (received: string, cause?: unknown): never => {
    throw new ProtocolError('BAD_POINT', `${name} is no point of ${group.name}`, {
      expected: `${group.bytes} bytes, compressed, on the curve and in its subgroup, not the point at infinity`,
      received,
      cause,
    });
  };
  if (bytes.length !== group.bytes) return refuse(`${bytes.length} bytes`);
  const hex = toHex(bytes);
  let point: Point;
  try {
    point = group.fromHex(hex);
    point.assertValidity();
  } catch (cause) {
    return refuse(hex, cause);
  }
  if (point.is0() || point.toHex(true) !== hex) refuse(hex);
  return point;
}

/**
 * A compressed point of G1 (48 bytes) as it may stand in a key or a proof.
 * @throws ProtocolError BAD_POINT
 * @param name what it is, for the error
 */
export const parseG1 = (name: string, bytes: Uint8Array): G1Point =>
  parse({ name: 'G1', bytes: G1_BYTES, fromHex: (hex) => bls12_381.G1.Point.fromHex(hex) }, name, bytes);

/** The same of G2 (96 bytes). @throws ProtocolError BAD_POINT */
export const parseG2 = (name: string, bytes: Uint8Array): G2Point =>
  parse({ name: 'G2', bytes: G2_BYTES, fromHex: (hex) => bls12_381.G2.Point.fromHex(hex) }, name, bytes);

/** Compressed: 48 bytes. */
export const g1Bytes = (point: G1Point): Uint8Array => point.toBytes(true);

/** Compressed: 96 bytes. */
export const g2Bytes = (point: G2Point): Uint8Array => point.toBytes(true);

/** The compressed inverse of a compressed point of either group, which is not the point at infinity. */
export function negated(point: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(point);
  bytes[0] ^= SIGN;
  return bytes;
}

/** Whether two compressed points of one group are equal, or each other's inverse. */
export const sameUpToSign = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => (byte | (index === 0 ? SIGN : 0)) === (b[index] | (index === 0 ? SIGN : 0)));

/** @throws ProtocolError SCALAR_OUT_OF_RANGE: TVM's opcodes take numbers modulo the order, so s + order would pass too */
export function requireScalar(name: string, value: bigint): bigint {
  if (value >= 0n && value < SCALAR_ORDER) return value;
  throw new ProtocolError('SCALAR_OUT_OF_RANGE', `${name} is no number of the field`, {
    expected: `0..${SCALAR_ORDER - 1n}`,
    received: value.toString().slice(0, 90),
  });
}
