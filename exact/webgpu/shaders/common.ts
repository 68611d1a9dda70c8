/**
 * WGSL that every kernel starts with: bindings, and the integer functions of docs/exact-arithmetic.md section 1.
 *
 * All activations of a step live in one storage buffer, the arena: a stretch of ARENA_WORDS for each column. A kernel
 * begins with `enter(column)` and knows its tensors by word offsets in `params`, from `base` on. int8 tensors are packed four to a word, lowest byte first, which is also the order of dot4I8Packed.
 * WGSL fixes 32-bit wrap-around, arithmetic >> of i32 and truncating division; only an index out of bounds is open, so
 * every kernel checks its range.
 */

/**
 * What a column (one position of one sequence in a step) is, written per step. `r0`..`r3`: the draw's 128 random bits,
 * most significant word first; `cacheBase`: where its sequence begins in the KV cache, in positions; `columns`: how many
 * columns the step has.
 */
export const STATE_FIELDS = [
  'position', 'token', 'samplingT', 'topK', 'topP16', 'minPX', 'r0', 'r1', 'r2', 'r3', 'cacheBase', 'columns',
] as const;

/** Word offsets inside the tables buffer; rope follows, (cos & 0xffff) | sin << 16 per position and pair. */
export const TABLE_OFFSETS = { exp: 0, sigmoid: 256, sampling: 769, rope: 1793 } as const;

export interface ShaderOptions {
  /**
   * Invocations that share one reduction (a norm, a head, the logits). With 1, `soloWgsl` takes shared memory and
   * barriers out of the kernels: SwiftShader runs and compiles those far faster.
   */
  lanes: number;
  /** The same for kernels that go through a long row with one workgroup; default: lanes. */
  longLanes?: number;
  /** Whether WGSL has dot4I8Packed. */
  packedDot: boolean;
  /** Whether the device has subgroups: sums and maxima then go through them first. */
  subgroups: boolean;
  /**
   * Sizes of workgroup arrays, from the model: drivers may spend long on zeroing large ones; words of a column in the
   * arena; positions that a layer's cache holds.
   */
  sizes: { normBlocks: number; positionBlocks: number; headDim: number; arenaWords: number; cachePositions: number };
}

export function commonWgsl(
  params: readonly string[], { lanes, packedDot, subgroups, sizes }: ShaderOptions,
): string {
  return /* wgsl */ `
${subgroups ? 'enable subgroups;' : ''}
${packedDot ? 'requires packed_4x8_integer_dot_product;' : ''}
struct Params { ${params.map((name) => `${name}: u32,`).join(' ')} }
struct State { ${STATE_FIELDS.map((name) => `${name}: u32,`).join(' ')} }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> states: array<State>;
@group(0) @binding(2) var<storage, read_write> arena: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> rowScales: array<u32>;
@group(0) @binding(5) var<storage, read> tables: array<u32>;
@group(0) @binding(6) var<storage, read_write> keys: array<u32>;
@group(0) @binding(7) var<storage, read_write> values: array<u32>;

const LANES = ${lanes}u;
// Rows (heads) that one workgroup takes in kernels with a row per workgroup.
const GROUP_ROWS = ${rowsPerGroup(lanes)}u;
const NORM_BLOCKS = ${sizes.normBlocks}u;
const POSITION_BLOCKS = ${sizes.positionBlocks}u;
const HEAD_DIM = ${sizes.headDim}u;
const ARENA_WORDS = ${sizes.arenaWords}u;
const CACHE_POSITIONS = ${sizes.cachePositions}u;
const EXP = ${TABLE_OFFSETS.exp}u;
const SIGMOID = ${TABLE_OFFSETS.sigmoid}u;
const SAMPLING = ${TABLE_OFFSETS.sampling}u;
const ROPE = ${TABLE_OFFSETS.rope}u;
const I32_MAX = 2147483647i;
const NONE = 0xffffffffu;

var<private> base: u32;
var<private> state: State;

fn enter(column: u32) {
  base = column * ARENA_WORDS;
  state = states[column];
}

// A layer's keys or values: [position][G] rows of D / 4 words, then [position][G] exponents, a word each.
fn cacheRow(position: u32, kvHead: u32, kvHeads: u32) -> u32 { return (state.cacheBase + position) * kvHeads + kvHead; }
fn cacheExponent(row: u32, kvHeads: u32, headDim: u32) -> u32 { return CACHE_POSITIONS * kvHeads * (headDim / 4u) + row; }

// Sums over the lanes that act as one, of which one is elected to pass them on.
${subgroups
    ? 'fn nearSum(x: u32) -> u32 { return subgroupAdd(x); }\nfn nearMaximum(x: u32) -> u32 { return subgroupMax(x); }\nfn nearMinimum(x: u32) -> u32 { return subgroupMin(x); }\nfn elected() -> bool { return subgroupElect(); }'
    : 'fn nearSum(x: u32) -> u32 { return x; }\nfn nearMaximum(x: u32) -> u32 { return x; }\nfn nearMinimum(x: u32) -> u32 { return x; }\nfn elected() -> bool { return true; }'}

fn rowOf(group: u32, invocation: u32) -> u32 { return ${lanes === 1 ? 'group * GROUP_ROWS + invocation' : 'group'}; }
fn laneOf(invocation: u32) -> u32 { return ${lanes === 1 ? '0u' : 'invocation'}; }

fn bitLength(x: u32) -> u32 { return 32u - countLeadingZeros(x); }

// max(0, bl(x) - bits)
fn excessBits(x: u32, bits: u32) -> u32 { return max(bitLength(x), bits) - bits; }

fn rsh(x: i32, s: u32) -> i32 {
  if (s == 0u) { return x; }
  let n = min(s, 31u);
  return (x >> n) + ((x >> (n - 1u)) & 1i);
}

fn rshUnsigned(x: u32, s: u32) -> u32 {
  if (s == 0u) { return x; }
  let n = min(s, 31u);
  return (x >> n) + ((x >> (n - 1u)) & 1u);
}

fn saturated(negative: bool) -> i32 { return select(I32_MAX, -I32_MAX, negative); }

// sat32(a + b) for a, b in -(2^31 - 1)..2^31 - 1
fn saturatedSum(a: i32, b: i32) -> i32 {
  let c = a + b;
  if (((a ^ c) & (b ^ c)) < 0i) { return saturated(a < 0i); }
  return max(c, -I32_MAX);
}

// sat32(x * 2^s), s <= 31, for abs(x) < 2^31
fn saturatedShift(x: i32, s: u32) -> i32 {
  if (u32(abs(x)) > (u32(I32_MAX) >> s)) { return saturated(x < 0i); }
  return x << s;
}

// RQ(a, m, s), a m = 65536 w + l
fn requantize(a: i32, m: u32, s: i32) -> i32 {
  let lo = (u32(a) & 65535u) * m;
  let w = (a >> 16u) * i32(m) + i32(lo >> 16u);
  let l = lo & 65535u;
  if (s >= 48i) { return 0i; }
  if (s >= 17i) {
    let t = u32(s - 16i);
    return (w >> t) + ((w >> (t - 1u)) & 1i);
  }
  if (s == 16i) { return w + i32(l >> 15u); }
  if (s >= 1i) {
    let limit = 1i << u32(15i + s);
    if (w >= limit || w < -limit) { return saturated(w < 0i); }
    let high = w << u32(16i - s);
    let sum = high + i32((l >> u32(s)) + ((l >> u32(s - 1i)) & 1u));
    if (high >= 0i && sum < 0i) { return I32_MAX; }
    return max(sum, -I32_MAX);
  }
  if (w < -32768i || w >= 32768i) { return saturated(w < 0i); }
  let product = (w << 16u) | i32(l);
  let t = u32(min(-s, 31i));
  let magnitude = select(u32(product), 0u - u32(product), product < 0i);
  if (magnitude > (u32(I32_MAX) >> t)) { return saturated(product < 0i); }
  return product << t;
}

fn clampInt8(x: i32) -> u32 { return u32(clamp(x, -128i, 127i)) & 255u; }
fn clampInt16(x: i32) -> i32 { return clamp(x, -32768i, 32767i); }

fn unpackInt8(word: u32) -> vec4<i32> {
  return vec4<i32>(i32(word << 24u) >> 24u, i32(word << 16u) >> 24u, i32(word << 8u) >> 24u, i32(word) >> 24u);
}

${packedDot
    ? 'fn dot4(a: u32, b: u32) -> i32 { return dot4I8Packed(a, b); }'
    : `fn dot4(a: u32, b: u32) -> i32 {
  let p = unpackInt8(a) * unpackInt8(b);
  return p.x + p.y + p.z + p.w;
}`}

fn signedAt(index: u32) -> i32 { return bitcast<i32>(arena[base + index]); }

fn fourAt(index: u32) -> vec4<i32> {
  let at = base + index;
  return bitcast<vec4<i32>>(vec4<u32>(arena[at], arena[at + 1u], arena[at + 2u], arena[at + 3u]));
}

// 64-bit product as (low, high)
fn multiply64(a: u32, b: u32) -> vec2<u32> {
  let a0 = a & 65535u; let a1 = a >> 16u;
  let b0 = b & 65535u; let b1 = b >> 16u;
  let low = a0 * b0;
  let middle = a1 * b0 + (low >> 16u);
  let middle2 = a0 * b1 + (middle & 65535u);
  return vec2<u32>((middle2 << 16u) | (low & 65535u), a1 * b1 + (middle >> 16u) + (middle2 >> 16u));
}

// (low, high) + (low, high), modulo 2^64
fn add64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn less64(a: vec2<u32>, b: vec2<u32>) -> bool { return a.y < b.y || (a.y == b.y && a.x < b.x); }
`;
}

/** A workgroup reduces one row with many lanes, or 16 rows with one lane each. */
export const rowsPerGroup = (lanes: number): number => (lanes === 1 ? 16 : 1);

/**
 * A cooperative kernel rewritten for one lane per reduction: what was shared becomes private, atomics become plain,
 * barriers go. The arithmetic is untouched.
 */
export function soloWgsl(code: string): string {
  return code
    .replace(MAXIMUM_WGSL,
      'fn maximum(lane: u32, best: u32, index: u32) -> vec2<u32> { return vec2<u32>(best, index); }')
    .replace(/var<workgroup>/g, 'var<private>')
    .replace(/atomic<u32>/g, 'u32')
    .replace(/atomicAdd\(&([^,]+), ([^)]+)\);/g, '$1 += $2;')
    .replace(/atomicLoad\(&([^)]+)\)/g, '$1')
    .replace(/workgroupBarrier\(\);/g, '');
}

/**
 * Maximum over a workgroup with the lowest index that attains it. Each lane gives its own best (its lowest index, NONE
 * when it has no element). Must be called by all lanes together.
 */
export const MAXIMUM_WGSL = /* wgsl */ `
var<workgroup> sharedMaximum: atomic<u32>;
var<workgroup> sharedIndex: atomic<u32>;

fn maximum(lane: u32, best: u32, index: u32) -> vec2<u32> {
  let near = nearMaximum(select(best, 0u, index == NONE));
  workgroupBarrier();
  if (lane == 0u) {
    atomicStore(&sharedMaximum, 0u);
    atomicStore(&sharedIndex, NONE);
  }
  workgroupBarrier();
  if (elected()) { atomicMax(&sharedMaximum, near); }
  workgroupBarrier();
  let largest = atomicLoad(&sharedMaximum);
  let lowest = nearMinimum(select(NONE, index, best == largest));
  if (elected()) { atomicMin(&sharedIndex, lowest); }
  workgroupBarrier();
  return vec2<u32>(largest, atomicLoad(&sharedIndex));
}
`;
