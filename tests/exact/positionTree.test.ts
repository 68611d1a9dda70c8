/** The position tree holds every byte that a position computes, its padding is canonical, and no later position moves it. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { GREEDY, createReferenceEngine, loadModel } from '../../exact';
import { cellsOf, transposedLeaves } from '../../exact/leafLayout';
import { PositionLayout, type GroupLeaves } from '../../exact/positionLayout';
import { PositionTree } from '../../exact/positionTree';
import { committed, type PositionTensors } from '../../exact/tensors';
import { CommitLayout, type Leaf } from '../../exact/trace';
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
  const layout = new PositionLayout(model);
  return positions.map((tensors) => layout.position(tensors));
};
const rootOf = (groups: GroupLeaves[]): string => hex(new PositionTree(config, groups).root);

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

test('a position has the same tree whether the earlier ones were laid out or passed over', () => {
  const all = groupsOf(full.positions);
  for (const t of [0, 31, 32, 40]) {
    const layout = new PositionLayout(model);
    full.positions.slice(0, t).forEach((tensors) => layout.pass(tensors));
    assert.equal(rootOf(layout.position(full.positions[t])), rootOf(all[t]), `position ${t}`);
  }
});

test('k8, v8 and draw are the leaves of the commit tree', () => {
  groupsOf(full.positions).forEach((groups, t) => {
    const commit: Leaf[] = [];
    const visit = (leaf: Leaf) => commit.push(leaf && Uint8Array.from(leaf));
    new CommitLayout(config).visit(committed(full.positions[t]), visit);
    const inner = groups.flat().filter(({ slot }) => ['k8', 'v8', 'draw'].includes(slot)).flatMap(({ leaves }) => leaves);
    assert.deepEqual(inner.map((leaf) => leaf && Uint8Array.from(leaf)), commit.slice(0, inner.length), `position ${t}`);
  });
});

test('a change of any byte of any leaf changes positionRoot', () => {
  const groups = groupsOf(full.positions.slice(0, 7))[6];
  const root = rootOf(groups);
  for (const slots of groups) {
    for (const { slot, leaves } of slots) {
      leaves.forEach((leaf, i) => {
        if (leaf === null) return;
        for (const at of new Set([0, leaf.length >> 1, leaf.length - 1])) {
          leaf[at] ^= 1;
          assert.notEqual(rootOf(groups), root, `${slot}, leaf ${i}, byte ${at}`);
          leaf[at] ^= 1;
        }
      });
    }
  }
  assert.equal(rootOf(groups), root);
});

test('a change of any tensor changes positionRoot, a change of what lies beyond t does not', () => {
  const start = full.positions.slice(0, 8);
  const last = start[7];
  const lastRoot = (tensors = last) => rootOf(groupsOf([...start.slice(0, 7), tensors])[7]);
  const root = lastRoot();
  const groups = { embedding: last.embedding, layer: last.layers[1], head: last.head ?? assert.fail('no head') };
  for (const [group, tensors] of Object.entries(groups)) {
    for (const [name, tensor] of Object.entries(tensors as unknown as Record<string, Int32Array>)) {
      for (const at of new Set([0, tensor.length - 1])) {
        tensor[at] ^= 1;
        assert.notEqual(lastRoot(), root, `${group}.${name}[${at}]`);
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
  assert.equal(lastRoot({ ...last, layers: [wider, last.layers[1]] }), root);
});

test('tensors of a wrong length are refused by the name of their slot', () => {
  const [first] = full.positions;
  const bent = (change: object) => () =>
    new PositionLayout(model).position({ ...first, layers: [{ ...first.layers[0], ...change }, first.layers[1]] });
  assert.throws(bent({ gate: new Int16Array(3) }), { code: 'exact.trace.gate' });
  assert.throws(bent({ e: new Uint16Array(0) }), { code: 'exact.trace.e' });
  assert.throws(bent({ pv: new Int32Array(1) }), { code: 'exact.trace.pv' });
  assert.throws(bent({ kExponents: new Uint8Array(0) }), { code: 'exact.trace.k8.exponents' });
  assert.throws(() => new PositionLayout(model).position({ ...first, layers: [] }), { code: 'exact.trace.layers' });
});

test('V stands transposed in blocks of 256 positions, of which those beyond t are padding leaves', () => {
  const wide = loadModel(modelPath('wide')).config; // one kv head of 64 dims, three blocks of positions
  const columns = Array.from({ length: 257 }, (_, j) => Int8Array.from({ length: 64 }, (_, i) => ((j * 7 + i * 11) % 256) - 128));
  const leaves = transposedLeaves(wide, columns);
  assert.deepEqual(leaves.map((leaf) => leaf !== null), Array.from({ length: 48 }, (_, i) => i < 32));
  assert.deepEqual(transposedLeaves(wide, columns.slice(0, 256)).map((leaf) => leaf !== null), Array.from({ length: 48 }, (_, i) => i < 16));
  leaves.slice(0, 32).forEach((leaf, n) => leaf!.forEach((byte, at) => {
    const [position, dim] = [256 * Math.floor(n / 16) + (at % 256), 4 * (n % 16) + Math.floor(at / 256)];
    if (byte !== (position < 257 ? columns[position][dim] + 128 : 128)) assert.fail(`leaf ${n}, byte ${at}`);
  }));
});

test('padding of rows is 128, of position blocks zero, and of absent leaves the padding leaf', () => {
  const groups = groupsOf(full.positions)[5];
  const leavesOf = (group: number, slot: string) =>
    groups[group].find((s) => s.slot === slot)?.leaves ?? assert.fail(`no slot ${slot}`);
  const bytesOf = (group: number, slot: string) => leavesOf(group, slot)[0] ?? assert.fail(`padding leaf in ${slot}`);
  assert.deepEqual([...bytesOf(1, 'x1').slice(config.dim)], Array(cellsOf(config.dim) * 120 - config.dim).fill(128));
  assert.ok(bytesOf(1, 'e').slice(2 * 6).every((byte) => byte === 0));
  assert.ok(bytesOf(1, 'vt').every((byte, i) => i % 256 < 6 || byte === 128));
  assert.ok(bytesOf(1, 'vt').some((byte, i) => i % 256 < 6 && byte !== 128));
  assert.deepEqual(leavesOf(config.layers + 1, 'top'), [null]);
  assert.deepEqual(groupsOf(full.positions)[0][config.layers + 1], [], 'no head group before the last prompt token');
});
