/** The choice of a token on vocabularies that no golden model has: several leaves of running sums, 256 candidates, a last block cut short. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { GREEDY, type ExactConfig, type Sampling } from '../../exact';
import { leafIndex, type LeafAddress } from '../../exact/leafAddress';
import { plainLeaves } from '../../exact/leafLayout';
import { node, sha256 } from '../../exact/merkle';
import { headSlots } from '../../exact/opTable';
import { PositionTree } from '../../exact/positionTree';
import { sample } from '../../exact/reference/sampling';
import { drawEvidence } from '../../disputes/checks/draw';
import { maxEvidence } from '../../disputes/checks/max';
import { runningSumsEvidence } from '../../disputes/checks/runningSums';
import { topPlaceEvidence, topWeightEvidence } from '../../disputes/checks/top';
import { encodeStep } from '../../disputes/step';
import { checkOf } from './checks';
import { SAMPLINGS } from './headGroup';
import { randomOf } from './mutations';

const SHAPE: ExactConfig = {
  formatVersion: 2, semantics: 2, layers: 32, dim: 4096, heads: 32, kvHeads: 8, headDim: 128, ffn: 14336, vocab: 128256, context: 8192, flags: 0, epsTerm: 1000,
};
const VOCABS = [128256, 100003, 262144];
const T = 3000;
const GROUP = SHAPE.layers + 1;
/** Steps from the largest logit to one whose weight stands at the end of the table. */
const LAST_OF_TABLE = 45390;

const random = randomOf(53);
const bytesOf = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random(256)));

/** A position of which only the head group is known. */
function world(config: ExactConfig, sampling: Sampling) {
  const table = Uint32Array.from({ length: 1024 }, (_, i) => Math.round((2 ** 24 - 1) * 2 ** (-i / 1024)));
  const tableBytes = Buffer.alloc(3072);
  table.forEach((weight, i) => tableBytes.writeUIntBE(weight, 3 * i, 3));
  const above = [bytesOf(32), bytesOf(32)];
  /** From tablesRoot to modelRoot, which no check asks for. */
  const beyond = [Buffer.alloc(32), Buffer.alloc(32)];
  const tablesRoot = node(above[1], node(sha256(tableBytes), above[0]));
  const logits = Int32Array.from({ length: config.vocab }, (_, id) => (id === 7 ? 0 : -LAST_OF_TABLE - (id % 3)));
  const drawn = sample(logits, sampling, 1, table);
  const tensors: Partial<Record<string, Int32Array | Uint32Array>> = { logits, max: drawn.max, top: drawn.top, sums: drawn.sums, draw: drawn.draw };
  const group = headSlots(config).map((slot) => ({
    slot: slot.name, leaves: tensors[slot.name] ? plainLeaves(slot, tensors[slot.name]!) : Array.from({ length: slot.leaves }, () => null),
  }));
  const tree = new PositionTree(config, Array.from({ length: config.layers + 2 }, (_, i) => (i === GROUP ? group : [])));
  const source = { config, tree, model: { part: () => ({ bytes: tableBytes, path: [...above, ...beyond] }) } };
  const address = (slot: string, leaf = 0): LeafAddress => ({ block: T >> 5, position: T % 32, group: GROUP, slot, leaf });
  const step = (slot: string, leaf: number, bytes: Uint8Array): Cell =>
    encodeStep({
      config, rowsRoot: Buffer.alloc(32), tablesRoot, positionRoot: tree.root, traceRoot: Buffer.alloc(32), index: leafIndex(config, 'inner', address(slot, leaf)),
      leaf: bytes, t: T, job: { promptTokens: T, outputTokens: 2, requestRoot: Buffer.alloc(32), sampling },
    });
  const leafOf = (slot: string, leaf = 0): Buffer => Buffer.from(group.find((one) => one.slot === slot)!.leaves[leaf]!);
  return { source, address, step, leafOf, drawn };
}

describe('a token of a large vocabulary', () => {
  const checks: Record<string, Awaited<ReturnType<typeof checkOf>>> = {};
  beforeAll(async () => {
    for (const name of ['MaxCheck', 'TopCheck', 'RunningSumsCheck', 'DrawCheck']) checks[name] = await checkOf(name);
  });
  const gas: Record<string, number> = {};

  /** The right leaf is right, one with a bit changed wrong. */
  async function expectChecked(
    check: string, label: string, { step, leafOf }: ReturnType<typeof world>, slot: string, leaf: number, at: number, evidence: (bytes: Buffer) => Cell,
  ): Promise<void> {
    const honest = leafOf(slot, leaf);
    const lie = Buffer.from(honest);
    lie[at] ^= 1;
    const said = await checks[check](step(slot, leaf, honest), evidence(honest));
    expect([label, said.isWrong ?? said.exitCode]).toEqual([label, false]);
    expect([label, (await checks[check](step(slot, leaf, lie), evidence(lie))).isWrong]).toEqual([label, true]);
    gas[label] = Math.max(gas[label] ?? 0, said.gas);
  }

  for (const vocab of VOCABS) {
    const config = { ...SHAPE, vocab };

    it(`is checked in every mode: ${vocab} ids`, async () => {
      const greedy = world(config, GREEDY);
      await expectChecked('MaxCheck', 'max', greedy, 'max', 0, 3, () => maxEvidence(greedy.source, 7));
      await expectChecked('DrawCheck', 'draw, greedy', greedy, 'draw', 0, 15, (bytes) => drawEvidence(greedy.source, GREEDY, bytes));

      const listed = { ...SAMPLINGS.full, topK: 256, topP16: 65535 };
      const top = world(config, listed);
      await expectChecked('TopCheck', 'top, place', top, 'top', 0, 12 * 255 + 3, () => topPlaceEvidence(top.source, 255, top.drawn.top![3 * 255 + 1]));
      await expectChecked('TopCheck', 'top, weight', top, 'top', 0, 12 * 255 + 11, () => topWeightEvidence(top.source, 255));
      await expectChecked('DrawCheck', 'draw, top', top, 'draw', 0, 15, (bytes) => drawEvidence(top.source, listed, bytes));

      const full = world(config, SAMPLINGS.full);
      const sums = Math.ceil(vocab / 64);
      for (const number of [0, 1, 511, 512, 1024, sums - 1]) {
        const leaf = Math.floor(number / 512);
        const at = 8 * (number % 512) + 7;
        await expectChecked('RunningSumsCheck', 'sums', full, 'sums', leaf, at, () => runningSumsEvidence(full.source, full.address('sums', leaf), number % 512));
      }
      await expectChecked('DrawCheck', 'draw, W', full, 'draw', 0, 11, (bytes) => drawEvidence(full.source, SAMPLINGS.full, bytes, 'total'));
      await expectChecked('DrawCheck', 'draw, full', full, 'draw', 0, 15, (bytes) => drawEvidence(full.source, SAMPLINGS.full, bytes));
      console.log(`${vocab} ids: gas ${JSON.stringify(gas)}`);
    });
  }

  it('of full mode is checked wherever it stands among its 64', async () => {
    const seeds = Array.from({ length: 10 }, (_, i) => Buffer.alloc(32, i));
    for (const seed of seeds) {
      const sampling = { ...SAMPLINGS.full, seed };
      const full = world({ ...SHAPE, vocab: 5000 }, sampling);
      await expectChecked('DrawCheck', 'draw, full', full, 'draw', 0, 15, (bytes) => drawEvidence(full.source, sampling, bytes));
    }
  });

  it('costs less than 600k gas whatever is judged', () => {
    for (const [label, used] of Object.entries(gas)) expect([label, used < 600_000]).toEqual([label, true]);
    expect(Object.keys(gas)).toHaveLength(8);
  });
});
