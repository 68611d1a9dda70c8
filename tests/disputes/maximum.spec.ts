/** MaxCheck: the largest logit, and the lowest id that has it. */
import { describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { maxEvidence } from '../../disputes/checks/max';
import { disputed, type Disputed, GOLDEN_MODELS, judgeOf, runOf } from './checks';
import { fillLogits, headOf, logitsOf, sourceOf } from './headGroup';
import { mutated, randomOf } from './mutations';


const evidenceOf = (at: Disputed, id: number): Cell => maxEvidence(sourceOf(at), id);

describe('the largest logit', () => {
  const judge = judgeOf('MaxCheck', evidenceOf);
  const { check, verdict } = judge;

  for (const name of GOLDEN_MODELS) {
    it(`is right as it is, and wrong where an id has a larger one or its own id another: ${name}`, async () => {
      const run = await runOf(name);
      const { vocab } = run.model.config;
      const t = run.positions.length - 1;
      const lie = (change: (bytes: Buffer) => void): Disputed => disputed(run, t, headOf(run), 'max', 0, change);
      const honest = lie(() => undefined);
      for (const id of [0, 63, 255, vocab - 1]) expect(await verdict(honest, id)).toBe(false);
      const [largest, best] = [honest.bytes.readInt32BE(0), honest.bytes.readUInt32BE(4)];
      expect(await verdict(honest, best)).toBe(false);
      const other = best === 0 ? vocab - 1 : best - 1;
      for (const off of [1, -1]) {
        const moved = lie((bytes) => bytes.writeInt32BE(largest + off, 0));
        expect(await verdict(moved, best)).toBe(true);
        expect(await verdict(moved, other)).toBe(false);
      }
      const elsewhere = lie((bytes) => bytes.writeUInt32BE(other, 4));
      expect(await verdict(elsewhere, other)).toBe(true);
      const beyond = lie((bytes) => bytes.writeUInt32BE(vocab, 4));
      expect(await verdict(beyond, other)).toBe(true);
    });
  }

  it('is the first of several that are equal, whatever the logits are', async () => {
    const run = await runOf('grouped');
    const { vocab } = run.model.config;
    const random = randomOf(3);
    const t = run.positions.length - 1;
    for (let round = 0; round < 24; round++) {
      const logits = logitsOf(vocab, round, random);
      const largest = Math.max(...logits);
      const best = logits.indexOf(largest);
      const claim = (value: number, index: number): Disputed => disputed(run, t, headOf(run), 'max', 0, (bytes) => {
        bytes.writeInt32BE(value, 0);
        bytes.writeUInt32BE(index, 4);
      }, fillLogits(logits));
      for (const id of [best, random(vocab), vocab - 1]) expect(await verdict(claim(largest, best), id)).toBe(false);
      const last = logits.lastIndexOf(largest);
      if (last > best) expect(await verdict(claim(largest, last), best)).toBe(true);
      const smaller = logits.findIndex((logit) => logit < largest);
      if (smaller >= 0) expect(await verdict(claim(logits[smaller], smaller), best)).toBe(true);
    }
    console.log(`MaxCheck: at most ${judge.gas} gas`);
  });

  it('is not compared with the logit of an id that the model has not', async () => {
    const run = await runOf('grouped');
    const at = disputed(run, run.positions.length - 1, headOf(run), 'max', 0);
    expect(await check(at.step, evidenceOf(at, run.model.config.vocab))).toMatchObject({ exitCode: 926 });
  });

  it('is never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('grouped');
    const random = randomOf(17);
    const t = run.positions.length - 1;
    const honest = [disputed(run, t, headOf(run), 'max', 0), disputed(run, t - 1, headOf(run), 'max', 0), disputed(run, t, headOf(run), 'draw', 0)];
    const evidence = honest.slice(0, 2).flatMap((at) => [0, 255, 256, 299].map((id) => evidenceOf(at, id)));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 80; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
    expect(await check(honest[2].step, evidence[0])).toMatchObject({ exitCode: 925 });
  });
});
