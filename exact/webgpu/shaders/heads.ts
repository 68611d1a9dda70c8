/**
 * Ops 5n, 6 and 7: the norm of a head (QK_NORM), RoPE and int8 per head of q, k and v, and the append to the KV cache.
 * One workgroup per head.
 */
import { MAXIMUM_WGSL } from './common';
import { INVERSE_NORM_WGSL } from './norm';

/**
 * qkv: [(H + 2 G) D] i32. Outputs: packed int8 of q, of k and v (`committed`), one exponent word per head (likewise),
 * the headMax words. `gains`: where the tables hold the layer's head gains, q's shift and [D], then k's; 0 = no norm.
 */
export const heads = {
  name: 'heads',
  params: [
    'qkv', 'heads', 'kvHeads', 'headDim', 'headMax', 'output', 'exponents', 'committed', 'committedExponents',
    'gains', 'epsTerm', 'headNorm', 'normed',
  ],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
${INVERSE_NORM_WGSL}
var<workgroup> y: array<i32, HEAD_DIM>;
var<workgroup> squaresLow: atomic<u32>;
var<workgroup> squaresHigh: atomic<u32>;

// Largest magnitude of the head in y.
fn largest(lane: u32, headDim: u32) -> vec2<u32> {
  var best = 0u;
  var at = NONE;
  for (var i = lane; i < headDim; i += LANES) {
    let magnitude = u32(abs(y[i]));
    if (at == NONE || magnitude > best) { best = magnitude; at = i; }
  }
  return maximum(lane, best, at);
}

// Op 5n on y; \`which\`: the head among those of q and k.
fn normalizeHead(lane: u32, headDim: u32, which: u32, isKey: bool) {
  let before = largest(lane, headDim);
  let shift = excessBits(before.x, 15u);
  var low = 0u;
  var high = 0u;
  for (var i = lane; i < headDim; i += LANES) {
    let g = rsh(y[i], shift);
    let square = u32(g * g);
    low += square & 65535u;
    high += square >> 16u;
  }
  low = nearSum(low);
  high = nearSum(high);
  if (elected()) { atomicAdd(&squaresLow, low); }
  if (elected()) { atomicAdd(&squaresHigh, high); }
  workgroupBarrier();
  let squares = joined(atomicLoad(&squaresLow), atomicLoad(&squaresHigh));
  let total = add64(squares, vec2<u32>(scaledEpsilon(params.epsTerm, shift), 0u));
  let scale = inverseNorm(total);
  let gains = params.gains + select(0u, headDim + 1u, isKey);
  let after = scale.z + i32(tables[gains]) - 1i;
  for (var i = lane; i < headDim; i += LANES) {
    let n = rsh(rsh(y[i], shift) * i32(scale.inverse), 15u);
    let product = n * i32(tables[gains + 1u + i]);
    var normed = 0i;
    if (after >= 0i) { normed = rsh(product, u32(after)); } else { normed = saturatedShift(product, u32(min(-after, 31i))); }
    y[i] = normed;
    arena[base + params.normed + which * headDim + i] = u32(normed);
  }
  if (lane == 0u) {
    let words = params.headNorm + 6u * which;
    arena[base + words] = before.x;
    arena[base + words + 1u] = before.y;
    arena[base + words + 2u] = total.y;
    arena[base + words + 3u] = total.x;
    arena[base + words + 4u] = scale.root;
    arena[base + words + 5u] = scale.inverse;
  }
  workgroupBarrier();
}

@compute @workgroup_size(LANES * GROUP_ROWS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  enter(group.z);
  let head = rowOf(group.x, invocation);
  let lane = laneOf(invocation);
  if (head >= params.heads + 2u * params.kvHeads) { return; }
  let headDim = min(params.headDim, HEAD_DIM);
  let half = headDim / 2u;
  let words = headDim / 4u;
  let turning = params.heads + params.kvHeads; // heads of q and k
  let isValue = head >= turning;
  for (var i = lane; i < headDim; i += LANES) { y[i] = signedAt(params.qkv + head * headDim + i); }
  workgroupBarrier();
  if (params.gains != 0u && !isValue) { normalizeHead(lane, headDim, head, head >= params.heads); }

  let before = largest(lane, headDim);
  if (!isValue) {
    let shift = excessBits(before.x, 15u);
    for (var j = lane; j < half; j += LANES) {
      let angle = tables[ROPE + state.position * half + j];
      let c = i32(angle << 16u) >> 16u;
      let s = i32(angle) >> 16u;
      let a = rsh(y[j], shift);
      let b = rsh(y[j + half], shift);
      y[j] = saturatedShift(rsh(a * c - b * s, 14u), shift);
      y[j + half] = saturatedShift(rsh(b * c + a * s, 14u), shift);
    }
  }
  workgroupBarrier();
  let after = largest(lane, headDim);
  let exponent = excessBits(after.x, 7u);

  let row = cacheRow(state.position, select(head - params.heads, head - turning, isValue), params.kvHeads);
  for (var word = lane; word < words; word += LANES) {
    var packed = 0u;
    for (var i = 0u; i < 4u; i++) { packed |= clampInt8(rsh(y[4u * word + i], exponent)) << (8u * i); }
    if (head < params.heads) {
      arena[base + params.output + head * words + word] = packed;
    } else {
      arena[base + params.committed + (head - params.heads) * words + word] = packed;
      if (isValue) { values[row * words + word] = packed; } else { keys[row * words + word] = packed; }
    }
  }
  if (lane == 0u) {
    let maxima = params.headMax + select(4u * head, 4u * turning + 2u * (head - turning), isValue);
    arena[base + maxima] = before.x;
    arena[base + maxima + 1u] = before.y;
    if (!isValue) {
      arena[base + maxima + 2u] = after.x;
      arena[base + maxima + 3u] = after.y;
    }
    if (head < params.heads) {
      arena[base + params.exponents + head] = exponent;
    } else {
      arena[base + params.committedExponents + head - params.heads] = exponent;
      let at = cacheExponent(row, params.kvHeads, headDim);
      if (isValue) { values[at] = exponent; } else { keys[at] = exponent; }
    }
  }
}
`,
} as const;
