/** Ops 1 to 3: embedding, RMSNorm scalars and their int8 output. */
import { MAXIMUM_WGSL } from './common';

/** One invocation per dim; a shard of the embedding matrix holds rows firstRow..firstRow + rows - 1. */
export const embedding = {
  name: 'embedding',
  params: ['firstRow', 'rows', 'weightBase', 'scaleBase', 'width', 'output'],
  workgroup: 64,
  code: /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let word = id.x; // 4 dims
  let row = state.token - params.firstRow;
  if (state.token < params.firstRow || row >= params.rows || word * 4u >= params.width) { return; }
  let scale = rowScales[params.scaleBase + row];
  let packed = weights[params.weightBase + row * (params.width / 16u) + word / 4u][word % 4u];
  let q = unpackInt8(packed);
  for (var i = 0u; i < 4u; i++) {
    arena[params.output + 4u * word + i] = u32(requantize(q[i], scale & 65535u, i32(scale >> 16u) - 16i));
  }
}
`,
} as const;

/** One workgroup. Writes the words of the norm slot, the packed int8 row, and the row's exponent e. */
export const norm = {
  name: 'norm',
  params: ['input', 'width', 'epsTerm', 'scalars', 'output', 'exponent'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
// Sums of squares per block of 256 as low and high halves: 256 * 65535 < 2^24, 256 * 2^14 = 2^22.
var<workgroup> blockLow: array<atomic<u32>, NORM_BLOCKS>;
var<workgroup> blockHigh: array<atomic<u32>, NORM_BLOCKS>;

fn joined(low: u32, high: u32) -> vec2<u32> { return add64(vec2<u32>(low, 0u), vec2<u32>(high << 16u, high >> 16u)); }

// floor(sqrt(x)), bit by bit
fn squareRoot(x: u32) -> u32 {
  var root = 0u;
  for (var bit = 16u; bit > 0u; bit--) {
    let next = root | (1u << (bit - 1u));
    if (next * next <= x) { root = next; }
  }
  return root;
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  var best = 0u;
  var at = NONE;
  for (var i = lane; i < params.width; i += LANES) {
    let magnitude = u32(abs(signedAt(params.input + i)));
    if (at == NONE || magnitude > best) { best = magnitude; at = i; }
  }
  let largest = maximum(lane, best, at);
  let shift = excessBits(largest.x, 15u);

  let blocks = min((params.width + 255u) / 256u, NORM_BLOCKS);
  for (var b = 0u; b < blocks; b++) {
    var low = 0u;
    var high = 0u;
    for (var i = b * 256u + lane; i < min(params.width, b * 256u + 256u); i += LANES) {
      let g = rsh(signedAt(params.input + i), shift);
      let square = u32(g * g);
      low += square & 65535u;
      high += square >> 16u;
    }
    atomicAdd(&blockLow[b], low);
    atomicAdd(&blockHigh[b], high);
  }
  workgroupBarrier();

  let eps = select(params.epsTerm >> (2u * min(shift, 15u)), 0u, shift >= 16u);
  var total = vec2<u32>(eps, 0u);
  for (var b = 0u; b < blocks; b++) {
    let partial = joined(atomicLoad(&blockLow[b]), atomicLoad(&blockHigh[b]));
    total = add64(total, partial);
    if (lane == 0u) {
      arena[params.scalars + 2u + 2u * b] = partial.y;
      arena[params.scalars + 3u + 2u * b] = partial.x;
    }
  }
  let bits = select(bitLength(total.x), 32u + bitLength(total.y), total.y != 0u);
  let z = i32((bits + 1u) / 2u) - 16i;
  var scaled = total.x;
  if (z > 0i) {
    let n = u32(2i * z);
    scaled = (total.y << (32u - n)) | (total.x >> n);
  } else if (z < 0i) {
    scaled = total.x << u32(-2i * z);
  }
  let root = squareRoot(scaled);
  let inverse = (1u << 30u) / root;
  let k = excessBits(u32(rsh(i32(largest.x), shift)) * inverse, 7u);
  if (lane == 0u) {
    let after = params.scalars + 2u + 2u * blocks;
    arena[params.scalars] = largest.x;
    arena[params.scalars + 1u] = largest.y;
    arena[after] = total.y;
    arena[after + 1u] = total.x;
    arena[after + 2u] = root;
    arena[after + 3u] = inverse;
    arena[params.exponent] = u32(i32(k) - 30i - z);
  }
  for (var word = lane; word * 4u < params.width; word += LANES) {
    var packed = 0u;
    for (var i = 0u; i < 4u; i++) {
      let g = rsh(signedAt(params.input + 4u * word + i), shift);
      packed |= clampInt8(rsh(g * i32(inverse), k)) << (8u * i);
    }
    arena[params.output + word] = packed;
  }
}
`,
} as const;
