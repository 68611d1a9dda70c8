/** Section 7: maximum, weights, running sums, the top list, and the draw. */
import { MAXIMUM_WGSL } from './common';

/** One workgroup over all logits. */
export const argmax = {
  name: 'argmax',
  params: ['logits', 'vocab', 'output'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  enter(group.z);
  var best = 0u;
  var at = NONE;
  for (var i = lane; i < params.vocab; i += LANES) {
    let ordered = arena[base + params.logits + i] ^ 0x80000000u;
    if (at == NONE || ordered > best) { best = ordered; at = i; }
  }
  let largest = maximum(lane, best, at);
  if (lane == 0u) {
    arena[base + params.output] = largest.x ^ 0x80000000u;
    arena[base + params.output + 1u] = largest.y;
  }
}
`,
} as const;

/** Columns of a step may sample in different modes; a kernel leaves the others alone. */
const MODES = /* wgsl */ `
fn isFull() -> bool { return state.samplingT != 0u && state.topK == 0u; }
`;

const WEIGHT = /* wgsl */ `
// zmax, z as stored; D t + 2^21 < 2^53
fn weightOf(zmax: u32, z: u32) -> u32 {
  let scaled = add64(multiply64(zmax - z, state.samplingT), vec2<u32>(1u << 21u, 0u));
  let x = (scaled.y << 10u) | (scaled.x >> 22u);
  if (x >= 24576u || (state.minPX != 0u && x > state.minPX)) { return 0u; }
  return rshUnsigned(tables[SAMPLING + (x & 1023u)], x >> 10u);
}
`;

/** One invocation per 64 logits: their weights and the sum of the block (< 2^30). */
export const sampleWeights = {
  name: 'sampleWeights',
  params: ['logits', 'vocab', 'maxima', 'weights', 'blockSums'],
  workgroup: 16,
  code: /* wgsl */ `
${MODES}
${WEIGHT}
@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  enter(id.z);
  let first = 64u * id.x;
  if (first >= params.vocab || !isFull()) { return; }
  let zmax = arena[base + params.maxima];
  var sum = 0u;
  for (var i = first; i < min(first + 64u, params.vocab); i++) {
    let w = weightOf(zmax, arena[base + params.logits + i]);
    arena[base + params.weights + i] = w;
    sum += w;
  }
  arena[base + params.blockSums + id.x] = sum;
}
`,
} as const;

/** One workgroup: running 64-bit sums (high word first) of the block sums. */
export const runningSums = {
  name: 'runningSums',
  params: ['blockSums', 'count', 'output'],
  code: /* wgsl */ `
${MODES}
var<workgroup> laneTotals: array<vec2<u32>, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  enter(group.z);
  let share = (params.count + LANES - 1u) / LANES;
  let first = min(lane * share, params.count);
  let end = min(first + share, params.count);
  var total = vec2<u32>(0u);
  for (var i = first; i < end; i++) { total = add64(total, vec2<u32>(arena[base + params.blockSums + i], 0u)); }
  laneTotals[lane] = total;
  workgroupBarrier();
  var running = vec2<u32>(0u);
  for (var l = 0u; l < lane; l++) { running = add64(running, laneTotals[l]); }
  if (!isFull()) { return; }
  for (var i = first; i < end; i++) {
    running = add64(running, vec2<u32>(arena[base + params.blockSums + i], 0u));
    arena[base + params.output + 2u * i] = running.y;
    arena[base + params.output + 2u * i + 1u] = running.x;
  }
}
`,
} as const;

const THRESHOLD = /* wgsl */ `
// floor(r W / 2^128) for the 128 random bits r and W < 2^64, as (low, high)
fn threshold(total: vec2<u32>) -> vec2<u32> {
  let r = array<u32, 4>(state.r3, state.r2, state.r1, state.r0); // lowest word first
  var words = array<u32, 6>(0u, 0u, 0u, 0u, 0u, 0u);
  for (var j = 0u; j < 2u; j++) {
    var carry = 0u;
    for (var i = 0u; i < 4u; i++) {
      let sum = add64(multiply64(r[i], total[j]), add64(vec2<u32>(words[i + j], 0u), vec2<u32>(carry, 0u)));
      words[i + j] = sum.x;
      carry = sum.y;
    }
    words[j + 4u] = carry;
  }
  return vec2<u32>(words[4], words[5]);
}
`;

/** One invocation. Greedy: the maximum's index. Full: the first id whose running sum exceeds the threshold. */
export const draw = {
  name: 'draw',
  params: ['maxima', 'weights', 'sums', 'count', 'vocab', 'output'],
  workgroup: 1,
  code: /* wgsl */ `
${MODES}
${THRESHOLD}
fn runningSum(block: u32) -> vec2<u32> {
  let at = params.sums + 2u * block;
  return vec2<u32>(arena[base + at + 1u], arena[base + at]);
}

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3<u32>) {
  enter(group.z);
  if (state.samplingT == 0u) {
    arena[base + params.output] = 0u;
    arena[base + params.output + 1u] = 0u;
    arena[base + params.output + 2u] = 0u;
    arena[base + params.output + 3u] = arena[base + params.maxima + 1u];
    return;
  }
  if (!isFull()) { return; }
  let total = runningSum(params.count - 1u);
  let limit = threshold(total);
  var low = 0u; // the first block whose running sum exceeds the limit
  var high = params.count - 1u;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (less64(limit, runningSum(middle))) { high = middle; } else { low = middle + 1u; }
  }
  var running = vec2<u32>(0u);
  if (low > 0u) { running = runningSum(low - 1u); }
  var token = NONE;
  for (var i = 64u * low; i < min(64u * low + 64u, params.vocab); i++) {
    running = add64(running, vec2<u32>(arena[base + params.weights + i], 0u));
    if (token == NONE && less64(limit, running)) { token = i; }
  }
  arena[base + params.output] = 0u;
  arena[base + params.output + 1u] = total.y;
  arena[base + params.output + 2u] = total.x;
  arena[base + params.output + 3u] = token;
}
`,
} as const;

/**
 * One workgroup, top mode. The K-th largest logit and, among its equals, the last id kept are found bit by bit by
 * counting; the at most 256 entries are then ranked by (z descending, id ascending), cut by top-p, and drawn from in
 * id order.
 */
export const drawTop = {
  name: 'drawTop',
  params: ['logits', 'vocab', 'maxima', 'list', 'found', 'output'],
  code: /* wgsl */ `
${WEIGHT}
${THRESHOLD}
var<workgroup> counter: atomic<u32>;
var<workgroup> keptCount: u32;
var<workgroup> keptTotal: u32;
var<workgroup> chosen: atomic<u32>;

fn ordered(i: u32) -> u32 { return arena[base + params.logits + i] ^ 0x80000000u; }

fn listId(i: u32) -> u32 { return arena[base + params.list + 3u * i + 1u]; }
fn listWeight(i: u32) -> u32 { return arena[base + params.list + 3u * i + 2u]; }

// The workgroup's sum of \`own\`; called by all lanes together.
fn together(lane: u32, own: u32) -> u32 {
  workgroupBarrier();
  if (lane == 0u) { atomicStore(&counter, 0u); }
  workgroupBarrier();
  let near = nearSum(own);
  if (elected()) { atomicAdd(&counter, near); }
  workgroupBarrier();
  return atomicLoad(&counter);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  enter(group.z);
  let mode = states[group.z]; // uniform, which \`state\` is not
  if (mode.topK == 0u || mode.samplingT == 0u) { return; }
  let size = min(mode.topK, params.vocab);
  var least = 0u; // the size-th largest
  for (var bit = 32u; bit > 0u; bit--) {
    let candidate = least | (1u << (bit - 1u));
    var own = 0u;
    for (var i = lane; i < params.vocab; i += LANES) { own += select(0u, 1u, ordered(i) >= candidate); }
    if (together(lane, own) >= size) { least = candidate; }
  }
  var larger = 0u;
  for (var i = lane; i < params.vocab; i += LANES) { larger += select(0u, 1u, ordered(i) > least); }
  let equalsKept = size - together(lane, larger);
  var lastEqual = 0u; // ids equal to the least are kept up to this one
  for (var bit = 18u; bit > 0u; bit--) {
    let candidate = lastEqual | (1u << (bit - 1u));
    var own = 0u;
    for (var i = lane; i < min(candidate, params.vocab); i += LANES) { own += select(0u, 1u, ordered(i) == least); }
    if (together(lane, own) < equalsKept) { lastEqual = candidate; }
  }

  workgroupBarrier();
  if (lane == 0u) { atomicStore(&counter, 0u); atomicStore(&chosen, NONE); }
  workgroupBarrier();
  for (var i = lane; i < params.vocab; i += LANES) {
    let z = ordered(i);
    if (z > least || (z == least && i <= lastEqual)) {
      let slot = atomicAdd(&counter, 1u);
      if (slot < size) { arena[base + params.found + 2u * slot] = z; arena[base + params.found + 2u * slot + 1u] = i; }
    }
  }
  storageBarrier();
  let zmax = arena[base + params.maxima];
  for (var i = lane; i < size; i += LANES) {
    let z = arena[base + params.found + 2u * i];
    let id = arena[base + params.found + 2u * i + 1u];
    var rank = 0u;
    for (var j = 0u; j < size; j++) {
      let other = arena[base + params.found + 2u * j];
      if (other > z || (other == z && arena[base + params.found + 2u * j + 1u] < id)) { rank++; }
    }
    let w = weightOf(zmax, z ^ 0x80000000u);
    arena[base + params.list + 3u * rank] = z ^ 0x80000000u;
    arena[base + params.list + 3u * rank + 1u] = id;
    arena[base + params.list + 3u * rank + 2u] = w;
  }
  storageBarrier();
  if (lane == 0u) {
    var total = 0u; // 256 * (2^24 - 1) < 2^32
    for (var i = 0u; i < size; i++) { total += listWeight(i); }
    var kept = size;
    var sum = total;
    if (state.topP16 != 0u) {
      let enough = multiply64(state.topP16, total);
      kept = 0u;
      sum = 0u;
      while (kept < size) {
        sum += listWeight(kept);
        kept++;
        if (!less64(multiply64(65536u, sum), enough)) { break; }
      }
    }
    keptCount = kept;
    keptTotal = sum;
  }
  workgroupBarrier();
  let limit = threshold(vec2<u32>(keptTotal, 0u));
  for (var i = lane; i < keptCount; i += LANES) {
    var running = 0u;
    for (var j = 0u; j < keptCount; j++) { running += select(0u, listWeight(j), listId(j) <= listId(i)); }
    if (less64(limit, vec2<u32>(running, 0u))) { atomicMin(&chosen, listId(i)); }
  }
  workgroupBarrier();
  if (lane == 0u) {
    arena[base + params.output] = keptCount;
    arena[base + params.output + 1u] = 0u;
    arena[base + params.output + 2u] = keptTotal;
    arena[base + params.output + 3u] = atomicLoad(&chosen);
  }
}
`,
} as const;
