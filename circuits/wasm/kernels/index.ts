/** Layers of a circuit model in 64-bit integers. Values are i32, weights i16, biases i32, sums i64. AssemblyScript. */

/** sums[i] = bias[i] + sum of weights[i][j] x[j]. */
export function dense(x: usize, inputs: i32, weights: usize, biases: usize, outputs: i32, sums: usize): void {
  for (let i = 0; i < outputs; i++) {
    let sum: i64 = load<i32>(biases + (<usize>i << 2));
    for (let j = 0; j < inputs; j++) {
      sum += <i64>load<i16>(weights) * <i64>load<i32>(x + (<usize>j << 2));
      weights += 2;
    }
    store<i64>(sums + (<usize>i << 3), sum);
  }
}

/**
 * @param x [height][width][channels]
 * @param weights [outputs][kernelHeight][kernelWidth][channels]
 * @param sums [toHeight][toWidth][outputs]
 */
export function convolve(
  x: usize, height: i32, width: i32, channels: i32, weights: usize, biases: usize, outputs: i32, kernelHeight: i32, kernelWidth: i32,
  stride: i32, padding: i32, toHeight: i32, toWidth: i32, sums: usize,
): void {
  for (let y = 0; y < toHeight; y++) for (let z = 0; z < toWidth; z++) {
    let w = weights;
    for (let output = 0; output < outputs; output++) {
      let sum: i64 = load<i32>(biases + (<usize>output << 2));
      for (let j = 0; j < kernelHeight; j++) for (let i = 0; i < kernelWidth; i++) {
        const row = y * stride + j - padding;
        const column = z * stride + i - padding;
        const isInside = row >= 0 && row < height && column >= 0 && column < width;
        for (let channel = 0; channel < channels; channel++) {
          if (isInside) sum += <i64>load<i16>(w) * <i64>load<i32>(x + (<usize>((row * width + column) * channels + channel) << 2));
          w += 2;
        }
      }
      store<i64>(sums, sum);
      sums += 8;
    }
  }
}

/** min(2^bits - 1, max(0, floor((sum m + 2^(s-1)) / 2^s))); nothing is rounded for s = 0. */
export function requantise(sums: usize, count: i32, multiplier: i32, shift: i32, bits: i32, out: usize): void {
  const half: i64 = shift == 0 ? 0 : <i64>1 << (shift - 1);
  const top: i64 = (<i64>1 << bits) - 1;
  for (let i = 0; i < count; i++) {
    const rounded = (load<i64>(sums + (<usize>i << 3)) * <i64>multiplier + half) >> shift;
    store<i32>(out + (<usize>i << 2), <i32>min<i64>(top, max<i64>(0, rounded)));
  }
}

/** The lowest index of the largest sum. */
export function argmax(sums: usize, count: i32): i32 {
  let best = 0;
  for (let i = 1; i < count; i++) {
    if (load<i64>(sums + (<usize>i << 3)) > load<i64>(sums + (<usize>best << 3))) best = i;
  }
  return best;
}
