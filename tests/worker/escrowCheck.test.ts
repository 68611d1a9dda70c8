import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Address, beginCell, type Cell } from '@ton/core';
import { DeclineReason } from '../../protocol';
import { CheckedJobEscrow, JobEscrow, packJobEscrowTerms, requiredJobValue, type JobEscrowTerms, type NetworkPrices } from '../../wrappers';
import type { AccountSnapshot } from '../../worker/chain/chainClient';
import { checkEscrow, checkTerms, escrowCodes, recogniseEscrow, type EscrowCodes, type JobPolicy } from '../../worker/jobs/escrowCheck';
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
  tier: 0,
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

  test('a checked job is one in every state, by what it was at first; whatever else stands at its address is not', async () => {
    const stake = new Address(0, Buffer.from(STAKE));
    const { address, init } = await CheckedJobEscrow.fromTerms(good, stake);
    const job = packJobEscrowTerms(good);
    const dataOf = (state: number, acceptance: Cell | null, asked = stake): Cell =>
      beginCell().storeRef(job).storeBuffer(asked.hash).storeUint(state, 2).storeMaybeRef(acceptance).endCell();
    const see = (data: Cell, at = address, code = codes.checked) => {
      const account = { state: 'active' as const, balance: 10n ** 9n, code, data, apiTime: NOW };
      return recogniseEscrow(at, account, codes, policy, STAKE);
    };
    const promise = beginCell().storeUint(5, 8).endCell();
    const parts = [dataOf(0, null), dataOf(1, promise), dataOf(2, null), dataOf(2, promise)].map((data) => {
      const seen = see(data);
      return seen.kind === 'accepted' ? [seen.checked!.state, seen.checked!.isAccepted] : seen.note;
    });
    assert.deepEqual(parts, [
      ['fresh', false],
      ['checking', false],
      ['open', false],
      ['open', true],
    ]);
    const other = wallet(9);
    const elsewhere = (await CheckedJobEscrow.fromTerms(good, other)).address;
    const trailing = beginCell().storeSlice(dataOf(2, null).beginParse()).storeBit(0).endCell();
    for (const [name, seen] of [
      ['another address', see(dataOf(2, null), wallet(5))],
      ['another stake in the data', see(dataOf(2, null, other))],
      ['a genuine job of another stake', see(dataOf(2, null, other), elsewhere)],
      ['a state that there is not', see(dataOf(3, null))],
      ['more data', see(trailing)],
      ['the code of the other contract', see(dataOf(2, null), address, codes.job)],
      ['no data of a job', see(beginCell().storeRef(promise).storeRef(promise).endCell())],
    ] as const) {
      assert.equal(seen.kind, 'foreign', name);
    }
    assert.equal(see(init!.data).kind, 'accepted');
  });

  test('finding 21: an accepted job is taken whatever its price, deadline and balance are now', async () => {
    const terms = { ...good, price: 1n, payout: wallet(3), deadline: NOW + 1 };
    const job = { kind: 'accepted' as const, terms };
    const verdict = (isAccepted: boolean): string =>
      checkTerms({ ...job, checked: { state: 'open', isAccepted } }, 0n, policy, prices, NOW).kind;
    assert.deepEqual([verdict(true), verdict(false)], ['accepted', 'decline']);
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

  test('what was promised goes before the rest, in order, and finds room in a full queue', async () => {
    const queue = new WorkQueue(2);
    const trace: string[] = [];
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const item = (name: string) => (): Promise<void> => Promise.resolve(void trace.push(name));
    queue.push(() => gate);
    for (const [name, promised, taken] of [
      ['a', false, true],
      ['b', false, true],
      ['c', false, false],
      ['p', true, true],
      ['q', true, true],
    ] as const) {
      assert.equal(queue.push(item(name), promised), taken);
    }
    release();
    while (trace.length < 4) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(trace, ['p', 'q', 'a', 'b']);
  });
});
