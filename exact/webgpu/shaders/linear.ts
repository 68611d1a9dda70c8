/**
 * Ops 4, 5, 14, 16, 19, 20: int8 matrix times int8 vectors with exact requantisation. Kernels that give the same bits:
 * `linearByThread` (an invocation computes four rows; for CPUs that play GPU, where barriers are slow),
 * `linearByGroup` (the lanes of a workgroup share a row), `linearBySubgroup` (the same without shared memory, with four
 * loads under way), and `matmul` (tiles of rows and columns, for steps of many columns).
 */

/** What happens to RQ(a, m, s): kept, clamped to 16 bits, or added to a residual with saturation. */
export const LINEAR_MODE = { plain: 0, clamp16: 1, residual: 2 } as const;

const PARAMS = [
  'input', 'exponent', 'output', 'residual', 'mode', 'fraction', 'rows', 'rowVectors', 'weightBase', 'scaleBase',
  'rowLanes', 'biasBase',
] as const;

/**
 * `input` packed int8; `exponent` a word; rowVectors = columns / 16; weightBase in vectors of 16 weights;
 * biasBase: where the row scales hold the rows' biases, 0 = none.
 */
const SHARED = /* wgsl */ `
fn dot16(a: vec4<u32>, b: vec4<u32>) -> i32 {
  return dot4(a.x, b.x) + dot4(a.y, b.y) + dot4(a.z, b.z) + dot4(a.w, b.w);
}

fn inputVector(v: u32) -> vec4<u32> {
  let at = base + params.input + 4u * v;
  return vec4<u32>(arena[at], arena[at + 1u], arena[at + 2u], arena[at + 3u]);
}

fn finish(row: u32, sum: i32) {
  let scale = rowScales[params.scaleBase + row];
  let shift = i32(scale >> 16u) - signedAt(params.exponent) - i32(params.fraction);
  var y = requantize(sum, scale & 65535u, shift);
  if (params.biasBase != 0u) { y = saturatedSum(y, bitcast<i32>(rowScales[params.biasBase + row])); }
  if (params.mode == ${LINEAR_MODE.clamp16}u) { y = clampInt16(y); }
  if (params.mode == ${LINEAR_MODE.residual}u) { y = saturatedSum(signedAt(params.residual + row), y); }
  arena[base + params.output + row] = u32(y);
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
  enter(group.z);
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
  enter(group.z);
  let share = params.rowLanes;
  let row = (group.y * groups.x + group.x) * (64u / share) + lane / share;
  let within = lane % share;
  var sum = 0i;
  if (row < params.rows) {
    let first = params.weightBase + row * params.rowVectors;
    for (var v = within; v < params.rowVectors; v += share) { sum += dot16(weights[first + v], inputVector(v)); }
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

/** A subgroup computes a row; rows of a multiple of 64 weights. */
export const linearBySubgroup = {
  name: 'linearBySubgroup',
  params: PARAMS,
  workgroup: 64,
  code: /* wgsl */ `
${SHARED}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) invocation: u32, @builtin(subgroup_invocation_id) lane: u32,
        @builtin(subgroup_size) share: u32) {
  enter(group.z);
  let row = (group.y * groups.x + group.x) * (64u / share) + invocation / share;
  let n = params.rowVectors;
  let first = params.weightBase + min(row, params.rows - 1u) * n;
  var sum = 0i;
  var v = lane;
  for (; v + 3u * share < n; v += 4u * share) {
    let w0 = weights[first + v];
    let w1 = weights[first + v + share];
    let w2 = weights[first + v + 2u * share];
    let w3 = weights[first + v + 3u * share];
    sum += dot16(w0, inputVector(v)) + dot16(w1, inputVector(v + share))
      + dot16(w2, inputVector(v + 2u * share)) + dot16(w3, inputVector(v + 3u * share));
  }
  for (; v < n; v += share) { sum += dot16(weights[first + v], inputVector(v)); }
  let total = subgroupAdd(sum);
  if (lane == 0u && row < params.rows) { finish(row, total); }
}
`,
} as const;

/** Rows and columns of a tile, and vectors of 16 weights of each that lie in shared memory at a time. */
export const TILE = { rows: 64, columns: 32, vectors: 4 } as const;
const TILE_THREADS = 128;
/** Rows and columns of the tile that one invocation sums, each ROW_STEP or COLUMN_STEP apart. */
const OWN = { rows: 4, columns: 4 } as const;
const ROW_STEP = TILE.rows / OWN.rows;
const COLUMN_STEP = TILE.columns / OWN.columns;
/** One vector of padding a row keeps lanes on different banks. */
const STRIDE = TILE.vectors + 1;

const each = (count: number, text: (i: number) => string): string => Array.from({ length: count }, (_, i) => text(i))
  .join(' ');

/** A workgroup computes a tile: grid x, y over rows, z over columns. */
export const matmul = {
  name: 'matmul',
  params: PARAMS,
  workgroup: TILE_THREADS,
  code: /* wgsl */ `
${SHARED}
var<workgroup> tileRows: array<vec4<u32>, ${TILE.rows * STRIDE}>;
var<workgroup> tileColumns: array<vec4<u32>, ${TILE.columns * STRIDE}>;

@compute @workgroup_size(${TILE_THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let columns = states[0].columns;
  let firstRow = ${TILE.rows}u * (group.y * groups.x + group.x);
  let firstColumn = ${TILE.columns}u * group.z;
  let row = lane % ${ROW_STEP}u;
  let column = lane / ${ROW_STEP}u;
  ${each(OWN.rows * OWN.columns, (i) => `var sum${i} = 0i;`)}
  for (var start = 0u; start < params.rowVectors; start += ${TILE.vectors}u) {
    for (var i = lane; i < ${TILE.rows * TILE.vectors}u; i += ${TILE_THREADS}u) {
      let r = firstRow + i / ${TILE.vectors}u;
      let v = start + i % ${TILE.vectors}u;
      var vector = vec4<u32>(0u);
      if (r < params.rows && v < params.rowVectors) { vector = weights[params.weightBase + r * params.rowVectors + v]; }
      tileRows[(i / ${TILE.vectors}u) * ${STRIDE}u + i % ${TILE.vectors}u] = vector;
    }
    for (var i = lane; i < ${TILE.columns * TILE.vectors}u; i += ${TILE_THREADS}u) {
      let c = firstColumn + i / ${TILE.vectors}u;
      let v = start + i % ${TILE.vectors}u;
      var vector = vec4<u32>(0u);
      if (c < columns && v < params.rowVectors) {
        base = c * ARENA_WORDS;
        vector = inputVector(v);
      }
      tileColumns[(i / ${TILE.vectors}u) * ${STRIDE}u + i % ${TILE.vectors}u] = vector;
    }
    workgroupBarrier();
    for (var v = 0u; v < ${TILE.vectors}u; v++) {
      ${each(OWN.rows, (i) => `let w${i} = tileRows[(row + ${i * ROW_STEP}u) * ${STRIDE}u + v];`)}
      ${each(OWN.columns, (i) => `let x${i} = tileColumns[(column + ${i * COLUMN_STEP}u) * ${STRIDE}u + v];`)}
      ${each(OWN.rows * OWN.columns, (i) =>
        `sum${i} += dot16(w${i % OWN.rows}, x${Math.floor(i / OWN.rows)});`)}
    }
    workgroupBarrier();
  }
  ${each(OWN.columns, (j) => `{
    let c = firstColumn + column + ${j * COLUMN_STEP}u;
    if (c < columns) {
      base = c * ARENA_WORDS;
      ${each(OWN.rows, (i) => `{
        let r = firstRow + row + ${i * ROW_STEP}u;
        if (r < params.rows) { finish(r, sum${j * OWN.rows + i}); }
      }`)}
    }
  }`)}
}
`,
} as const;
