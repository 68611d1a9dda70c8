/** What a prover shows of a trace is checked from the config alone; whatever is bent in a proof, it fails. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { ProofError, TraceProver, createReferenceEngine, loadModel, verifyLeaf, verifyLeafInBlock } from '../../exact';
import type { LeafAddress, LeafProof } from '../../exact';
import { UNUSED, addressAt, leafIndex, placedSlots } from '../../exact/leafAddress';
import type { JobShape } from '../../exact/leafShape';
import { node, sha256 } from '../../exact/merkle';
import { traceDepths } from '../../exact/opTable';
import { blockPathLength } from '../../exact/proof';
import { TraceLayout, leafHash, type GroupLeaves } from '../../exact/trace';
import { MODELS, modelPath, readVectors, samplingOf, type RunVector } from './support';

const model = loadModel(modelPath('grouped'));
const { config } = model;
const { total, token: tokenDepth, group: groupDepth } = traceDepths(config);
const { runs } = readVectors<{ runs: RunVector[] }>('grouped');
const runOf = (name: string) => runs.find((run) => run.name === name) ?? assert.fail(`no run ${name}`);
const jobOf = (run: RunVector) => ({
  promptTokens: run.prompt,
  maxTokens: run.maxTokens,
  stopTokens: run.stop,
  sampling: samplingOf(run.sampling),
});

/** A run of 36 positions: the second block begins at 32, sampling at 34. */
const long = runOf('across a trace block');
const prover = new TraceProver(model, jobOf(long), long.outputs);
const positions: GroupLeaves[][] = [];
let traceRoot: Uint8Array;
let blockRoots: Uint8Array[];
let job: JobShape;

before(async () => {
  const layout = new TraceLayout(config);
  await createReferenceEngine(model, (tensors) => positions.push(layout.position(tensors))).generate(jobOf(long));
  ({ traceRoot, blockRoots } = await prover.result());
  job = await prover.shape();
});

const verify = ({ address, bytes, path }: LeafProof, shape?: JobShape, root = traceRoot) =>
  verifyLeaf(config, root, address, bytes, path, shape);
const refusal = (code: string) => (error: unknown) => error instanceof ProofError && error.code === code;
const address = (t: number, group: number, slot: string, leaf = 0): LeafAddress =>
  ({ block: t >> 5, position: t % 32, group, slot, leaf });
const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
  const bent = Uint8Array.from(bytes);
  bent[bit >> 3] ^= 1 << (bit & 7);
  return bent;
};

/** Every address of a position; of `unused`, the first and the last leaf. */
function addressesOf(t: number): LeafAddress[] {
  const ofGroup = (group: number) => placedSlots(config, group).flatMap(({ name, leaves }) => {
    const wanted = name === UNUSED ? [0, leaves - 1] : Array.from({ length: leaves }, (_, leaf) => leaf);
    return wanted.map((leaf) => address(t, group, name, leaf));
  });
  return Array.from({ length: 2 ** tokenDepth }, (_, group) => ofGroup(group)).flat();
}

for (const t of [0, 31, 32, 34, 35, 36, 64]) {
  test(`position ${t}: every leaf of every slot proves and verifies, to the trace and to its block`, async () => {
    let leaves = 0;
    for (const at of addressesOf(t)) {
      const proof = await prover.leaf(at);
      const where = JSON.stringify(at);
      const expected = positions[t]?.[at.group]?.find(({ slot }) => slot === at.slot)?.leaves[at.leaf] ?? null;
      assert.deepEqual(proof.bytes, expected, where);
      assert.equal(proof.path.length, total);
      verify(proof, job);
      verify(proof);
      const block = blockRoots[at.block];
      const inBlock = proof.path.slice(0, blockPathLength(config));
      if (block !== undefined) verifyLeafInBlock(config, block, at, proof.bytes, inBlock, job);
      if (proof.bytes !== null) leaves++;
    }
    const expected = (positions[t] ?? []).flat().flatMap(({ leaves: all }) => all).filter((leaf) => leaf !== null);
    assert.equal(leaves, expected.length);
    assert.equal(leaves > 0, t < 36, 'the run has 36 positions');
  });
}

test('an index has one address and an address one index, in every model', () => {
  for (const name of MODELS) {
    const { config: other } = loadModel(modelPath(name));
    fc.assert(
      fc.property(fc.nat(2 ** traceDepths(other).total - 1), (index) => {
        assert.equal(leafIndex(other, addressAt(other, index)), index);
      }),
      { numRuns: 200, seed: 20261126 },
    );
    const top = 2 ** traceDepths(other).total;
    assert.throws(() => addressAt(other, top), refusal('verification.proof.index'));
    assert.throws(() => addressAt(other, -1), refusal('verification.proof.index'));
  }
});

test('any flipped bit of bytes, path or root fails', async () => {
  const proof = await prover.leaf(address(34, 3, 'draw'));
  const { bytes } = proof;
  assert.ok(bytes !== null);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    assert.throws(() => verify({ ...proof, bytes: flip(bytes, bit) }), refusal('verification.proof.root'));
  }
  for (let bit = 0; bit < 256; bit++) {
    assert.throws(() => verify(proof, job, flip(traceRoot, bit)), refusal('verification.proof.root'));
    proof.path.forEach((_, level) => {
      const path = proof.path.map((sibling, i) => (i === level ? flip(sibling, bit) : sibling));
      assert.throws(() => verify({ ...proof, path }), refusal('verification.proof.root'));
    });
  }
});

test('a leaf verifies at no other address: not one bit of its index away, nor anywhere in its group', async () => {
  const own = address(33, 1, 'x1');
  const proof = await prover.leaf(own);
  const index = leafIndex(config, own);
  const others = [
    ...Array.from({ length: total }, (_, bit) => index ^ (1 << bit)),
    ...Array.from({ length: 2 ** groupDepth }, (_, i) => (index - (index % 2 ** groupDepth)) + i),
  ].filter((other) => other !== index);
  for (const other of others) assert.throws(() => verify({ ...proof, address: addressAt(config, other) }), ProofError);
  const inBlock = proof.path.slice(0, blockPathLength(config));
  for (const other of others.filter((i) => i >> inBlock.length === index >> inBlock.length)) {
    const at = addressAt(config, other);
    assert.throws(() => verifyLeafInBlock(config, blockRoots[1], at, proof.bytes, inBlock), ProofError);
  }
  assert.throws(() => verifyLeafInBlock(config, blockRoots[0], own, proof.bytes, inBlock), ProofError);
});

test('any proof of any leaf fails when any one thing in it is bent', async () => {
  const pick = fc.record({
    leaf: fc.nat(1e6),
    t: fc.nat(35),
    what: fc.constantFrom('bytes', 'path', 'root', 'longer', 'shorter'),
    bit: fc.nat(1e6),
  });
  await fc.assert(
    fc.asyncProperty(pick, async ({ leaf, t, what, bit }) => {
      const all = addressesOf(t);
      const proof = await prover.leaf(all[leaf % all.length]);
      const { bytes } = proof;
      const bend = {
        bytes: () => verify({
          ...proof, bytes: bytes === null ? new Uint8Array(32) : flip(bytes, bit % (8 * bytes.length)),
        }),
        path: () => verify({
          ...proof, path: proof.path.map((sibling, i) => (i === bit % total ? flip(sibling, bit % 256) : sibling)),
        }),
        root: () => verify(proof, job, flip(traceRoot, bit % 256)),
        longer: () => verify({ ...proof, path: [...proof.path, sha256(Uint8Array.of(bit % 256))] }),
        shorter: () => verify({ ...proof, path: proof.path.slice(0, -1) }),
      };
      verify(proof, job);
      assert.throws(bend[what as keyof typeof bend], ProofError);
    }),
    { numRuns: 150, seed: 20261126 },
  );
});

test('neither an inner node passes as a leaf nor a leaf as a node: no proof chooses its depth', async () => {
  const proof = await prover.leaf(address(0, 0, 'token'));
  const [sibling, ...rest] = proof.path;
  const inner = Buffer.concat([leafHash(proof.bytes), sibling]);
  assert.throws(() => verify({ ...proof, bytes: inner, path: rest }), refusal('verification.proof.bytes'));
  const parent = node(leafHash(proof.bytes), sibling);
  const deeper = [...proof.path, parent];
  assert.throws(() => verify({ ...proof, path: deeper }), refusal('verification.proof.path'));
  assert.throws(() => verify({ ...proof, path: rest }), refusal('verification.proof.path'));
  const cut = proof.path.map((hash, i) => (i === 3 ? hash.slice(1) : hash));
  assert.throws(() => verify({ ...proof, path: cut }), refusal('verification.proof.path'));
  assert.throws(() => verify(proof, job, traceRoot.slice(1)), refusal('verification.proof.root-length'));
});

test('padding stands only where op table and job say so, and nothing else can stand there', async () => {
  const shapeRefuses = async (at: LeafAddress, bytes: Uint8Array | null, shape?: JobShape) => {
    const { path } = await prover.leaf(at);
    assert.throws(() => verify({ address: at, bytes, path }, shape), refusal('verification.proof.bytes'), at.slot);
  };
  await shapeRefuses(address(0, 1, 'q'), null);
  await shapeRefuses(address(0, 0, 'token'), null);
  await shapeRefuses(address(35, 1, 'q'), null, job);
  await shapeRefuses(address(35, 3, 'draw'), null, job);
  await shapeRefuses(address(33, 3, 'draw'), new Uint8Array(16), job);
  await shapeRefuses(address(36, 1, 'q'), new Uint8Array(256), job);
  await shapeRefuses(address(35, 3, 'top'), new Uint8Array(12), job);
  await shapeRefuses(address(35, 3, 'sums'), new Uint8Array(40), job);
  await shapeRefuses(address(1, 0, UNUSED), new Uint8Array(32));
  await shapeRefuses(address(32 * (config.context / 32), 0, 'token'), new Uint8Array(4));
  await shapeRefuses(address(0, 1, 'q'), new Uint8Array(255));
  await shapeRefuses(address(0, 1, 'q'), new Uint8Array(0));
  // A job of other lengths makes the same leaves wrong.
  const last = await prover.leaf(address(35, 1, 'q'));
  assert.throws(() => verify(last, { ...job, outputTokens: 1 }), refusal('verification.proof.bytes'));
  const first = await prover.leaf(address(33, 3, 'draw'));
  const shorter = { ...job, promptTokens: 34, outputTokens: 3 };
  assert.throws(() => verify(first, shorter), refusal('verification.proof.bytes'));
});

test('blocks of e and p beyond a position are padding, and the sampling mode decides about top and sums', async () => {
  const wide = loadModel(modelPath('wide'));
  const runOfWide = readVectors<{ runs: RunVector[] }>('wide').runs[0];
  const other = new TraceProver(wide, jobOf(runOfWide));
  const result = await other.result();
  const shape = await other.shape();
  const check = async (at: LeafAddress, padding: boolean) => {
    const { bytes, path } = await other.leaf(at);
    assert.equal(bytes === null, padding, `${at.slot} ${at.leaf}`);
    verifyLeaf(wide.config, result.traceRoot, at, bytes, path, shape);
    const wrong = padding ? new Uint8Array(512) : null;
    assert.throws(() => verifyLeaf(wide.config, result.traceRoot, at, wrong, path, shape), ProofError);
  };
  for (const slot of ['e', 'p']) {
    for (let leaf = 0; leaf < 6; leaf++) await check(address(4, 1, slot, leaf), leaf % 3 !== 0);
  }
  assert.equal((await other.leaf(address(4, 2, 'top'))).bytes?.length, 12 * runOfWide.sampling.topK);
  await check(address(4, 2, 'top'), false);
  const { path } = await other.leaf(address(4, 2, 'top'));
  const notEntries = () => verifyLeaf(wide.config, result.traceRoot, address(4, 2, 'top'), new Uint8Array(13), path);
  assert.throws(notEntries, refusal('verification.proof.bytes'), 'entries of 12 bytes');
  await check(address(4, 2, 'sums'), true);
});

test('an address that the tree has not is refused by the name of its field', async () => {
  const { bytes, path } = await prover.leaf(address(0, 0, 'token'));
  const table: [Partial<LeafAddress>, string][] = [
    [{ block: 2 ** traceDepths(config).block }, 'block'], [{ block: -1 }, 'block'], [{ position: 32 }, 'position'],
    [{ group: 4 }, 'group'], [{ group: 0.5 }, 'group'], [{ slot: 'q' }, 'slot'], [{ slot: '' }, 'slot'],
    [{ leaf: 1 }, 'leaf'], [{ leaf: NaN }, 'leaf'],
  ];
  for (const [change, field] of table) {
    const at = { ...address(0, 0, 'token'), ...change };
    assert.throws(() => verify({ address: at, bytes, path }), refusal(`verification.proof.${field}`));
    await assert.rejects(prover.leaf(at), refusal(`input.leaf.${field}`));
  }
});
