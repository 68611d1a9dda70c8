/**
 * Ops 4, 5, 14, 16, 19, 20: int8 matrix times int8 vector with exact requantisation. Two kernels that give the same
 * bits:
 * `linearByThread` (an invocation computes four rows; for CPUs that play GPU, where barriers are slow) and
 * `linearByGroup` (the lanes of a workgroup share a row; for real GPUs).
 */

/** What happens to RQ(a, m, s): kept, clamped to 16 bits, or added to a residual with saturation. */
export const LINEAR_MODE = { plain: 0, clamp16: 1, residual: 2 } as const;

const PARAMS = [
  'input', 'exponent', 'output', 'residual', 'mode', 'fraction', 'rows', 'rowVectors', 'weightBase', 'scaleBase',
  'rowLanes',
] as const;

/** `input` packed int8; `exponent` a word; rowVectors = columns / 16; weightBase in vectors of 16 weights. */
const SHARED = /* wgsl */ `
fn dot16(a: vec4<u32>, b: vec4<u32>) -> i32 {
  return dot4(a.x, b.x) + dot4(a.y, b.y) + dot4(a.z, b.z) + dot4(a.w, b.w);
}

fn inputVector(v: u32) -> vec4<u32> {
  let at = params.input + 4u * v;
  return vec4<u32>(arena[at], arena[at + 1u], arena[at + 2u], arena[at + 3u]);
}

fn finish(row: u32, sum: i32) {
  let scale = rowScales[params.scaleBase + row];
  let shift = i32(scale >> 16u) - signedAt(params.exponent) - i32(params.fraction);
  var y = requantize(sum, scale & 65535u, shift);
  if (params.mode == ${LINEAR_MODE.clamp16}u) { y = clampInt16(y); }
  if (params.mode == ${LINEAR_MODE.residual}u) { y = saturatedSum(signedAt(params.residual + row), y); }
  arena[params.output + row] = u32(y);
}
`;

export const linearByThread = {
  name: 'linearByThread',
  params: PARAMS,
  workgroup: 16,
  code: /* wgsl */ `
${SHARED}
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let first = 4u * ((group.y * groups.x + group.x) * 16u + lane);
  if (first >= params.rows) { return; }
  // A last thread with fewer than four rows computes its last row again; it writes it once.
  let last = params.rows - 1u;
  let n = params.rowVectors;
  let w0 = params.weightBase + first * n;
  let w1 = params.weightBase + min(first + 1u, last) * n;
  let w2 = params.weightBase + min(first + 2u, last) * n;
  let w3 = params.weightBase + min(first + 3u, last) * n;
  var sum = vec4<i32>(0i);
  for (var v = 0u; v < n; v++) {
    let x = inputVector(v);
    sum += vec4<i32>(
      dot16(weights[w0 + v], x), dot16(weights[w1 + v], x), dot16(weights[w2 + v], x), dot16(weights[w3 + v], x));
  }
  for (var i = 0u; i < 4u; i++) {
    if (first + i <= last) { finish(first + i, sum[i]); }
  }
}
`,
} as const;

/** rowLanes (a power of two <= 64) lanes share a row, 64 / rowLanes rows share a workgroup. */
export const linearByGroup = {
  name: 'linearByGroup',
  params: PARAMS,
  workgroup: 64,
  code: /* wgsl */ `
${SHARED}
var<workgroup> partial: array<i32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let share = params.rowLanes;
  let row = (group.y * groups.x + group.x) * (64u / share) + lane / share;
  let within = lane % share;
  var sum = 0i;
  if (row < params.rows) {
    let base = params.weightBase + row * params.rowVectors;
    for (var v = within; v < params.rowVectors; v += share) { sum += dot16(weights[base + v], inputVector(v)); }
  }
  partial[lane] = sum;
  for (var half = share / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (within < half) { partial[lane] += partial[lane + half]; }
  }
  if (within == 0u && row < params.rows) { finish(row, partial[lane]); }
}
`,
} as const;
