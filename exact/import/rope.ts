/** RoPE's frequencies in floats, and its table as the exact model file holds it. */

/** How a model stretches RoPE beyond the context that it was trained on. */
export type RopeScaling =
  | { kind: 'none' }
  | { kind: 'linear'; factor: number }
  /** Llama 3.1: long waves slowed by `factor`, short ones kept, those between blended */
  | { kind: 'llama3'; factor: number; lowFactor: number; highFactor: number; trainedContext: number }
  /** a divisor for each pair (GGUF's rope_freqs) */
  | { kind: 'divisors'; divisors: Float32Array };

/** [headDim / 2] radians per position: theta^(-2i / headDim), scaled. */
export function ropeFrequencies(theta: number, headDim: number, scaling: RopeScaling): Float64Array {
  const plain = Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
  switch (scaling.kind) {
    case 'none':
      return plain;
    case 'linear':
      return plain.map((frequency) => frequency / scaling.factor);
    case 'divisors':
      return plain.map((frequency, i) => frequency / scaling.divisors[i]);
    case 'llama3':
      return plain.map((frequency) => llama3Frequency(frequency, scaling));
  }
}

/** As Llama 3.1's reference code defines it (apply_scaling in llama-models, Meta 2024). */
function llama3Frequency(frequency: number, scaling: Extract<RopeScaling, { kind: 'llama3' }>): number {
  const { factor, lowFactor, highFactor, trainedContext } = scaling;
  const turns = (trainedContext * frequency) / (2 * Math.PI);
  if (turns > highFactor) return frequency;
  if (turns < lowFactor) return frequency / factor;
  const share = (turns - lowFactor) / (highFactor - lowFactor);
  return (1 - share) * (frequency / factor) + share * frequency;
}

/** The leaf of position t: i16[headDim / 2] cosines, then sines, 14 fraction bits, big-endian. */
export function ropeLeaf(frequencies: Float64Array, t: number): Buffer {
  const half = frequencies.length;
  const leaf = Buffer.alloc(4 * half);
  frequencies.forEach((frequency, i) => {
    leaf.writeInt16BE(Math.round(16384 * Math.cos(t * frequency)), 2 * i);
    leaf.writeInt16BE(Math.round(16384 * Math.sin(t * frequency)), 2 * (half + i));
  });
  return leaf;
}
