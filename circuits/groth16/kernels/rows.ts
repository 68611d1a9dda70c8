/** Rows of the constraints, and elements as bytes. AssemblyScript. */
import { addR, mulR, subR } from './fr';
import { mulP, reduceP } from './fp';
import { FIELD, workspace } from './workspace';

const SCALAR: usize = 40;
const COORDINATE: usize = 64;

/**
 * o = each row's sum of coefficients times wires.
 * @param starts u32 of each row and one more: its place among `wires` (u32) and `coefficients`
 * @param from @param to of the rows
 */
export function multiplyRows(starts: usize, wires: usize, coefficients: usize, witness: usize, from: i32, to: i32, o: usize): void {
  const product = workspace + FIELD;
  for (let row = from; row < to; row++) {
    const sum = o + <usize>row * SCALAR;
    memory.fill(sum, 0, SCALAR);
    const end = load<u32>(starts + 4 * <usize>(row + 1));
    for (let at = load<u32>(starts + 4 * <usize>row); at < end; at++) {
      mulR(product, coefficients + at * SCALAR, witness + load<u32>(wires + 4 * at) * SCALAR);
      addR(sum, sum, product);
    }
  }
}

/** c = a b, element by element. */
export function multiplyAll(a: usize, b: usize, from: i32, to: i32, c: usize): void {
  for (let i = <usize>from * SCALAR; i < <usize>to * SCALAR; i += SCALAR) mulR(c + i, a + i, b + i);
}

/** o = a b - c as scalars of 32 bytes. @param plainOne 1 as a number, not times 2^261 */
export function quotientScalars(a: usize, b: usize, c: usize, plainOne: usize, from: i32, to: i32, o: usize): void {
  const value = workspace + FIELD;
  for (let i = from; i < to; i++) {
    const at = <usize>i * SCALAR;
    mulR(value, a + at, b + at);
    subR(value, value, c + at);
    writeScalar(value, plainOne, o + 32 * <usize>i);
  }
}

/** Writes 32 bytes, little-endian, below r. */
function writeScalar(value: usize, plainOne: usize, o: usize): void {
  const plain = workspace + FIELD + SCALAR;
  mulR(plain, value, plainOne);
  let word: u64 = 0;
  let bits: i32 = 0;
  let at = o;
  for (let limb = 0; limb < 9; limb++) {
    const next = <u64>load<u32>(plain + 4 * <usize>limb);
    word |= next << bits;
    bits += 29;
    if (bits < 64) continue;
    store<u64>(at, word);
    at += 8;
    bits -= 64;
    word = next >> (29 - bits);
  }
}

/** o = scalars of 32 bytes times a factor. @param factor 2^522, so that they become elements; 2^10 where they are times 2^512 */
export function readScalars(bytes: usize, factor: usize, from: i32, to: i32, o: usize): void {
  for (let i = <usize>from; i < <usize>to; i++) {
    const at = o + i * SCALAR;
    unpack(bytes + 32 * i, 9, 29, 32, at);
    mulR(at, at, factor);
  }
}

/** o = coordinates of 48 bytes, little-endian, times a factor. @param factor 2^396, as they are times 2^384 */
export function readCoordinates(bytes: usize, factor: usize, count: i32, o: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const at = o + i * COORDINATE;
    unpack(bytes + 48 * i, 13, 30, 48, at);
    mulP(at, at, factor);
  }
}

/** Limbs of a little-endian number, the last of which has 24 bits. */
@inline function unpack(from: usize, limbs: usize, limbBits: usize, bytes: usize, o: usize): void {
  const mask: u32 = (1 << <u32>limbBits) - 1;
  for (let limb: usize = 0; limb < limbs - 1; limb++) {
    const bit = limb * limbBits;
    store<u32>(o + 4 * limb, <u32>(load<u64>(from + (bit >> 3)) >> (bit & 7)) & mask);
  }
  store<u32>(o + 4 * (limbs - 1), load<u32>(from + bytes - 4) >> 8);
}


/** o = coordinates as 48 bytes, little-endian, below p. @param factor what they become times: 2^384 as a number */
export function writeCoordinates(elements: usize, factor: usize, count: i32, o: usize): void {
  const product = workspace + FIELD;
  const less = product + COORDINATE;
  for (let i: usize = 0; i < <usize>count; i++) {
    mulP(product, elements + i * COORDINATE, factor);
    const value = reduceP(less, product) ? less : product;
    let word: u64 = 0;
    let bits: i32 = 0;
    let at = o + 48 * i;
    for (let limb = 0; limb < 13; limb++) {
      const next = <u64>load<u32>(value + 4 * <usize>limb);
      word |= next << bits;
      bits += 30;
      if (bits < 64) continue;
      store<u64>(at, word);
      at += 8;
      bits -= 64;
      word = next >> (30 - bits);
    }
  }
}
