import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Address, beginCell, Cell, type Transaction } from '@ton/core';
import { JudgedBounty, OP_FUND, packTry, parseTryResult, type TryResult } from '../../examples/bounty/JudgedBounty';
import type { Wallet } from '../../cli/client/wallet';
import { GREEDY } from '../../exact';
import { OP_JOB_FAILED, OP_KEY_QUERY, OP_SLASH_SHARE, packJobEscrowTerms } from '../../wrappers';
import { expireMessage } from '../../cli/client/wait';
import { DEVNET_ID, eventually } from '../support/marketplace';
import { CheckedMarket, type PersonsJob, type RunningService } from './checkedMarket';

let market: CheckedMarket;
let worker: RunningService;
before(async () => {
  market = await CheckedMarket.open();
  worker = await market.serve();
});
after(() => market.close());

const TOKENS = [5, 6, 7];

/** A bounty on chain that pays for answers which begin with `winningToken`. */
async function bountyFor(sponsor: Wallet, winningToken: number): Promise<JudgedBounty> {
  const { model } = market.model;
  const bounty = await JudgedBounty.fromConfig({
    networkId: DEVNET_ID,
    registry: market.market.registry,
    sponsor: sponsor.address,
    provider: market.owner.wallet,
    payout: market.payout,
    workerKey: market.keys.signingPublic,
    price: 20_000_000n,
    modelRoot: model.modelRoot,
    stopToken: 10,
    maxTokens: 3,
    winningToken,
  });
  const body = beginCell().storeUint(OP_FUND, 32).endCell();
  await market.send(sponsor, { to: bounty.address, value: 1_000_000_000n, body, init: bounty.init });
  return bounty;
}

const onChain = ({ address }: JudgedBounty) => market.chain.ton.open(JudgedBounty.fromAddress(address));

async function tryIt(who: Wallet, bounty: JudgedBounty): Promise<void> {
  const value = await onChain(bounty).getTryValue();
  await market.send(who, { to: bounty.address, value, body: packTry(TOKENS) });
}

/** What the bounty told whoever tried, and the money with it. */
function resultOf(who: Wallet, bounty: Address): Promise<TryResult & { value: bigint }> {
  return eventually(async () => {
    for (const { inMessage } of await market.chain.getTransactions(who.address, 6)) {
      if (inMessage?.info.type !== 'internal' || !inMessage.info.src.equals(bounty)) continue;
      const result = parseTryResult(inMessage.body);
      if (result !== null) return { ...result, value: inMessage.info.value.coins };
    }
    return null;
  });
}

const firstToken = async (): Promise<number> =>
  (await market.engine.generate({ promptTokens: TOKENS, maxTokens: 3, stopTokens: [10], sampling: GREEDY })).tokens[0];

const nameOf = ({ escrow }: PersonsJob): string => escrow.address.toRawString();
const stateOf = (job: PersonsJob, { store } = worker): string | undefined => store.get(nameOf(job))?.state;
const untilState = (job: PersonsJob, state: string, service = worker): Promise<true> =>
  eventually(() => (stateOf(job, service) === state ? true : null));

/** Bodies and values of what an account got from another, newest first. */
async function received(at: Address, from: Address): Promise<{ op: number; value: bigint; body: Cell }[]> {
  return (await market.chain.getTransactions(at, 12)).flatMap(({ inMessage }: Transaction) => {
    if (inMessage?.info.type !== 'internal' || !inMessage.info.src.equals(from)) return [];
    const { body } = inMessage;
    const op = body.bits.length < 32 ? 0 : body.beginParse().loadUint(32);
    return [{ op, value: inMessage.info.value.coins, body }];
  });
}

/** Asks for a promise as a client does. */
const promised = (job: PersonsJob, service = worker): Promise<Cell> => service.api.accept(jobCell(job), job.request);
const jobCell = ({ terms }: PersonsJob): Cell => packJobEscrowTerms(terms);

describe('a worker that watches its stake', () => {
  test('finds the job of a contract, answers it, and the bounty pays whoever won and nobody else', async () => {
    const [sponsor, winner, loser] = [await market.person(), await market.person(), await market.person()];
    const right = await firstToken();
    const [bounty, other] = [await bountyFor(sponsor, right), await bountyFor(sponsor, right + 1)];
    const prize = await onChain(bounty).getBounty();
    await tryIt(winner, bounty);
    await tryIt(loser, other);
    const [won, lost] = [await resultOf(winner, bounty.address), await resultOf(loser, other.address)];
    assert.deepEqual([won.won, won.firstToken, lost.won, lost.firstToken], [true, right, false, right]);
    assert.ok(won.value >= prize && prize > 100_000_000n && lost.value < 100_000_000n);
    assert.deepEqual([await onChain(bounty).getBounty(), await onChain(other).getBounty()], [0n, prize]);
  });

  test('declines at once what it does not take: the client has its money back with the reason', async () => {
    const job = await market.job({ price: 9_999_999n });
    await market.create(job);
    await untilState(job, 'declined');
    const [failed] = await eventually(async () => {
      const all = await received(job.client.address, job.escrow.address);
      return all.length > 0 ? all : null;
    });
    assert.deepEqual([failed.op, failed.body.beginParse().skip(32).loadUint(8)], [OP_JOB_FAILED, 4]);
    assert.ok(failed.value > 0n);
  });

  test('questions of accounts that are no jobs leave nothing behind, and the job among them is served', async () => {
    const spoofer = await market.person();
    const before = worker.store.counts();
    const pretended = await market.job();
    const ask = beginCell().storeUint(OP_KEY_QUERY, 32).storeRef(pretended.termsCell).storeMaybeRef(null).endCell();
    const spoof = (body: Cell): Promise<void> =>
      market.send(spoofer, { to: market.owner.stake, value: 100_000_000n, body });
    await spoof(ask);
    // Terms with a tree below them that the stake does not read.
    const { bits, refs } = pretended.termsCell;
    const more = refs.map((ref) => beginCell().storeSlice(ref.beginParse()).storeRef(refs[0]).endCell());
    const grown = more.reduce((builder, ref) => builder.storeRef(ref), beginCell().storeBits(bits)).endCell();
    await spoof(beginCell().storeUint(OP_KEY_QUERY, 32).storeRef(grown).storeMaybeRef(null).endCell());
    const job = await market.job();
    await market.create(job);
    await spoof(ask);
    await untilState(job, 'delivered');
    const answers = await received(spoofer.address, market.owner.stake);
    assert.ok(answers.length === 3 && answers.every(({ body }) => body.beginParse().skip(32).loadUint(8) === 0));
    assert.equal(worker.store.get(spoofer.address.toRawString()), null);
    assert.deepEqual(worker.store.counts(), { ...before, delivered: (before.delivered ?? 0) + 1 });
  });

  test('a job that its client announces too is one job, and is paid once', async () => {
    const job = await market.job();
    await market.create(job);
    await Promise.all([worker.api.announce(nameOf(job)), worker.api.announce(nameOf(job))]);
    await untilState(job, 'delivered');
    assert.deepEqual(await market.payments(job.escrow.address), [job.terms.price]);
  });

  test('a job that asks another stake is refused without any signature, whoever announces it', async () => {
    const fake = await market.job({ stake: new Address(0, Buffer.alloc(32, 9)) });
    const { init } = fake.escrow;
    const account = { state: 'active' as const, balance: 10n ** 9n, ...init!, apiTime: await market.now() };
    const other = await market.serve({ chain: market.lyingChain(fake.escrow.address, account) });
    await other.api.announce(nameOf(fake));
    await untilState(fake, 'refused', other);
    assert.equal(other.store.get(nameOf(fake))!.external, null);
    await other.stop();
  });
});

describe('a promise to deliver', () => {
  test('a covered job is delivered, its stake reserves the coverage, and asking again gives the same', async () => {
    const before = await market.status();
    const job = await market.job({ coverage: 500_000_000n });
    const acceptance = await promised(job);
    assert.ok((await promised(job)).equals(acceptance));
    await market.create(job, acceptance);
    await untilState(job, 'delivered');
    assert.deepEqual(await market.payments(job.escrow.address), [job.terms.price]);
    assert.equal((await market.status()).reserved - before.reserved, 500_000_000n);
  });

  test('finding 21: the request that was promised is answered, whatever the create message carries', async () => {
    const job = await market.job();
    await market.create(job, await promised(job), new Uint8Array(300).fill(1));
    await untilState(job, 'delivered');
    assert.deepEqual(await market.payments(job.escrow.address), [job.terms.price]);
  });

  test('finding 21: a client that creates an answered job again with the same promise pays for it again', async () => {
    const before = await market.status();
    const job = await market.job();
    const acceptance = await promised(job);
    const first = (await market.create(job, acceptance), await untilPayments(job, 1));
    await market.create(job, acceptance);
    await untilPayments(job, 2);
    assert.equal(first, 1);
    const delivered = (await market.chain.getTransactions(job.escrow.address, 50)).filter(
      ({ inMessage, outMessagesCount }) => inMessage?.info.type === 'external-in' && outMessagesCount > 0,
    );
    const bodies = new Set(delivered.map(({ inMessage }) => inMessage!.body.hash().toString('hex')));
    assert.deepEqual([delivered.length, bodies.size], [2, 1]);
    assert.equal((await market.status()).active, before.active);
    await market.advance(200);
    await eventually(() => worker.store.get(nameOf(job))!.settledAt);
    const noted = worker.store.payments.page({ time: 2 ** 40, row: 0 }, 200).filter((each) => each.job === nameOf(job));
    assert.deepEqual(noted.map(({ receivedNano }) => receivedNano), await market.payments(job.escrow.address), 'both are in the books');
  });

  test('finding 21: a promise that nobody took in time costs nothing and frees its coverage', async () => {
    const before = await market.status();
    const job = await market.job({ coverage: 2_000_000_000n, seconds: 3_000 });
    const acceptance = await promised(job);
    assert.equal(worker.store.promises.open().coverageNano, 2_000_000_000n);
    await market.advance(200);
    await eventually(() => (worker.store.get(nameOf(job)) === null ? true : null));
    assert.deepEqual([worker.store.promises.get(nameOf(job)), worker.store.promises.open().coverageNano], [null, 0n]);
    await market.create(job, acceptance);
    const [failed] = await received(job.client.address, job.escrow.address);
    assert.deepEqual([failed.op, failed.body.beginParse().skip(32).loadUint(8)], [OP_JOB_FAILED, 128 + 9]);
    const after = await market.status();
    assert.deepEqual([after.active, after.reserved], [before.active, before.reserved]);
  });

  test('finding 21: a worker that promised and stays away costs its stake the price, mostly burnt', async () => {
    const away = await market.serve();
    const before = await market.status();
    const job = await market.job({ price: 300_000_000n });
    const acceptance = await promised(job, away);
    await away.stop();
    await worker.stop();
    await market.create(job, acceptance);
    await market.advance(601);
    await market.chain.sendExternal(expireMessage(job.escrow.address));
    const { active } = await market.status();
    assert.equal(before.active - active, job.terms.price);
    const [share] = await received(job.client.address, market.owner.stake);
    assert.deepEqual([share.op, share.value > 50_000_000n && share.value < 120_000_000n], [OP_SLASH_SHARE, true]);
  });
});

describe('a worker process that watches its stake', () => {
  test('killed at the worst instant and away in between, it misses nothing: one payment each', async () => {
    const [early, missed] = [await market.job(), await market.job({ isPublic: true })];
    await market.create(early);
    const killed = market.process({ COCOON_CRASH_AT: 'afterDurable' });
    assert.equal(await killed.exitCode, 128, killed.errorText);
    const store = market.ownStore();
    const left = store.get(nameOf(early))!;
    assert.ok(left.state === 'answered' && left.external !== null);
    store.close();
    await market.create(missed);
    const again = market.process();
    await eventually(async () => ((await market.payments(missed.escrow.address)).length > 0 ? true : null));
    await eventually(async () => ((await market.payments(early.escrow.address)).length > 0 ? true : null));
    await again.stop();
    for (const job of [early, missed]) {
      assert.deepEqual(await market.payments(job.escrow.address), [job.terms.price]);
    }
    const ended = market.ownStore();
    assert.deepEqual(ended.get(nameOf(early))!.external, left.external);
    ended.close();
  });
});

const untilPayments = (job: PersonsJob, count: number): Promise<number> =>
  eventually(async () => {
    const { length } = await market.payments(job.escrow.address);
    return length >= count ? length : null;
  });
