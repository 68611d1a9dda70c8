/** Ops 16 to 18: SwiGLU, Hadamard transform per 64 channels, int8 input of `down`. */
import { MAXIMUM_WGSL } from './common';

/**
 * One invocation per two channels. gates: [2 f] i32, gate then up, after c16; gateOut, upOut: packed i16 pairs; output
 * [f] i32.
 */
export const swiglu = {
  name: 'swiglu',
  params: ['gates', 'ffn', 'output', 'gateOut', 'upOut'],
  workgroup: 256,
  code: /* wgsl */ `
fn swigluOf(gate: i32, up: i32) -> i32 {
  let index = min(512i, rsh(abs(gate), 2u));
  let table = i32(tables[SIGMOID + u32(index)]);
  let sigmoid = select(table, 32768i - table, gate < 0i);
  return rsh(gate * sigmoid, 15u) * up;
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = 2u * id.x;
  if (i >= params.ffn) { return; }
  let g = vec2<i32>(signedAt(params.gates + i), signedAt(params.gates + i + 1u));
  let u = vec2<i32>(signedAt(params.gates + params.ffn + i), signedAt(params.gates + params.ffn + i + 1u));
  arena[params.gateOut + id.x] = (u32(g.x) & 65535u) | (u32(g.y) << 16u);
  arena[params.upOut + id.x] = (u32(u.x) & 65535u) | (u32(u.y) << 16u);
  arena[params.output + i] = u32(swigluOf(g.x, u.x));
  arena[params.output + i + 1u] = u32(swigluOf(g.y, u.y));
}
`,
} as const;

/** One workgroup; a lane owns whole blocks of 64. values: [f] i32, y before and T after; output packed int8. */
export const hadamard = {
  name: 'hadamard',
  params: ['values', 'width', 'maxima', 'output', 'exponent'],
  code: /* wgsl */ `
${MAXIMUM_WGSL}
@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  let blocks = params.width / 64u;
  var best = 0u;
  var at = NONE;
  for (var b = lane; b < blocks; b += LANES) {
    for (var i = 64u * b; i < 64u * b + 64u; i++) {
      let magnitude = u32(abs(signedAt(params.values + i)));
      if (at == NONE || magnitude > best) { best = magnitude; at = i; }
    }
  }
  let largest = maximum(lane, best, at);
  let before = excessBits(largest.x, 24u);

  best = 0u;
  at = NONE;
  for (var b = lane; b < blocks; b += LANES) {
    var t: array<i32, 64>;
    for (var i = 0u; i < 64u; i++) { t[i] = rsh(signedAt(params.values + 64u * b + i), before); }
    for (var stride = 1u; stride < 64u; stride *= 2u) {
      for (var pair = 0u; pair < 32u; pair++) {
        let i = (pair / stride) * 2u * stride + pair % stride;
        let upper = t[i];
        let lower = t[i + stride];
        t[i] = upper + lower;
        t[i + stride] = upper - lower;
      }
    }
    for (var i = 0u; i < 64u; i++) {
      arena[params.values + 64u * b + i] = u32(t[i]);
      let magnitude = u32(abs(t[i]));
      if (at == NONE || magnitude > best) { best = magnitude; at = 64u * b + i; }
    }
  }
  let mixed = maximum(lane, best, at);
  let k = excessBits(mixed.x, 7u);
  for (var b = lane; b < blocks; b += LANES) {
    for (var word = 16u * b; word < 16u * b + 16u; word++) {
      var packed = 0u;
      for (var i = 0u; i < 4u; i++) {
        packed |= clampInt8(rsh(signedAt(params.values + 4u * word + i), k)) << (8u * i);
      }
      arena[params.output + word] = packed;
    }
  }
  if (lane == 0u) {
    arena[params.maxima] = largest.x;
    arena[params.maxima + 1u] = largest.y;
    arena[params.maxima + 2u] = mixed.x;
    arena[params.maxima + 3u] = mixed.y;
    arena[params.exponent] = u32(i32(k + before) - 16i);
  }
}
`,
} as const;
