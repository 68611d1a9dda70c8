/** HeadMaxCheck: the largest elements of heads, before and after RoPE. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { headMaxEvidence } from '../../disputes/checks/headMax';
import { STEP_ERRORS } from '../../wrappers';
import { checkOf, disputed, type Disputed, GOLDEN_MODELS, runOf } from './checks';
import { allElements, headLeaves, IMPOSSIBLE, inputsOf, liesAbout, maximumAt, misplaced, refuter, sourceOf, tablesOf, type Maximum } from './heads';
import { mutated, randomOf } from './mutations';


const evidenceOf = (at: Disputed, word: number, shown: number, t = at.t): Cell =>
  headMaxEvidence({ ...sourceOf(at), t }, at.address, word, shown);

const write = (word: number, { value, index }: Maximum) => (bytes: Buffer): void => {
  bytes.writeUInt32BE(value, 4 * word);
  bytes.writeUInt32BE(index, 4 * word + 4);
};

describe('largest elements of heads', () => {
  let check: Awaited<ReturnType<typeof checkOf>>;
  let gas = 0;
  let kind = 0;
  const verdict = async (at: Disputed, word: number, shown: number): Promise<boolean | undefined> => {
    const said = await check(at.step, evidenceOf(at, word, shown));
    gas = Math.max(gas, said.gas);
    return said.isWrong;
  };
  beforeAll(async () => {
    check = await checkOf('HeadMaxCheck');
  });

  for (const name of GOLDEN_MODELS) {
    it(`are right as they are, and a lie about one is refuted by one element: ${name}`, async () => {
      const run = await runOf(name);
      const { layers, heads, kvHeads, headDim } = run.model.config;
      const t = run.positions.length - 1;
      for (let group = 1; group <= layers; group++) {
        const honest = disputed(run, t, group, 'headMax', 0);
        // Of q, of k and of v, of the first head and of the last.
        const words = group === 1 ? [0, 3, 4 * heads, 4 * (heads + kvHeads)] : [4 * heads - 3, 4 * (heads + kvHeads) - 2, 4 * heads + 6 * kvHeads - 1];
        for (const word of words) {
          const first = word - (word % 2);
          const truth = maximumAt(honest.bytes, first);
          for (const shown of [truth.index, headDim - 1]) expect(await verdict(honest, word, shown)).toBe(false);
          const lies = liesAbout(truth, headDim);
          for (let n = 0; n < 3; n++) {
            const lie = lies[kind++ % lies.length];
            const lying = disputed(run, t, group, 'headMax', 0, write(first, lie));
            expect(await verdict(lying, word, refuter(lie, truth, headDim))).toBe(true);
            if (n === 0) expect(await verdict(lying, word === 0 ? 4 * heads : 0, 0)).toBe(false);
          }
        }
      }
    });
  }

  it('follow from any elements as in the reference', async () => {
    const random = randomOf(31);
    for (const name of ['normed', 'extreme']) {
      const run = await runOf(name);
      const { config } = run.model;
      for (let round = 0; round < 7; round++) {
        const [t, group] = [random(run.positions.length), 1 + random(config.layers)];
        const leaves = headLeaves(config, tablesOf(run, t, group), allElements(config, round, random));
        const honest = disputed(run, t, group, 'headMax', 0, undefined, inputsOf(leaves));
        for (let n = 0; n < 3; n++) {
          const word = random(honest.bytes.length / 8) * 2;
          const truth = maximumAt(honest.bytes, word);
          expect(await verdict(honest, word, random(config.headDim))).toBe(false);
          expect(await verdict(honest, word + 1, truth.index)).toBe(false);
          const lies = liesAbout(truth, config.headDim);
          const lie = lies[random(lies.length)];
          const lying = disputed(run, t, group, 'headMax', 0, write(word, lie), inputsOf(leaves));
          expect(await verdict(lying, word, refuter(lie, truth, config.headDim))).toBe(true);
        }
      }
    }
    console.log(`HeadMaxCheck: at most ${gas} gas`);
  });

  it('are judged whatever the leaves say', async () => {
    for (const name of ['normed', 'grouped']) {
      const run = await runOf(name);
      const t = run.positions.length - 1;
      for (const byte of IMPOSSIBLE) {
        const fill = (bytes: Buffer): void => void bytes.fill(byte);
        const inputs = (name === 'normed' ? ['qn', 'kn', 'v'] : ['q', 'k', 'v']).map((slot) => ({ slot, leaf: 0, change: fill }));
        for (const change of [undefined, fill]) {
          const at = disputed(run, t, 1, 'headMax', 0, change, inputs);
          for (let word = 0; word < at.bytes.length / 4; word += 7) {
            expect((await check(at.step, evidenceOf(at, word, word % 16))).exitCode).toBeUndefined();
          }
        }
      }
    }
  });

  it('have no further words, and heads no further elements', async () => {
    const run = await runOf('grouped');
    const at = disputed(run, 0, 1, 'headMax', 0);
    expect(await check(at.step, evidenceOf(at, 0, 16))).toMatchObject({ exitCode: STEP_ERRORS.noSuchElement });
    expect(await check(at.step, evidenceOf(at, at.bytes.length / 4, 0))).toMatchObject({ exitCode: STEP_ERRORS.noSuchElement });
  });

  it('are turned by the position in dispute', async () => {
    for (const name of ['normed', 'grouped']) {
      const run = await runOf(name);
      const at = disputed(run, 3, 1, 'headMax', 0);
      expect(await check(at.step, evidenceOf(at, 2, 0, 2))).toMatchObject({ exitCode: STEP_ERRORS.otherTable });
    }
  });

  it('are judged in their own place alone', async () => {
    const run = await runOf('normed');
    const lie = disputed(run, 3, 1, 'headMax', 0, (bytes) => bytes.writeUInt32BE(99, 4));
    expect(await verdict(lie, 0, 0)).toBe(true);
    for (const [slot, group] of [['headNorm', 1], ['q8', 1], [undefined, 0], [undefined, 3]] as const) {
      expect(await check(misplaced(lie, slot, group), evidenceOf(lie, 0, 0))).toMatchObject({ exitCode: STEP_ERRORS.otherSlot });
    }
  });

  it('are never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('normed');
    const random = randomOf(37);
    const t = run.positions.length - 1;
    const honest = [disputed(run, t, 1, 'headMax', 0), disputed(run, t, 2, 'headMax', 0), disputed(run, t - 1, 1, 'headMax', 0)];
    const evidence = honest.flatMap((at) => [0, 2, 19, 24].flatMap((word) => [5, 31].map((shown) => evidenceOf(at, word, shown))));
    for (const { step } of [...honest, disputed(run, t, 1, 'headNorm', 0), disputed(run, t, 1, 'q8', 0)]) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 16; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
  });
});
