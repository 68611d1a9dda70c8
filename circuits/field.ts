/** The scalar field of BLS12-381, which circuits compute in. */

/** r: prime, 255 bits, above 2^254. */
export const FIELD_MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

/** What is below 2^254 fits in an element whatever it is. */
export const SAFE_BITS = 254;

export const FIELD_BYTES = 32;

/** The element of any integer, in [0, r). */
export function toField(x: bigint): bigint {
  const rest = x % FIELD_MODULUS;
  return rest < 0n ? rest + FIELD_MODULUS : rest;
}

export const isFieldElement = (x: bigint): boolean => x >= 0n && x < FIELD_MODULUS;

/** 1/x, for x that is not 0 mod r (Fermat). */
export function invert(x: bigint): bigint {
  let result = 1n;
  let base = toField(x);
  for (let power = FIELD_MODULUS - 2n; power > 0n; power >>= 1n) {
    if ((power & 1n) === 1n) result = (result * base) % FIELD_MODULUS;
    base = (base * base) % FIELD_MODULUS;
  }
  return result;
}

/** Little-endian, as iden3's files have it. */
export function writeElement(x: bigint, out: DataView, at: number): void {
  for (let i = 0; i < FIELD_BYTES; i += 8) out.setBigUint64(at + i, BigInt.asUintN(64, x >> BigInt(8 * i)), true);
}

export function readElement(from: DataView, at: number): bigint {
  let x = 0n;
  for (let i = FIELD_BYTES - 8; i >= 0; i -= 8) x = (x << 64n) | from.getBigUint64(at + i, true);
  return x;
}
