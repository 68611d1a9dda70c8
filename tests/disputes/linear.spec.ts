/** LinearCheck: rows of the model times int8 values. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { linearEvidence } from '../../disputes/checks/linear';
import { checkOf, disputed, type Disputed, GOLDEN_MODELS, type Run, runOf } from './checks';

const SLOTS = ['q', 'k', 'v', 'h1', 'gate', 'up', 'h2'];

const evidenceOf = ({ run, tree, address }: Disputed, element: number) =>
  linearEvidence(run.model.config, run.prover, tree, address, element);

const elementBytes = (run: Run, slot: string): number => (['gate', 'up'].includes(slot) && (run.model.config.flags & 2) === 0 ? 2 : 4);

describe('a row of the model times int8 values', () => {
  let check: Awaited<ReturnType<typeof checkOf>>;
  beforeAll(async () => {
    check = await checkOf('LinearCheck');
  });

  for (const name of GOLDEN_MODELS) {
    it(`is wrong where one bit of it was changed, and right as it is: ${name}`, async () => {
      const run = await runOf(name);
      const { layers } = run.model.config;
      for (let group = 1; group <= layers + 1; group++) {
        for (const slot of group > layers ? ['logits'] : SLOTS) {
          const t = run.positions.length - 1;
          const size = elementBytes(run, slot);
          const leaves = run.positions[t][group].find((one) => one.slot === slot)!.leaves;
          const leaf = leaves.length - 1;
          const last = leaves[leaf]!.length / size - 1;
          for (const element of [0, last]) {
            const honest = disputed(run, t, group, slot, leaf);
            expect(await check(honest.step, evidenceOf(honest, element))).toMatchObject({ isWrong: false });
            const lie = disputed(run, t, group, slot, leaf, (bytes) => (bytes[size * element + size - 1] ^= 1));
            expect(await check(lie.step, evidenceOf(lie, element))).toMatchObject({ isWrong: true });
            expect(await check(lie.step, evidenceOf(lie, element === 0 ? last : 0))).toMatchObject({ isWrong: last === 0 });
          }
        }
      }
    });
  }
});
