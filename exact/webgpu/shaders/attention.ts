/**
 * Ops 8 to 13: scores, softmax in integers, P.V, and the int8 row of all heads.
 *
 * Per layer and position block of 256 the arena holds one chunk: [H][256] words (a score, later e | p'' << 16),
 * [H D] partial sums of P.V, [H] sums of e, [H] sums of p. Chunks lie block by block, so that a position reads back
 * only the blocks it reaches: chunk(b) = blocks + b * blockStride.
 */
import { MAXIMUM_WGSL } from './common';

const CHUNK = /* wgsl */ `
fn chunk(position: u32) -> u32 { return params.blocks + (position / 256u) * params.blockStride; }
fn weightWord(head: u32, position: u32) -> u32 { return chunk(position) + head * 256u + position % 256u; }
`;

/** One invocation per (head, position), flat: S. queries: packed int8, exponents: one word per head. */
export const scores = {
  name: 'scores',
  params: ['queries', 'exponents', 'heads', 'kvHeads', 'headDim', 'blocks', 'blockStride'],
  workgroup: 128,
  code: /* wgsl */ `
${CHUNK}
@compute @workgroup_size(128)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  enter(id.z);
  let head = id.x / (state.position + 1u);
  let position = id.x % (state.position + 1u);
  if (head >= params.heads) { return; }
  let kvHead = head * params.kvHeads / params.heads;
  let words = params.headDim / 4u;
  let row = cacheRow(position, kvHead, params.kvHeads);
  var sum = 0i;
  let query = base + params.queries + head * words;
  for (var i = 0u; i < words; i += 4u) { // a head has at least 16 dims
    sum += dot4(arena[query + i], keys[row * words + i]) + dot4(arena[query + i + 1u], keys[row * words + i + 1u])
      + dot4(arena[query + i + 2u], keys[row * words + i + 2u]) + dot4(arena[query + i + 3u], keys[row * words + i + 3u]);
  }
  let keyExponent = keys[cacheExponent(row, params.kvHeads, params.headDim)];
  let shift = 24i - signedAt(params.exponents + head) - i32(keyExponent);
  var score = 0i;
  if (shift >= 0i) { score = rsh(sum, u32(shift)); } else { score = sum << u32(min(-shift, 9i)); }
  arena[base + weightWord(head, position)] = u32(score);
}
`,
} as const;

/**
 * One workgroup per head: maximum, e, Z, p, Z', E, p''. `totals` gets Z, Z', R and the shift of op 12 per head.
 */
export const softmax = {
  name: 'softmax',
  params: ['heads', 'kvHeads', 'headDim', 'blocks', 'blockStride', 'attMax', 'totals'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
${CHUNK}
var<workgroup> sumsE: array<atomic<u32>, POSITION_BLOCKS>;
var<workgroup> sumsP: array<atomic<u32>, POSITION_BLOCKS>;

@compute @workgroup_size(LANES * GROUP_ROWS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
  enter(group.z);
  let head = rowOf(group.x, invocation);
  let lane = laneOf(invocation);
  if (head >= params.heads) { return; }
  let count = states[group.z].position + 1u; // uniform, which \`state\` is not
  let blocks = min((count + 255u) / 256u, POSITION_BLOCKS);
  let kvHead = head * params.kvHeads / params.heads;
  let valueExponents = cacheExponent(cacheRow(0u, kvHead, params.kvHeads), params.kvHeads, params.headDim);

  // Signed order as unsigned order: flip the sign bit.
  var best = 0u;
  var at = NONE;
  var bestExponent = 0u;
  var exponentAt = NONE;
  for (var j = lane; j < count; j += LANES) {
    let score = arena[base + weightWord(head, j)] ^ 0x80000000u;
    if (at == NONE || score > best) { best = score; at = j; }
    let exponent = values[valueExponents + j * params.kvHeads];
    if (exponentAt == NONE || exponent > bestExponent) { bestExponent = exponent; exponentAt = j; }
  }
  let largest = maximum(lane, best, at);
  let exponents = maximum(lane, bestExponent, exponentAt);

  for (var b = 0u; b < blocks; b++) {
    var sum = 0u;
    for (var j = 256u * b + lane; j < 256u * b + 256u; j += LANES) {
      let word = weightWord(head, j);
      var e = 0u;
      if (j < count) {
        let distance = largest.x - (arena[base + word] ^ 0x80000000u);
        e = rshUnsigned(tables[EXP + (distance & 255u)], distance >> 8u);
      }
      arena[base + word] = e;
      sum += e;
    }
    let near = nearSum(sum);
    if (elected()) { atomicAdd(&sumsE[b], near); }
  }
  workgroupBarrier();
  var total = 0u;
  for (var b = 0u; b < blocks; b++) { total += atomicLoad(&sumsE[b]); }
  let reduce = excessBits(total, 23u);

  for (var b = 0u; b < blocks; b++) {
    var sum = 0u;
    for (var j = 256u * b + lane; j < min(count, 256u * b + 256u); j += LANES) {
      let word = weightWord(head, j);
      let e = arena[base + word];
      let p = rshUnsigned(e, reduce);
      sum += p;
      arena[base + word] = e | (rshUnsigned(p, exponents.x - values[valueExponents + j * params.kvHeads]) << 16u);
    }
    let near = nearSum(sum);
    if (elected()) { atomicAdd(&sumsP[b], near); }
  }
  workgroupBarrier();
  if (lane != 0u) { return; }
  var reduced = 0u;
  for (var b = 0u; b < blocks; b++) {
    let sums = chunk(256u * b) + params.heads * (256u + params.headDim) + head;
    arena[base + sums] = atomicLoad(&sumsE[b]);
    arena[base + sums + params.heads] = atomicLoad(&sumsP[b]);
    reduced += atomicLoad(&sumsP[b]);
  }
  let bits = bitLength(reduced);
  arena[base + params.totals + 4u * head] = total;
  arena[base + params.totals + 4u * head + 1u] = reduced;
  arena[base + params.totals + 4u * head + 2u] = min(65535u, 0x80000000u / (reduced >> (bits - 16u)));
  arena[base + params.totals + 4u * head + 3u] = u32(15i + i32(bits) - i32(exponents.x));
  arena[base + params.attMax + 4u * head] = largest.x ^ 0x80000000u;
  arena[base + params.attMax + 4u * head + 1u] = largest.y;
  arena[base + params.attMax + 4u * head + 2u] = exponents.x;
  arena[base + params.attMax + 4u * head + 3u] = exponents.y;
}
`,
} as const;

/** One invocation per four dims of a head and position block: the partial sum A_b. */
export const weightedValues = {
  name: 'weightedValues',
  params: ['heads', 'kvHeads', 'headDim', 'blocks', 'blockStride'],
  workgroup: 64,
  code: /* wgsl */ `
${CHUNK}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  enter(id.z);
  let words = params.headDim / 4u;
  let head = id.x / words;
  let first = 256u * id.y;
  if (head >= params.heads || first > state.position) { return; }
  let kvHead = head * params.kvHeads / params.heads;
  let row = cacheRow(0u, kvHead, params.kvHeads) * words + id.x % words;
  let block = chunk(first);
  var sum = vec4<i32>(0i);
  let end = min(first + 256u, state.position + 1u);
  let weight = base + block + head * 256u - first;
  let stride = params.kvHeads * words;
  var j = first;
  for (; j + 4u <= end; j += 4u) { // four loads at a time
    let v0 = values[row + j * stride];
    let v1 = values[row + (j + 1u) * stride];
    let v2 = values[row + (j + 2u) * stride];
    let v3 = values[row + (j + 3u) * stride];
    sum += i32(arena[weight + j] >> 16u) * unpackInt8(v0) + i32(arena[weight + j + 1u] >> 16u) * unpackInt8(v1)
      + i32(arena[weight + j + 2u] >> 16u) * unpackInt8(v2) + i32(arena[weight + j + 3u] >> 16u) * unpackInt8(v3);
  }
  for (; j < end; j++) { sum += i32(arena[weight + j] >> 16u) * unpackInt8(values[row + j * stride]); }
  let output = block + params.heads * 256u + 4u * id.x;
  for (var i = 0u; i < 4u; i++) { arena[base + output + i] = u32(sum[i]); }
}
`,
} as const;

/** One workgroup: totals over the blocks, op 12, and op 13 over all heads. scratch: [H D] i32. */
export const attentionOutput = {
  name: 'attentionOutput',
  params: ['heads', 'headDim', 'blocks', 'blockStride', 'totals', 'scratch', 'maxima', 'output', 'exponent'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
${CHUNK}
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  enter(group.z);
  let words = params.heads * params.headDim / 4u;
  var best = 0u;
  var at = NONE;
  for (var word = lane; word < words; word += LANES) {
    let head = 4u * word / params.headDim;
    for (var i = 4u * word; i < 4u * word + 4u; i++) {
      var sum = 0i;
      for (var first = 0u; first <= state.position; first += 256u) {
        sum += signedAt(chunk(first) + params.heads * 256u + i);
      }
      let o = requantize(sum, arena[base + params.totals + 4u * head + 2u], signedAt(params.totals + 4u * head + 3u));
      arena[base + params.scratch + i] = u32(o);
      let magnitude = u32(abs(o));
      if (at == NONE || magnitude > best) { best = magnitude; at = i; }
    }
  }
  let largest = maximum(lane, best, at);
  let k = excessBits(largest.x, 7u);
  for (var word = lane; word < words; word += LANES) {
    var packed = 0u;
    for (var i = 0u; i < 4u; i++) { packed |= clampInt8(rsh(signedAt(params.scratch + 4u * word + i), k)) << (8u * i); }
    arena[base + params.output + word] = packed;
  }
  if (lane == 0u) {
    arena[base + params.maxima] = largest.x;
    arena[base + params.maxima + 1u] = largest.y;
    arena[base + params.exponent] = u32(i32(k) - 16i);
  }
}
`,
} as const;
