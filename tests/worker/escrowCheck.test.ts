import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Address, beginCell } from '@ton/core';
import { DeclineReason } from '../../protocol';
import { JobEscrow, requiredJobValue, type JobEscrowTerms, type NetworkPrices } from '../../wrappers';
import type { AccountSnapshot } from '../../worker/chain/chainClient';
import { checkEscrow, escrowCodes, type EscrowCodes, type JobPolicy } from '../../worker/jobs/escrowCheck';
import { WorkQueue } from '../../worker/jobs/queue';

const NOW = 1_800_000_000;
const STAKE = new Uint8Array(32).fill(6);
const wallet = (byte: number): Address => new Address(0, Buffer.alloc(32, byte));
const prices: NetworkPrices = {
  gasPrice: 26_214_400n,
  flatGasLimit: 100n,
  flatGasPrice: 40_000n,
  lumpPrice: 400_000n,
  bitPrice: 26_214_400n,
  cellPrice: 2_621_440_000n,
};
const policy: JobPolicy = {
  networkId: 2026,
  workerKey: Buffer.alloc(32, 7),
  payout: wallet(2),
  minPrice: 10_000_000n,
  minSeconds: 30,
  maxSeconds: 86_400,
};
const good: JobEscrowTerms = {
  networkId: 2026,
  deadline: NOW + 600,
  price: 50_000_000n,
  outputCells: 2,
  answerInCallback: false,
  client: wallet(1),
  payout: wallet(2),
  workerKey: policy.workerKey,
  termsHash: Buffer.alloc(32, 9),
};
let codes: EscrowCodes;
before(async () => {
  codes = await escrowCodes();
});

async function verdict(change: Partial<JobEscrowTerms>, account: Partial<AccountSnapshot> = {}, address?: Address) {
  const terms = { ...good, ...change };
  const job = await JobEscrow.fromTerms(terms);
  const snapshot: AccountSnapshot = {
    state: 'active',
    balance: requiredJobValue(terms, prices) - 1_000_000n,
    code: job.init!.code,
    data: job.init!.data,
    apiTime: NOW,
    ...account,
  };
  return checkEscrow(address ?? job.address, snapshot, codes, policy, STAKE, prices, NOW);
}

describe('recognising a job', () => {
  test("a job on the worker's own terms is accepted with what its create message left", async () => {
    assert.equal((await verdict({})).kind, 'accepted');
  });

  test('an account is recognised only by recomputing its address; nothing is signed for a foreign one', async () => {
    const other = beginCell().storeUint(1, 8).endCell();
    assert.equal((await verdict({}, { code: other })).kind, 'foreign');
    assert.equal((await verdict({}, { data: other })).kind, 'foreign');
    assert.equal((await verdict({}, { data: null })).kind, 'foreign');
    assert.equal((await verdict({}, {}, wallet(5))).kind, 'foreign');
    assert.equal((await verdict({ workerKey: Buffer.alloc(32, 8) })).kind, 'foreign');
  });

  test('attack 11: a job of another network is never signed, whatever else it says', async () => {
    assert.equal((await verdict({ networkId: -239 })).kind, 'foreign');
  });

  test('attacks 25 and 43: wrong payout, low price, bad deadline and too little money are declined before computing', async () => {
    const reasonOf = async (
      change: Partial<JobEscrowTerms>,
      account?: Partial<AccountSnapshot>,
    ): Promise<number | string> => {
      const result = await verdict(change, account);
      return result.kind === 'decline' ? result.reason : result.kind;
    };
    assert.equal(await reasonOf({ payout: wallet(3) }), DeclineReason.unsupportedTerms);
    assert.equal(await reasonOf({ price: 9_999_999n }), DeclineReason.unsupportedTerms);
    assert.equal(await reasonOf({ price: 10_000_000n }), 'accepted');
    assert.equal(await reasonOf({ deadline: NOW + 29 }), DeclineReason.deadlineTooClose);
    assert.equal(await reasonOf({ deadline: NOW + 30 }), 'accepted');
    assert.equal(await reasonOf({ deadline: NOW + 86_401 }), DeclineReason.deadlineTooClose);
    assert.equal(await reasonOf({ deadline: NOW - 1 }), DeclineReason.deadlineTooClose);
    assert.equal(await reasonOf({}, { balance: good.price }), DeclineReason.unsupportedTerms);
  });

  test('the queue works on one item at a time, in order, refuses beyond its limit, and survives a failing item', async () => {
    const queue = new WorkQueue(2);
    const trace: string[] = [];
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const item =
      (name: string, wait: Promise<void> = Promise.resolve()) =>
      async (): Promise<void> => {
        trace.push(`${name} starts`);
        await wait;
        trace.push(`${name} ends`);
        if (name === 'b') throw new Error('b fails');
      };
    assert.equal(queue.push(item('a', gate)), true);
    assert.equal(queue.push(item('b')), true);
    assert.equal(queue.push(item('c')), true);
    assert.equal(queue.full, true);
    assert.equal(queue.push(item('d')), false);
    release();
    while (trace.length < 6) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(trace, ['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
    await queue.stop();
    assert.equal(queue.push(item('e')), false);
  });
});
