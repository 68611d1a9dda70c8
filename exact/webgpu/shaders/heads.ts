/** Ops 6 and 7: RoPE and int8 per head of q, k and v, and the append to the KV cache. One workgroup per head. */
import { MAXIMUM_WGSL } from './common';

/** qkv: [(H + 2 G) D] i32. Outputs: packed int8 in the same order, one exponent word per head, the headMax words. */
export const heads = {
  name: 'heads',
  params: ['qkv', 'heads', 'kvHeads', 'headDim', 'context', 'headMax', 'output', 'exponents'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
var<workgroup> rotated: array<i32, HEAD_DIM>;

@compute @workgroup_size(LANES * GROUP_ROWS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  let head = rowOf(group.x, invocation);
  let lane = laneOf(invocation);
  if (head >= params.heads + 2u * params.kvHeads) { return; }
  let headDim = min(params.headDim, HEAD_DIM);
  let half = headDim / 2u;
  let turning = params.heads + params.kvHeads; // heads of q and k
  let isValue = head >= turning;
  let input = params.qkv + head * headDim;

  var best = 0u;
  var at = NONE;
  for (var i = lane; i < headDim; i += LANES) {
    let magnitude = u32(abs(signedAt(input + i)));
    if (at == NONE || magnitude > best) { best = magnitude; at = i; }
  }
  let before = maximum(lane, best, at);
  let shift = excessBits(before.x, 15u);

  for (var j = lane; j < half; j += LANES) {
    let x = signedAt(input + j);
    let y = signedAt(input + j + half);
    if (isValue) {
      rotated[j] = x;
      rotated[j + half] = y;
    } else {
      let angle = tables[ROPE + state.position * half + j];
      let c = i32(angle << 16u) >> 16u;
      let s = i32(angle) >> 16u;
      let a = rsh(x, shift);
      let b = rsh(y, shift);
      rotated[j] = saturatedShift(rsh(a * c - b * s, 14u), shift);
      rotated[j + half] = saturatedShift(rsh(b * c + a * s, 14u), shift);
    }
  }
  workgroupBarrier();

  best = 0u;
  at = NONE;
  for (var i = lane; i < headDim; i += LANES) {
    let magnitude = u32(abs(rotated[i]));
    if (at == NONE || magnitude > best) { best = magnitude; at = i; }
  }
  let after = maximum(lane, best, at);
  let exponent = excessBits(after.x, 7u);

  // A cache holds [G][context] rows of D / 4 words, then [G][context] exponents.
  let kvHead = select(head - params.heads, head - turning, isValue);
  let cacheRow = kvHead * params.context + state.position;
  let cacheExponent = params.kvHeads * params.context * (headDim / 4u) + cacheRow;
  for (var word = lane; word < headDim / 4u; word += LANES) {
    var packed = 0u;
    for (var i = 0u; i < 4u; i++) { packed |= clampInt8(rsh(rotated[4u * word + i], exponent)) << (8u * i); }
    arena[params.output + head * (headDim / 4u) + word] = packed;
    if (isValue) {
      values[cacheRow * (headDim / 4u) + word] = packed;
    } else if (head >= params.heads) {
      keys[cacheRow * (headDim / 4u) + word] = packed;
    }
  }
  if (lane == 0u) {
    arena[params.exponents + head] = exponent;
    let words = params.headMax + select(4u * head, 4u * turning + 2u * (head - turning), isValue);
    arena[words] = before.x;
    arena[words + 1u] = before.y;
    if (isValue) {
      values[cacheExponent] = exponent;
    } else {
      arena[words + 2u] = after.x;
      arena[words + 3u] = after.y;
      if (head >= params.heads) { keys[cacheExponent] = exponent; }
    }
  }
}
`,
} as const;
