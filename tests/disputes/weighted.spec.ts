/** WeightedCheck: V transposed, the sums of weighted values, and what becomes of them. */
import { describe, expect, it } from '@jest/globals';
import { beginCell, type Cell } from '@ton/core';
import { weightedEvidence } from '../../disputes/checks/weighted';
import { chainOf } from '../../disputes/evidenceCells';
import { LAYER_SLOTS } from '../../disputes/step';
import { STEP_ERRORS } from '../../wrappers';
import { disputed, type Disputed, GOLDEN_MODELS, judgeOf, type Run, runOf } from './checks';
import { mutated, randomOf } from './mutations';

/** Positions in two blocks of 256. */
const LONG = { promptTokens: Array.from({ length: 259 }, (_, i) => (i * i * 7 + 3) % 256), maxTokens: 1 };

const evidenceOf = ({ run, tree, t, address }: Disputed, element: number): Cell =>
  weightedEvidence({ config: run.model.config, tree, commit: run.commit, t }, address, element);

const leavesOf = (run: Run, t: number, group: number, slot: string): number => run.positions[t][group].find((one) => one.slot === slot)!.leaves.length;

/** The bytes of each cell of a chain. */
function chainCells(chain: Cell): Buffer[] {
  const slice = chain.beginParse();
  const bytes = slice.loadBuffer(slice.remainingBits / 8);
  return slice.remainingRefs === 0 ? [] : [bytes, ...chainCells(slice.loadRef())];
}

describe('weighted values', () => {
  const judge = judgeOf('WeightedCheck', evidenceOf);
  const { check, verdict } = judge;
  /** Honest bytes are right, a changed bit at `at` is wrong where it is shown, and right where another element is. */
  const expectChecked = async (run: Run, t: number, group: number, slot: string, leaf: number, element: number, at: number, other: number): Promise<void> => {
    expect(await verdict(disputed(run, t, group, slot, leaf), element)).toBe(false);
    const lie = disputed(run, t, group, slot, leaf, (bytes) => (bytes[at] ^= 1));
    expect(await verdict(lie, element)).toBe(true);
    expect(await verdict(lie, other)).toBe(false);
  };

  for (const name of GOLDEN_MODELS) {
    it(`are right as they are, and wrong where one bit was changed: ${name}`, async () => {
      const run = await runOf(name);
      const { layers, context, heads, kvHeads, headDim } = run.model.config;
      const blocks = context / 256;
      const t = run.positions.length - 1;
      const pieces = (kvHeads * headDim) / 4;
      for (let group = 1; group <= layers; group++) {
        const piece = group === 1 ? 0 : pieces - 1;
        for (const byte of [0, t, t + 1, 768 + t, 1023]) {
          await expectChecked(run, t, group, 'vt', piece, byte, byte, byte === 0 ? 256 : 0);
        }
        const leaf = group === 1 ? 0 : leavesOf(run, t, group, 'pv') - 1;
        const words = (heads * headDim * blocks) / leavesOf(run, t, group, 'pv');
        for (const word of new Set([0, words - blocks, words - 1])) {
          await expectChecked(run, t, group, 'pv', leaf, word, 4 * word + 3, word === 0 ? words - blocks : 0);
        }
        const o8 = disputed(run, t, group, 'o8', 0).bytes.length;
        for (const byte of [0, heads * headDim - 1, heads * headDim, o8 - 1].filter((at) => at < o8)) {
          await expectChecked(run, t, group, 'o8', 0, byte, byte, byte === 0 ? 1 : 0);
        }
      }
    });

    it(`have a largest output that is wrong where an element exceeds it or its index has another: ${name}`, async () => {
      const run = await runOf(name);
      const { layers, heads, headDim } = run.model.config;
      const t = run.positions.length - 1;
      const outputs = heads * headDim;
      for (let group = 1; group <= layers; group++) {
        const honest = disputed(run, t, group, 'oMax', 0);
        const [value, index] = [honest.bytes.readUInt32BE(0), honest.bytes.readUInt32BE(4)];
        const other = index === 0 ? outputs - 1 : 0;
        for (const element of [index, 0, 1, outputs - 1]) expect(await verdict(honest, element)).toBe(false);
        const lie = (change: (bytes: Buffer) => void): Disputed => disputed(run, t, group, 'oMax', 0, change);
        const larger = lie((bytes) => bytes.writeUInt32BE(value + 1, 0));
        expect(await verdict(larger, index)).toBe(true);
        expect(await verdict(larger, other)).toBe(false);
        expect(await verdict(lie((bytes) => bytes.writeUInt32BE(value - 1, 0)), index)).toBe(true);
        expect(await verdict(lie((bytes) => bytes.writeUInt32BE(other, 4)), Math.min(index, other))).toBe(true);
        expect(await verdict(lie((bytes) => bytes.writeUInt32BE(outputs, 4)), other)).toBe(true);
      }
    });
  }

  it('are checked in every block of positions', async () => {
    const run = await runOf('wide', LONG);
    const t = run.positions.length - 1;
    // Sixteen leaves of four dims for each block of positions; three words a dim.
    for (const [leaf, byte] of [[0, 31], [1, 1023], [15, 64], [16, 0], [31, 768 + t - 256], [31, 768 + t - 255]]) {
      await expectChecked(run, t, 1, 'vt', leaf, byte, byte, byte === 0 ? 256 : 0);
    }
    for (const leaf of [0, 1]) {
      for (const word of [0, 1, 2, 93, 94, 95]) await expectChecked(run, t, 1, 'pv', leaf, word, 4 * word + 3, word === 0 ? 1 : 0);
    }
    for (const byte of [0, 40, 63, 64, 119]) await expectChecked(run, t, 1, 'o8', 0, byte, byte, byte === 0 ? 1 : 0);
    console.log(`WeightedCheck: at most ${judge.gas} gas`);
  });

  it('follow from any bytes of weights and values as in the reference', async () => {
    const run = await runOf('wide', LONG);
    const random = randomOf(3);
    const t = run.positions.length - 1;
    for (let round = 0; round < 12; round++) {
      const byte = (): number => (round % 3 === 0 ? 255 * random(2) : round === 4 ? 0 : random(256));
      const p = Buffer.from(Array.from({ length: 512 }, byte));
      const values = Buffer.from(Array.from({ length: 1024 }, byte));
      const dim = 4 * random(8) + random(4);
      let sum = 0;
      for (let j = 0; j < 256; j++) sum += (p[j] + 256 * p[256 + j]) * (values[256 * (dim % 4) + j] - 128);
      const inputs = [
        { slot: 'p', leaf: 3, change: (bytes: Buffer): void => void p.copy(bytes) },
        { slot: 'vt', leaf: 8 + (dim >> 2), change: (bytes: Buffer): void => void values.copy(bytes) },
      ];
      const claimed = disputed(run, t, 1, 'pv', 1, (bytes) => bytes.writeInt32BE(sum, 12 * dim), inputs);
      expect(await verdict(claimed, 3 * dim)).toBe(false);
      const lie = disputed(run, t, 1, 'pv', 1, (bytes) => bytes.writeInt32BE(sum + 256 * (random(2) - 0.5) * 2, 12 * dim), inputs);
      expect(await verdict(lie, 3 * dim)).toBe(true);
    }
  });

  it('are summed over the leaf of their dim and block alone', async () => {
    const run = await runOf('wide', LONG);
    const honest = disputed(run, run.positions.length - 1, 1, 'pv', 1);
    const columns = run.positions[honest.t][1].find(({ slot }) => slot === 'vt')!.leaves;
    const chain = chainCells(evidenceOf(honest, 0).refs[0]);
    const at = chain.findIndex((bytes) => bytes.equals(columns[8]!.subarray(0, 120)));
    const bent = chain.map((bytes, i) => (i === at ? Buffer.from(bytes.map((byte, j) => (j < 32 ? byte ^ 1 : byte))) : bytes));
    const said = async (cells: Buffer[]) => check(honest.step, beginCell().storeBits(evidenceOf(honest, 0).bits).storeRef(chainOf(cells)).endCell());
    expect([at > 0, (await said(bent)).exitCode, (await said(chain)).isWrong]).toEqual([true, STEP_ERRORS.otherLeaf, false]);
    // The evidence of another dim, or of another block, with its own honest way up.
    for (const element of [12, 1]) {
      const other = beginCell().storeUint(LAYER_SLOTS.indexOf('pv'), 8).storeUint(0, 16).storeRef(evidenceOf(honest, element).refs[0]).endCell();
      expect((await check(honest.step, other)).exitCode).toBe(STEP_ERRORS.otherLeaf);
    }
  });

  it('are judged whatever the leaves before them say', async () => {
    const run = await runOf('grouped');
    const t = run.positions.length - 1;
    for (const [weights, exponent] of [[0, 0], [0, 0xffffffff], [1, 0xffffffff], [0xffffffff, 0], [65535, 1000]]) {
      const inputs = [
        { slot: 'attSums', leaf: 0, change: (bytes: Buffer): void => void bytes.writeUInt32BE(weights, 12) },
        { slot: 'attMax', leaf: 0, change: (bytes: Buffer): void => void bytes.writeUInt32BE(exponent, 8) },
        { slot: 'pv', leaf: 0, change: (bytes: Buffer): void => void bytes.fill(0x80, 0, 8) },
        { slot: 'oMax', leaf: 0, change: (bytes: Buffer): void => void bytes.fill(0xff) },
      ];
      const at = disputed(run, t, 1, 'o8', 0, undefined, inputs);
      expect((await check(at.step, evidenceOf(at, 0))).exitCode).toBeUndefined();
    }
  });

  it('are never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('grouped');
    const random = randomOf(17);
    const t = run.positions.length - 1;
    const honest = ['vt', 'pv', 'oMax', 'o8'].flatMap((slot) => [disputed(run, t, 1, slot, 0), disputed(run, t, 2, slot, 0)]);
    honest.push(disputed(run, t - 1, 1, 'pv', 0), disputed(run, t, 1, 'pv', 1));
    const evidence = honest.flatMap((at) => [0, 3, 63].filter((element) => at.address.slot !== 'pv' || element < 16).map((element) => evidenceOf(at, element)));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 25; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
  });
});
