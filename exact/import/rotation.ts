/**
 * Orthogonal changes of basis that spread outliers over all channels (QuaRot, Ashkboos et al. 2024). They are applied to
 * weights before quantisation and cost nothing at run time.
 */

/**
 * Turns the basis of the residual: random signs, then (orthonormal DCT-II of size b) kron (Hadamard of size 2^a) for a
 * dimension b 2^a with odd b.
 */
export class Rotation {
  private readonly signs: Float64Array;
  /** [odd][odd] */
  private readonly cosines: Float64Array;
  private readonly odd: number;
  private readonly power: number;
  private readonly column: Float64Array;

  /** The same seed gives the same turn everywhere. */
  constructor(readonly dim: number, seed: number) {
    this.power = dim & -dim;
    this.odd = dim / this.power;
    this.signs = randomSigns(dim, seed);
    this.cosines = cosineMatrix(this.odd);
    this.column = new Float64Array(this.odd);
  }

  /** Turns one vector in place. */
  turn(vector: Float64Array): void {
    const { dim, odd, power, signs, cosines, column } = this;
    const scale = 1 / Math.sqrt(power);
    for (let i = 0; i < dim; i++) vector[i] *= signs[i] * scale;
    for (let block = 0; block < dim; block += power) hadamard(vector, block, power);
    if (odd === 1) return;
    for (let i = 0; i < power; i++) {
      for (let b = 0; b < odd; b++) column[b] = vector[b * power + i];
      for (let b = 0; b < odd; b++) {
        let sum = 0;
        for (let c = 0; c < odd; c++) sum += cosines[b * odd + c] * column[c];
        vector[b * power + i] = sum;
      }
    }
  }
}

/** Multiplies elements [from, from + size) by Sylvester's Hadamard matrix (entries +-1), in place; size a power of 2. */
export function hadamard(vector: Float64Array, from: number, size: number): void {
  for (let half = 1; half < size; half *= 2) {
    for (let i = from; i < from + size; i += 2 * half) {
      for (let j = i; j < i + half; j++) {
        const [a, b] = [vector[j], vector[j + half]];
        vector[j] = a + b;
        vector[j + half] = a - b;
      }
    }
  }
}

/** Rows of the orthonormal DCT-II. */
function cosineMatrix(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let k = 0; k < size; k++) {
    const scale = Math.sqrt((k === 0 ? 1 : 2) / size);
    for (let n = 0; n < size; n++) matrix[k * size + n] = scale * Math.cos((Math.PI * (2 * n + 1) * k) / (2 * size));
  }
  return matrix;
}

/** Signs from a 32-bit xorshift (Marsaglia 2003). */
function randomSigns(count: number, seed: number): Float64Array {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return Float64Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state & 0x10000 ? 1 : -1;
  });
}
