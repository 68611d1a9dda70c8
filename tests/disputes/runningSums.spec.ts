/** RunningSumsCheck: running sums of the weights of all logits. */
import { describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { runningSumsEvidence } from '../../disputes/checks/runningSums';
import { STEP_ERRORS } from '../../wrappers';
import { disputed, type Disputed, GOLDEN_MODELS, judgeOf, runOf } from './checks';
import { drawOf, headOf, logitsOf, SAMPLINGS, sourceOf, stepAt } from './headGroup';
import { mutated, randomOf } from './mutations';

const FULL = SAMPLINGS.full;
const COLD = SAMPLINGS['full, cold, with min-p'];

const evidenceOf = (at: Disputed, element: number): Cell => runningSumsEvidence(sourceOf(at), at.address, element);

describe('running sums of weights', () => {
  const judge = judgeOf('RunningSumsCheck', evidenceOf);
  const { check, verdict } = judge;

  for (const name of GOLDEN_MODELS) {
    it(`are right as they are, and wrong where a bit of one was changed: ${name}`, async () => {
      const run = await runOf(name, { sampling: FULL });
      const t = run.positions.length - 1;
      const honest = disputed(run, t, headOf(run), 'sums', 0);
      const count = Math.ceil(run.model.config.vocab / 64);
      expect(honest.bytes.length).toBe(8 * count);
      for (let element = 0; element < count; element++) {
        expect(await verdict(honest, element)).toBe(false);
        for (const byte of [3, 7]) {
          const lie = disputed(run, t, headOf(run), 'sums', 0, (bytes) => (bytes[8 * element + byte] ^= 1));
          expect(await verdict(lie, element)).toBe(true);
          // The next one follows from what stands before it.
          if (element + 1 < count) expect(await verdict(lie, element + 1)).toBe(true);
          if (element > 0) expect(await verdict(lie, element - 1)).toBe(false);
        }
      }
      expect(await check(honest.step, evidenceOf(honest, count))).toMatchObject({ exitCode: 926 });
    });
  }

  it('follow from any logits as in the reference', async () => {
    const random = randomOf(37);
    for (const [name, sampling] of [['grouped', FULL], ['single', COLD]] as const) {
      const run = await runOf(name, { sampling });
      const { vocab } = run.model.config;
      const t = run.positions.length - 1;
      for (let round = 0; round < 6; round++) {
        const { leaves, inputs } = drawOf(run, logitsOf(vocab, round, random), stepAt(run, t));
        const honest = disputed(run, t, headOf(run), 'sums', 0, (bytes) => void leaves.sums.copy(bytes), inputs);
        for (let element = 0; 64 * element < vocab; element++) expect(await verdict(honest, element)).toBe(false);
      }
    }
    console.log(`RunningSumsCheck: at most ${judge.gas} gas`);
  });

  it('are judged whatever the leaves before them say', async () => {
    const run = await runOf('grouped', { sampling: COLD });
    const t = run.positions.length - 1;
    for (const [max, logits, sums] of [[0x00, 0xff, 0xff], [0x80, 0x7f, 0xff], [0x7f, 0x80, 0x00], [0xff, 0x00, 0x7f]]) {
      const inputs = [{ slot: 'max', leaf: 0, fill: max }, { slot: 'logits', leaf: 0, fill: logits }, { slot: 'logits', leaf: 1, fill: logits }];
      const at = disputed(run, t, headOf(run), 'sums', 0, (bytes) => bytes.fill(sums), inputs.map(({ fill, ...leaf }) => ({ ...leaf, change: (bytes: Buffer) => void bytes.fill(fill) })));
      for (const element of [0, 1, 4]) expect((await check(at.step, evidenceOf(at, element))).exitCode).toBeUndefined();
    }
  });

  it('are weighed by the table of the model alone', async () => {
    const run = await runOf('grouped', { sampling: FULL });
    const at = disputed(run, run.positions.length - 1, headOf(run), 'sums', 0);
    const { bytes, path } = run.prover.part({ part: 'sampling' });
    const other = Buffer.from(bytes);
    other[2] ^= 1;
    const evidence = runningSumsEvidence({ ...sourceOf(at), model: { part: () => ({ bytes: other, path }) } }, at.address, 0);
    expect(await check(at.step, evidence)).toMatchObject({ exitCode: STEP_ERRORS.otherTable });
  });

  it('are never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('grouped', { sampling: FULL });
    const random = randomOf(41);
    const t = run.positions.length - 1;
    const honest = [disputed(run, t, headOf(run), 'sums', 0), disputed(run, t - 1, headOf(run), 'sums', 0), disputed(run, t, headOf(run), 'draw', 0)];
    const evidence = honest.slice(0, 2).flatMap((at) => [0, 1, 3, 4].map((element) => evidenceOf(at, element)));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 60; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
    expect(await check(honest[2].step, evidence[0])).toMatchObject({ exitCode: 925 });
  });
});
