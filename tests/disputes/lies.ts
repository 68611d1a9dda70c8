/** Lies in the leaves of a run, and disputes about them. */
import { checkProof } from '../../disputes/checkTree';
import { KnownCommits } from '../../disputes/refute';
import { refutationsOf } from '../../disputes/refutations';
import { RevealedNodes } from '../../disputes/revealedTree';
import { decodeJob } from '../../disputes/step';
import { GREEDY, type Sampling } from '../../exact';
import { innerAddressAt, placedSlots, type LeafAddress } from '../../exact/leafAddress';
import type { Leaf } from '../../exact/trace';
import type { CheckRun } from '../../wrappers';
import type { Run } from './checks';
import { answerOf, JOB } from './game';
import { SAMPLINGS } from './headGroup';
import { mutated } from './mutations';
import { Dispute } from './parties';
import { type Lie, StoredRun } from './storedRun';

export const SAMPLED: Record<string, Sampling> = { greedy: GREEDY, full: SAMPLINGS.full, top: SAMPLINGS.top };

export const addressAt = (t: number, group: number, slot: string, leaf: number): LeafAddress => ({ block: t >> 5, position: t % 32, group, slot, leaf });

/** Trees of a run are computed once. */
const known = new WeakMap<Run, StoredRun>();
export function honestOf(run: Run): StoredRun {
  const honest = known.get(run) ?? new StoredRun(run);
  known.set(run, honest);
  return honest;
}

/** A dispute with a worker whose trees have lies, and a challenger that computes. */
export const disputeOf = (run: Run, lies: readonly Lie[]): Promise<Dispute> =>
  Dispute.open(async (names) => {
    const worker = lies.length === 0 ? honestOf(run) : new StoredRun(run, lies);
    const { model, prover } = run;
    const sampling = run.job.sampling;
    const answer = answerOf({ ...JOB, sampling }, await worker.result(), { ...names, modelRoot: model.modelRoot }, {}, {});
    return { model, prover, answer, worker, honest: honestOf(run) };
  });

/**
 * The last leaf of a position that the trace has too, changed in both trees: what makes a trace another one when a lie stands in the position tree
 * alone. It is the draw, and where nothing is drawn, before the prompt's last token, a value of the last layer.
 */
export function otherEnd(run: Run, t: number): Lie[] {
  const { layers } = run.model.config;
  const [group, slot] = t >= run.job.promptTokens - 1 ? [layers + 1, 'draw'] : [layers, 'v8'];
  const bytes = Buffer.from(run.positions[t][group].find((one) => one.slot === slot)!.leaves[0]!);
  bytes[bytes.length - 1] ^= 1;
  const address = addressAt(t, group, slot, 0);
  return [{ tree: 'commit', address, bytes }, { tree: 'inner', address, bytes }];
}

/** A leaf that lies, wherever it stands; with what a committed one has in the trace too. */
export function liesAt(run: Run, t: number, group: number, slot: string, leaf: number, bytes: Leaf): Lie[] {
  const address = addressAt(t, group, slot, leaf);
  const inner: Lie = { tree: 'inner', address, bytes };
  const isCommitted = placedSlots(run.model.config, 'commit', group).some(({ name }) => name === slot);
  return isCommitted ? [inner, { tree: 'commit', address, bytes }] : [...otherEnd(run, t), inner];
}

/** Leaves that a position has: group, slot, number. */
export function leavesOf(run: Run, t: number): { group: number; slot: string; leaf: number; bytes: Buffer }[] {
  return run.positions[t].flatMap((slots, group) =>
    slots.flatMap(({ slot, leaves }) => leaves.flatMap((bytes, leaf) => (bytes === null ? [] : [{ group, slot, leaf, bytes: Buffer.from(bytes) }]))));
}

/** What a challenger may say of a leaf: evidence as if he had computed other bytes, and the same bent. */
export async function accusations(dispute: Dispute, t: number, index: number, random: (limit: number) => number): Promise<CheckRun[]> {
  const { model, prover, answer, honest } = dispute.parties;
  const address = innerAddressAt(model.config, t, index);
  const { bytes } = await honest!.leaf('inner', address);
  const disputed = Buffer.from(bytes!);
  const claimed = Buffer.from(disputed);
  for (let n = 0; n < 3; n++) claimed[random(claimed.length)] ^= 1 + random(255);
  const commits = new KnownCommits(model.config, honest!, new RevealedNodes());
  const { sampling } = decodeJob(dispute.subject.job);
  const source = {
    config: model.config, model: prover, tree: await honest!.positionTree(t), commit: commits, request: answer.payload.request, t, sampling,
  };
  const runs: CheckRun[] = [];
  for (const { check, evidence } of refutationsOf({ source, address, disputed, honest: claimed }).slice(0, 3)) {
    const shown = await commits.build(evidence);
    if (shown === null) continue;
    const proof = checkProof(check);
    runs.push({ ...proof, evidence: mutated(shown, random) }, { ...proof, evidence: shown });
  }
  return runs;
}
