/** A challenger that asks the worker before it plays on chain: a lie anywhere is proven in one move, and whoever does not answer, or not truly, gains nothing. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chainOf, leafCells } from '../../disputes/evidenceCells';
import type { HeldTrace } from '../../disputes/heldTrace';
import { hashOfLeaf } from '../../disputes/positionEvidence';
import { innerAddressAt, leafIndex, UNUSED } from '../../exact/leafAddress';
import { labelSalt } from '../../protocol';
import { CASE_PROOF_VALUE, CASE_TURNS, CASE_VERDICTS, OP_PROVE_AT_ONCE, packProveAtOnce, SLASHING_CASE_ERRORS, type StepAtOnce, TURN_SECONDS } from '../../wrappers';
import { type Run, runOf } from './checks';
import { exitOf, JOB, SALT } from './game';
import { accusations, addressAt, disputeOf, leavesOf, liesAt, otherEnd, SAMPLED } from './lies';
import { randomOf } from './mutations';
import { type Dispute, verdictOf } from './parties';
import type { Lie } from './storedRun';

const RUNS = Number(process.env.COCOON_PROPERTY_RUNS ?? 6);
const SEED = Number(process.env.COCOON_PROPERTY_SEED ?? 7);

const runs = new Map<string, Run>();
beforeAll(async () => {
  for (const [name, mode] of [['grouped', 'full'], ['normed', 'greedy'], ['gated', 'top']] as const) {
    runs.set(name, await runOf(name, { ...JOB, sampling: SAMPLED[mode] }));
  }
});

/** A draw that lies. */
const wrongDraw = (): Promise<Dispute> => disputeOf(runs.get('normed')!, otherEnd(runs.get('normed')!, runs.get('normed')!.positions.length - 1));

/** @returns whether the first move of the challenger, which needs no move of the worker, convicts */
async function isConvictedAtOnce(dispute: Dispute): Promise<boolean> {
  const move = await dispute.askedFirst(await dispute.pursuit(dispute.defence()));
  if (move?.body.beginParse().preloadUint(32) !== OP_PROVE_AT_ONCE) return false;
  return verdictOf(await dispute.send('challenger', move)) === CASE_VERDICTS.convicted;
}

describe('a lie of a worker that is asked', () => {
  it('finding 30: at any token, in any layer, row and byte, of any size, is convicted in one move', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...runs.keys()), fc.nat(), fc.nat(), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 6 }),
        async (model, position, place, changes) => {
          const of = runs.get(model)!;
          const t = position % of.positions.length;
          const leaves = leavesOf(of, t);
          const { group, slot, leaf, bytes } = leaves[place % leaves.length];
          const before = Buffer.from(bytes);
          for (const [at, bits] of changes) bytes[at % bytes.length] ^= bits;
          if (bytes.equals(before)) return;
          expect(await isConvictedAtOnce(await disputeOf(of, liesAt(of, t, group, slot, leaf, bytes)))).toBe(true);
        },
      ),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('in the trace alone, or in a position tree that has another leaf than the trace, is convicted in one move', async () => {
    const of = runs.get('normed')!;
    const [commit, inner] = otherEnd(of, of.positions.length - 1);
    expect(await isConvictedAtOnce(await disputeOf(of, [commit]))).toBe(true);
    expect(await isConvictedAtOnce(await disputeOf(of, [commit, { ...inner, bytes: Buffer.alloc(16, 7) }]))).toBe(true);
    // Behind the leaf that the trace has otherwise, a leaf of the position is wrong too.
    const t = of.positions.length - 1;
    const key: Lie = { tree: 'commit', address: addressAt(t, 1, 'k8', 0), bytes: Buffer.from(of.positions[t][1].find(({ slot }) => slot === 'k8')!.leaves[0]!).fill(1, 0, 1) };
    const dispute = await disputeOf(of, [key, commit, inner]);
    const move = await dispute.askedFirst(await dispute.pursuit(dispute.defence()));
    expect([move!.check, verdictOf(await dispute.send('challenger', move!))]).toEqual([undefined, CASE_VERDICTS.convicted]);
  });

  it('about where leaves stand is left to the descents, which convict', async () => {
    const of = runs.get('normed')!;
    const t = of.positions.length - 1;
    const { layers } = of.model.config;
    const extra = Buffer.from([1, 2, 3, 4]);
    const cases: Record<string, Lie[]> = {
      'a position more': [{ tree: 'commit', address: addressAt(of.positions.length, layers + 1, 'draw', 0), bytes: extra }],
      'no key': [{ tree: 'commit', address: addressAt(1, 1, 'k8', 0), bytes: null }, { tree: 'inner', address: addressAt(1, 1, 'k8', 0), bytes: null }],
      'an unused leaf of a position': [...otherEnd(of, t), { tree: 'inner', address: addressAt(t, 0, UNUSED, 3), bytes: extra }],
    };
    for (const [label, lies] of Object.entries(cases)) {
      const dispute = await disputeOf(of, lies);
      const pursuit = await dispute.pursuit(dispute.defence());
      expect([label, await dispute.askedFirst(pursuit)]).toEqual([label, null]);
      expect([label, (await dispute.play(undefined, pursuit)).isConvicted]).toEqual([label, true]);
    }
  });
});

/** What an answer may be bent to. */
const BENT: Record<string, (answer: unknown) => unknown> = {
  'an error': () => { throw new Error('away'); },
  nothing: () => undefined,
  'an empty list': () => [],
  'other hashes': (answer) => (Array.isArray(answer) ? answer.map(() => Buffer.alloc(32, 3)) : Buffer.alloc(32, 3)),
  'a bit turned': (answer) => turned(answer),
  'one hash less': (answer) => (Array.isArray(answer) ? answer.slice(1) : Buffer.alloc(31)),
};

function turned(answer: unknown): unknown {
  if (answer instanceof Uint8Array) return Uint8Array.from(answer, (byte, i) => byte ^ (i === 0 ? 128 : 0));
  if (Array.isArray(answer)) return answer.map((one, i) => (i === answer.length - 1 ? turned(one) : one));
  const { positionRoot, signature } = answer as { positionRoot: Uint8Array; signature: Uint8Array };
  return { positionRoot, signature: turned(signature) };
}

/** A worker whose answer number `at` is bent. */
function bentAt(held: HeldTrace, at: number, bend: (answer: unknown) => unknown): HeldTrace {
  let asked = 0;
  return new Proxy(held, {
    get: (target, name: keyof HeldTrace) => name in target ? (async (...args: never[]) => {
      const answer = await (target[name] as (...all: never[]) => Promise<unknown>)(...args);
      return asked++ === at ? bend(answer) : answer;
    }) : undefined,
  });
}

describe('a worker that does not answer truly', () => {
  it('is convicted on chain, whichever answer it was: what it said costs the challenger nothing', async () => {
    const names = Object.keys(BENT);
    const dispute = await wrongDraw();
    let questions = 0;
    for (let at = 0; at <= questions; at++) {
      for (const name of new Set([names[at % names.length], 'a bit turned'])) {
        const pursuit = await dispute.pursuit(bentAt(dispute.defence(), at, (answer) => {
          questions = at + 1;
          return BENT[name](answer);
        }));
        const move = await dispute.askedFirst(pursuit);
        // Behind the last question nothing is bent any more.
        expect([at, name, move === null]).toEqual([at, name, at < questions]);
        if (at === questions - 1 && name === names[at % names.length]) expect((await (await wrongDraw()).play(undefined, pursuit)).isConvicted).toBe(true);
      }
    }
    expect(questions).toBeGreaterThanOrEqual(7);
  });

  it('gains nothing by another trace than the receipt commits to, whole and signed', async () => {
    const of = runs.get('normed')!;
    const dispute = await wrongDraw();
    const other = await disputeOf(of, otherEnd(of, 2));
    const { worker } = other.parties;
    const told: unknown[] = [];
    const defence = dispute.defence(worker);
    const held: HeldTrace = {
      traceRoot: async () => (await worker.result()).traceRoot, children: (at) => defence.children(at), position: (t) => defence.position(t),
      innerChildren: (t, at) => defence.innerChildren(t, at), leaf: (t, index) => defence.leaf(t, index), failed: (error) => void told.push(error),
    };
    expect(await dispute.askedFirst(await dispute.pursuit(held))).toBeNull();
    expect(told).toMatchObject([{ code: 'dispute.held' }]);
  });

  it('is not waited for longer than half an hour, and never in the second half of a turn', async () => {
    const dispute = await wrongDraw();
    const never = new Proxy({} as HeldTrace, { get: () => () => new Promise(() => undefined) });
    const pursuit = await dispute.pursuit(never);
    const begun = dispute.chain.now!;
    const next = async (now: number) => pursuit.move((await dispute.state())!, dispute.moves, now);
    expect(await next(begun)).toBeNull();
    await dispute.send('worker', { value: CASE_PROOF_VALUE, body: (await dispute.defence().move((await dispute.state())!))! });
    const { endsAt, turn } = (await dispute.state())!;
    expect(turn).toBe(CASE_TURNS.choose);
    expect(await next(begun + 1_799)).toBeNull();
    expect((await next(begun + 1_800))!.what).toMatch(/^child/);
    const late = await dispute.pursuit(never);
    const move = await late.move((await dispute.state())!, dispute.moves, endsAt - TURN_SECONDS / 2);
    expect(move!.what).toMatch(/^child/);
  });

  it('gains nothing where the proof does not arrive: it is sent twice, then the case is played', async () => {
    const dispute = await wrongDraw();
    const pursuit = await dispute.pursuit(dispute.defence());
    const next = async () => pursuit.move((await dispute.state())!, dispute.moves, dispute.chain.now!);
    const first = await dispute.askedFirst(pursuit);
    expect(first!.body.equals((await next())!.body)).toBe(true);
    expect(await next()).toBeNull();
    expect((await dispute.play(undefined, pursuit)).isConvicted).toBe(true);
  });

  it('is not asked any more at the turn of the proof, which is then the cheaper one', async () => {
    const dispute = await wrongDraw();
    const [defence, pursuit] = [dispute.defence(), await dispute.pursuit()];
    while ((await dispute.state())!.turn !== CASE_TURNS.prove) await dispute.step(defence, pursuit);
    const move = await dispute.askedFirst(await dispute.pursuit(defence));
    expect(move!.body.beginParse().preloadUint(32)).not.toBe(OP_PROVE_AT_ONCE);
    expect(verdictOf(await dispute.send('challenger', move!))).toBe(CASE_VERDICTS.convicted);
  });
});

describe('a worker that is right and answers whoever asks', () => {
  it('finding 29: is never convicted at once, of whatever leaf and whatever is said of it', async () => {
    let proofs = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...runs.keys()), fc.nat(), async (model, seed) => {
        const of = runs.get(model)!;
        const dispute = await disputeOf(of, []);
        const random = randomOf(seed);
        const t = random(of.positions.length);
        const leaves = leavesOf(of, t);
        const { group, slot, leaf, bytes } = leaves[random(leaves.length)];
        const [defence, { worker }] = [dispute.defence(), dispute.parties];
        const { config } = of.model;
        const address = addressAt(t, group, slot, leaf);
        const index = leafIndex(config, 'inner', address);
        const committed = addressAt(t, 1 + random(config.layers), random(2) ? 'k8' : 'v8', 0);
        const outer = await worker.leaf('commit', committed);
        const step: StepAtOnce = {
          traceRoot: await defence.traceRoot(), labelSalt: labelSalt('trace', SALT), position: await defence.position(t),
          committed: { hash: hashOfLeaf(outer.bytes), index: leafIndex(config, 'commit', committed), path: outer.path },
          leaf: { bytes: chainOf(leafCells(bytes)), index, path: (await worker.leaf('inner', address)).path }, proof: null,
        };
        const inner = await worker.leaf('inner', committed);
        const same = leafIndex(config, 'inner', committed);
        expect(innerAddressAt(config, t, same)).toEqual(committed);
        const contradiction = { ...step, leaf: { bytes: chainOf(leafCells(inner.bytes!)), index: same, path: inner.path } };
        for (const none of [step, contradiction]) {
          expect(exitOf(await dispute.send('challenger', { value: CASE_PROOF_VALUE, body: packProveAtOnce(none) }))).toBe(SLASHING_CASE_ERRORS.noContradiction);
        }
        for (const proof of await accusations(dispute, t, index, random)) {
          proofs++;
          const verdict = verdictOf(await dispute.send('challenger', { value: CASE_PROOF_VALUE, body: packProveAtOnce({ ...step, proof }) }));
          if (verdict === undefined) continue;
          expect(verdict).toBe(CASE_VERDICTS.acquitted);
          return;
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    expect(proofs).toBeGreaterThan(RUNS);
  });

  it('gives a challenger nothing to say', async () => {
    const dispute = await disputeOf(runs.get('normed')!, []);
    const pursuit = await dispute.pursuit(dispute.defence());
    expect(await dispute.askedFirst(pursuit)).toBeNull();
    await expect(dispute.play(undefined, pursuit)).rejects.toMatchObject({ code: 'dispute.no-difference' });
  });
});
