/** Operations of docs/exact-arithmetic.md in whole numbers of any size, each as its formula says, widths asserted. */
import assert from 'node:assert/strict';

const MAX = 2n ** 31n - 1n;

export const abs = (x: bigint): bigint => (x < 0n ? -x : x);
export const bl = (x: bigint): bigint => (x === 0n ? 0n : BigInt(x.toString(2).length));
export const rsh = (x: bigint, s: bigint): bigint => (s === 0n ? x : (x + (1n << (s - 1n))) >> s);
export const sat32 = (x: bigint): bigint => (x > MAX ? MAX : x < -MAX ? -MAX : x);
export const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);
export const RQ = (a: bigint, m: bigint, s: bigint): bigint => sat32(s >= 1n ? rsh(a * m, s) : (a * m) << -s);
export function maxi(v: bigint[]): [bigint, number] {
  const max = v.map(abs).reduce(most);
  return [max, v.findIndex((x) => abs(x) === max)];
}
/** The largest integer whose square is at most x. */
function root(x: bigint): bigint {
  let r = 0n;
  for (let bit = 1n << 20n; bit > 0n; bit >>= 1n) if ((r + bit) ** 2n <= x) r += bit;
  return r;
}

/** Op 5n of one head. */
export function headNorm(y: bigint[], gains: bigint[], gs: bigint, eps: bigint) {
  const [M, i] = maxi(y);
  const k1 = most(0n, bl(M) - 15n);
  const g = y.map((value) => rsh(value, k1));
  const ssq = g.reduce((sum, x) => sum + x * x, 0n) + eps / 4n ** k1;
  const z = (bl(ssq) + 1n) / 2n - 16n;
  const S = z >= 0n ? ssq / 4n ** z : ssq * 4n ** -z;
  const r = root(S);
  const inv = 2n ** 30n / r;
  assert.ok(ssq < 2n ** 38n && S >= 2n ** 30n && S < 2n ** 32n);
  assert.ok(r >= 2n ** 15n && r < 2n ** 16n && inv >= 2n ** 14n && inv <= 2n ** 15n);
  const out = g.map((x, j) => {
    assert.ok(abs(x * inv) <= 2n ** 30n);
    const n = rsh(x * inv, 15n);
    const P = n * gains[j];
    assert.ok(abs(n) <= 2n ** 15n && abs(P) <= 2n ** 30n);
    const down = z + gs - 1n;
    assert.ok(down >= -16n && down <= 17n);
    return down >= 0n ? rsh(P, down) : sat32(P << -down);
  });
  return { words: [M, BigInt(i), ssq >> 32n, ssq & 0xffffffffn, r, inv], out };
}

/** Op 16w. @param sigmoid [513] */
export function wideSwiGlu(g: bigint[], u: bigint[], sigmoid: Uint16Array) {
  const t = g.map((x) => {
    const i = rsh(abs(x), 2n);
    const half = BigInt(sigmoid[Number(i > 512n ? 512n : i)]);
    return RQ(x, x < 0n ? 32768n - half : half, 15n);
  });
  const [[Ma, ia], [Mu, iu]] = [maxi(t), maxi(u)];
  const [st, su] = [Ma, Mu].map((M) => most(0n, bl(M) - 15n));
  const y = t.map((x, j) => rsh(x, st) * rsh(u[j], su));
  assert.ok(y.every((value) => abs(value) <= 2n ** 30n));
  return { y, words: [Number(Ma), ia, Number(Mu), iu], shift: st + su };
}
