/** Blocked 32-bit float loops of the calibration's forward pass. */

/**
 * out[t][r + at] = sum over k of x[t][k] w[r][k], for all t < count and r < rows.
 * @param x [count][inner]
 * @param w [rows][inner]
 * @param out [count][stride]
 */
export function multiplyTransposed(
  x: Float32Array, count: number, inner: number, w: Float32Array, rows: number,
  out: Float32Array, stride: number, at: number,
): void {
  let t = 0;
  // Four by four: each loaded number is used four times.
  for (; t + 4 <= count; t += 4) {
    const [x0, x1, x2, x3] = [t * inner, (t + 1) * inner, (t + 2) * inner, (t + 3) * inner];
    let r = 0;
    for (; r + 4 <= rows; r += 4) {
      const w0 = r * inner;
      const w1 = w0 + inner;
      const w2 = w1 + inner;
      const w3 = w2 + inner;
      let a00 = 0, a01 = 0, a02 = 0, a03 = 0, a10 = 0, a11 = 0, a12 = 0, a13 = 0;
      let a20 = 0, a21 = 0, a22 = 0, a23 = 0, a30 = 0, a31 = 0, a32 = 0, a33 = 0;
      for (let k = 0; k < inner; k++) {
        const [b0, b1, b2, b3] = [w[w0 + k], w[w1 + k], w[w2 + k], w[w3 + k]];
        const c0 = x[x0 + k];
        a00 += c0 * b0; a01 += c0 * b1; a02 += c0 * b2; a03 += c0 * b3;
        const c1 = x[x1 + k];
        a10 += c1 * b0; a11 += c1 * b1; a12 += c1 * b2; a13 += c1 * b3;
        const c2 = x[x2 + k];
        a20 += c2 * b0; a21 += c2 * b1; a22 += c2 * b2; a23 += c2 * b3;
        const c3 = x[x3 + k];
        a30 += c3 * b0; a31 += c3 * b1; a32 += c3 * b2; a33 += c3 * b3;
      }
      let o = t * stride + at + r;
      out[o] = a00; out[o + 1] = a01; out[o + 2] = a02; out[o + 3] = a03;
      o += stride;
      out[o] = a10; out[o + 1] = a11; out[o + 2] = a12; out[o + 3] = a13;
      o += stride;
      out[o] = a20; out[o + 1] = a21; out[o + 2] = a22; out[o + 3] = a23;
      o += stride;
      out[o] = a30; out[o + 1] = a31; out[o + 2] = a32; out[o + 3] = a33;
    }
    for (; r < rows; r++) for (let s = t; s < t + 4; s++) out[s * stride + at + r] = dot(x, s * inner, w, r * inner, inner);
  }
  for (; t < count; t++) {
    for (let r = 0; r < rows; r++) out[t * stride + at + r] = dot(x, t * inner, w, r * inner, inner);
  }
}

/** Sum of a[i] b[j] over `length` elements from two places. */
export function dot(a: Float32Array, i: number, b: Float32Array, j: number, length: number): number {
  let sum = 0;
  for (let k = 0; k < length; k++) sum += a[i + k] * b[j + k];
  return sum;
}

/** Rows of x [count][dim] over their root mean square, times gain. */
export function rmsNorm(x: Float32Array, gain: Float32Array, epsilon: number): Float32Array {
  const dim = gain.length;
  const out = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += dim) {
    const scale = 1 / Math.sqrt(dot(x, at, x, at, dim) / dim + epsilon);
    for (let i = 0; i < dim; i++) out[at + i] = x[at + i] * scale * gain[i];
  }
  return out;
}
