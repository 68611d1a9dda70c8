/** The safety of a dispute: a lie anywhere in a trace is convicted, and no challenger convicts a worker that is right. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hashOfLeaf } from '../../disputes/positionEvidence';
import { commitAddressAt, leafIndex, UNUSED } from '../../exact/leafAddress';
import { type Run, runOf } from './checks';
import {
  CASE_MOVE_VALUE, CASE_PROOF_VALUE, CASE_TURNS, CASE_VERDICTS, type CaseState, packChooseChild, packEndTurn, packProveContradiction, packProveStep, SLASHING_CASE_ERRORS,
} from '../../wrappers';
import { exitOf, JOB } from './game';
import { accusations, addressAt, disputeOf, leavesOf, liesAt, otherEnd, SAMPLED } from './lies';
import { randomOf } from './mutations';
import { type Dispute, verdictOf } from './parties';
import { type Lie, StoredRun } from './storedRun';

const RUNS = Number(process.env.COCOON_PROPERTY_RUNS ?? 12);
const SEED = Number(process.env.COCOON_PROPERTY_SEED ?? 7);

const runs = new Map<string, Run>();
const run = (name: string, mode = 'greedy'): Run => runs.get(`${name}/${mode}`)!;
beforeAll(async () => {
  for (const [name, mode] of [['grouped', 'greedy'], ['normed', 'greedy'], ['gated', 'top'], ['grouped', 'full'], ['extreme', 'greedy'], ['tall', 'greedy']] as const) {
    runs.set(`${name}/${mode}`, await runOf(name, { ...JOB, sampling: SAMPLED[mode] }));
  }
});

describe('a lie', () => {
  it('finding 30: in a leaf of any slot of the op table is convicted, whichever bit it is in', async () => {
    const seen = new Set<string>();
    for (const [name, mode] of [['grouped', 'full'], ['normed', 'greedy'], ['gated', 'top'], ['tall', 'greedy']] as const) {
      const of = run(name, mode);
      // The last position: it draws, and reads what all others have cached.
      const t = of.positions.length - 1;
      for (const { group, slot, leaf, bytes } of leavesOf(of, t)) {
        if (seen.has(slot) || (slot === 'draw' && mode !== 'greedy')) continue;
        seen.add(slot);
        const at = (31 * seen.size) % bytes.length;
        bytes[at] ^= 1 << seen.size % 8;
        const { isConvicted } = await (await disputeOf(of, liesAt(of, t, group, slot, leaf, bytes))).play();
        expect([name, slot, at, isConvicted]).toEqual([name, slot, at, true]);
      }
    }
    expect(seen.size).toBe(38);
  });

  it('finding 30: at any token, in any layer, row and byte, of any size, is convicted', async () => {
    const models = [...runs.keys()];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...models), fc.nat(), fc.nat(), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 6 }), fc.boolean(),
        async (model, position, place, changes, isFilled) => {
          const of = runs.get(model)!;
          const t = position % of.positions.length;
          const leaves = leavesOf(of, t);
          const { group, slot, leaf, bytes } = leaves[place % leaves.length];
          const before = Buffer.from(bytes);
          if (isFilled) bytes.fill(changes[0][1]);
          for (const [at, bits] of changes) bytes[at % bytes.length] ^= bits;
          if (bytes.equals(before)) return;
          const lies = liesAt(of, t, group, slot, leaf, bytes);
          expect(await (await disputeOf(of, lies)).play()).toMatchObject({ isConvicted: true });
        },
      ),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('finding 28: about where leaves stand is convicted: one too many, one missing, in either tree', async () => {
    const of = run('grouped');
    const t = of.positions.length - 1;
    const { layers } = of.model.config;
    const extra = Buffer.from([1, 2, 3, 4]);
    const beyond = addressAt(of.positions.length, layers + 1, 'draw', 0);
    const cases: Record<string, Lie[]> = {
      'a position more': [{ tree: 'commit', address: beyond, bytes: extra }],
      'no draw': [{ tree: 'commit', address: addressAt(t, layers + 1, 'draw', 0), bytes: null }],
      'no key': [{ tree: 'commit', address: addressAt(1, 1, 'k8', 0), bytes: null }, { tree: 'inner', address: addressAt(1, 1, 'k8', 0), bytes: null }],
      'behind the draw': [{ tree: 'commit', address: addressAt(0, layers + 1, UNUSED, 0), bytes: extra }],
      'an unused leaf of a position': [...otherEnd(of, t), { tree: 'inner', address: addressAt(t, 0, UNUSED, 3), bytes: extra }],
      'a list that greedy has not': [...otherEnd(of, t), { tree: 'inner', address: addressAt(t, layers + 1, 'top', 0), bytes: Buffer.alloc(240) }],
    };
    for (const [label, lies] of Object.entries(cases)) expect([label, (await (await disputeOf(of, lies)).play()).isConvicted]).toEqual([label, true]);
  });

  it('in the trace alone, or in a position tree that has another leaf than the trace, is a contradiction', async () => {
    const of = run('grouped');
    const t = of.positions.length - 1;
    const [commit, inner] = otherEnd(of, t);
    expect((await (await disputeOf(of, [commit])).play()).isConvicted).toBe(true);
    const later = { ...inner, bytes: Buffer.alloc(16, 7) };
    expect((await (await disputeOf(of, [commit, later])).play()).isConvicted).toBe(true);
  });
});

describe('a worker that is right', () => {
  it('finding 29: is never convicted, whatever children a challenger chooses and whatever he shows', async () => {
    let proofs = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...runs.keys()), fc.nat(), async (model, seed) => {
        const dispute = await disputeOf(runs.get(model)!, []);
        const random = randomOf(seed);
        const defence = dispute.defence();
        const target = leafOf(dispute, random);
        for (;;) {
          const state = await dispute.state();
          if (state === null) throw new Error('a case ended without a verdict that was seen');
          const answer = await defence.move(state);
          const moves = answer !== null ? [answer] : state.turn === CASE_TURNS.choose ? [packChooseChild(random(20) === 0 ? random(state.children!.length) : target(state))] : (await accusations(dispute, state.place!.t, state.index, random)).map(packProveStep);
          if (state.place?.positionRoot) {
            const { hash, path } = await contradictionOf(dispute, state);
            expect(exitOf(await dispute.send('challenger', { value: CASE_PROOF_VALUE, body: packProveContradiction({ hash, path }) }))).toBe(SLASHING_CASE_ERRORS.noContradiction);
          }
          let verdict: number | undefined;
          for (const body of moves) verdict ??= verdictOf(await dispute.send(answer === null ? 'challenger' : 'worker', { value: CASE_PROOF_VALUE, body }));
          if (state.turn === CASE_TURNS.prove) proofs++;
          if (verdict === undefined && state.turn === CASE_TURNS.prove) {
            dispute.chain.now = state.endsAt;
            verdict = verdictOf(await dispute.send('worker', { value: CASE_MOVE_VALUE, body: packEndTurn() }));
          }
          if (verdict === undefined) continue;
          expect(verdict).toBe(CASE_VERDICTS.acquitted);
          return;
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    expect(proofs).toBeGreaterThan(RUNS / 2);
  });
});

/** Chooses the way to some leaf that is there: one of the trace, then one of its position. */
function leafOf({ parties: { model: { config }, worker } }: Dispute, random: (limit: number) => number): (state: CaseState) => number {
  const { run: of } = worker as StoredRun;
  const t = random(of.positions.length);
  const leaves = leavesOf(of, t);
  const { group, slot, leaf } = leaves[random(leaves.length)];
  const wanted = { commit: leafIndex(config, 'commit', addressAt(t, 1, 'k8', 0)), inner: leafIndex(config, 'inner', addressAt(t, group, slot, leaf)) };
  return ({ left, children, place }) => (wanted[place!.positionRoot === null ? 'commit' : 'inner'] >> (left - Math.log2(children!.length))) % children!.length;
}

/** The trace's leaf with its way up in the position tree. */
async function contradictionOf({ parties: { model, honest } }: Dispute, { place }: CaseState): Promise<{ hash: Uint8Array; path: readonly Uint8Array[] }> {
  const { bytes, path } = await honest!.leaf('inner', commitAddressAt(model.config, place!.commitIndex));
  return { hash: hashOfLeaf(bytes), path };
}
