/**
 * Ops 16 to 18: SwiGLU, Hadamard transform per 64 channels, int8 input of `down`.
 *
 * A maximum over all channels is needed before the next op: each workgroup leaves its own (value, lowest index) in
 * `partials`, the next kernel's workgroups reduce those. Every kernel takes CHANNELS channels a workgroup.
 */
import { MAXIMUM_WGSL } from './common';

/** Channels of a workgroup: 4 or 8 blocks of 64. */
export const MLP_CHANNELS = 256;

const PARTIALS = /* wgsl */ `
// Maximum of \`count\` partial maxima, with the lowest index.
fn reduced(lane: u32, partials: u32, count: u32) -> vec2<u32> {
  var best = 0u;
  var at = NONE;
  for (var i = lane; i < count; i += LANES) {
    let value = arena[base + partials + 2u * i];
    let index = arena[base + partials + 2u * i + 1u];
    if (at == NONE || value > best || (value == best && index < at)) { best = value; at = index; }
  }
  return maximum(lane, best, at);
}

fn leave(lane: u32, partials: u32, group: u32, largest: vec2<u32>) {
  if (lane != 0u) { return; }
  arena[base + partials + 2u * group] = largest.x;
  arena[base + partials + 2u * group + 1u] = largest.y;
}

fn sigmoidOf(gate: i32) -> i32 {
  let index = min(512u, rshUnsigned(u32(abs(gate)), 2u));
  let table = i32(tables[SIGMOID + index]);
  return select(table, 32768i - table, gate < 0i);
}
`;

/**
 * gates: [2 f] i32, gate then up; gateOut, upOut: what the trace shows of them, packed i16 pairs (after c16), or i32 if
 * wide; output [f] i32. Narrow: output is y. Wide: output is t = RQ(g, sigmoid, 15), and `multiply` follows.
 * partials: maxima of the output; upPartials: of up (wide only).
 */
export const swiglu = {
  name: 'swiglu',
  params: ['gates', 'ffn', 'output', 'gateOut', 'upOut', 'partials', 'upPartials', 'wide'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
${PARTIALS}
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  enter(group.z);
  let first = ${MLP_CHANNELS}u * group.x;
  var best = 0u;
  var at = NONE;
  var bestUp = 0u;
  var upAt = NONE;
  for (var i = first + 2u * lane; i < min(params.ffn, first + ${MLP_CHANNELS}u); i += 2u * LANES) {
    let g = vec2<i32>(signedAt(params.gates + i), signedAt(params.gates + i + 1u));
    let u = vec2<i32>(signedAt(params.gates + params.ffn + i), signedAt(params.gates + params.ffn + i + 1u));
    if (params.wide == 0u) {
      arena[base + params.gateOut + i / 2u] = (u32(g.x) & 65535u) | (u32(g.y) << 16u);
      arena[base + params.upOut + i / 2u] = (u32(u.x) & 65535u) | (u32(u.y) << 16u);
    }
    for (var k = 0u; k < 2u; k++) {
      var y = 0i;
      if (params.wide == 0u) {
        y = rsh(g[k] * sigmoidOf(g[k]), 15u) * u[k];
      } else {
        y = requantize(g[k], u32(sigmoidOf(g[k])), 15i);
        let magnitude = u32(abs(u[k]));
        if (upAt == NONE || magnitude > bestUp) { bestUp = magnitude; upAt = i + k; }
        arena[base + params.gateOut + i + k] = u32(g[k]);
        arena[base + params.upOut + i + k] = u32(u[k]);
      }
      arena[base + params.output + i + k] = u32(y);
      let magnitude = u32(abs(y));
      if (at == NONE || magnitude > best) { best = magnitude; at = i + k; }
    }
  }
  leave(lane, params.partials, group.x, maximum(lane, best, at));
  if (params.wide != 0u) { leave(lane, params.upPartials, group.x, maximum(lane, bestUp, upAt)); }
}
`,
} as const;

/**
 * Wide only: y = rsh(t, st) * rsh(u, su), in place. partials: of t; upPartials: of up; yPartials: of y.
 * maxima: the first four words of mlpMax; shift: gets st + su.
 */
export const multiply = {
  name: 'multiply',
  params: ['values', 'gates', 'ffn', 'partials', 'upPartials', 'count', 'yPartials', 'maxima', 'shift'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
${PARTIALS}
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  enter(group.z);
  let a = reduced(lane, params.partials, params.count);
  let u = reduced(lane, params.upPartials, params.count);
  let st = excessBits(a.x, 15u);
  let su = excessBits(u.x, 15u);
  let first = ${MLP_CHANNELS}u * group.x;
  var best = 0u;
  var at = NONE;
  for (var i = first + lane; i < min(params.ffn, first + ${MLP_CHANNELS}u); i += LANES) {
    let y = rsh(signedAt(params.values + i), st) * rsh(signedAt(params.gates + params.ffn + i), su);
    arena[base + params.values + i] = u32(y);
    let magnitude = u32(abs(y));
    if (at == NONE || magnitude > best) { best = magnitude; at = i; }
  }
  leave(lane, params.yPartials, group.x, maximum(lane, best, at));
  if (lane == 0u && group.x == 0u) {
    arena[base + params.maxima] = a.x;
    arena[base + params.maxima + 1u] = a.y;
    arena[base + params.maxima + 2u] = u.x;
    arena[base + params.maxima + 3u] = u.y;
    arena[base + params.shift] = st + su;
  }
}
`,
} as const;

/** T in place of y. partials: of y; outPartials: of T; maxima: gets My, iy; before: gets pre. */
export const hadamard = {
  name: 'hadamard',
  params: ['values', 'width', 'partials', 'count', 'outPartials', 'maxima', 'before'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
${PARTIALS}
var<workgroup> t: array<i32, ${MLP_CHANNELS}>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  enter(group.z);
  let largest = reduced(lane, params.partials, params.count);
  let before = excessBits(largest.x, 24u);
  let first = ${MLP_CHANNELS}u * group.x;
  let count = min(params.width - first, ${MLP_CHANNELS}u); // a multiple of 64
  for (var i = lane; i < count; i += LANES) { t[i] = rsh(signedAt(params.values + first + i), before); }
  for (var stride = 1u; stride < 64u; stride *= 2u) {
    workgroupBarrier();
    for (var pair = lane; pair < count / 2u; pair += LANES) {
      let i = (pair / stride) * 2u * stride + pair % stride;
      let upper = t[i];
      let lower = t[i + stride];
      t[i] = upper + lower;
      t[i + stride] = upper - lower;
    }
  }
  workgroupBarrier();
  var best = 0u;
  var at = NONE;
  for (var i = lane; i < count; i += LANES) {
    arena[base + params.values + first + i] = u32(t[i]);
    let magnitude = u32(abs(t[i]));
    if (at == NONE || magnitude > best) { best = magnitude; at = first + i; }
  }
  leave(lane, params.outPartials, group.x, maximum(lane, best, at));
  if (lane == 0u && group.x == 0u) {
    arena[base + params.maxima] = largest.x;
    arena[base + params.maxima + 1u] = largest.y;
    arena[base + params.before] = before;
  }
}
`,
} as const;

/**
 * int8 of T. partials: of T; maxima: gets Mt, it; shift: a word that holds st + su (0 in a narrow model); exponent: gets
 * kd + pre - 16 + shift; output packed int8.
 */
export const packDown = {
  name: 'packDown',
  params: ['values', 'width', 'partials', 'count', 'maxima', 'before', 'shift', 'output', 'exponent'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
${PARTIALS}
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  enter(group.z);
  let largest = reduced(lane, params.partials, params.count);
  let k = excessBits(largest.x, 7u);
  let first = ${MLP_CHANNELS / 4}u * group.x;
  for (var word = first + lane; word < min(params.width / 4u, first + ${MLP_CHANNELS / 4}u); word += LANES) {
    var packed = 0u;
    for (var i = 0u; i < 4u; i++) {
      packed |= clampInt8(rsh(signedAt(params.values + 4u * word + i), k)) << (8u * i);
    }
    arena[base + params.output + word] = packed;
  }
  if (lane == 0u && group.x == 0u) {
    arena[base + params.maxima] = largest.x;
    arena[base + params.maxima + 1u] = largest.y;
    arena[base + params.exponent] = u32(i32(k + arena[base + params.before] + arena[base + params.shift]) - 16i);
  }
}
`,
} as const;
