/** The trace commits to every byte, its padding is canonical, and a position does not depend on what comes after it. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { GREEDY, createReferenceEngine, loadModel } from '../../exact';
import { cellsOf, rowBytes, segments } from '../../exact/leafLayout';
import { PADDING_LEAF, node, paddingRoot, sha256, treePath, treeRoot } from '../../exact/merkle';
import { traceDepths } from '../../exact/opTable';
import { TraceHasher, TraceLayout, groupRoot, type GroupLeaves } from '../../exact/trace';
import type { PositionTensors } from '../../exact/tensors';
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

const groupsOf = (positions: PositionTensors[]): GroupLeaves[][] => {
  const layout = new TraceLayout(config);
  return positions.map((tensors) => layout.position(tensors));
};

test('a prefix alone equals the same positions inside a longer run, bit for bit', async () => {
  const tokens = [...PROMPT, ...full.tokens];
  for (const length of [1, 5, 33]) {
    const alone = await run(tokens.slice(0, length), 1);
    const a = groupsOf(alone.positions).map((groups) => groups.slice(0, -1));
    const b = groupsOf(full.positions).slice(0, length).map((groups) => groups.slice(0, -1));
    assert.deepEqual(a, b, `${length} positions`);
  }
  const decoded = await run(tokens.slice(0, 20), 26);
  assert.deepEqual(decoded.tokens, tokens.slice(20, 46), 'prefill and decode choose the same tokens');
});

test('the trace root is the same on every run and names every block of 32 positions', async () => {
  const again = await run(PROMPT, 40);
  assert.equal(hex(again.traceRoot), hex(full.traceRoot));
  assert.equal(full.blockRoots.length, Math.ceil((PROMPT.length + 39) / 32));
  const { block, total } = traceDepths(config);
  assert.equal(hex(treeRoot(full.blockRoots, block, total - block)), hex(full.traceRoot));
});

test('a change of any byte of any leaf changes the root of its group', () => {
  const { group } = traceDepths(config);
  const groups = groupsOf(full.positions.slice(0, 7))[6];
  for (const leaves of groups) {
    const root = hex(groupRoot(leaves, group));
    for (const { slot, leaves: ofSlot } of leaves) {
      ofSlot.forEach((leaf, i) => {
        if (leaf === null) return;
        for (const at of new Set([0, leaf.length >> 1, leaf.length - 1])) {
          const bent = Uint8Array.from(leaf);
          bent[at] ^= 1;
          const bentSlot = { slot, leaves: ofSlot.map((l, j) => (j === i ? bent : l)) };
          const other = leaves.map((s) => (s.slot === slot ? bentSlot : s));
          assert.notEqual(hex(groupRoot(other, group)), root, `${slot}, leaf ${i}, byte ${at}`);
        }
      });
    }
  }
});

test('a change of any tensor handed over changes the trace root, a change of what lies beyond t does not', () => {
  const rootOf = (positions: PositionTensors[]) => {
    const hasher = new TraceHasher(config);
    positions.forEach((tensors) => hasher.position(tensors));
    return hex(hasher.traceRoot());
  };
  const start = full.positions.slice(0, 8);
  const root = rootOf(start);
  const last = start[7];
  const groups = { embedding: last.embedding, layer: last.layers[1], head: last.head ?? assert.fail('no head') };
  for (const [group, tensors] of Object.entries(groups)) {
    for (const [name, tensor] of Object.entries(tensors as unknown as Record<string, Int32Array>)) {
      for (const at of new Set([0, tensor.length - 1])) {
        tensor[at] ^= 1;
        assert.notEqual(rootOf(start), root, `${group}.${name}[${at}]`);
        tensor[at] ^= 1;
      }
    }
  }
  const wider = { ...last.layers[0] };
  for (const slot of ['e', 'p'] as const) {
    const stride = 11;
    const padded = new Uint16Array(config.heads * stride).fill(77);
    for (let head = 0; head < config.heads; head++) {
      padded.set(last.layers[0][slot].subarray(8 * head, 8 * head + 8), stride * head);
    }
    wider[slot] = padded;
  }
  assert.equal(rootOf([...start.slice(0, 7), { ...last, layers: [wider, last.layers[1]] }]), root);
  assert.equal(rootOf(start), root);
});

test('tensors of a wrong length are refused by the name of their slot', () => {
  const [first] = full.positions;
  const bent = (change: object) => () =>
    new TraceHasher(config).position({ ...first, layers: [{ ...first.layers[0], ...change }, first.layers[1]] });
  assert.throws(bent({ gate: new Int16Array(3) }), { code: 'exact.trace.gate' });
  assert.throws(bent({ e: new Uint16Array(0) }), { code: 'exact.trace.e' });
  assert.throws(bent({ pv: new Int32Array(1) }), { code: 'exact.trace.pv' });
  assert.throws(bent({ kExponents: new Uint8Array(0) }), { code: 'exact.trace.k8.exponents' });
  assert.throws(() => new TraceHasher(config).position({ ...first, layers: [] }), { code: 'exact.trace.layers' });
});

test('padding of rows is 128, of position blocks zero, and of absent leaves the padding leaf', () => {
  const groups = groupsOf(full.positions)[5];
  const leavesOf = (group: number, slot: string) =>
    groups[group].find((s) => s.slot === slot)?.leaves ?? assert.fail(`no slot ${slot}`);
  const bytesOf = (group: number, slot: string) => leavesOf(group, slot)[0] ?? assert.fail(`padding leaf in ${slot}`);
  assert.deepEqual([...bytesOf(1, 'x1').slice(config.dim)], Array(cellsOf(config.dim) * 120 - config.dim).fill(128));
  assert.ok(bytesOf(1, 'e').slice(2 * 6).every((byte) => byte === 0));
  assert.ok(bytesOf(1, 'vt').every((byte, i) => i % 32 < 6 || byte === 128));
  assert.deepEqual(leavesOf(config.layers + 1, 'top'), [null]);
  assert.deepEqual(groupsOf(full.positions)[0][config.layers + 1], [], 'no head group before the last prompt token');
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
