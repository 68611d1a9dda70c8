/** The checks of heads on shapes that no golden model has: several blocks of elements, several leaves of keys, gains in three cells. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { GREEDY, type ExactConfig, type ModelPart } from '../../exact';
import { leafIndex, type LeafAddress } from '../../exact/leafAddress';
import { bigEndian } from '../../exact/leafLayout';
import { node, sha256, treePath, treeRoot } from '../../exact/merkle';
import { depthFor, layerSlots } from '../../exact/opTable';
import { PositionTree } from '../../exact/positionTree';
import type { HeadGains } from '../../exact/tables';
import { headMaxEvidence } from '../../disputes/checks/headMax';
import { headNormEvidence } from '../../disputes/checks/headNorm';
import { headRowEvidence } from '../../disputes/checks/headRow';
import type { AttentionHeadSource } from '../../disputes/attentionHeads';
import { encodeStep } from '../../disputes/step';
import { checkOf } from './checks';
import { allElements, headLeaves, maximumAt, type HeadElements } from './heads';
import { randomOf } from './mutations';

const SHAPE = { formatVersion: 2, semantics: 2, layers: 32, ffn: 14336, vocab: 128256, epsTerm: 4294967 };
const SHAPES: Record<string, ExactConfig> = {
  'grouped heads of 128, 32,768 positions': { ...SHAPE, dim: 4096, heads: 32, kvHeads: 8, headDim: 128, context: 32768, flags: 0 },
  '64 normed heads of 128, keys in four leaves': { ...SHAPE, dim: 4096, heads: 64, kvHeads: 64, headDim: 128, context: 8192, flags: 1 },
  'five normed heads of 64, the last in a block of its own': { ...SHAPE, dim: 320, heads: 5, kvHeads: 5, headDim: 64, context: 4096, flags: 1 },
  '64 heads of 16, keys in two leaves': { ...SHAPE, dim: 1024, heads: 64, kvHeads: 64, headDim: 16, context: 4096, flags: 0 },
};
const T = 3000;
const GROUP = 7;
/** Random elements of every size (see `elementsOf`). */
const ANY = 6;

const random = randomOf(61);
const bytesOf = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random(256)));

/** Gains of a head norm, any or of one value. */
const gainsOf = (headDim: number, gain?: number): HeadGains =>
  ({ shift: gain === undefined ? random(16) : 0, gains: Int16Array.from({ length: headDim }, () => gain ?? random(65536) - 32768) });

/** A layer of one position, of which the slots of heads are known, and the tables that they need. */
function world(config: ExactConfig, elements: HeadElements, gain?: number) {
  const { headDim, layers, flags } = config;
  const angles = Array.from({ length: headDim / 2 }, () => random(6283) / 1000);
  const [cos, sin] = [Math.cos, Math.sin].map((of) => Int16Array.from(angles, (angle) => Math.round(16384 * of(angle))));
  const gains = { q: gainsOf(headDim, gain), k: gainsOf(headDim, gain) };
  const leaves = headLeaves(config, { cos, sin, gains: flags ? gains : undefined }, elements);
  const group = layerSlots(config).map(({ name, leaves: count }) => ({ slot: name, leaves: Array.from({ length: count }, (_, leaf) => leaves[name]?.[leaf] ?? null) }));
  const tree = new PositionTree(config, Array.from({ length: layers + 2 }, (_, i) => (i === GROUP ? group : [])));

  const rope = Buffer.concat([bigEndian(cos), bigEndian(sin)]);
  const ropePath = Array.from({ length: depthFor(config.context) }, () => bytesOf(32));
  const ropeRoot = ropePath.reduce<Uint8Array>((at, sibling, level) => (Math.floor(T / 2 ** level) % 2 ? node(sibling, at) : node(at, sibling)), sha256(rope));
  const gainLeaves = Array.from({ length: 2 * layers }, (_, i) => {
    const { shift, gains: values } = i === 2 * (GROUP - 1) ? gains.q : i === 2 * (GROUP - 1) + 1 ? gains.k : gainsOf(headDim);
    return Buffer.concat([Buffer.of(shift), bigEndian(values)]);
  });
  const gainHashes = gainLeaves.map(sha256);
  const gainsRoot = treeRoot(gainHashes, depthFor(2 * layers));
  const [sampling, powers] = [bytesOf(32), bytesOf(32)];
  const tablesRoot = node(powers, node(sampling, flags ? node(ropeRoot, gainsRoot) : ropeRoot));
  const above = [sampling, powers, bytesOf(32), bytesOf(32)];
  const part = (address: ModelPart): { bytes: Uint8Array; path: Uint8Array[] } => {
    if (address.part !== 'gains') return { bytes: rope, path: [...ropePath, ...(flags ? [gainsRoot] : []), ...above] };
    const number = 2 * address.layer + (address.of === 'q' ? 0 : 1);
    return { bytes: gainLeaves[number], path: [...treePath(gainHashes, depthFor(2 * layers), number), ropeRoot, ...above] };
  };

  const source: AttentionHeadSource = { config, tree, model: { part }, t: T };
  const address = (slot: string, leaf: number): LeafAddress => ({ block: T >> 5, position: T % 32, group: GROUP, slot, leaf });
  const step = (slot: string, leaf: number, bytes: Uint8Array): Cell =>
    encodeStep({
      config, rowsRoot: Buffer.alloc(32), tablesRoot, positionRoot: tree.root, traceRoot: Buffer.alloc(32), index: leafIndex(config, 'inner', address(slot, leaf)),
      leaf: bytes, t: T, job: { promptTokens: T + 1, outputTokens: 1, requestRoot: Buffer.alloc(32), sampling: GREEDY },
    });
  return { leaves, source, address, step };
}

describe('heads of large models', () => {
  const checks: Record<string, Awaited<ReturnType<typeof checkOf>>> = {};
  beforeAll(async () => {
    for (const name of ['HeadMaxCheck', 'HeadNormCheck', 'HeadRowCheck']) checks[name] = await checkOf(name);
  });
  const gas: Record<string, number> = {};

  for (const [name, config] of Object.entries(SHAPES)) {
    it(`are right as they are, and wrong where one bit was changed: ${name}`, async () => {
      const { heads, kvHeads, headDim, flags } = config;
      const { leaves, source, address, step } = world(config, allElements(config, ANY, random));
      /** @param at byte of the leaf of which a bit is changed */
      const expectChecked = async (check: string, slot: string, leaf: number, at: number, evidence: (bytes: Buffer) => Cell): Promise<void> => {
        const honest = leaves[slot][leaf];
        const lie = Buffer.from(honest);
        lie[at] ^= 1;
        const said = await checks[check](step(slot, leaf, honest), evidence(honest));
        expect([slot, leaf, at, said.isWrong ?? said.exitCode]).toEqual([slot, leaf, at, false]);
        expect([slot, leaf, at, (await checks[check](step(slot, leaf, lie), evidence(lie))).isWrong]).toEqual([slot, leaf, at, true]);
        gas[`${check} ${slot}`] = Math.max(gas[`${check} ${slot}`] ?? 0, said.gas);
      };
      for (const slot of flags ? ['qn', 'kn'] : []) {
        const leaf = leaves[slot].length - 1;
        // A gain in the middle of which a cell ends, and the head's last.
        for (const element of [headDim - 1, leaves[slot][leaf].length / 4 - headDim + (headDim === 128 ? 59 : 0), leaves[slot][leaf].length / 4 - 1]) {
          await expectChecked('HeadNormCheck', slot, leaf, 4 * element + 3, () => headNormEvidence(source, address(slot, leaf), element));
        }
      }
      for (const head of flags ? [0, heads - 1, heads + kvHeads - 1] : []) {
        for (let word = 6 * head; word < 6 * head + 6; word++) {
          const { index } = maximumAt(leaves.headNorm[0], 6 * head);
          // Another index than the lowest is shown by the element there, or by the lowest.
          const shown = word % 6 === 1 ? Math.min(index, index ^ 1) : index;
          const at = 4 * word + 3;
          await expectChecked('HeadNormCheck', 'headNorm', 0, at, () => headNormEvidence(source, address('headNorm', 0), word, shown));
        }
      }
      const [keys, values] = [4 * heads, 4 * (heads + kvHeads)];
      for (const word of [0, keys - 4, keys - 2, keys, values - 4, values - 2, values, values + 2 * kvHeads - 2]) {
        const { index } = maximumAt(leaves.headMax[0], word);
        await expectChecked('HeadMaxCheck', 'headMax', 0, 4 * word + 3, () => headMaxEvidence(source, address('headMax', 0), word, index));
      }
      for (const slot of ['q8', 'k8', 'v8']) {
        const leaf = leaves[slot].length - 1;
        const { length } = leaves[slot][leaf];
        const row = Math.ceil(headDim / 120) * 120;
        const inLeaf = length / (1 + row);
        const word = row - 30 * Math.ceil(headDim / 30);
        for (const byte of [inLeaf - 1, inLeaf, length - row, length - 1 - word, length - 30 - word, length - row / 2, length - 1]) {
          await expectChecked('HeadRowCheck', slot, leaf, byte, () => headRowEvidence(source, address(slot, leaf), byte));
        }
      }
      console.log(`${name}: gas ${JSON.stringify(gas)}`);
    });
  }

  it('saturate where the smallest head meets the most negative gain', async () => {
    const config = { ...SHAPES['five normed heads of 64, the last in a block of its own'], epsTerm: 1 };
    const ones = (heads: number): Int32Array => Int32Array.from({ length: 64 * heads }, (_, i) => (i % 64 === 0 ? 1 : 0));
    const { leaves, source, address, step } = world(config, { q: ones(5), k: ones(5), v: ones(5) }, -32768);
    const honest = leaves.qn[0];
    expect(honest.readInt32BE(0)).toBe(-(2 ** 31 - 1));
    const wrapped = Buffer.from(honest);
    wrapped.writeInt32BE(-(2 ** 31), 0);
    for (const [bytes, wrong] of [[honest, false], [wrapped, true]] as const) {
      expect((await checks.HeadNormCheck(step('qn', 0, bytes), headNormEvidence(source, address('qn', 0), 0))).isWrong).toBe(wrong);
    }
  });
});
