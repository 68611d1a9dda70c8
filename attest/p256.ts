/**
 * Proofs that let a TON contract check an ECDSA signature on P-256 over a digest (docs/p256.md, contracts/lib/p256.tact). No
 * secret is used: anyone can make the proof of a valid signature, nobody that of an invalid one.
 */
import { createHash } from 'node:crypto';
import { invert, mod } from '@noble/curves/abstract/modular';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/abstract/utils';
import { p256 } from '@noble/curves/nist';
import { beginCell, type Cell } from '@ton/core';
import { refuse } from './errors';

const Point = p256.ProjectivePoint;
type Curve = InstanceType<typeof Point>;
const { n: ORDER, Gx: BASE_X } = p256.CURVE;
const FIELD = p256.CURVE.Fp.ORDER;
const BYTES = 32;

export interface P256Signature {
  r: bigint;
  s: bigint;
}

export interface P256Key {
  x: bigint;
  y: bigint;
}

/** What the three cells hold; points as SEC 1 tag and x. */
export interface P256Proof extends P256Signature {
  k: { tag: number; x: bigint };
  d: { tag: number; x: bigint; y: bigint };
  base: [bigint, bigint];
  t: [bigint, bigint];
  lambda: bigint;
}

export const bytesOf = (x: bigint): Buffer => Buffer.from(numberToBytesBE(x, BYTES));
export const numberOf = (bytes: Uint8Array): bigint => bytesToNumberBE(Uint8Array.from(bytes));
export const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** r and s of 64 bytes. */
export const signatureOf = (bytes: Uint8Array): P256Signature => ({ r: numberOf(bytes.subarray(0, 32)), s: numberOf(bytes.subarray(32)) });

/** What the native check of 0 and of 1 is about. */
export const NATIVE_DIGESTS: [bigint, bigint] = [numberOf(sha256(bytesOf(0n))), numberOf(sha256(bytesOf(1n)))];

/**
 * The proof as cells.
 * @param digest 256 bits, usually a SHA-256
 * @throws AttestationError `attest.signature.invalid`; `attest.signature.exceptional` for the few signatures that only the
 *   key's owner could have chosen and that have no proof
 */
export function proveP256(digest: bigint, signature: P256Signature, key: P256Key): Cell {
  return proofCells(proofOf(digest, signature, key));
}

/** The same before it is put into cells. */
export function proofOf(digest: bigint, { r, s }: P256Signature, key: P256Key): P256Proof {
  const q = pointOf(key);
  if (!q || !isValid(digest, { r, s }, q)) refuse('signature.invalid', 'the P-256 signature is not valid for this digest and key');
  const delta = mod((digest - NATIVE_DIGESTS[0]) * invert(r, ORDER), ORDER);
  const t = NATIVE_DIGESTS.map((e) => mod(e + BASE_X * delta, ORDER)) as [bigint, bigint];
  const d = delta === 0n ? undefined : Point.BASE.multiply(delta);
  if (!d || t.includes(0n) || d.toAffine().x === key.x) {
    refuse('signature.exceptional', 'this signature has no proof', 'one that was not made from its own key', 'a chosen one');
  }
  return {
    r, s, t, base: [BASE_X, BASE_X], k: compressed(q.add(d)), d: compressed(d),
    lambda: chord(key, d.toAffine()),
  };
}

/** Slope from one point to another. */
export const chord = (q: P256Key, d: P256Key): bigint => mod((d.y - q.y) * invert(d.x - q.x, FIELD), FIELD);

export function compressed(point: Curve): { tag: number; x: bigint; y: bigint } {
  const { x, y } = point.toAffine();
  return { tag: 2 + Number(y & 1n), x, y };
}

/** r s K -> Gx t0 D -> Gx t1 lambda yD/2. */
export function proofCells({ r, s, k, d, base, t, lambda }: P256Proof): Cell {
  const put = (...numbers: bigint[]) => numbers.reduce((cell, x) => cell.storeBuffer(bytesOf(x)), beginCell());
  const c = put(base[1], t[1], lambda).storeUint(d.y >> 1n, 255).endCell();
  const b = put(base[0], t[0]).storeUint(d.tag, 8).storeBuffer(bytesOf(d.x)).storeRef(c).endCell();
  return put(r, s).storeUint(k.tag, 8).storeBuffer(bytesOf(k.x)).storeRef(b).endCell();
}

function pointOf(key: P256Key): Curve | undefined {
  try {
    const point = Point.fromAffine(key);
    point.assertValidity();
    return point;
  } catch {
    return undefined;
  }
}

function isValid(digest: bigint, { r, s }: P256Signature, q: Curve): boolean {
  if (r <= 0n || r >= ORDER || s <= 0n || s >= ORDER) return false;
  const compact = Buffer.concat([bytesOf(r), bytesOf(s)]);
  return p256.verify(compact, bytesOf(digest), q.toRawBytes(true), { lowS: false, prehash: false });
}
