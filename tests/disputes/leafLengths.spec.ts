/** What a check reads of the leaf in dispute, against the bytes that a case takes for it: the check counts on that length without looking. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Address, beginCell, Cell, toNano } from '@ton/core';
import { Blockchain, createShardAccount } from '@ton/sandbox';
import { localJudge } from '../../disputes/localJudge';
import { refutationsOf } from '../../disputes/refutations';
import type { Judge } from '../../disputes/refute';
import { GREEDY, type Job } from '../../exact';
import { disputed, requestOf, runOf } from './checks';
import { SAMPLINGS } from './headGroup';

const JOB: Job = { promptTokens: [7, 3, 250, 9, 31], maxTokens: 3, stopTokens: [], sampling: GREEDY };
/** Models and modes that have every slot, every size of its elements and every size of a cut leaf. */
const CASES: [name: string, job: Job][] = [
  ['grouped', JOB], ['normed', JOB], ['gated', { ...JOB, sampling: SAMPLINGS.top }], ['wide', { ...JOB, sampling: SAMPLINGS.full }], ['single', JOB], ['extreme', JOB], ['tall', JOB],
];
/** Of which evidence names an element of something else, or none. */
const WHOLE = ['oMax', 'max', 'draw'];
/** Whose evidence has no slot in front of the element. */
const UNNAMED = ['headMax', 'top', 'sums'];

/** The same evidence about the element behind. */
function next(evidence: Cell, slot: string): Cell {
  const rest = evidence.beginParse();
  const copy = beginCell();
  if (!UNNAMED.includes(slot)) copy.storeUint(rest.loadUint(8), 8);
  return copy.storeUint(rest.loadUint(16) + 1, 16).storeSlice(rest).endCell();
}

describe('the leaf in dispute', () => {
  let judge: Judge;
  let lengthOf: (step: Cell) => Promise<number>;
  beforeAll(async () => {
    judge = await localJudge();
    const code = Cell.fromBoc(readFileSync(join(__dirname, '../../build/Suite/Suite_ModelLayout.code.boc')))[0];
    const blockchain = await Blockchain.create();
    const address = new Address(0, Buffer.alloc(32, 1));
    await blockchain.setShardAccount(address, createShardAccount({ address, code, data: Cell.EMPTY, balance: toNano(1) }));
    lengthOf = async (step) => (await blockchain.runGetMethod(address, 'leafBytes', [{ type: 'cell', cell: step }])).stackReader.readNumber();
  });

  for (const [name, job] of CASES) {
    it(`has the length that the case asks for, and is judged to its last byte and no further, in every slot: ${name}`, async () => {
      const run = await runOf(name, job);
      const { config } = run.model;
      for (const t of [0, run.positions.length - 1]) {
        for (const [group, slots] of run.positions[t].entries()) {
          for (const { slot, leaves } of slots) {
            for (const leaf of new Set([0, leaves.length - 1])) {
              const honest = leaves[leaf];
              const label = [t, group, slot, leaf];
              if (honest === null) continue;
              const lie = disputed(run, t, group, slot, leaf, (bytes) => (bytes[bytes.length - 1] ^= 1));
              expect([...label, await lengthOf(lie.step)]).toEqual([...label, honest.length]);
              const source = { config, model: run.prover, tree: lie.tree, commit: run.commit, request: requestOf(job), t, sampling: job.sampling };
              const tries = refutationsOf({ source, address: lie.address, disputed: lie.bytes, honest: Buffer.from(honest) });
              let isWrong = false;
              for (const { check, evidence } of tries) isWrong ||= (await judge(check, lie.step, evidence())) === true;
              expect([...label, isWrong]).toEqual([...label, true]);
              if (WHOLE.includes(slot)) continue;
              const { check, evidence } = tries[tries.length - 1];
              expect([...label, await judge(check, lie.step, next(evidence(), slot))]).toEqual([...label, null]);
            }
          }
        }
      }
    });
  }
});
