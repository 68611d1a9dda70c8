/** Number types of weight files, turned into 32-bit floats. All little-endian. */

export type NumberType = 'F32' | 'F16' | 'BF16' | 'Q8_0';

/** Weights per block of Q8_0: a 16-bit float scale, then 32 int8. */
const Q8_BLOCK = 32;
const Q8_BYTES = 34;

/** Bytes of one row of this many weights. */
export function rowBytesOf(type: NumberType, columns: number): number {
  if (type === 'Q8_0') return (columns / Q8_BLOCK) * Q8_BYTES;
  return columns * (type === 'F32' ? 4 : 2);
}

/** Whether rows of this length exist in the type. */
export const fitsType = (type: NumberType, columns: number): boolean => type !== 'Q8_0' || columns % Q8_BLOCK === 0;

let half: Float32Array | undefined;

/** Value of every 16-bit float, by its bits. */
function halfValues(): Float32Array {
  if (half) return half;
  half = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent === 31 ? (fraction === 0 ? Infinity : NaN)
      : exponent === 0 ? fraction * 2 ** -24
        : (1024 + fraction) * 2 ** (exponent - 25);
    half[bits] = bits >> 15 ? -size : size;
  }
  return half;
}

/** The 16-bit float nearest to x (ties to even); beyond its range infinity. For writers of Q8_0 and F16. */
export function toHalf(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const size = Math.abs(x);
  if (Number.isNaN(x)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = size === 0 ? -14 : Math.max(-14, Math.floor(Math.log2(size)));
  const scaled = size / 2 ** (exponent - 10);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const fraction = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // A carry out of the fraction raises the exponent by itself; below 1024 the number is subnormal.
  return sign | (fraction < 1024 ? fraction : ((exponent + 14) << 10) + fraction);
}

/** Decodes whole rows; `out` has the length of what `bytes` holds. */
export function decodeNumbers(type: NumberType, bytes: Buffer, out: Float32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (type === 'F32') {
    for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true);
  } else if (type === 'F16') {
    const values = halfValues();
    for (let i = 0; i < out.length; i++) out[i] = values[view.getUint16(2 * i, true)];
  } else if (type === 'BF16') {
    const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
    for (let i = 0; i < out.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  } else {
    const values = halfValues();
    for (let i = 0, at = 0; i < out.length; i += Q8_BLOCK, at += Q8_BYTES) {
      const scale = values[view.getUint16(at, true)];
      for (let j = 0; j < Q8_BLOCK; j++) out[i + j] = scale * view.getInt8(at + 2 + j);
    }
  }
}
