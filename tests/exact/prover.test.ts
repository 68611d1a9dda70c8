/** A prover finds what a dispute asks for by running the job again, and holds one block of its trace at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import {
  GREEDY, ProofError, TraceProver, loadModel, samplingFrom, verifyChildren, verifyInnerLeaf, verifyLeaf, type Tree,
} from '../../exact';
import type { Job } from '../../exact/engine';
import { BlockTrace } from '../../exact/blockTrace';
import { commitAddressAt, innerAddressAt, treeLevels } from '../../exact/leafAddress';
import { leafHash } from '../../exact/trace';
import { treeDepths } from '../../exact/opTable';
import { PositionLayout } from '../../exact/positionLayout';
import { roundLevels, type NodeAddress } from '../../exact/proof';
import { hex, modelPath } from './support';

const model = loadModel(modelPath('grouped'));
const { config } = model;
const { commitTotal: total, block: blockDepth } = treeDepths(config);
const jobOf = (change: Partial<Job> = {}): Job =>
  ({ promptTokens: [7], maxTokens: 70, stopTokens: [], sampling: GREEDY, ...change });
const seeded = (seed: number) =>
  samplingFrom({ temperature: 1, topK: 20, seed: Uint8Array.from({ length: 32 }, () => seed) });
const refusal = (code: string) => (error: unknown) => error instanceof ProofError && error.code === code;
const at = (block: number, position = 0, slot = 'k8') => ({ block, position, group: 1, slot, leaf: 0 });

type Root = (of: TraceProver) => Promise<Uint8Array>;
type Children = (of: TraceProver, at: NodeAddress) => Promise<Uint8Array[]>;
const commitRoot: Root = async (of) => (await of.result()).traceRoot;
const commitChildren: Children = (of, node) => of.children(node);

/** One round after the other, where two trees first differ: what the parties of a dispute do. */
async function descend(tree: Tree, [ours, theirs]: TraceProver[], rootOf: Root, childrenOf: Children) {
  let node = { depth: 0, index: 0 };
  let rounds = 0;
  let [ourHash, theirHash] = [await rootOf(ours), await rootOf(theirs)];
  while (node.depth < treeLevels(config, tree)) {
    const [a, b] = [await childrenOf(ours, node), await childrenOf(theirs, node)];
    verifyChildren(config, tree, ourHash, node, a);
    verifyChildren(config, tree, theirHash, node, b);
    const child = a.findIndex((hash, i) => hex(hash) !== hex(b[i]));
    assert.notEqual(child, -1, 'different parents have a different child');
    const levels = roundLevels(config, tree, node.depth);
    node = { depth: node.depth + levels, index: node.index * 2 ** levels + child };
    [ourHash, theirHash] = [a[child], b[child]];
    rounds++;
  }
  assert.ok(rounds <= 6);
  return { index: node.index, ourHash, theirHash };
}

test('two descents by 32 children find the position and the first leaf in which two runs differ', async () => {
  const honest = new TraceProver(model, jobOf({ sampling: seeded(1) }));
  const liar = new TraceProver(model, jobOf({ sampling: seeded(2) }));
  const parties = [honest, liar];
  const { index, ourHash, theirHash } = await descend('commit', parties, commitRoot, commitChildren);
  const found = commitAddressAt(config, index);
  const { tokens } = await honest.result();
  const t = (await liar.result()).tokens.findIndex((token, i) => token !== tokens[i]);
  assert.deepEqual(found, { block: t >> 5, position: t % 32, group: config.layers + 1, slot: 'draw', leaf: 0 });
  for (const [party, hash] of [[honest, ourHash], [liar, theirHash]] as const) {
    const { bytes, path } = await party.leaf('commit', found);
    assert.equal(hex(leafHash(bytes)), hex(hash), 'the last round opens the leaf itself');
    verifyLeaf(config, (await party.result()).traceRoot, found, bytes, path, await party.shape());
  }
  const inner = await descend('inner', parties, (of) => of.positionRoot(t), (of, node) => of.innerChildren(t, node));
  assert.deepEqual(innerAddressAt(config, t, inner.index), found, 'only the draw differs, so nothing before it');
  for (const [party, hash] of [[honest, inner.ourHash], [liar, inner.theirHash]] as const) {
    const { bytes, path } = await party.leaf('inner', found);
    assert.equal(hex(leafHash(bytes)), hex(hash));
    verifyInnerLeaf(config, await party.positionRoot(t), found, bytes, path, await party.shape());
  }
});

test('the children of every node on the way to any leaf of both trees hash to their parent', async () => {
  const prover = new TraceProver(model, jobOf({ maxTokens: 34 }));
  const { traceRoot } = await prover.result();
  const way = async (tree: Tree, index: number, root: Uint8Array, t = 0) => {
    const levelsOfTree = treeLevels(config, tree);
    let hash = root;
    for (let depth = 0; depth < levelsOfTree; ) {
      const node = { depth, index: Math.floor(index / 2 ** (levelsOfTree - depth)) };
      const children = await (tree === 'commit' ? prover.children(node) : prover.innerChildren(t, node));
      verifyChildren(config, tree, hash, node, children);
      const bent = [...children.slice(0, -1), Uint8Array.from(children[children.length - 1], (x) => x ^ 1)];
      assert.throws(() => verifyChildren(config, tree, hash, node, bent), refusal('verification.proof.root'));
      const levels = roundLevels(config, tree, depth);
      depth += levels;
      hash = children[Math.floor(index / 2 ** (levelsOfTree - depth)) % 2 ** levels];
    }
    const address = tree === 'commit' ? commitAddressAt(config, index) : innerAddressAt(config, t, index);
    assert.equal(hex(hash), hex(leafHash((await prover.leaf(tree, address)).bytes)));
  };
  const inTrace = fc.nat(34 * 2 ** (total - blockDepth - 5) - 1);
  const options = { numRuns: 12, seed: 20261126 };
  await fc.assert(fc.asyncProperty(inTrace, (index) => way('commit', index, traceRoot)), options);
  await way('commit', 2 ** total - 1, traceRoot);
  const root = await prover.positionRoot(33);
  const inTree = fc.nat(2 ** treeLevels(config, 'inner') - 1);
  await fc.assert(fc.asyncProperty(inTree, (index) => way('inner', index, root, 33)), options);
});

test('children and nodes that do not exist are refused by name', async () => {
  const prover = new TraceProver(model, jobOf({ maxTokens: 2 }));
  const { traceRoot } = await prover.result();
  const root = { depth: 0, index: 0 };
  const children = await prover.children(root);
  const first = await new TraceProver(model, jobOf({ maxTokens: 2 })).children(root);
  assert.deepEqual(first, children, 'as the first question too');
  const check = (node: typeof root, list: Uint8Array[]) => () => verifyChildren(config, 'commit', traceRoot, node, list);
  assert.throws(check({ depth: total, index: 0 }, children), refusal('verification.proof.depth'));
  assert.throws(check({ depth: 0, index: 1 }, children), refusal('verification.proof.index'));
  assert.throws(check(root, children.slice(1)), refusal('verification.proof.children'));
  assert.throws(check(root, [...children.slice(1), new Uint8Array(31)]), refusal('verification.proof.children'));
  await assert.rejects(prover.children({ depth: total, index: 0 }), refusal('input.node.depth'));
  await assert.rejects(prover.children({ depth: 5, index: 32 }), refusal('input.node.index'));
  await assert.rejects(prover.innerChildren(0, { depth: treeLevels(config, 'inner'), index: 0 }), refusal('input.node.depth'));
  await assert.rejects(prover.innerChildren(-1, root), refusal('input.position'));
});

test('never more than one block of commit leaves and one position tree are in memory, whatever is asked', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const held: number[] = [];
  const traces: WeakRef<BlockTrace>[] = [];
  const trees: WeakRef<object>[] = []; // by a leaf that only the tree keeps
  const alive = <T extends object>(refs: WeakRef<T>[]) => refs.flatMap((ref) => ref.deref() ?? []);
  const peak = { traces: 0, positions: 0, trees: 0 };
  const [{ add }, { position }] = [BlockTrace.prototype, PositionLayout.prototype];
  const prover: TraceProver = new TraceProver(model, jobOf({ onToken: () => held.push(prover.heldPositions) }));
  // Counted is what the garbage collector cannot take away: when a block begins and ends, when a tree is made.
  const count = () => {
    collectGarbage();
    peak.traces = Math.max(peak.traces, alive(traces).length);
    peak.positions = Math.max(peak.positions, alive(traces).reduce((sum, { length }) => sum + length, 0));
    peak.trees = Math.max(peak.trees, alive(trees).length);
  };
  BlockTrace.prototype.add = function (tensors) {
    if (this.length === 0) traces.push(new WeakRef(this));
    add.call(this, tensors);
    if (this.length === 1 || this.length === 32) count();
  };
  PositionLayout.prototype.position = function (tensors) {
    count();
    const groups = position.call(this, tensors);
    trees.push(new WeakRef(groups[1][3].leaves[0] ?? assert.fail()));
    count();
    return groups;
  };
  try {
    const asked = [at(2), at(0, 31), at(1), at(1, 31), at(0), at(2, 5), at(7)].map((leaf) => prover.leaf('commit', leaf));
    const inner = [at(1, 3), at(1, 3, 'q'), at(0, 9, 'x2'), at(1, 3), at(7)].map((leaf) => prover.leaf('inner', leaf));
    const nodes = [0, 5, 10].map((depth) => prover.children({ depth, index: 0 }));
    await Promise.all([...asked, ...inner, ...nodes]);
  } finally {
    BlockTrace.prototype.add = add;
    PositionLayout.prototype.position = position;
  }
  assert.equal(traces.length, 9, 'blocks 2, 0, 1, 0, 2; 0, 1, 2 for the children of the root; 0');
  assert.equal(trees.length, 3, 'positions 35, 9, 35');
  assert.deepEqual(peak, { traces: 1, positions: 32, trees: 1 });
  assert.equal(Math.max(...held), 32);
});

test('a run serves all questions about its block, and a later run ends with the block it is for', async () => {
  let tokens = 0;
  const prover = new TraceProver(model, jobOf({ onToken: () => tokens++ }));
  await prover.leaf('commit', at(1));
  assert.deepEqual([prover.runs, tokens], [1, 70], 'the first run is complete, since roots come from it');
  await prover.leaf('commit', at(1, 20));
  await prover.children({ depth: 7, index: 8 });
  await prover.leaf('commit', at(7));
  assert.equal(prover.runs, 1);
  await prover.leaf('commit', at(0));
  assert.deepEqual([prover.runs, tokens], [2, 70 + 32]);
  assert.equal(prover.heldPositions, 32);
  await prover.leaf('commit', at(2));
  assert.deepEqual([prover.runs, prover.heldPositions], [3, 70 - 64]);
  await prover.children({ depth: 0, index: 0 });
  assert.equal(prover.runs, 4, 'one run serves children that lie in several blocks');
  tokens = 0;
  await prover.leaf('inner', at(0, 20, 'q'));
  await prover.leaf('inner', at(0, 20));
  await prover.positionRoot(20);
  assert.deepEqual([prover.runs, tokens], [5, 21], 'one run up to the position serves all questions about it');
  await prover.positionRoot(70);
  assert.equal(prover.runs, 5, 'a position after the last one is padding');
});

test('an answer that is not the model\'s is refused, and a stopped prover goes on when asked again', async () => {
  const { tokens } = await new TraceProver(model, jobOf({ maxTokens: 5 })).result();
  const wrong = tokens.map((token, i) => (i === 3 ? token ^ 1 : token));
  for (const answer of [wrong, tokens.slice(1), tokens.slice(0, 4), [...tokens, 1], []]) {
    const prover = new TraceProver(model, jobOf({ maxTokens: 5 }), answer);
    await assert.rejects(prover.leaf('commit', at(0)), refusal('verification.proof.answer'));
    await assert.rejects(prover.result(), refusal('verification.proof.answer'));
  }
  let giveUp = new AbortController();
  const signal = { get signal() { return giveUp.signal; } };
  const job = Object.defineProperty(jobOf({ maxTokens: 5, onToken: () => giveUp.abort() }), 'signal', {
    get: () => signal.signal,
  });
  const prover = new TraceProver(model, job, tokens);
  await assert.rejects(prover.leaf('commit', at(0)), { code: 'engine.aborted' });
  assert.equal(prover.heldPositions, 0, 'half a block is not kept');
  giveUp = new AbortController();
  job.onToken = undefined;
  assert.equal((await prover.leaf('commit', at(0))).path.length, total);
});

test('a model with one layer, three position blocks or one head proves as well', async () => {
  for (const name of ['wide', 'extreme', 'single']) {
    const other = loadModel(modelPath(name));
    const prover = new TraceProver(other, jobOf({ promptTokens: [1, 2, 3], maxTokens: 2 }));
    const { traceRoot } = await prover.result();
    const shape = await prover.shape();
    const { commitTotal, block } = treeDepths(other.config);
    const inTrace = fc.nat(4 * 2 ** (commitTotal - block - 5) - 1);
    const positionRoot = await prover.positionRoot(3);
    const inTree = fc.nat(2 ** treeLevels(other.config, 'inner') - 1);
    await fc.assert(
      fc.asyncProperty(inTrace, inTree, async (commitIndex, innerIndex) => {
        const address = commitAddressAt(other.config, commitIndex);
        const { bytes, path } = await prover.leaf('commit', address);
        verifyLeaf(other.config, traceRoot, address, bytes, path, shape);
        const within = innerAddressAt(other.config, 3, innerIndex);
        const inner = await prover.leaf('inner', within);
        verifyInnerLeaf(other.config, positionRoot, within, inner.bytes, inner.path, shape);
      }),
      { numRuns: 40, seed: 20261126 },
    );
  }
});
