/** The checks of attention on shapes that no golden model has: several leaves of keys, several of a head's outputs, 128 blocks of positions. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Cell } from '@ton/core';
import { GREEDY, type ExactConfig } from '../../exact';
import { leafIndex, type LeafAddress } from '../../exact/leafAddress';
import { headRowLeaves } from '../../exact/leafLayout';
import { node, paddingRoot, sha256 } from '../../exact/merkle';
import { keySlots, layerSlots, treeDepths } from '../../exact/opTable';
import { PositionTree } from '../../exact/positionTree';
import { bitLength, clamp8, int8Exponent, requantize, roundShift } from '../../exact/reference/arithmetic';
import { score } from '../../exact/reference/attention';
import type { AttentionSource } from '../../disputes/cacheEvidence';
import { scoreEvidence } from '../../disputes/checks/score';
import { sumsEvidence } from '../../disputes/checks/sums';
import { weightedEvidence } from '../../disputes/checks/weighted';
import { encodeStep } from '../../disputes/step';
import { checkOf } from './checks';
import { randomOf } from './mutations';

const SHAPE = { formatVersion: 2, semantics: 2, layers: 32, ffn: 14336, vocab: 128256, flags: 0, epsTerm: 1000 };
const SHAPES: Record<string, ExactConfig> = {
  'grouped heads of 128, 32,768 positions': { ...SHAPE, dim: 4096, heads: 32, kvHeads: 8, headDim: 128, context: 32768 },
  '64 heads of 16, keys in two leaves': { ...SHAPE, dim: 1024, heads: 64, kvHeads: 64, headDim: 16, context: 4096 },
};
const T = 3000;
/** An earlier position, in the middle of its blocks. */
const J = 1234;
const BLOCK_OF_J = 4;
const GROUP = 7;

type Leaves = Record<string, Record<number, Uint8Array>>;

const random = randomOf(23);
const bytesOf = (length: number, limit = 256): Buffer => Buffer.from(Array.from({ length }, () => random(limit)));
const words = (count: number, at: Record<number, number>): Buffer => {
  const bytes = Buffer.alloc(4 * count);
  for (const [word, value] of Object.entries(at)) bytes.writeInt32BE(value | 0, 4 * Number(word));
  return bytes;
};

/** A position of which only these leaves are known, and one leaf of the cache. */
function world(config: ExactConfig, leaves: Leaves, cached?: { slot: 'k8' | 'v8'; leaf: number; bytes: Uint8Array }) {
  const group = layerSlots(config).map((slot) => ({
    slot: slot.name,
    leaves: Array.from({ length: slot.leaves }, (_, leaf) => leaves[slot.name]?.[leaf] ?? null),
  }));
  const tree = new PositionTree(config, Array.from({ length: config.layers + 2 }, (_, i) => (i === GROUP ? group : [])));
  const depth = treeDepths(config).commitTotal;
  const path = Array.from({ length: depth }, (_, level) => paddingRoot(level));
  let traceRoot = paddingRoot(depth);
  if (cached) {
    const index = leafIndex(config, 'commit', { block: J >> 5, position: J % 32, group: GROUP, slot: cached.slot, leaf: cached.leaf });
    traceRoot = path.reduce((at, sibling, level) => (Math.floor(index / 2 ** level) % 2 ? node(sibling, at) : node(at, sibling)), sha256(cached.bytes));
  }
  const source: AttentionSource = { config, tree, t: T, commit: { leaf: () => ({ bytes: cached!.bytes, path }) } };
  const address = (slot: string, leaf: number): LeafAddress => ({ block: T >> 5, position: T % 32, group: GROUP, slot, leaf });
  const table = bytesOf(512);
  const above = [bytesOf(32), bytesOf(32)];
  /** From tablesRoot to modelRoot, which no check asks for. */
  const beyond = [Buffer.alloc(32), Buffer.alloc(32)];
  const tablesRoot = node(node(sha256(table), above[0]), above[1]);
  const step = (slot: string, leaf: number, bytes: Uint8Array): Cell =>
    encodeStep({
      config, rowsRoot: Buffer.alloc(32), tablesRoot, positionRoot: tree.root, traceRoot, index: leafIndex(config, 'inner', address(slot, leaf)),
      leaf: bytes, t: T, job: { promptTokens: T + 1, outputTokens: 1, requestRoot: Buffer.alloc(32), sampling: GREEDY },
    });
  return { source, address, step, table, model: { part: () => ({ bytes: table, path: [...above, ...beyond] }) } };
}

describe('attention of large models', () => {
  const checks: Record<string, Awaited<ReturnType<typeof checkOf>>> = {};
  beforeAll(async () => {
    for (const name of ['ScoreCheck', 'SumsCheck', 'WeightedCheck']) checks[name] = await checkOf(name);
  });
  const gas: Record<string, number> = {};

  /** The right leaf is right, one with a bit changed wrong. */
  async function expectChecked(check: string, label: string, honest: Buffer, at: number, verdict: (bytes: Buffer) => [Cell, Cell]): Promise<void> {
    const lie = Buffer.from(honest);
    lie[at] ^= 1;
    const said = await checks[check](...verdict(honest));
    expect([label, said.isWrong ?? said.exitCode]).toEqual([label, false]);
    expect([label, (await checks[check](...verdict(lie))).isWrong]).toEqual([label, true]);
    gas[label] = Math.max(gas[label] ?? 0, said.gas);
  }

  for (const [name, config] of Object.entries(SHAPES)) {
    const { heads, kvHeads, headDim, context } = config;
    const blocks = context / 256;
    const head = heads - 1;
    const kvHead = kvHeads - 1;
    const slotOf = (slot: string) => layerSlots(config).find((one) => one.name === slot)!;
    const signed = (length: number): Int8Array => Int8Array.from({ length }, () => random(256) - 128);
    const exponents = Uint8Array.from({ length: kvHeads }, () => 6 + random(6));
    const values = signed(kvHeads * headDim);
    const leafOf = (slot: 'k8' | 'v8') => {
      const all = headRowLeaves(config, keySlots(config)[slot], values, exponents);
      return { slot, leaf: all.length - 1, bytes: all[all.length - 1] };
    };
    const own = values.subarray(kvHead * headDim);

    it(`has scores, weights and a cache that are checked: ${name}`, async () => {
      const queries = signed(heads * headDim);
      const q = headRowLeaves(config, slotOf('q8'), queries, new Uint8Array(heads).fill(9))[head];
      const dot = own.reduce((sum, value, i) => sum + value * queries[head * headDim + i], 0);
      const value = score(dot, 9, exponents[kvHead]);
      const attMax = words(4 * heads, { [4 * head]: value, [4 * head + 1]: J });
      const known = { q8: { [head]: q }, attMax: { 0: words(4 * heads, { [4 * head]: value + 300 }) } };
      const ofKeys = world(config, known, leafOf('k8'));
      await expectChecked('ScoreCheck', 'attMax, score', attMax, 16 * head + 3, (bytes) =>
        [ofKeys.step('attMax', 0, bytes), scoreEvidence(ofKeys.source, ofKeys.model, ofKeys.address('attMax', 0), 2 * head, J)]);
      const leaf = head * blocks + BLOCK_OF_J;
      const e = Buffer.alloc(512);
      const power = roundShift(ofKeys.table.readUInt16BE(2 * (300 % 256)), 1);
      e.writeUInt16BE(power, 2 * (J % 256));
      await expectChecked('ScoreCheck', 'e', e, 2 * (J % 256), (bytes) =>
        [ofKeys.step('e', leaf, bytes), scoreEvidence(ofKeys.source, ofKeys.model, ofKeys.address('e', leaf), J % 256)]);

      const total = 2 ** 24 + 5;
      const largest = words(4 * heads, { [4 * head + 2]: exponents[kvHead] + 1, [4 * head + 3]: J });
      const sums = words(2 * blocks + 2, { [blocks]: total });
      const ofValues = world(config, { attMax: { 0: largest }, e: { [leaf]: e }, attSums: { [head]: sums } }, leafOf('v8'));
      const exponent = words(4 * heads, { [4 * head + 2]: exponents[kvHead], [4 * head + 3]: J });
      await expectChecked('ScoreCheck', 'attMax, exponent', exponent, 16 * head + 11, (bytes) =>
        [ofValues.step('attMax', 0, bytes), scoreEvidence(ofValues.source, ofValues.model, ofValues.address('attMax', 0), 2 * head + 1, J)]);
      const weight = roundShift(roundShift(power, 2), 1);
      const p = Buffer.alloc(512);
      p[J % 256] = weight & 255;
      p[256 + (J % 256)] = weight >> 8;
      await expectChecked('SumsCheck', 'p', p, J % 256, (bytes) =>
        [ofValues.step('p', leaf, bytes), sumsEvidence(ofValues.source, ofValues.address('p', leaf), J % 256)]);
      const blockSums = words(2 * blocks + 2, { [BLOCK_OF_J]: power, [blocks]: total, [blocks + 1 + BLOCK_OF_J]: roundShift(power, 2) });
      for (const word of [BLOCK_OF_J, blocks + 1 + BLOCK_OF_J]) {
        await expectChecked('SumsCheck', 'attSums', blockSums, 4 * word + 3, (bytes) =>
          [ofValues.step('attSums', head, bytes), sumsEvidence(ofValues.source, ofValues.address('attSums', head), word)]);
      }
      const totals = words(2 * blocks + 2, { 0: 7, [blocks - 1]: 65535, [blocks]: 65542, [blocks + 1]: 9, [2 * blocks]: 1, [2 * blocks + 1]: 10 });
      for (const word of [blocks, 2 * blocks + 1]) {
        await expectChecked('SumsCheck', 'attSums, total', totals, 4 * word + 3, (bytes) =>
          [ofValues.step('attSums', head, bytes), sumsEvidence(ofValues.source, ofValues.address('attSums', head), word)]);
      }
      const pieces = (kvHeads * headDim) / 4;
      const column = BLOCK_OF_J * pieces + pieces - 1;
      const vt = bytesOf(1024);
      const place = 768 + (J % 256);
      vt[place] = own[headDim - 1] + 128;
      await expectChecked('WeightedCheck', 'vt', vt, place, (bytes) =>
        [ofValues.step('vt', column, bytes), weightedEvidence(ofValues.source, ofValues.address('vt', column), place)]);
    });

    it(`has outputs that are checked: ${name}`, async () => {
      const pieces = (kvHeads * headDim) / 4;
      const p = bytesOf(512);
      const vt = bytesOf(1024);
      let sum = 0;
      for (let j = 0; j < 256; j++) sum += (p[j] + 256 * p[256 + j]) * (vt[768 + j] - 128);
      const perLeaf = slotOf('pv').perLeaf / blocks;
      const last = slotOf('pv').leaves - 1;
      const word = perLeaf * blocks - blocks + BLOCK_OF_J;
      const pv = words(perLeaf * blocks, { [word]: sum, [word + 1]: -777 });
      const weights = 2 ** 23 + 12345;
      const reciprocal = Math.min(65535, Math.floor(2 ** 31 / (weights >> (bitLength(weights) - 16))));
      const o = requantize(sum - 777, reciprocal, 15 + bitLength(weights) - 9);
      const outputs = heads * headDim;
      const oMax = words(2, { 0: Math.abs(o), 1: outputs - 1 });
      const known = {
        p: { [head * blocks + BLOCK_OF_J]: p }, vt: { [(BLOCK_OF_J + 1) * pieces - 1]: vt },
        pv: { [last]: pv }, attSums: { [head]: words(2 * blocks + 2, { [2 * blocks + 1]: weights }) }, attMax: { 0: words(4 * heads, { [4 * head + 2]: 9 }) }, oMax: { 0: oMax },
      };
      const { source, address, step } = world(config, known);
      const judge = (slot: string, leaf: number, element: number) => (bytes: Buffer): [Cell, Cell] =>
        [step(slot, leaf, bytes), weightedEvidence(source, address(slot, leaf), element)];
      await expectChecked('WeightedCheck', 'pv', pv, 4 * word + 3, judge('pv', last, word));
      await expectChecked('WeightedCheck', 'oMax', oMax, 3, judge('oMax', 0, outputs - 1));
      const leaf = slotOf('o8').leaves - 1;
      const element = outputs - 1 - 3600 * leaf;
      const o8 = Buffer.alloc(Math.ceil(outputs / 120) * 120 - 3600 * leaf, 128);
      o8[element] = clamp8(roundShift(o, int8Exponent(Math.abs(o)))) + 128;
      await expectChecked('WeightedCheck', 'o8', o8, element, judge('o8', leaf, element));
      await expectChecked('WeightedCheck', 'o8, padding', o8, element + 1, judge('o8', leaf, element + 1));
      console.log(`${name}: gas ${JSON.stringify(gas)}`);
    });
  }
});
