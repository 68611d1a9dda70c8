/** HeadNormCheck: the norms of heads of q and k, and what they make of them. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { headNormEvidence } from '../../disputes/checks/headNorm';
import { STEP_ERRORS } from '../../wrappers';
import { checkOf, disputed, type Disputed, type Run, runOf } from './checks';
import { allElements, headLeaves, IMPOSSIBLE, inputsOf, liesAbout, maximumAt, misplaced, refuter, sourceOf, tablesOf } from './heads';
import { mutated, randomOf } from './mutations';

const evidenceOf = (at: Disputed, element: number, shown?: number): Cell => headNormEvidence(sourceOf(at), at.address, element, shown);
const BLOCKS = ['qn', 'kn'] as const;

describe('norms of heads', () => {
  let check: Awaited<ReturnType<typeof checkOf>>;
  let run: Run;
  let gas = 0;
  const verdict = async (at: Disputed, element: number, shown?: number): Promise<boolean | undefined> => {
    const said = await check(at.step, evidenceOf(at, element, shown));
    gas = Math.max(gas, said.gas);
    return said.isWrong;
  };
  beforeAll(async () => {
    check = await checkOf('HeadNormCheck');
    run = await runOf('normed');
  });

  it('are right as they are, and wrong where one bit was changed', async () => {
    const { layers, headDim } = run.model.config;
    const random = randomOf(47);
    const t = run.positions.length - 1;
    for (let group = 1; group <= layers; group++) {
      const honest = disputed(run, t, group, 'headNorm', 0);
      for (let word = 0; word < honest.bytes.length / 4; word++) {
        if (word % 6 < 2) continue;
        expect(await verdict(honest, word)).toBe(false);
        const lie = disputed(run, t, group, 'headNorm', 0, (bytes) => (bytes[4 * word + random(4)] ^= 1 << random(8)));
        expect(await verdict(lie, word)).toBe(true);
        expect(await verdict(lie, word < 6 ? 8 : 4)).toBe(false);
      }
      for (const slot of BLOCKS) {
        const values = disputed(run, t, group, slot, 0);
        for (const element of [0, headDim - 1, headDim, values.bytes.length / 4 - 1]) {
          expect(await verdict(values, element)).toBe(false);
          const lie = disputed(run, t, group, slot, 0, (bytes) => (bytes[4 * element + random(4)] ^= 1 << random(8)));
          expect(await verdict(lie, element)).toBe(true);
          expect(await verdict(lie, element ^ 1)).toBe(false);
        }
      }
    }
  });

  it('have a largest element that is wrong where another exceeds it or its index has another', async () => {
    const { layers, headDim } = run.model.config;
    const t = run.positions.length - 1;
    for (let group = 1; group <= layers; group++) {
      const honest = disputed(run, t, group, 'headNorm', 0);
      for (const head of [0, 4 - group, 3 + group]) {
        const truth = maximumAt(honest.bytes, 6 * head);
        for (const shown of [0, truth.index, headDim - 1]) expect(await verdict(honest, 6 * head + (shown % 2), shown)).toBe(false);
        for (const lie of liesAbout(truth, headDim)) {
          const lying = disputed(run, t, group, 'headNorm', 0, (bytes) => {
            bytes.writeUInt32BE(lie.value, 24 * head);
            bytes.writeUInt32BE(lie.index, 24 * head + 4);
          });
          expect(await verdict(lying, 6 * head, refuter(lie, truth, headDim))).toBe(true);
        }
      }
    }
  });

  it('follow from any elements as in the reference', async () => {
    const { config } = run.model;
    const random = randomOf(53);
    for (let round = 0; round < 14; round++) {
      const [t, group] = [random(run.positions.length), 1 + random(config.layers)];
      const leaves = headLeaves(config, tablesOf(run, t, group), allElements(config, round, random));
      const inputs = inputsOf(leaves);
      const head = random(config.heads + config.kvHeads);
      const honest = disputed(run, t, group, 'headNorm', 0, undefined, inputs);
      const truth = maximumAt(honest.bytes, 6 * head);
      for (const [word, shown] of [[0, truth.index], [1, random(config.headDim)], [2, 0], [3, 0], [4, 0], [5, 0]]) {
        expect(await verdict(honest, 6 * head + word, shown)).toBe(false);
      }
      for (const slot of BLOCKS) {
        const element = random(leaves[slot][0].length / 4);
        const values = disputed(run, t, group, slot, 0, undefined, inputs);
        expect(await verdict(values, element)).toBe(false);
        const off = disputed(run, t, group, slot, 0, (bytes) => bytes.writeInt32BE((bytes.readInt32BE(4 * element) + 1) | 0, 4 * element), inputs);
        expect(await verdict(off, element)).toBe(true);
      }
    }
    console.log(`HeadNormCheck: at most ${gas} gas`);
  });

  it('have a root that no number next to it stands for, where the squares make a square themselves', async () => {
    const { config } = run.model;
    // Of each head 16 elements of 2^30: S = 2^30, for the epsilon is shifted away.
    const elements = (heads: number): Int32Array => Int32Array.from({ length: heads * config.headDim }, (_, i) => (i % config.headDim < 16 ? 2 ** 30 : 0));
    const leaves = headLeaves(config, tablesOf(run, 2, 1), { q: elements(config.heads), k: elements(config.kvHeads), v: elements(config.kvHeads) });
    for (const [off, wrong] of [[0, false], [1, true], [-1, true]] as const) {
      const claimed = disputed(run, 2, 1, 'headNorm', 0, (bytes) => bytes.writeUInt32BE(2 ** 15 + off, 16), inputsOf(leaves));
      expect(await verdict(claimed, 4)).toBe(wrong);
    }
  });

  it('are judged whatever the leaves say', async () => {
    const t = run.positions.length - 1;
    for (const byte of IMPOSSIBLE) {
      const fill = (bytes: Buffer): void => void bytes.fill(byte);
      const elements = ['q', 'k'].map((slot) => ({ slot, leaf: 0, change: fill }));
      for (const [slot, change, inputs] of [
        ['headNorm', undefined, elements], ['headNorm', fill, []], ['headNorm', fill, elements],
        ...BLOCKS.flatMap((name) => [[name, undefined, [{ slot: 'headNorm', leaf: 0, change: fill }]], [name, fill, [...elements, { slot: 'headNorm', leaf: 0, change: fill }]]] as const),
      ] as const) {
        const at = disputed(run, t, 1, slot, 0, change, [...inputs]);
        for (const element of [0, 2, 3, 4, 5]) expect((await check(at.step, evidenceOf(at, element, 7))).exitCode).toBeUndefined();
      }
    }
  });

  it('have no further words, and heads no further elements', async () => {
    const at = disputed(run, 0, 1, 'headNorm', 0);
    expect(await check(at.step, evidenceOf(at, 0, 32))).toMatchObject({ exitCode: STEP_ERRORS.noSuchElement });
    const { heads, kvHeads } = run.model.config;
    const beyond = 6 * (heads + kvHeads) + 4;
    expect(await check(at.step, evidenceOf(at, beyond))).toMatchObject({ exitCode: STEP_ERRORS.noSuchElement });
  });

  it('are judged in their own place alone', async () => {
    const lies = ['headNorm', ...BLOCKS].map((slot) => disputed(run, 3, 1, slot, 0, (bytes) => (bytes[19] ^= 1)));
    for (const lie of lies) {
      expect(await verdict(lie, 4)).toBe(true);
      const others = ['headNorm', ...BLOCKS, 'headMax', 'q'].filter((slot) => slot !== lie.address.slot).map((slot) => [slot, 1] as const);
      for (const [slot, group] of [...others, [undefined, 0], [undefined, 3]] as const) {
        expect(await check(misplaced(lie, slot, group), evidenceOf(lie, 4))).toMatchObject({ exitCode: STEP_ERRORS.otherSlot });
      }
      const plain = disputed(await runOf('grouped'), 3, 1, 'headMax', 0);
      expect(await check(plain.step, evidenceOf(lie, 4))).toMatchObject({ exitCode: STEP_ERRORS.otherSlot });
    }
  });

  it('take the gains of their own layer', async () => {
    const at = disputed(run, 0, 2, 'qn', 0);
    const source = sourceOf(at);
    for (const [layer, of] of [[0, 'q'], [1, 'k']] as const) {
      const model = { part: () => run.prover.part({ part: 'gains', layer, of }) };
      const evidence = headNormEvidence({ ...source, model }, at.address, 0);
      expect(await check(at.step, evidence)).toMatchObject({ exitCode: STEP_ERRORS.otherTable });
    }
  });

  it('are never wrong by evidence that was bent or belongs elsewhere', async () => {
    const random = randomOf(59);
    const t = run.positions.length - 1;
    const honest = ['headNorm', ...BLOCKS].flatMap((slot) => [disputed(run, t, 1, slot, 0), disputed(run, t, 2, slot, 0), disputed(run, t - 1, 1, slot, 0)]);
    const evidence = honest.flatMap((at) => [0, 2, 28, 35].map((element) => evidenceOf(at, element, element % 32)));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 12; n++) expect((await check(step, mutated(evidence[random(evidence.length)], random))).isWrong).not.toBe(true);
    }
  });
});
