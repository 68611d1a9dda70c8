/** Points that are no points of a proof, and proofs made of them. */
import { bls12_381 } from '@noble/curves/bls12-381';
import { g1Bytes, g2Bytes, type G1Point, type G2Point } from '../../protocol/zk';

const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;
const { Fp, Fp2, Fr } = bls12_381.fields;

// noble does not write what is outside of the subgroup; the form is that of protocol/zk/types.ts.
const large = (y: bigint): boolean => y > (Fp.ORDER - 1n) / 2n;
const field = (x: bigint): Buffer => Buffer.from(x.toString(16).padStart(96, '0'), 'hex');
const flagged = (bytes: Buffer, sign: boolean): Uint8Array => withFlags(new Uint8Array(bytes), 0, sign ? 0xa0 : 0x80);

function compressed1(point: G1Point): Uint8Array {
  const { x, y } = point.toAffine();
  return flagged(field(x), large(y));
}

function compressed2(point: G2Point): Uint8Array {
  const { x, y } = point.toAffine();
  return flagged(Buffer.concat([field(x.c1), field(x.c0)]), y.c1 === 0n ? large(y.c0) : large(y.c1));
}

/** r P for a point P on the curve: what is left has an order that divides the cofactor. */
const g1Torsion = (() => {
  for (let x = 1n; ; x++) {
    const square = Fp.add(Fp.pow(x, 3n), 4n);
    try {
      const point = G1.fromAffine({ x, y: Fp.sqrt(square) });
      const rest = point.multiplyUnsafe(Fr.ORDER - 1n).add(point);
      if (!rest.is0()) return rest;
    } catch {
      // No square.
    }
  }
})();

const g2Torsion = (() => {
  const four = Fp2.fromBigTuple([4n, 4n]);
  for (let real = 1n; ; real++) {
    const x = Fp2.fromBigTuple([real, 1n]);
    try {
      const y = Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(x), x), four));
      const point = G2.fromAffine({ x, y });
      const rest = point.multiplyUnsafe(Fr.ORDER - 1n).add(point);
      if (!rest.is0()) return rest;
    } catch {
      // No square.
    }
  }
})();

const g1At = (bytes: Uint8Array): G1Point => G1.fromHex(Buffer.from(bytes).toString('hex'));
const g2At = (bytes: Uint8Array): G2Point => G2.fromHex(Buffer.from(bytes).toString('hex'));

/** The same point but for a part whose order divides the cofactor: on the curve, outside of the subgroup. */
export const withTorsion1 = (bytes: Uint8Array): Uint8Array => compressed1(g1At(bytes).add(g1Torsion));
export const withTorsion2 = (bytes: Uint8Array): Uint8Array => compressed2(g2At(bytes).add(g2Torsion));

/** (0, 2), a point of order 3. */
export const ORDER_3 = Uint8Array.from({ length: 48 }, (_, index) => (index === 0 ? 0x80 : 0));

export const infinity = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index === 0 ? 0xc0 : 0));

/** Other bits in the first byte of a point: its flags, or zero for all that it is. */
export const withFlags = (point: Uint8Array, clear: number, set = 0): Uint8Array =>
  point.map((byte, index) => (index === 0 ? (byte & ~clear) | set : byte));

/** The same point with x + p, where that fits. */
export function unreduced(x: bigint): Uint8Array {
  const hex = (x + Fp.ORDER).toString(16).padStart(96, '0');
  return withFlags(Uint8Array.from(Buffer.from(hex, 'hex')), 0, 0x80);
}

/** A point whose x is on no point of the curve: the next such x. */
export function offCurve(point: Uint8Array): Uint8Array {
  const parse = point.length === 48 ? g1At : g2At;
  for (let step = 1; ; step++) {
    const other = Uint8Array.from(point);
    other[point.length - 1] ^= step;
    try {
      parse(other);
    } catch (error) {
      // What is on the curve is refused for its subgroup.
      if (!/subgroup/.test((error as Error).message)) return other;
    }
  }
}

/** (z A, B / z, C): another proof of the same. */
export function rerandomised({ a, b, c }: { a: Uint8Array; b: Uint8Array; c: Uint8Array }, z: bigint) {
  return { a: g1Bytes(g1At(a).multiply(z)), b: g2Bytes(g2At(b).multiply(Fr.inv(z))), c };
}
