/** A prover finds what a dispute asks for by running the job again, and holds one block of its trace at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { GREEDY, ProofError, TraceProver, loadModel, samplingFrom, verifyChildren, verifyLeaf } from '../../exact';
import type { Job } from '../../exact/engine';
import { BlockTrace } from '../../exact/blockTrace';
import { addressAt } from '../../exact/leafAddress';
import { leafHash } from '../../exact/trace';
import { traceDepths } from '../../exact/opTable';
import { roundLevels } from '../../exact/proof';
import { hex, modelPath } from './support';

const model = loadModel(modelPath('grouped'));
const { config } = model;
const { total, block: blockDepth } = traceDepths(config);
const jobOf = (change: Partial<Job> = {}): Job =>
  ({ promptTokens: [7], maxTokens: 70, stopTokens: [], sampling: GREEDY, ...change });
const seeded = (seed: number) =>
  samplingFrom({ temperature: 1, topK: 20, seed: Uint8Array.from({ length: 32 }, () => seed) });
const refusal = (code: string) => (error: unknown) => error instanceof ProofError && error.code === code;
const at = (block: number, position = 0) => ({ block, position, group: 1, slot: 'x1', leaf: 0 });

/** One round after the other, where two traces first differ: what the parties of a dispute do. */
async function descend(ours: TraceProver, theirs: TraceProver) {
  let node = { depth: 0, index: 0 };
  let rounds = 0;
  let [ourHash, theirHash] = [(await ours.result()).traceRoot, (await theirs.result()).traceRoot];
  while (node.depth < total) {
    const [a, b] = [await ours.children(node), await theirs.children(node)];
    verifyChildren(config, ourHash, node, a);
    verifyChildren(config, theirHash, node, b);
    const child = a.findIndex((hash, i) => hex(hash) !== hex(b[i]));
    assert.notEqual(child, -1, 'different parents have a different child');
    const levels = roundLevels(config, node.depth);
    node = { depth: node.depth + levels, index: node.index * 2 ** levels + child };
    [ourHash, theirHash] = [a[child], b[child]];
    rounds++;
  }
  return { index: node.index, rounds, ourHash, theirHash };
}

test('a descent by 32 children finds the first leaf in which two traces differ, in at most six rounds', async () => {
  const honest = new TraceProver(model, jobOf({ sampling: seeded(1) }));
  const liar = new TraceProver(model, jobOf({ sampling: seeded(2) }));
  const { index, rounds, ourHash, theirHash } = await descend(honest, liar);
  const found = addressAt(config, index);
  const { tokens } = await honest.result();
  const lie = (await liar.result()).tokens.findIndex((token, i) => token !== tokens[i]);
  assert.deepEqual(found, { block: lie >> 5, position: lie % 32, group: config.layers + 1, slot: 'draw', leaf: 0 });
  assert.equal(rounds, Math.ceil(total / 5));
  assert.ok(rounds <= 6);
  for (const [party, hash] of [[honest, ourHash], [liar, theirHash]] as const) {
    const { bytes, path } = await party.leaf(found);
    assert.equal(hex(leafHash(bytes)), hex(hash), 'the last round opens the leaf itself');
    verifyLeaf(config, (await party.result()).traceRoot, found, bytes, path, await party.shape());
  }
});

test('the children of every node on the way to any leaf hash to their parent', async () => {
  const prover = new TraceProver(model, jobOf({ maxTokens: 34 }));
  const { traceRoot } = await prover.result();
  const way = async (index: number) => {
    let hash = traceRoot;
    for (let depth = 0; depth < total; ) {
      const node = { depth, index: Math.floor(index / 2 ** (total - depth)) };
      const children = await prover.children(node);
      verifyChildren(config, hash, node, children);
      const bent = [...children.slice(0, -1), Uint8Array.from(children[children.length - 1], (x) => x ^ 1)];
      assert.throws(() => verifyChildren(config, hash, node, bent), refusal('verification.proof.root'));
      const levels = roundLevels(config, depth);
      depth += levels;
      hash = children[Math.floor(index / 2 ** (total - depth)) % 2 ** levels];
    }
    const { bytes } = await prover.leaf(addressAt(config, index));
    assert.equal(hex(hash), hex(leafHash(bytes)));
  };
  const inTrace = fc.nat(34 * 2 ** (total - blockDepth - 5) - 1);
  await fc.assert(fc.asyncProperty(inTrace, way), { numRuns: 12, seed: 20261126 });
  await way(2 ** total - 1);
});

test('children and nodes that do not exist are refused by name', async () => {
  const prover = new TraceProver(model, jobOf({ maxTokens: 2 }));
  const { traceRoot } = await prover.result();
  const root = { depth: 0, index: 0 };
  const children = await prover.children(root);
  const first = await new TraceProver(model, jobOf({ maxTokens: 2 })).children(root);
  assert.deepEqual(first, children, 'as the first question too');
  const check = (node: typeof root, list: Uint8Array[]) => () => verifyChildren(config, traceRoot, node, list);
  assert.throws(check({ depth: total, index: 0 }, children), refusal('verification.proof.depth'));
  assert.throws(check({ depth: 0, index: 1 }, children), refusal('verification.proof.index'));
  assert.throws(check(root, children.slice(1)), refusal('verification.proof.children'));
  assert.throws(check(root, [...children.slice(1), new Uint8Array(31)]), refusal('verification.proof.children'));
  await assert.rejects(prover.children({ depth: total, index: 0 }), refusal('input.node.depth'));
  await assert.rejects(prover.children({ depth: 5, index: 32 }), refusal('input.node.index'));
});

test('never more than the 32 positions of one block are in memory, whatever is asked in whatever order', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const held: number[] = [];
  const traces: WeakRef<BlockTrace>[] = [];
  const alive = () => traces.flatMap((trace) => trace.deref() ?? []);
  const peak = { traces: 0, positions: 0 };
  const { add } = BlockTrace.prototype;
  const prover: TraceProver = new TraceProver(model, jobOf({ onToken: () => held.push(prover.heldPositions) }));
  // Counted are the traces that the garbage collector cannot take away, when a block begins and when it ends.
  BlockTrace.prototype.add = function (tensors) {
    if (this.length === 0) traces.push(new WeakRef(this));
    add.call(this, tensors);
    if (this.length !== 1 && this.length !== 32) return;
    collectGarbage();
    peak.traces = Math.max(peak.traces, alive().length);
    peak.positions = Math.max(peak.positions, alive().reduce((sum, { length }) => sum + length, 0));
  };
  try {
    const asked = [at(2), at(0, 31), at(1), at(1, 31), at(0), at(2, 5), at(7)].map((leaf) => prover.leaf(leaf));
    const nodes = [0, 5, 10].map((depth) => prover.children({ depth, index: 0 }));
    await Promise.all([...asked, ...nodes]);
  } finally {
    BlockTrace.prototype.add = add;
  }
  assert.equal(traces.length, 6, 'blocks 2, 0, 1, 0, 2, 0');
  assert.deepEqual(peak, { traces: 1, positions: 32 });
  assert.equal(Math.max(...held), 32);
});

test('a run serves all questions about its block, and a later run ends with the block it is for', async () => {
  let tokens = 0;
  const prover = new TraceProver(model, jobOf({ onToken: () => tokens++ }));
  await prover.leaf(at(1));
  assert.deepEqual([prover.runs, tokens], [1, 70], 'the first run is complete, since roots come from it');
  await prover.leaf(at(1, 20));
  await prover.children({ depth: 0, index: 0 });
  await prover.leaf(at(7));
  assert.equal(prover.runs, 1);
  await prover.leaf(at(0));
  assert.deepEqual([prover.runs, tokens], [2, 70 + 32]);
  assert.equal(prover.heldPositions, 32);
  await prover.leaf(at(2));
  assert.deepEqual([prover.runs, prover.heldPositions], [3, 70 - 64]);
});

test('an answer that is not the model\'s is refused, and a stopped prover goes on when asked again', async () => {
  const { tokens } = await new TraceProver(model, jobOf({ maxTokens: 5 })).result();
  const wrong = tokens.map((token, i) => (i === 3 ? token ^ 1 : token));
  for (const answer of [wrong, tokens.slice(1), tokens.slice(0, 4), [...tokens, 1], []]) {
    const prover = new TraceProver(model, jobOf({ maxTokens: 5 }), answer);
    await assert.rejects(prover.leaf(at(0)), refusal('verification.proof.answer'));
    await assert.rejects(prover.result(), refusal('verification.proof.answer'));
  }
  let giveUp = new AbortController();
  const signal = { get signal() { return giveUp.signal; } };
  const job = Object.defineProperty(jobOf({ maxTokens: 5, onToken: () => giveUp.abort() }), 'signal', {
    get: () => signal.signal,
  });
  const prover = new TraceProver(model, job, tokens);
  await assert.rejects(prover.leaf(at(0)), { code: 'engine.aborted' });
  assert.equal(prover.heldPositions, 0, 'half a block is not kept');
  giveUp = new AbortController();
  job.onToken = undefined;
  assert.equal((await prover.leaf(at(0))).path.length, total);
});

test('a model with one layer, three position blocks or one head proves as well', async () => {
  for (const name of ['wide', 'extreme', 'single']) {
    const other = loadModel(modelPath(name));
    const prover = new TraceProver(other, jobOf({ promptTokens: [1, 2, 3], maxTokens: 2 }));
    const { traceRoot } = await prover.result();
    const shape = await prover.shape();
    const pick = fc.nat(4 * 2 ** (traceDepths(other.config).total - traceDepths(other.config).block - 5) - 1);
    await fc.assert(
      fc.asyncProperty(pick, async (index) => {
        const address = addressAt(other.config, index);
        const { bytes, path } = await prover.leaf(address);
        verifyLeaf(other.config, traceRoot, address, bytes, path, shape);
      }),
      { numRuns: 40, seed: 20261126 },
    );
  }
});
