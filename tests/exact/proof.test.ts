/** What a prover shows of the two trees is checked from the config alone; whatever is bent in a proof, it fails. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import {
  ProofError, TraceProver, createReferenceEngine, loadModel, verifyInnerLeaf, verifyLeaf, verifyLeafInBlock,
} from '../../exact';
import type { LeafAddress, LeafProof, Tree } from '../../exact';
import {
  UNUSED, commitAddressAt, innerAddressAt, leafIndex, placedSlots, positionOf, treeLevels,
} from '../../exact/leafAddress';
import type { JobShape } from '../../exact/leafShape';
import { node, sha256 } from '../../exact/merkle';
import { treeDepths } from '../../exact/opTable';
import { PositionLayout, type GroupLeaves } from '../../exact/positionLayout';
import { PositionTree } from '../../exact/positionTree';
import { blockPathLength } from '../../exact/proof';
import { leafHash } from '../../exact/trace';
import { jobOf } from './runCheck';
import { MODELS, modelPath, readVectors, type RunVector } from './support';

const model = loadModel(modelPath('grouped'));
const { config } = model;
const { token: tokenDepth } = treeDepths(config);
const TREES: Tree[] = ['commit', 'inner'];
const { runs } = readVectors<{ runs: RunVector[] }>('grouped');
const runOf = (name: string) => runs.find((run) => run.name === name) ?? assert.fail(`no run ${name}`);

/** A run of 36 positions: the second block begins at 32, sampling at 34. */
const long = runOf('across a trace block');
const prover = new TraceProver(model, jobOf(long), long.outputs);
const positions: GroupLeaves[][] = [];
let traceRoot: Uint8Array;
let blockRoots: Uint8Array[];
let positionRoots: Uint8Array[];
let job: JobShape;

before(async () => {
  const layout = new PositionLayout(model);
  await createReferenceEngine(model, (tensors) => positions.push(layout.position(tensors))).generate(jobOf(long));
  ({ traceRoot, blockRoots } = await prover.result());
  positionRoots = Array.from({ length: 65 }, (_, t) => new PositionTree(config, positions[t] ?? []).root);
  job = await prover.shape();
});

const rootOf = (tree: Tree, at: LeafAddress) => (tree === 'commit' ? traceRoot : positionRoots[positionOf(at)]);
const verify = (
  tree: Tree, { address: at, bytes, path }: LeafProof, shape?: JobShape, root: Uint8Array = rootOf(tree, at),
) => (tree === 'commit' ? verifyLeaf : verifyInnerLeaf)(config, root, at, bytes, path, shape);
const addressAt = (tree: Tree, t: number, index: number): LeafAddress =>
  tree === 'commit' ? commitAddressAt(config, index) : innerAddressAt(config, t, index);
const refusal = (code: string) => (error: unknown) => error instanceof ProofError && error.code === code;
const address = (t: number, group: number, slot: string, leaf = 0): LeafAddress =>
  ({ block: t >> 5, position: t % 32, group, slot, leaf });
const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
  const bent = Uint8Array.from(bytes);
  bent[bit >> 3] ^= 1 << (bit & 7);
  return bent;
};

/** Every address of a position; of `unused`, the first and the last leaf. */
function addressesOf(tree: Tree, t: number): LeafAddress[] {
  const ofGroup = (group: number) => placedSlots(config, tree, group).flatMap(({ name, leaves }) => {
    const wanted = name === UNUSED ? [0, leaves - 1] : Array.from({ length: leaves }, (_, leaf) => leaf);
    return wanted.map((leaf) => address(t, group, name, leaf));
  });
  return Array.from({ length: 2 ** tokenDepth }, (_, group) => ofGroup(group)).flat();
}

/** What stands there, from the tensors that an observer heard. */
const leafAt = (at: LeafAddress): Uint8Array | null =>
  positions[positionOf(at)]?.[at.group]?.find(({ slot }) => slot === at.slot)?.leaves[at.leaf] ?? null;

for (const t of [0, 31, 32, 34, 35, 36, 64]) {
  test(`position ${t}: every leaf of both trees proves and verifies, to the trace, its block and its position`, async () => {
    for (const tree of TREES) {
      let leaves = 0;
      for (const at of addressesOf(tree, t)) {
        const proof = await prover.leaf(tree, at);
        assert.deepEqual(proof.bytes && Buffer.from(proof.bytes), leafAt(at), `${tree} ${JSON.stringify(at)}`);
        assert.equal(proof.path.length, treeLevels(config, tree));
        verify(tree, proof, job);
        verify(tree, proof);
        if (proof.bytes !== null) leaves++;
        const block = blockRoots[at.block];
        if (tree === 'inner' || block === undefined) continue;
        verifyLeafInBlock(config, block, at, proof.bytes, proof.path.slice(0, blockPathLength(config)), job);
      }
      assert.equal(leaves > 0, t < 36, 'the run has 36 positions');
      if (tree === 'commit' && t < 36) assert.equal(leaves, t < 34 ? 4 : 5);
    }
    assert.deepEqual(await prover.positionRoot(t), positionRoots[t]);
  });
}

test('an index has one address and an address one index, in both trees of every model', () => {
  for (const name of MODELS) {
    const { config: other } = loadModel(modelPath(name));
    for (const tree of TREES) {
      const levels = treeLevels(other, tree);
      const at = (index: number) => tree === 'commit' ? commitAddressAt(other, index) : innerAddressAt(other, 5, index);
      fc.assert(
        fc.property(fc.nat(2 ** levels - 1), (index) => assert.equal(leafIndex(other, tree, at(index)), index)),
        { numRuns: 200, seed: 20261126 },
      );
      assert.throws(() => at(2 ** levels), refusal('verification.proof.index'));
      assert.throws(() => at(-1), refusal('verification.proof.index'));
    }
  }
});

test('any flipped bit of bytes, path or root fails', async () => {
  for (const tree of TREES) {
    const proof = await prover.leaf(tree, address(34, 3, 'draw'));
    const { bytes } = proof;
    assert.ok(bytes !== null);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      assert.throws(() => verify(tree, { ...proof, bytes: flip(bytes, bit) }), refusal('verification.proof.root'));
    }
    for (let bit = 0; bit < 256; bit++) {
      const root = flip(rootOf(tree, proof.address), bit);
      assert.throws(() => verify(tree, proof, job, root), refusal('verification.proof.root'));
      proof.path.forEach((_, level) => {
        const path = proof.path.map((sibling, i) => (i === level ? flip(sibling, bit) : sibling));
        assert.throws(() => verify(tree, { ...proof, path }), refusal('verification.proof.root'));
      });
    }
  }
});

test('a leaf verifies at no other address: not one bit of its index away, nor near it, nor in the other tree', async () => {
  for (const tree of TREES) {
    const own = address(33, 1, 'k8');
    const proof = await prover.leaf(tree, own);
    const index = leafIndex(config, tree, own);
    const others = [
      ...Array.from({ length: treeLevels(config, tree) }, (_, bit) => index ^ (1 << bit)),
      ...Array.from({ length: 64 }, (_, i) => index - (index % 64) + i),
    ].filter((other) => other !== index);
    for (const other of others) {
      const bent = { ...proof, address: addressAt(tree, 33, other) };
      assert.throws(() => verify(tree, bent, undefined, rootOf(tree, own)), ProofError);
    }
    if (tree === 'inner') continue;
    const inBlock = proof.path.slice(0, blockPathLength(config));
    for (const other of others.filter((i) => i >> inBlock.length === index >> inBlock.length)) {
      const at = commitAddressAt(config, other);
      assert.throws(() => verifyLeafInBlock(config, blockRoots[1], at, proof.bytes, inBlock), ProofError);
    }
    assert.throws(() => verifyLeafInBlock(config, blockRoots[0], own, proof.bytes, inBlock), ProofError);
    assert.throws(() => verify('inner', proof), ProofError);
  }
});

test('any proof of any leaf fails when any one thing in it is bent', async () => {
  const pick = fc.record({
    tree: fc.constantFrom(...TREES),
    leaf: fc.nat(1e6),
    t: fc.integer({ min: 30, max: 35 }),
    what: fc.constantFrom('bytes', 'path', 'root', 'longer', 'shorter'),
    bit: fc.nat(1e6),
  });
  await fc.assert(
    fc.asyncProperty(pick, async ({ tree, leaf, t, what, bit }) => {
      const all = addressesOf(tree, t);
      const proof = await prover.leaf(tree, all[leaf % all.length]);
      const { bytes } = proof;
      const level = bit % treeLevels(config, tree);
      const bend = {
        bytes: () => verify(tree, {
          ...proof, bytes: bytes === null ? new Uint8Array(32) : flip(bytes, bit % (8 * bytes.length)),
        }),
        path: () => verify(tree, {
          ...proof, path: proof.path.map((sibling, i) => (i === level ? flip(sibling, bit % 256) : sibling)),
        }),
        root: () => verify(tree, proof, job, flip(rootOf(tree, proof.address), bit % 256)),
        longer: () => verify(tree, { ...proof, path: [...proof.path, sha256(Uint8Array.of(bit % 256))] }),
        shorter: () => verify(tree, { ...proof, path: proof.path.slice(0, -1) }),
      };
      verify(tree, proof, job);
      assert.throws(bend[what as keyof typeof bend], ProofError);
    }),
    { numRuns: 60, seed: 20261126 },
  );
});

test('neither an inner node passes as a leaf nor a leaf as a node: no proof chooses its depth', async () => {
  for (const [tree, at] of [['commit', address(0, 1, 'k8')], ['inner', address(0, 0, 'token')]] as const) {
    const proof = await prover.leaf(tree, at);
    const [sibling, ...rest] = proof.path;
    const inner = Buffer.concat([leafHash(proof.bytes), sibling]);
    assert.throws(() => verify(tree, { ...proof, bytes: inner, path: rest }), refusal('verification.proof.bytes'));
    const parent = node(leafHash(proof.bytes), sibling);
    const deeper = [...proof.path, parent];
    assert.throws(() => verify(tree, { ...proof, path: deeper }), refusal('verification.proof.path'));
    assert.throws(() => verify(tree, { ...proof, path: rest }), refusal('verification.proof.path'));
    const cut = proof.path.map((hash, i) => (i === 3 ? hash.slice(1) : hash));
    assert.throws(() => verify(tree, { ...proof, path: cut }), refusal('verification.proof.path'));
    const root = rootOf(tree, at).slice(1);
    assert.throws(() => verify(tree, proof, job, root), refusal('verification.proof.root-length'));
  }
});

test('padding stands only where op table and job say so, and nothing else can stand there', async () => {
  const shapeRefuses = async (tree: Tree, at: LeafAddress, bytes: Uint8Array | null, shape?: JobShape) => {
    const { path } = await prover.leaf(tree, at);
    const bent = { address: at, bytes, path };
    const root = tree === 'commit' ? traceRoot : await prover.positionRoot(positionOf(at));
    assert.throws(() => verify(tree, bent, shape, root), refusal('verification.proof.bytes'), at.slot);
  };
  const inner = (...rest: [LeafAddress, Uint8Array | null, JobShape?]) => shapeRefuses('inner', ...rest);
  const commit = (...rest: [LeafAddress, Uint8Array | null, JobShape?]) => shapeRefuses('commit', ...rest);
  await inner(address(0, 1, 'q'), null);
  await inner(address(0, 0, 'token'), null);
  await inner(address(35, 1, 'q'), null, job);
  await inner(address(35, 3, 'draw'), null, job);
  await inner(address(33, 3, 'draw'), new Uint8Array(16), job);
  await inner(address(36, 1, 'q'), new Uint8Array(256), job);
  await inner(address(35, 3, 'top'), new Uint8Array(12), job);
  await inner(address(35, 3, 'sums'), new Uint8Array(40), job);
  await inner(address(1, 0, UNUSED), new Uint8Array(32));
  await inner(address(config.context, 0, 'token'), new Uint8Array(4));
  await inner(address(0, 1, 'q'), new Uint8Array(255));
  await inner(address(0, 1, 'q'), new Uint8Array(0));
  await commit(address(0, 1, 'k8'), null);
  await commit(address(35, 2, 'v8'), null, job);
  await commit(address(35, 3, 'draw'), null, job);
  await commit(address(33, 3, 'draw'), new Uint8Array(16), job);
  await commit(address(36, 1, 'k8'), new Uint8Array(242), job);
  await commit(address(config.context, 1, 'k8'), new Uint8Array(242));
  await commit(address(0, 1, 'k8'), new Uint8Array(121));
  await commit(address(0, 3, UNUSED), new Uint8Array(32));
  // A job of other lengths makes the same leaves wrong.
  for (const tree of TREES) {
    const last = await prover.leaf(tree, address(35, 1, 'k8'));
    assert.throws(() => verify(tree, last, { ...job, outputTokens: 1 }), refusal('verification.proof.bytes'));
    const first = await prover.leaf(tree, address(33, 3, 'draw'));
    const shorter = { ...job, promptTokens: 34, outputTokens: 3 };
    assert.throws(() => verify(tree, first, shorter), refusal('verification.proof.bytes'));
  }
});

test('blocks of e and p beyond a position are padding, and the sampling mode decides about top and sums', async () => {
  const wide = loadModel(modelPath('wide'));
  const runOfWide = readVectors<{ runs: RunVector[] }>('wide').runs[0];
  const other = new TraceProver(wide, jobOf(runOfWide));
  const shape = await other.shape();
  const root = await other.positionRoot(4);
  const check = async (at: LeafAddress, padding: boolean) => {
    const { bytes, path } = await other.leaf('inner', at);
    assert.equal(bytes === null, padding, `${at.slot} ${at.leaf}`);
    verifyInnerLeaf(wide.config, root, at, bytes, path, shape);
    const wrong = padding ? new Uint8Array(512) : null;
    assert.throws(() => verifyInnerLeaf(wide.config, root, at, wrong, path, shape), ProofError);
  };
  for (const slot of ['e', 'p']) {
    for (let leaf = 0; leaf < 6; leaf++) await check(address(4, 1, slot, leaf), leaf % 3 !== 0);
  }
  assert.equal((await other.leaf('inner', address(4, 2, 'top'))).bytes?.length, 12 * runOfWide.sampling.topK);
  await check(address(4, 2, 'top'), false);
  const { path } = await other.leaf('inner', address(4, 2, 'top'));
  const notEntries = () => verifyInnerLeaf(wide.config, root, address(4, 2, 'top'), new Uint8Array(13), path);
  assert.throws(notEntries, refusal('verification.proof.bytes'), 'entries of 12 bytes');
  await check(address(4, 2, 'sums'), true);
});

test('an address that the tree has not is refused by the name of its field', async () => {
  const own = { commit: address(0, 1, 'k8'), inner: address(0, 0, 'token') };
  const table: [Partial<LeafAddress>, string][] = [
    [{ block: 2 ** treeDepths(config).block }, 'block'], [{ block: -1 }, 'block'], [{ position: 32 }, 'position'],
    [{ group: 2 ** tokenDepth }, 'group'], [{ group: 0.5 }, 'group'], [{ slot: 'q9' }, 'slot'], [{ slot: '' }, 'slot'],
    [{ leaf: 1 }, 'leaf'], [{ leaf: NaN }, 'leaf'],
  ];
  for (const tree of TREES) {
    const { bytes, path } = await prover.leaf(tree, own[tree]);
    const root = rootOf(tree, own[tree]);
    for (const [change, field] of table) {
      const at = { ...own[tree], ...change };
      const bent = { address: at, bytes, path };
      assert.throws(() => verify(tree, bent, job, root), refusal(`verification.proof.${field}`));
      await assert.rejects(prover.leaf(tree, at), refusal(`input.leaf.${field}`));
    }
  }
  await assert.rejects(prover.leaf('commit', address(0, 1, 'q')), refusal('input.leaf.slot'));
  await assert.rejects(prover.leaf('commit', address(0, 0, 'k8')), refusal('input.leaf.slot'));
  for (const t of [-1, 0.5, NaN]) await assert.rejects(prover.positionRoot(t), refusal('input.position'));
});
