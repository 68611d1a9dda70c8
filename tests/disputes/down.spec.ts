/** DownCheck: rows of `down` that have several leaves, by the sums of each. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { beginCell } from '@ton/core';
import { downEvidence } from '../../disputes/checks/down';
import { linearEvidence } from '../../disputes/checks/linear';
import { STEP_ERRORS } from '../../wrappers';
import { checkOf, disputed, type Disputed, judgeOf, type Run, runOf } from './checks';
import { mutated, randomOf } from './mutations';

const evidenceOf = ({ run, tree, address }: Disputed, element: number) =>
  downEvidence(run.model.config, run.prover, tree, address, element);

describe('a row of down of several leaves', () => {
  const judge = judgeOf('DownCheck', evidenceOf);
  const { check, verdict } = judge;
  let run: Run;
  let last: number;
  beforeAll(async () => {
    run = await runOf('tall');
    last = run.positions.length - 1;
  });
  const slotLeaves = (slot: string): (Buffer | null)[] => run.positions[last][1].find((one) => one.slot === slot)!.leaves as (Buffer | null)[];

  it('has sums that are right as they are, and wrong where one bit was changed and the element is shown', async () => {
    expect(slotLeaves('downSums').map((leaf) => leaf!.length)).toEqual([256, 256]);
    for (const leaf of [0, 1]) {
      for (const element of [0, 1, 62, 63]) {
        const honest = disputed(run, last, 1, 'downSums', leaf);
        expect(await verdict(honest, element)).toBe(false);
        const lie = disputed(run, last, 1, 'downSums', leaf, (bytes) => (bytes[4 * element + 3] ^= 1));
        expect(await verdict(lie, element)).toBe(true);
        expect(await verdict(lie, element ^ 2)).toBe(false);
      }
    }
  });

  it('follows from its sums: h2 is right as it is, and wrong where one bit was changed', async () => {
    for (const element of [0, 31, 32, 63]) {
      const honest = disputed(run, last, 1, 'h2', 0);
      expect(await verdict(honest, element)).toBe(false);
      const lie = disputed(run, last, 1, 'h2', 0, (bytes) => (bytes[4 * element + 3] ^= 1));
      expect(await verdict(lie, element)).toBe(true);
      expect(await verdict(lie, element ^ 1)).toBe(false);
    }
    console.log(`DownCheck: at most ${judge.gas} gas`);
  });

  it('has the h2 that the sums of the tree give, whatever they are', async () => {
    const sums = [{ slot: 'downSums', leaf: 0, change: (bytes: Buffer): void => void bytes.writeInt32BE(bytes.readInt32BE(8) + 2 ** 26, 8) }];
    const moved = disputed(run, last, 1, 'h2', 0, undefined, sums);
    expect(await verdict(moved, 1)).toBe(true);
    expect(await verdict(moved, 0)).toBe(false);
  });

  it('is judged by this check alone, and in a model whose rows are one leaf by LinearCheck alone', async () => {
    const linear = await checkOf('LinearCheck');
    const honest = disputed(run, last, 1, 'h2', 0);
    const whole = linearEvidence(run.model.config, run.prover, honest.tree, honest.address, 0);
    expect((await linear(honest.step, whole)).exitCode).toBe(STEP_ERRORS.otherSlot);
    const other = await runOf('grouped');
    const small = disputed(other, other.positions.length - 1, 1, 'h2', 0);
    const asked = beginCell().storeUint(28, 8).storeUint(0, 16).storeRef(evidenceOf(honest, 0).refs[0]).storeRef(evidenceOf(honest, 0).refs[1]).endCell();
    expect((await check(small.step, asked)).exitCode).toBe(STEP_ERRORS.otherSlot);
  });

  it('has no element behind its last one', async () => {
    for (const [slot, element] of [['downSums', 64], ['h2', 64]] as const) {
      const honest = disputed(run, last, 1, slot, 0);
      const beyond = beginCell().storeUint(slot === 'h2' ? 28 : 27, 8).storeUint(element, 16).storeRef(evidenceOf(honest, 0).refs[0]).storeRef(evidenceOf(honest, 0).refs[1]).endCell();
      expect((await check(honest.step, beyond)).exitCode).toBe(STEP_ERRORS.noSuchElement);
    }
  });

  it('is never wrong by evidence of another row, leaf or slot, nor by evidence that was bent', async () => {
    const random = randomOf(23);
    const honest = [disputed(run, last, 1, 'downSums', 0), disputed(run, last, 1, 'downSums', 1), disputed(run, last, 1, 'h2', 0)];
    const evidence = honest.flatMap((at) => [0, 1, 2, 33].map((element) => evidenceOf(at, element)));
    for (const { step } of honest) {
      for (const one of evidence) {
        expect((await check(step, one)).isWrong).not.toBe(true);
        // Weights of one element with the leaves of another.
        for (const other of evidence) {
          const mixed = beginCell().storeBits(one.bits).storeRef(one.refs[0]).storeRef(other.refs[1]).endCell();
          expect((await check(step, mixed)).isWrong).not.toBe(true);
        }
      }
      for (let n = 0; n < 60; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
  });
});
