/** HeadRowCheck: rows of int8, their exponents and their padding. */
import { describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { headRowEvidence } from '../../disputes/checks/headRow';
import { STEP_ERRORS } from '../../wrappers';
import { disputed, type Disputed, GOLDEN_MODELS, judgeOf, runOf } from './checks';
import { allElements, headLeaves, IMPOSSIBLE, inputsOf, misplaced, sourceOf, tablesOf } from './heads';
import { mutated, randomOf } from './mutations';

const SLOTS = ['q8', 'k8', 'v8'];

const evidenceOf = (at: Disputed, byte: number, t = at.t): Cell => headRowEvidence({ ...sourceOf(at), t }, at.address, byte);

describe('rows of heads', () => {
  const judge = judgeOf('HeadRowCheck', evidenceOf);
  const { check, verdict } = judge;

  for (const name of GOLDEN_MODELS) {
    it(`are right as they are, and wrong where one bit was changed: ${name}`, async () => {
      const run = await runOf(name);
      const { layers, heads, headDim, kvHeads } = run.model.config;
      const random = randomOf(heads * headDim + layers);
      const t = run.positions.length - 1;
      for (let group = 1; group <= layers; group++) {
        for (const slot of SLOTS) {
          const leaf = slot === 'q8' && group === 1 ? heads - 1 : 0;
          const honest = disputed(run, t, group, slot, leaf);
          const length = honest.bytes.length;
          const inLeaf = slot === 'q8' ? 1 : kvHeads;
          // Exponents, first and last elements, padding, and whatever stands on both sides of a reversed word.
          for (const byte of new Set([0, inLeaf - 1, inLeaf, inLeaf + 29, inLeaf + random(headDim), inLeaf + 90 + random(30), length - 1])) {
            expect(await verdict(honest, byte)).toBe(false);
            const lie = disputed(run, t, group, slot, leaf, (bytes) => (bytes[byte] ^= 1 << random(8)));
            expect(await verdict(lie, byte)).toBe(true);
            if (byte === inLeaf + 29) expect(await verdict(lie, inLeaf)).toBe(false);
          }
        }
      }
    });
  }

  it('have every byte checked', async () => {
    const run = await runOf('grouped');
    const t = run.positions.length - 1;
    const slot = disputed(run, t, 2, 'k8', 0);
    for (let byte = 0; byte < slot.bytes.length; byte += 5) {
      const lie = disputed(run, t, 2, 'k8', 0, (bytes) => (bytes[byte] ^= 1));
      expect(await verdict(lie, byte)).toBe(true);
    }
  });

  it('follow from any elements as in the reference', async () => {
    const random = randomOf(41);
    for (const name of ['normed', 'extreme']) {
      const run = await runOf(name);
      const { config } = run.model;
      for (let round = 0; round < 7; round++) {
        const [t, group] = [random(run.positions.length), 1 + random(config.layers)];
        const leaves = headLeaves(config, tablesOf(run, t, group), allElements(config, round, random));
        for (const slot of SLOTS) {
          const leaf = random(leaves[slot].length);
          for (const byte of [0, random(leaves[slot][leaf].length), 1 + random(config.headDim)]) {
            const honest = disputed(run, t, group, slot, leaf, undefined, inputsOf(leaves));
            expect(await verdict(honest, byte)).toBe(false);
            const off = disputed(run, t, group, slot, leaf, (bytes) => (bytes[byte] += 255), inputsOf(leaves));
            expect(await verdict(off, byte)).toBe(true);
          }
        }
      }
    }
    console.log(`HeadRowCheck: at most ${judge.gas} gas`);
  });

  it('are judged whatever the leaves say', async () => {
    for (const name of ['normed', 'grouped']) {
      const run = await runOf(name);
      const t = run.positions.length - 1;
      for (const byte of IMPOSSIBLE) {
        const fill = (bytes: Buffer): void => void bytes.fill(byte);
        const elements = (name === 'normed' ? ['qn', 'kn', 'v'] : ['q', 'k', 'v']).map((slot) => ({ slot, leaf: 0, change: fill }));
        for (const inputs of [elements, [...elements, { slot: 'headMax', leaf: 0, change: fill }], [{ slot: 'headMax', leaf: 0, change: fill }]]) {
          for (const slot of SLOTS) {
            const at = disputed(run, t, 1, slot, 0, undefined, inputs);
            for (const place of [0, 15]) expect((await check(at.step, evidenceOf(at, place))).exitCode).toBeUndefined();
          }
        }
      }
    }
  });

  it('have no further bytes, and are turned by the position in dispute', async () => {
    for (const name of ['normed', 'grouped']) {
      const run = await runOf(name);
      for (const slot of SLOTS) {
        const at = disputed(run, 3, 1, slot, 0);
        expect(await check(at.step, evidenceOf(at, at.bytes.length))).toMatchObject({ exitCode: STEP_ERRORS.noSuchElement });
        if (slot !== 'v8') expect(await check(at.step, evidenceOf(at, slot === 'q8' ? 1 : 31, 2))).toMatchObject({ exitCode: STEP_ERRORS.otherTable });
      }
    }
  });

  it('are judged in their own place alone', async () => {
    const run = await runOf('normed');
    for (const own of SLOTS) {
      const lie = disputed(run, 3, 1, own, 0, (bytes) => (bytes[0] ^= 1));
      expect(await verdict(lie, 0)).toBe(true);
      for (const [slot, group] of [...[...SLOTS, 'headMax'].filter((one) => one !== own).map((one) => [one, 1] as const), [undefined, 0], [undefined, 3]] as const) {
        expect(await check(misplaced(lie, slot, group), evidenceOf(lie, 0))).toMatchObject({ exitCode: STEP_ERRORS.otherSlot });
      }
    }
  });

  it('are never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('normed');
    const random = randomOf(43);
    const t = run.positions.length - 1;
    const honest = SLOTS.flatMap((slot) => [disputed(run, t, 1, slot, 0), disputed(run, t, 2, slot, 0)]);
    honest.push(disputed(run, t - 1, 1, 'k8', 0), disputed(run, t, 1, 'q8', 3), disputed(run, t, 1, 'headMax', 0));
    const evidence = honest.slice(0, -1).flatMap((at) => [0, 31].map((byte) => evidenceOf(at, byte)));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 10; n++) expect((await check(step, mutated(evidence[random(evidence.length)], random))).isWrong).not.toBe(true);
    }
  });
});
