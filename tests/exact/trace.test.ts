/** The receipt's trace commits to every byte of keys, values and draws, in the order of the specification. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { GREEDY, createReferenceEngine, loadModel } from '../../exact';
import { rowBytes, segments } from '../../exact/leafLayout';
import { PADDING_LEAF, node, paddingRoot, sha256, treePath, treeRoot } from '../../exact/merkle';
import { headsPerLeaf, keyLeaves, treeDepths } from '../../exact/opTable';
import { CommitLayout, TraceHasher, leafHash, type Leaf } from '../../exact/trace';
import { committed, type CommitTensors, type PositionTensors } from '../../exact/tensors';
import { hex, modelPath, readVectors, type RunVector } from './support';

const model = loadModel(modelPath('grouped'));
const { config } = model;
const PROMPT = readVectors<{ runs: RunVector[] }>('grouped').runs[0].prompt;

async function run(promptTokens: number[], maxTokens: number) {
  const positions: PositionTensors[] = [];
  const engine = createReferenceEngine(model, (tensors) => positions.push(tensors));
  const result = await engine.generate({ promptTokens, maxTokens, stopTokens: [], sampling: GREEDY });
  return { positions, ...result };
}

let full: Awaited<ReturnType<typeof run>>;
before(async () => {
  full = await run(PROMPT, 40);
});

const leavesOf = (tensors: CommitTensors, of = config): Leaf[] => {
  const leaves: Leaf[] = [];
  new CommitLayout(of).visit(tensors, (leaf) => leaves.push(leaf && Uint8Array.from(leaf)));
  return leaves;
};
const rootOf = (positions: PositionTensors[]): string => {
  const hasher = new TraceHasher(config);
  positions.forEach((tensors) => hasher.position(committed(tensors)));
  return hex(hasher.traceRoot());
};

test('the trace root is the same on every run and names every block of 32 positions', async () => {
  const again = await run(PROMPT, 40);
  assert.equal(hex(again.traceRoot), hex(full.traceRoot));
  assert.equal(full.blockRoots.length, Math.ceil((PROMPT.length + 39) / 32));
  const { block, commitTotal } = treeDepths(config);
  assert.equal(hex(treeRoot(full.blockRoots, block, commitTotal - block)), hex(full.traceRoot));
});

test('the trace root is built as the specification says: k8, then v8 of every layer, at the end the draw', () => {
  const { commit, block, commitTotal } = treeDepths(config);
  const padded = (bytes: number[]) => [...bytes, ...Array<number>(120 - bytes.length).fill(128)];
  const { kvHeads, headDim } = config;
  const row = (values: Int8Array, head: number) =>
    padded(Array.from(values.subarray(head * headDim, (head + 1) * headDim), (q) => q + 128));
  const reversed = (bytes: number[]) => [0, 30, 60, 90].flatMap((at) => bytes.slice(at, at + 30).reverse());
  const heads = Array.from({ length: kvHeads }, (_, head) => head);
  const positionRoot = ({ layers, head }: PositionTensors) => treeRoot([
    ...layers.flatMap(({ k8, kExponents, v8, vExponents }) => [
      sha256(Uint8Array.from([...kExponents, ...heads.flatMap((i) => reversed(row(k8, i)))])),
      sha256(Uint8Array.from([...vExponents, ...heads.flatMap((i) => row(v8, i))])),
    ]),
    head ? sha256(Uint8Array.from(Array.from(head.draw).flatMap((x) => [x >>> 24, x >>> 16, x >>> 8, x]))) : PADDING_LEAF,
  ], commit);
  assert.equal(keyLeaves(config), 1);
  const roots = full.positions.map(positionRoot);
  const blocks = [roots.slice(0, 32), roots.slice(32)].map((of) => treeRoot(of, 5, commit));
  assert.deepEqual(full.blockRoots.map(hex), blocks.map(hex));
  assert.equal(hex(full.traceRoot), hex(treeRoot(blocks, block, commitTotal - block)));
});

test('a leaf of keys holds as many heads as fit 4,096 bytes, exponents first, and the last one the rest', () => {
  const many = { ...config, heads: 40, kvHeads: 40, headDim: 128, layers: 1 };
  assert.deepEqual([headsPerLeaf(many), keyLeaves(many)], [16, 3]);
  const values = Int8Array.from({ length: 40 * 128 }, (_, i) => (i >> 7) - 20);
  const exponents = Uint8Array.from({ length: 40 }, (_, i) => i);
  const layer = { k8: values, kExponents: exponents, v8: values, vExponents: exponents };
  const leaves = leavesOf({ layers: [layer] }, many);
  assert.deepEqual(leaves.map((leaf) => leaf?.length), [16 * 241, 16 * 241, 8 * 241, 16 * 241, 16 * 241, 8 * 241, undefined]);
  const last = leaves[5] ?? assert.fail();
  assert.deepEqual([...last.subarray(0, 8)], [32, 33, 34, 35, 36, 37, 38, 39]);
  for (let head = 0; head < 8; head++) {
    const row = [...last.subarray(8 + 240 * head, 8 + 240 * (head + 1))];
    assert.deepEqual(row, [...Array<number>(128).fill(128 + 12 + head), ...Array<number>(112).fill(128)]);
  }
});

test('leaves that a back end has laid out itself give the same root', () => {
  const [laid, handed] = [new TraceHasher(config), new TraceHasher(config)];
  full.positions.map(committed).forEach((tensors) => {
    laid.position(tensors);
    handed.leaves(leavesOf(tensors));
  });
  assert.equal(hex(handed.traceRoot()), hex(laid.traceRoot()));
  assert.throws(() => handed.leaves([null]), { code: 'exact.trace.leaves' });
});

test('a change of any committed byte changes the trace root, a change of any other tensor does not', () => {
  const start = full.positions.slice(0, 8);
  const root = rootOf(start);
  const last = start[7];
  const { k8, kExponents, v8, vExponents, ...others } = last.layers[1];
  const { draw, ...ofHead } = last.head ?? assert.fail('no head');
  const changes = (tensors: object, seen: boolean) => {
    for (const [name, tensor] of Object.entries(tensors as Record<string, Int32Array>)) {
      for (const at of new Set([0, tensor.length >> 1, tensor.length - 1])) {
        tensor[at] ^= 1;
        assert.equal(rootOf(start) !== root, seen, `${name}[${at}]`);
        tensor[at] ^= 1;
      }
    }
  };
  changes({ k8, kExponents, v8, vExponents, draw }, true);
  changes({ ...others, ...ofHead, ...last.embedding }, false);
  assert.equal(rootOf(start), root);
});

test('committed tensors of a wrong length are refused by name', () => {
  const first = committed(full.positions[0]);
  const bent = (change: object, draw?: Uint32Array) => () =>
    new TraceHasher(config).position({ layers: [{ ...first.layers[0], ...change }, first.layers[1]], draw });
  assert.throws(bent({ k8: new Int8Array(3) }), { code: 'exact.trace.k8' });
  assert.throws(bent({ v8: new Int8Array(0) }), { code: 'exact.trace.v8' });
  assert.throws(bent({ kExponents: new Uint8Array(0) }), { code: 'exact.trace.k8.exponents' });
  assert.throws(bent({}, new Uint32Array(3)), { code: 'exact.trace.draw' });
  assert.throws(() => new TraceHasher(config).position({ layers: [] }), { code: 'exact.trace.layers' });
});

test('the draw is a padding leaf where no token is sampled', () => {
  const draws = full.positions.map((tensors) => leavesOf(committed(tensors)).at(-1));
  assert.deepEqual(draws.map((leaf) => leaf === null), draws.map((_, t) => t < PROMPT.length - 1));
  assert.equal(hex(leafHash(null)), '00'.repeat(32));
});

test('rows are offset by 128, keys and weights reversed within words of 30 bytes, long rows cut after 3,600', () => {
  const values = Int8Array.from({ length: 3700 }, (_, i) => (i % 251) - 125);
  const natural = rowBytes(values, false);
  const reversed = rowBytes(values, true);
  assert.equal(natural.length, 3720);
  for (let i = 0; i < natural.length; i++) {
    assert.equal(natural[i], i < 3700 ? values[i] + 128 : 128);
    assert.equal(reversed[30 * Math.floor(i / 30) + 29 - (i % 30)], natural[i]);
  }
  assert.deepEqual(segments(natural).map((piece) => piece.length), [3600, 120]);
});

test('trees of fixed depth: every leaf has a path to the root, padding included', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 5, max: 7 }), fc.nat(31), (count, depth, index) => {
      const leaves = Array.from({ length: count }, (_, i) => sha256(Uint8Array.of(i)));
      const root = hex(treeRoot(leaves, depth));
      let at = leaves[index] ?? PADDING_LEAF;
      treePath(leaves, depth, index).forEach((sibling, level) => {
        at = (index >> level) & 1 ? node(sibling, at) : node(at, sibling);
      });
      assert.equal(hex(at), root);
    }),
    { numRuns: 200, seed: 20261124 },
  );
  assert.equal(hex(treeRoot([], 9)), hex(paddingRoot(9)));
  assert.throws(() => treeRoot([PADDING_LEAF, PADDING_LEAF, PADDING_LEAF], 1), RangeError);
});
