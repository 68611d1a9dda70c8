/** InputCheck: the token of a position, and its row of the embedding. */
import { describe, expect, it } from '@jest/globals';
import { inputEvidence } from '../../disputes/checks/input';
import type { Job } from '../../exact';
import { GREEDY } from '../../exact';
import { disputed, type Disputed, GOLDEN_MODELS, judgeOf, requestOf, runOf } from './checks';
import { mutated, randomOf } from './mutations';

const JOB: Job = { promptTokens: [7, 3, 250, 9, 31], maxTokens: 3, stopTokens: [], sampling: GREEDY };
/** More tokens than a row of a request has, and an odd number of rows. */
const LONG: Job = { ...JOB, promptTokens: Array.from({ length: 258 }, (_, i) => (7 * i) % 200), maxTokens: 2 };

const evidenceOf = ({ run, tree, address, t }: Disputed, element: number, job: Job) =>
  inputEvidence({ config: run.model.config, model: run.prover, tree, commit: run.commit, request: requestOf(job), t }, address, element);

describe('what a position begins with', () => {
  const judge = judgeOf('InputCheck', evidenceOf);
  const { check, verdict } = judge;

  for (const name of GOLDEN_MODELS) {
    it(`is right as it is, and wrong where one bit was changed: ${name}`, async () => {
      const run = await runOf(name, JOB);
      const { dim } = run.model.config;
      const last = Math.ceil(dim / 256) - 1;
      for (const t of [0, 4, 5, run.positions.length - 1]) {
        expect(await verdict(disputed(run, t, 0, 'token', 0), 0, JOB)).toBe(false);
        for (const byte of [0, 3]) expect(await verdict(disputed(run, t, 0, 'token', 0, (bytes) => (bytes[byte] ^= 1)), 0, JOB)).toBe(true);
        const honest = disputed(run, t, 0, 'h', last);
        const end = honest.bytes.length / 4 - 1;
        for (const element of [0, 1, 29, 30, end]) {
          expect(await verdict(honest, element, JOB)).toBe(false);
          const lie = disputed(run, t, 0, 'h', last, (bytes) => (bytes[4 * element + 3] ^= 1));
          expect(await verdict(lie, element, JOB)).toBe(true);
          expect(await verdict(lie, element === 1 ? 0 : 1, JOB)).toBe(false);
        }
      }
    });
  }

  it('finding 7: is the token of the request that the client committed to, in every row of it', async () => {
    const run = await runOf('wide', LONG);
    for (const t of [0, 1, 29, 30, 255, 256, 257, 258]) {
      expect(await verdict(disputed(run, t, 0, 'token', 0), 0, LONG)).toBe(false);
      expect(await verdict(disputed(run, t, 0, 'token', 0, (bytes) => (bytes[3] ^= 1)), 0, LONG)).toBe(true);
    }
    const other: Job = { ...LONG, promptTokens: LONG.promptTokens.map((token) => token + 1) };
    const honest = disputed(run, 3, 0, 'token', 0);
    expect((await check(honest.step, evidenceOf(honest, 0, other))).isWrong).toBeUndefined();
    console.log(`InputCheck: at most ${judge.gas} gas`);
  });

  it('is never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('grouped', JOB);
    const random = randomOf(23);
    const t = run.positions.length - 1;
    const honest = [disputed(run, 2, 0, 'token', 0), disputed(run, t, 0, 'token', 0), disputed(run, 1, 0, 'h', 0), disputed(run, t, 0, 'h', 0)];
    const evidence = honest.flatMap((at) => (at.address.slot === 'token' ? [0] : [0, 1, 63]).map((element) => evidenceOf(at, element, JOB)));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 120; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
  });
});
