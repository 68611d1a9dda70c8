/** What a worker signs in a dispute must be what its receipt committed to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProofError, TraceProver, contradicts, createReferenceEngine, loadModel, type LeafAddress } from '../../exact';
import { leafIndex } from '../../exact/leafAddress';
import { treePath } from '../../exact/merkle';
import { treeDepths } from '../../exact/opTable';
import { PositionLayout, type GroupLeaves } from '../../exact/positionLayout';
import { PositionTree } from '../../exact/positionTree';
import type { LeafProof } from '../../exact/proof';
import { leafHash } from '../../exact/trace';
import { jobOf } from './runCheck';
import { modelPath, readVectors, type RunVector } from './support';

const model = loadModel(modelPath('grouped'));
const { config } = model;
const { group: groupDepth, token: tokenDepth } = treeDepths(config);
const run = readVectors<{ runs: RunVector[] }>('grouped').runs[0];
const prover = new TraceProver(model, jobOf(run));
const T = run.prompt.length - 1; // the first position that draws
const address = (t: number, group: number, slot: string): LeafAddress =>
  ({ block: t >> 5, position: t % 32, group, slot, leaf: 0 });
const refusal = (code: string) => (error: unknown) => error instanceof ProofError && error.code === code;

/** A position tree as a liar builds it, and its proof of one leaf. */
function lie(groups: GroupLeaves[], at: LeafAddress): { positionRoot: Uint8Array; proof: LeafProof } {
  const tree = new PositionTree(config, groups);
  const index = leafIndex(config, 'inner', at) % 2 ** groupDepth;
  const leaves = groups[at.group].flatMap((slot) => slot.leaves);
  const above = Array.from({ length: tokenDepth }, (_, level) =>
    tree.node({ depth: tokenDepth - level, index: (at.group >> level) ^ 1 }));
  const path = [...treePath(leaves.map(leafHash), groupDepth, index), ...above];
  return { positionRoot: tree.root, proof: { address: at, bytes: leaves[index] ?? null, path } };
}

async function groupsOf(t: number): Promise<GroupLeaves[]> {
  const layout = new PositionLayout(model);
  const positions: GroupLeaves[][] = [];
  await createReferenceEngine(model, (tensors) => positions.push(layout.position(tensors))).generate(jobOf(run));
  return positions[t];
}

test('an honest position tree contradicts no commit leaf', async () => {
  const { traceRoot } = await prover.result();
  for (const t of [0, T]) {
    const positionRoot = await prover.positionRoot(t);
    for (const at of [address(t, 1, 'k8'), address(t, 2, 'v8'), address(t, 3, 'draw')]) {
      const [commit, inner] = [await prover.leaf('commit', at), await prover.leaf('inner', at)];
      assert.equal(contradicts(config, { traceRoot, positionRoot }, commit, inner), false);
    }
  }
});

test('a position tree with another value of V than the receipt convicts; proofs that do not hold convict nobody', async () => {
  const { traceRoot } = await prover.result();
  const at = address(T, 2, 'v8');
  const [commit, inner] = [await prover.leaf('commit', at), await prover.leaf('inner', at)];
  const groups = await groupsOf(T);
  const bytes = groups[2].find(({ slot }) => slot === 'v8')?.leaves[0] ?? assert.fail();
  bytes[5] ^= 1;
  const { positionRoot, proof } = lie(groups, at);
  const roots = { traceRoot, positionRoot };
  assert.equal(contradicts(config, roots, commit, proof), true);
  const honest = { traceRoot, positionRoot: await prover.positionRoot(T) };
  assert.throws(() => contradicts(config, honest, commit, proof), refusal('verification.proof.root'));
  assert.throws(() => contradicts(config, roots, commit, inner), refusal('verification.proof.root'));
  assert.throws(() => contradicts(config, roots, proof, proof), ProofError, 'a commit leaf has another path');
  for (const other of [address(T, 1, 'v8'), address(T, 2, 'k8'), address(T - 1, 2, 'v8')]) {
    const elsewhere = await prover.leaf('inner', other);
    assert.throws(() => contradicts(config, roots, commit, elsewhere), refusal('verification.proof.address'));
  }
});

test('a draw where the receipt has none convicts, and none where it has one', async () => {
  const { traceRoot } = await prover.result();
  const [quiet, drawn] = [await groupsOf(T - 1), await groupsOf(T)];
  const lies: [number, GroupLeaves[]][] = [[T - 1, [...quiet.slice(0, 3), drawn[3]]], [T, [...drawn.slice(0, 3), []]]];
  for (const [t, groups] of lies) {
    const at = address(t, 3, 'draw');
    const { positionRoot, proof } = lie(groups, at);
    assert.equal(proof.bytes === null, t === T);
    assert.equal(contradicts(config, { traceRoot, positionRoot }, await prover.leaf('commit', at), proof), true);
  }
});
