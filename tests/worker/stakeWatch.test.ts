import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Address, beginCell, type Cell, type Message, type Transaction } from '@ton/core';
import { encodeTerms, type Terms } from '../../protocol';
import { CheckedJobEscrow, OP_KEY_QUERY, OP_KEY_STATUS, toCell, type JobEscrowTerms } from '../../wrappers';
import type { AccountSnapshot } from '../../worker/chain/chainClient';
import { ChainApiError } from '../../worker/errors';
import { escrowCodes, type EscrowCodes } from '../../worker/jobs/escrowCheck';
import type { JobContext } from '../../worker/jobs/process';
import { createLogger } from '../../worker/log';
import { readNews } from '../../worker/stake/history';
import { queryOf } from '../../worker/stake/queries';
import { StakeWatch } from '../../worker/stake/watch';
import { JobStore } from '../../worker/store/jobStore';

const root = mkdtempSync(join(tmpdir(), 'cocoon-watch-'));
const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const account = (byte: number): Address => new Address(0, Buffer.from(fill(byte)));
const NOW = Math.floor(Date.now() / 1000);
const STAKE = account(6);
const KEY = fill(7);
let codes: EscrowCodes;
before(async () => {
  codes = await escrowCodes();
});
after(() => rmSync(root, { recursive: true, force: true }));

const termsOf = (changes: Partial<Terms> = {}): Terms => ({
  networkId: 2026,
  tier: 0,
  visibility: 1,
  flags: 2,
  semantics: 1,
  client: fill(1),
  stake: fill(6),
  workerKey: KEY,
  salt: new Uint8Array(16),
  modelRoot: fill(2),
  requestCommit: fill(3),
  responseKeyHash: fill(4),
  maxTokens: 4,
  expiresAt: NOW + 600,
  promptPrice: 0n,
  outputPrice: 0n,
  fixedPrice: 5n,
  coverage: 0n,
  imageHash: fill(0),
  ...changes,
});
const termsCell = (changes?: Partial<Terms>): Cell => toCell(encodeTerms(termsOf(changes)));
const question = (terms: Cell): Cell =>
  beginCell().storeUint(OP_KEY_QUERY, 32).storeRef(terms).storeMaybeRef(null).endCell();
const status = (code: number): Cell => beginCell().storeUint(OP_KEY_STATUS, 32).storeUint(code, 8).endCell();

interface Event {
  sender: Address;
  body: Cell;
  /** Body of the stake's answer; null: it refused. */
  reply: Cell | null;
  to?: Address;
  bounced?: boolean;
  now?: number;
}
const asks = (sender: Address, changes: Partial<Terms> = {}): Event => ({
  sender,
  body: question(termsCell(changes)),
  reply: status(0),
});

/** Transactions as an account has them, newest first: each names the one before it. */
function historyOf(events: readonly Event[], start = 0): Transaction[] {
  const transactions: Transaction[] = [];
  let before = { lt: 0n, hash: Buffer.alloc(32) };
  events.forEach(({ sender, body, reply, to = sender, bounced = false, now = NOW }, index) => {
    const lt = BigInt(start + index + 1) * 1_000n;
    const content = `${lt} ${sender.toRawString()} ${body.hash().toString('hex')} ${before.hash.toString('hex')}`;
    const hash = createHash('sha256').update(content).digest();
    const internal = (src: Address, dest: Address, cell: Cell): Message =>
      ({ info: { type: 'internal', src, dest, bounced }, body: cell }) as unknown as Message;
    transactions.unshift({
      lt,
      now,
      hash: () => hash,
      prevTransactionLt: before.lt,
      prevTransactionHash: BigInt(`0x${before.hash.toString('hex')}`),
      inMessage: internal(sender, STAKE, body),
      outMessages: new Map(reply === null ? [] : [[0, internal(STAKE, to, reply)]]),
    } as unknown as Transaction);
    before = { lt, hash };
  });
  return transactions;
}

const pagesOf =
  (history: readonly Transaction[]) =>
  (_: Address, limit: number, from?: { lt: string }): Promise<Transaction[]> =>
    Promise.resolve(history.filter(({ lt }) => from === undefined || lt < BigInt(from.lt)).slice(0, limit));
const cursorOf = (transaction: Transaction) => ({
  lt: transaction.lt,
  hash: transaction.hash().toString('hex'),
  time: transaction.now,
});
const senders = (count: number): Address[] => Array.from({ length: count }, (_, index) => account(100 + index));

describe("reading a stake's history", () => {
  test('every question since the cursor comes once, oldest first, over any number of pages', async () => {
    const history = historyOf(senders(120).map((sender) => asks(sender)));
    const all = await readNews(pagesOf(history), STAKE, null, 0, queryOf);
    assert.deepEqual(
      all.found.map(({ value }) => value.sender.toRawString()),
      senders(120).map((sender) => sender.toRawString()),
    );
    assert.deepEqual([all.cursor, all.hasGap], [cursorOf(history[0]), false]);
    for (const known of [0, 1, 60, 118, 119]) {
      const { found, cursor } = await readNews(pagesOf(history), STAKE, cursorOf(history[known]), 0, queryOf);
      assert.deepEqual([found.length, cursor], [known, known === 0 ? null : cursorOf(history[0])]);
    }
  });

  test('an API that leaves out, swaps or changes a transaction never moves the cursor beyond it', async () => {
    const history = historyOf(senders(30).map((sender) => asks(sender)));
    const cursor = cursorOf(history[25]);
    const changed = historyOf([...senders(20).map((sender) => asks(sender)), asks(account(9))]);
    const lies: [string, Transaction[], number][] = [
      ['one is left out', history.filter((_, index) => index !== 10), 10],
      ['two are swapped', [...history.slice(0, 10), history[11], history[10], ...history.slice(12)], 10],
      ['one is another', [...history.slice(0, 9), changed[0], ...history.slice(10)], 9],
      ['it ends early', history.slice(0, 20), 20],
      ['the last before the cursor is missing', history.filter((_, index) => index !== 24), 24],
    ];
    for (const [name, shown, visible] of lies) {
      const news = await readNews(pagesOf(shown), STAKE, cursor, 0, queryOf);
      assert.deepEqual([news.found.length, news.cursor, news.hasGap], [visible, null, true], name);
    }
    const forked = await readNews(pagesOf(history), STAKE, { ...cursor, hash: '00'.repeat(32) }, 0, queryOf);
    assert.deepEqual([forked.cursor, forked.hasGap], [null, true]);
  });

  test('an API that is behind shows nothing new; a history that began anew is read from its beginning', async () => {
    const history = historyOf(senders(10).map((sender) => asks(sender)));
    const behind = await readNews(pagesOf(history.slice(4)), STAKE, cursorOf(history[0]), 0, queryOf);
    assert.deepEqual(behind, { found: [], cursor: null, hasGap: false });
    const later = historyOf(senders(3).map((sender) => ({ ...asks(sender), now: NOW + 9 })));
    const anew = await readNews(pagesOf(later), STAKE, cursorOf(history[0]), 0, queryOf);
    assert.deepEqual([anew.found.length, anew.cursor], [3, cursorOf(later[0])]);
    const ended = await readNews(pagesOf(historyOf([asks(account(9))], 50)), STAKE, cursorOf(history[0]), 0, queryOf);
    assert.equal(ended.found.length, 1, 'the account was ended and is there again');
  });

  test('what is older than any job is not read', async () => {
    const old = senders(40).map((sender) => ({ ...asks(sender), now: NOW - 100_000 }));
    const history = historyOf([...old, ...senders(5).map((sender) => asks(sender))]);
    const news = await readNews(pagesOf(history.slice(0, 20)), STAKE, null, NOW - 86_400, queryOf);
    assert.deepEqual([news.found.length, news.cursor], [5, cursorOf(history[0])]);
  });

  test('only a question that the stake answered fine to its sender counts, in the form that jobs send', () => {
    const [sender] = senders(1);
    const seen = (change: Partial<Event>): boolean => queryOf(historyOf([{ ...asks(sender), ...change }])[0]) !== null;
    const terms = termsCell();
    const grow = (): Cell => {
      let tree = beginCell().endCell();
      for (let depth = 0; depth < 500; depth++) tree = beginCell().storeRef(tree).storeRef(tree).endCell();
      return beginCell().storeBits(terms.bits).storeRef(tree).storeRef(terms.refs[1]).endCell();
    };
    assert.equal(seen({}), true);
    assert.equal(seen({ reply: status(2) }), false);
    assert.equal(seen({ reply: null }), false);
    assert.equal(seen({ to: account(9) }), false);
    assert.equal(seen({ bounced: true }), false);
    assert.equal(seen({ sender: new Address(-1, Buffer.alloc(32, 5)) }), false);
    assert.equal(seen({ body: beginCell().storeUint(0x0c05, 32).endCell() }), false);
    assert.equal(seen({ body: beginCell().endCell() }), false);
    assert.equal(seen({ body: question(beginCell().storeUint(1, 8).endCell()) }), false);
    assert.equal(seen({ body: question(grow()) }), false, 'a tree of 2^500 paths is not walked');
  });
});

/** A chain on which the test decides what stands at an address. */
class FakeChain {
  history: Transaction[] = [];
  accounts = new Map<string, AccountSnapshot>();
  looks: string[] = [];
  atOnce = 0;
  most = 0;
  away = false;
  getPage = (address: Address, limit: number, from?: { lt: string }): Promise<Transaction[]> =>
    pagesOf(this.history)(address, limit, from);
  getAccount = async (address: Address): Promise<AccountSnapshot> => {
    this.looks.push(address.toRawString());
    this.most = Math.max(this.most, ++this.atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    this.atOnce--;
    if (this.away) throw new ChainApiError('network.unreachable', 'away');
    const none = { state: 'absent' as const, balance: 0n, code: null, data: null, apiTime: NOW + 5 };
    return this.accounts.get(address.toRawString()) ?? none;
  };
}

let folders = 0;
function watchOf(chain: FakeChain, folder = `store-${folders++}`, hasRoom: () => boolean = () => true) {
  const identity = { networkId: 2026, workerKey: Buffer.from(KEY).toString('hex') };
  const store = JobStore.open(join(root, folder), identity);
  const limits = { minPrice: 1n, minSeconds: 30, maxSeconds: 86_400 };
  const policy = { networkId: 2026, workerKey: KEY, payout: account(2), ...limits };
  const parts = { chain, store, log: createLogger('silent'), policy, stake: fill(6), escrowCodes: codes };
  const context = parts as unknown as JobContext;
  const jobs: string[] = [];
  const onJob = (name: string): void => void jobs.push(name);
  const options = { context, pollSeconds: 0.01, signal: new AbortController().signal, hasRoom, onJob };
  return { watch: new StakeWatch(options), store, jobs };
}

let salts = 0;
/** A genuine job for the key, on chain. */
async function putJob(chain: FakeChain, changes: Partial<JobEscrowTerms> = {}, apiTime = NOW): Promise<Address> {
  const terms: JobEscrowTerms = {
    networkId: 2026,
    deadline: NOW + 600,
    price: 5n,
    outputCells: 1,
    answerInCallback: true,
    client: account(1),
    payout: account(2),
    workerKey: KEY,
    termsHash: fill(++salts),
    ...changes,
  };
  const { address, init } = await CheckedJobEscrow.fromTerms(terms, STAKE);
  chain.accounts.set(address.toRawString(), { state: 'active', balance: 10n ** 9n, ...init!, apiTime });
  return address;
}

describe('watching a stake', () => {
  test('a flood of questions costs one look each, a few at a time, and leaves nothing behind but the job in it', async () => {
    const chain = new FakeChain();
    const job = await putJob(chain);
    const flood = senders(150);
    chain.history = historyOf([...flood, job, ...flood].map((sender) => asks(sender)));
    const { watch, store, jobs } = watchOf(chain);
    await watch.look();
    assert.deepEqual([jobs, store.counts()], [[job.toRawString()], { seen: 1 }]);
    assert.ok(chain.looks.length === 301 && chain.most <= 8);
    await watch.look();
    assert.equal(chain.looks.length, 301, 'nothing is looked at twice');
    store.close();
  });

  test('questions about another key of the stake, another stake or network, or a passed deadline are not looked at', async () => {
    const chain = new FakeChain();
    const job = await putJob(chain);
    const others = [{ workerKey: fill(8) }, { stake: fill(9) }, { networkId: -239 }, { expiresAt: NOW - 1 }];
    chain.history = historyOf(others.map((changes) => asks(job, changes)));
    const { watch, store, jobs } = watchOf(chain);
    await watch.look();
    assert.deepEqual([jobs, chain.looks, store.counts()], [[], [], {}]);
    store.close();
  });

  test('a look-alike, a job of another key and a job of another stake that ask with our terms are no jobs of ours', async () => {
    const chain = new FakeChain();
    const lookAlike = account(50);
    const genuine = await putJob(chain);
    chain.accounts.set(lookAlike.toRawString(), chain.accounts.get(genuine.toRawString())!);
    const otherKey = await putJob(chain, { workerKey: fill(8) });
    const otherNetwork = await putJob(chain, { networkId: -239 });
    chain.history = historyOf([lookAlike, otherKey, otherNetwork].map((sender) => asks(sender)));
    const { watch, store, jobs } = watchOf(chain);
    await watch.look();
    assert.deepEqual([jobs, store.counts(), chain.looks.length], [[], {}, 3]);
    store.close();
  });

  test('an API that goes away in between loses nothing: the cursor moves only when all was looked at', async () => {
    const chain = new FakeChain();
    const job = await putJob(chain);
    chain.history = historyOf([asks(account(50)), asks(job)]);
    const first = watchOf(chain, 'again');
    chain.away = true;
    await assert.rejects(first.watch.look(), /away/);
    assert.deepEqual([first.jobs, first.store.cursors.get(STAKE.toRawString())], [[], null]);
    first.store.close();
    chain.away = false;
    const second = watchOf(chain, 'again');
    await second.watch.look();
    assert.deepEqual(second.jobs, [job.toRawString()]);
    assert.deepEqual(second.store.cursors.get(STAKE.toRawString()), cursorOf(chain.history[0]));
    second.store.close();
    const third = watchOf(chain, 'again');
    await third.watch.look();
    assert.deepEqual(third.jobs, [], 'the store has it, and so has the cursor');
    third.store.close();
  });

  test('a question that an API hides is found when it shows it, and what it shows meanwhile is served once', async () => {
    const chain = new FakeChain();
    const [hidden, shown] = [await putJob(chain), await putJob(chain)];
    const whole = historyOf([asks(account(50)), asks(hidden), asks(account(51)), asks(shown)]);
    const { watch, store, jobs } = watchOf(chain);
    chain.history = whole.filter((_, index) => index !== 2);
    await watch.look();
    await watch.look();
    assert.deepEqual([jobs, chain.looks.length], [[shown.toRawString()], 2]);
    chain.history = whole;
    await watch.look();
    assert.deepEqual(jobs, [shown.toRawString(), hidden.toRawString()]);
    assert.deepEqual(store.cursors.get(STAKE.toRawString()), cursorOf(whole[0]));
    store.close();
  });

  test('a job that an API does not show yet is waited for, and one is not taken while there is no room', async () => {
    const chain = new FakeChain();
    const job = await putJob(chain);
    const name = job.toRawString();
    const snapshot = chain.accounts.get(name)!;
    chain.accounts.set(name, { ...snapshot, state: 'absent', code: null, data: null, apiTime: NOW - 10 });
    chain.history = historyOf([asks(job)]);
    let room = false;
    const { watch, store, jobs } = watchOf(chain, undefined, () => room);
    const look = watch.look();
    await new Promise((resolve) => setTimeout(resolve, 50));
    chain.accounts.set(name, snapshot);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([jobs, store.get(name), store.cursors.get(STAKE.toRawString())], [[], null, null]);
    room = true;
    await look;
    assert.deepEqual(jobs, [name]);
    store.close();
  });
});
