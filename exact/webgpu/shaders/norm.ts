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
  enter(id.z);
  let word = id.x; // 4 dims
  let row = state.token - params.firstRow;
  if (state.token < params.firstRow || row >= params.rows || word * 4u >= params.width) { return; }
  let scale = rowScales[params.scaleBase + row];
  let packed = weights[params.weightBase + row * (params.width / 16u) + word / 4u][word % 4u];
  let q = unpackInt8(packed);
  for (var i = 0u; i < 4u; i++) {
    arena[base + params.output + 4u * word + i] = u32(requantize(q[i], scale & 65535u, i32(scale >> 16u) - 16i));
  }
}
`,
} as const;

/** Op 2 from the sum of squares on; a sum of squares is gathered as low and high halves. */
export const INVERSE_NORM_WGSL = /* wgsl */ `
fn joined(low: u32, high: u32) -> vec2<u32> { return add64(vec2<u32>(low, 0u), vec2<u32>(high << 16u, high >> 16u)); }

// floor(epsilon term / 4^shift)
fn scaledEpsilon(term: u32, shift: u32) -> u32 { return select(term >> (2u * min(shift, 15u)), 0u, shift >= 16u); }

// floor(sqrt(x)), bit by bit
fn squareRoot(x: u32) -> u32 {
  var root = 0u;
  for (var bit = 16u; bit > 0u; bit--) {
    let next = root | (1u << (bit - 1u));
    if (next * next <= x) { root = next; }
  }
  return root;
}

struct InverseNorm { z: i32, root: u32, inverse: u32 }

fn inverseNorm(total: vec2<u32>) -> InverseNorm {
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
  return InverseNorm(z, root, (1u << 30u) / root);
}
`;

/** One workgroup. Writes the words of the norm slot, the packed int8 row, and the row's exponent e. */
export const norm = {
  name: 'norm',
  params: ['input', 'width', 'epsTerm', 'scalars', 'output', 'exponent'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
${INVERSE_NORM_WGSL}
// Sums of squares per block of 256 as low and high halves: 256 * 65535 < 2^24, 256 * 2^14 = 2^22.
var<workgroup> blockLow: array<atomic<u32>, NORM_BLOCKS>;
var<workgroup> blockHigh: array<atomic<u32>, NORM_BLOCKS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  enter(group.z);
  let words = params.width / 4u; // a lane takes four elements at a time: their loads do not wait for each other
  var best = 0u;
  var at = NONE;
  for (var word = lane; word < words; word += LANES) {
    let h = abs(fourAt(params.input + 4u * word));
    for (var i = 0u; i < 4u; i++) {
      if (at == NONE || u32(h[i]) > best) { best = u32(h[i]); at = 4u * word + i; }
    }
  }
  let largest = maximum(lane, best, at);
  let shift = excessBits(largest.x, 15u);

  // Lanes that sum together lie in one block of 64 words.
  let blocks = min((params.width + 255u) / 256u, NORM_BLOCKS);
  for (var start = 0u; start < words; start += LANES) {
    let word = start + lane;
    var low = 0u;
    var high = 0u;
    if (word < words) {
      let h = fourAt(params.input + 4u * word);
      for (var i = 0u; i < 4u; i++) {
        let g = rsh(h[i], shift);
        let square = u32(g * g);
        low += square & 65535u;
        high += square >> 16u;
      }
    }
    low = nearSum(low);
    high = nearSum(high);
    let block = min(word / 64u, blocks - 1u);
    if (elected()) { atomicAdd(&blockLow[block], low); }
    if (elected()) { atomicAdd(&blockHigh[block], high); }
  }
  workgroupBarrier();

  var total = vec2<u32>(scaledEpsilon(params.epsTerm, shift), 0u);
  for (var b = 0u; b < blocks; b++) {
    let partial = joined(atomicLoad(&blockLow[b]), atomicLoad(&blockHigh[b]));
    total = add64(total, partial);
    if (lane == 0u) {
      arena[base + params.scalars + 2u + 2u * b] = partial.y;
      arena[base + params.scalars + 3u + 2u * b] = partial.x;
    }
  }
  let scale = inverseNorm(total);
  let k = excessBits(u32(rsh(i32(largest.x), shift)) * scale.inverse, 7u);
  if (lane == 0u) {
    let after = params.scalars + 2u + 2u * blocks;
    arena[base + params.scalars] = largest.x;
    arena[base + params.scalars + 1u] = largest.y;
    arena[base + after] = total.y;
    arena[base + after + 1u] = total.x;
    arena[base + after + 2u] = scale.root;
    arena[base + after + 3u] = scale.inverse;
    arena[base + params.exponent] = u32(i32(k) - 30i - scale.z);
  }
  for (var word = lane; word < words; word += LANES) {
    let h = fourAt(params.input + 4u * word);
    var packed = 0u;
    for (var i = 0u; i < 4u; i++) {
      packed |= clampInt8(rsh(rsh(h[i], shift) * i32(scale.inverse), k)) << (8u * i);
    }
    arena[base + params.output + word] = packed;
  }
}
`,
} as const;
