import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { invert, mod } from '@noble/curves/abstract/modular';
import { p256 } from '@noble/curves/nist';
import { beginCell, type Cell } from '@ton/core';
import {
  chord, compressed, NATIVE_DIGESTS, numberOf, proofCells, proofOf, proveP256, type P256Key, type P256Proof,
} from '../../attest/p256';
import { P256Probe } from '../support/p256Probe';

const [PROOF, POINT, SIGNATURE] = [-801, -802, -803];
const { n: N, Gx } = p256.CURVE;
const P = p256.CURVE.Fp.ORDER;
const Point = p256.ProjectivePoint;
type Curve = InstanceType<typeof Point>;

interface Vector {
  name: string;
  e: string;
  r: string;
  s: string;
  qx: string;
  qy: string;
  ecdsa: boolean;
  acceptC: boolean;
}
const vectors = JSON.parse(readFileSync(join(__dirname, 'vectors/p256.json'), 'utf8')) as Vector[];
const number = (hex: string): bigint => BigInt(`0x${hex}`);

/** Numbers from a seed, so that every run forges the same. */
let state = 1;
const random = (): bigint => {
  let x = 0n;
  for (let i = 0; i < 9; i++) x = (x << 32n) | BigInt((state = (Math.imul(state, 1664525) + 1013904223) >>> 0));
  return (x % (N - 1n)) + 1n;
};

const secret = random();
const Q = Point.BASE.multiply(secret);
const key: P256Key = Q.toAffine();
const [E0, E1] = NATIVE_DIGESTS;
const sign = (e: bigint, d: bigint, k: bigint) => {
  const r = mod(Point.BASE.multiply(k).toAffine().x, N);
  return { r, s: mod(invert(k, N) * (e + r * d), N) };
};
const genuine = random(); // a digest that the victim signed
const signed = sign(genuine, secret, random());
const wanted = random(); // one that an attacker wants accepted

/** A proof as an attacker would make it: any point for D and K, any number anywhere. */
function forged(e: bigint, { r, s }: { r: bigint; s: bigint }, change: {
  delta?: bigint; d?: Curve; k?: Curve; fields?: Partial<P256Proof>;
} = {}): P256Proof {
  const delta = change.delta ?? mod((e - E0) * invert(r, N), N);
  const d = change.d ?? Point.BASE.multiply(delta);
  const k = change.k ?? Q.add(d);
  const t = [E0, E1].map((x) => mod(x + Gx * delta, N)) as [bigint, bigint];
  return { r, s, t, base: [Gx, Gx], k: compressed(k), d: compressed(d), lambda: chord(key, d.toAffine()), ...change.fields };
}

describe('P-256 over a digest', () => {
  let probe: P256Probe;
  beforeAll(async () => {
    probe = await P256Probe.create();
  });

  it('agrees with OpenSSL on edge cases: what it accepts is valid, what is valid it accepts but for five chosen numbers', async () => {
    const seen = { accepted: 0, exceptional: 0, invalid: 0 };
    for (const { name, e, r, s, qx, qy, ecdsa, acceptC } of vectors) {
      const [digest, signature, q] = [number(e), { r: number(r), s: number(s) }, { x: number(qx), y: number(qy) }];
      if (acceptC) {
        expect({ name, gas: await probe.verify(digest, q, proveP256(digest, signature, q)) }).toMatchObject({ gas: expect.any(Number) });
        expect(await probe.verify(digest, q, proveP256(digest, signature, q))).toBeGreaterThan(0);
        expect(await probe.verify(digest ^ 2n, q, proveP256(digest, signature, q))).toBe(PROOF);
        seen.accepted++;
      } else {
        expect(() => proveP256(digest, signature, q)).toThrow(ecdsa ? /has no proof/ : /is not valid/);
        seen[ecdsa ? 'exceptional' : 'invalid']++;
      }
    }
    expect(seen).toEqual({ accepted: 35, exceptional: 5, invalid: 29 });
  });

  it('refuses every proof with one number changed', async () => {
    const proof = proofOf(genuine, signed, key);
    const changes: [string, Partial<P256Proof>, number[]][] = [
      ['r', { r: proof.r + 1n }, [PROOF]], ['s', { s: proof.s ^ 1n }, [SIGNATURE]], ['-s is another valid one', { s: N - proof.s }, []],
      ['tag of K', { k: { ...proof.k, tag: proof.k.tag ^ 1 } }, [POINT]], ['x of K', { k: { ...proof.k, x: proof.k.x ^ 1n } }, [POINT]],
      ['K beyond p', { k: { ...proof.k, tag: 4 } }, [POINT]],
      ['first base', { base: [Gx + 1n, Gx] }, [PROOF]], ['second base', { base: [Gx, Gx - 1n] }, [PROOF]],
      ['t0', { t: [proof.t[0] + 1n, proof.t[1]] }, [PROOF]], ['t1', { t: [proof.t[0], proof.t[1] + 1n] }, [PROOF]],
      ['t1 + n', { t: [proof.t[0], proof.t[1] + N < 2n ** 256n ? proof.t[1] + N : 0n] }, [PROOF]],
      ['t swapped', { t: [proof.t[1], proof.t[0]] }, [PROOF]], ['t negated', { t: [N - proof.t[0], N - proof.t[1]] }, [PROOF]],
      ['tag of D', { d: { ...proof.d, tag: proof.d.tag ^ 1 } }, [POINT]], ['x of D', { d: { ...proof.d, x: proof.d.x ^ 1n } }, [POINT]],
      ['y of D', { d: { ...proof.d, y: P - proof.d.y } }, [POINT]], ['lambda', { lambda: proof.lambda + 1n }, [POINT]],
      ['lambda negated', { lambda: P - proof.lambda }, [POINT]], ['lambda 0', { lambda: 0n }, [POINT]],
      ['D and K swapped', { d: { ...proof.k, y: 0n }, k: proof.d }, [POINT]],
    ];
    for (const tag of [0, 1, 4, 5, 6, 7, 255]) changes.push([`tags ${tag}`, { k: { ...proof.k, tag }, d: { ...proof.d, tag } }, [POINT, SIGNATURE]]);
    for (const [name, change, codes] of changes) {
      const code = await probe.verify(genuine, key, proofCells({ ...proof, ...change }));
      if (codes.length === 0) expect([name, code > 0]).toEqual([name, true]);
      else expect([name, codes.includes(code)]).toEqual([name, true]);
    }
  });

  it('refuses a proof whose cells are shorter, longer or carry more', async () => {
    const cells: Cell[] = [];
    for (let cell: Cell | undefined = proveP256(genuine, signed, key); cell; cell = cell.refs[0]) cells.push(cell);
    const rebuilt = (changed: number, change: (bits: number[]) => number[], extraRef: boolean): Cell => {
      let next: Cell | undefined;
      for (let i = cells.length - 1; i >= 0; i--) {
        const bits = Array.from({ length: cells[i].bits.length }, (_, j) => (cells[i].bits.at(j) ? 1 : 0));
        const builder = beginCell();
        for (const bit of i === changed ? change(bits) : bits) builder.storeBit(bit);
        if (next) builder.storeRef(next);
        if (i === changed && extraRef) builder.storeRef(beginCell().endCell());
        next = builder.endCell();
      }
      return next!;
    };
    expect(await probe.verify(genuine, key, rebuilt(0, (bits) => bits, false))).toBeGreaterThan(0);
    for (let i = 0; i < 3; i++) {
      expect(await probe.verify(genuine, key, rebuilt(i, (bits) => bits.slice(0, -1), false))).toBe(PROOF);
      if (i < 2) expect(await probe.verify(genuine, key, rebuilt(i, (bits) => [...bits, 1], false))).toBe(PROOF);
      expect(await probe.verify(genuine, key, rebuilt(i, (bits) => bits, true))).toBe(PROOF);
    }
    expect(await probe.verify(genuine, key, beginCell().endCell())).toBe(PROOF);
  });

  describe('forgeries, each of which one missing check would let pass', () => {
    const own = random(); // of a point that the attacker knows the logarithm of
    const Own = Point.BASE.multiply(own);
    const nonce = random();
    const r = mod(Point.BASE.multiply(nonce).toAffine().x, N);
    /** A signature on E0 under a key with a known logarithm. */
    const under = (d: bigint) => ({ r, s: mod(invert(nonce, N) * (E0 + r * d), N) });
    /** Lambdas that lead from Q and x of D to a point whose logarithm is known, with what the proof then needs. */
    function* chords(dx: bigint) {
      for (let k = own; ; k++) {
        const K = Point.BASE.multiply(k).toAffine();
        let lambda: bigint;
        try {
          lambda = p256.CURVE.Fp.sqrt(mod(K.x + key.x + dx, P));
        } catch {
          continue; // no square
        }
        const ky = mod(lambda * (key.x - K.x) - key.y, P);
        yield { lambda, k: { tag: 2 + Number(ky & 1n), x: K.x }, signature: under((ky & 1n) === (K.y & 1n) ? k : N - k) };
      }
    }
    const wantedD = () => Point.BASE.multiply(mod((wanted - E0) * invert(r, N), N)).toAffine();
    const refused = async (e: bigint, proof: P256Proof, code: number) => expect(await probe.verify(e, key, proofCells(proof))).toBe(code);

    it('3: the delta of another message', () =>
      refused(wanted, forged(wanted, signed, { delta: mod((genuine - E0) * invert(signed.r, N), N) }), PROOF));

    it('4: two deltas, of D and of its twin of the other sign', async () => {
      const want = mod((genuine - E0) * invert(signed.r, N), N);
      const delta = mod(-(want + 2n * E0 * invert(Gx, N)), N);
      const e = mod(E0 + signed.r * delta, N);
      const d = Point.BASE.multiply(want);
      const t = mod(E1 + Gx * want, N);
      const linked = forged(e, signed, { delta, d });
      await refused(e, { ...linked, t: [linked.t[0], t] }, PROOF);
      await refused(e, linked, SIGNATURE); // 11 alone catches the twin
    });

    it('7: D off the curve', async () => {
      const d = wantedD();
      for (const { lambda, k, signature } of chords(d.x)) {
        const y = mod(key.y + lambda * (d.x - key.x), P);
        if ((y & 1n) !== (d.y & 1n)) continue;
        await refused(wanted, forged(wanted, signature, { fields: { lambda, k, d: { tag: 2 + Number(y & 1n), x: d.x, y } } }), POINT);
        return;
      }
    });

    it('8: a chord that goes elsewhere', async () => {
      const { lambda, k, signature } = chords(wantedD().x).next().value!;
      await refused(wanted, forged(wanted, signature, { fields: { lambda, k } }), POINT);
    });

    it('9: K that is any point, or -K', async () => {
      await refused(wanted, forged(wanted, under(own), { k: Own }), POINT);
      const delta = mod((genuine + E0) * invert(signed.r, N), N);
      const e = mod(E0 + signed.r * delta, N);
      const proof = forged(e, { r: signed.r, s: mod(-signed.s, N) }, { delta });
      await refused(e, { ...proof, k: { ...proof.k, tag: proof.k.tag ^ 1 } }, POINT);
    });

    it('10 and 11: D without its logarithm', async () => {
      const d = Own.subtract(Q);
      await refused(wanted, forged(wanted, under(own), { d, k: Own }), SIGNATURE);
    });

    it('12: no signature at all', () => refused(wanted, forged(wanted, { r, s: 1n }), SIGNATURE));

    it('D and K that are Q, D or their opposites', async () => {
      const d = Point.BASE.multiply(mod((wanted - E0) * invert(signed.r, N), N));
      for (const k of [d, d.negate(), Q, Q.negate(), Q.subtract(d), Q.add(d).negate()]) await refused(wanted, forged(wanted, signed, { d, k }), POINT);
      await refused(wanted, forged(wanted, signed, { d: d.negate(), k: Q.subtract(d) }), SIGNATURE);
      await refused(wanted, forged(wanted, signed, { d: Point.BASE }), SIGNATURE);
    });
  });

  it('refuses keys that are no points, and coordinates beyond p', async () => {
    const proof = proveP256(genuine, signed, key);
    const keys: P256Key[] = [{ x: key.x, y: P - key.y }, { x: key.y, y: key.x }, { x: key.x, y: key.y + 1n }, { x: 0n, y: 0n }];
    for (const wrong of keys) expect(await probe.verify(genuine, wrong, proof)).toBe(POINT);
    for (const wrong of [{ x: key.x + P, y: key.y }, { x: key.x, y: key.y + P }]) {
      if (wrong.x < 2n ** 256n && wrong.y < 2n ** 256n) expect(await probe.verify(genuine, wrong, proof)).toBe(POINT);
    }
  });

  it('accepts random signatures of random keys, and none of them for another digest or key', async () => {
    for (let i = 0; i < 12; i++) {
      const [d, e] = [random(), numberOf(Buffer.from(p256.utils.randomPrivateKey().fill(i + 1)))];
      const own = Point.BASE.multiply(d).toAffine();
      const proof = proveP256(e, sign(e, d, random()), own);
      expect(await probe.verify(e, own, proof)).toBeGreaterThan(0);
      expect(await probe.verify(e + 1n, own, proof)).toBe(PROOF);
      expect(await probe.verify(e, key, proof)).toBe(POINT);
    }
  });
});
