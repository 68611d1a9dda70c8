import { toNano } from '@ton/core';
import { decline, deliver, fakeBounce, fakeStatus, type JobAttempt, NOTHING_SPECIAL } from './jobMessages';
import { type JobMarket, POOR } from './jobMarket';
import { exitCode, type Transactions } from './ledger';
import { type PostedJob, type PromiseKind, PROMISES } from './postedJob';

const KEY_NO_ANSWER = 15;

/** Faults: 1 one nanoTON short, 2 by a thief, 3 terms that are not pinned. A fifth stops while the stake is asked. */
export async function createJob(market: JobMarket, job: PostedJob, made: JobAttempt): Promise<void> {
  const { model, contract } = job;
  const { checked } = model.parameters;
  const held = market.held(job);
  const promise: PromiseKind = checked ? PROMISES[made.variant % PROMISES.length] : 'none';
  const { client, stranger } = market.parties;
  const isShort = made.fault === 1;
  const margin = model.state === 'absent' && held === 0n ? (isShort ? -1n : 0n) : isShort ? -POOR : toNano('0.05');
  const value = job.required() + margin;
  const facts = {
    byClient: made.fault !== 2,
    enough: held + value >= job.required(),
    pinnedTerms: made.fault !== 3,
    small: promise !== 'large',
  };
  const reasons = model.create(facts, market.now);
  const message = {
    from: (facts.byClient ? client : stranger).address,
    to: contract.address,
    value,
    body: job.create(promise, facts.pinnedTerms),
    bounce: true,
    init: contract.init,
  };
  const label = `${checked ? 'checked' : 'plain'}.create`;
  if (reasons.length > 0 || !checked) {
    market.judge(label, exitCode(await market.internal(message)), reasons);
    if (model.state === 'absent') model.state = 'fresh';
    if (reasons.length === 0 && held < POOR) model.funded++;
    return;
  }
  if (held < POOR) model.funded++;
  model.state = 'checking';
  let expected = 0;
  const answer = (): void => void (expected = stakesAnswer(market, job, promise));
  let transactions: Transactions;
  if (made.size % 5 === 0) {
    transactions = await market.ledger.interrupted(message, async () => {
      await meanwhile(market, job, made);
      answer();
    });
  } else {
    answer();
    transactions = await market.internal(message);
  }
  market.judge(label, exitCode(transactions), []);
  market.counts.add(`status ${expected}`);
  const ending = market.endingOf(job, transactions);
  if (model.state !== 'checking') {
    // It ended meanwhile: the stake's answer finds nobody, and what it brings waits for whoever deploys the job again.
    expect(ending).toEqual({ paid: [], answered: 0, failed: [], reported: 0 });
    job.stray += market.held(job);
    return;
  }
  const isOpen = expected === 0 && market.now < job.terms.deadline;
  expect({ terms: job.kind, promise, failed: ending.failed }).toEqual({
    terms: job.kind,
    promise,
    failed: isOpen ? [] : [128 + expected],
  });
  if (isOpen) {
    model.state = 'open';
    model.promised = promise !== 'none';
  } else {
    await market.closed(job, ending, false);
  }
}

/** What the stake says, KEY_NO_ANSWER when it cannot read the question. */
function stakesAnswer(market: JobMarket, job: PostedJob, promise: PromiseKind): number {
  const asked = job.asked(promise);
  if (asked === null) return KEY_NO_ANSWER;
  if (promise !== 'unreadable') return market.stakeModel.query(String(job.key), asked, market.now);
  // It reads the promise last.
  const before = market.stakeModel.query(String(job.key), { ...asked, coverage: 0n, promised: null }, market.now);
  return before === 0 ? KEY_NO_ANSWER : before;
}

/** What others try while the question is on its way. */
async function meanwhile(market: JobMarket, job: PostedJob, made: JobAttempt): Promise<void> {
  const attempt = { ...NOTHING_SPECIAL, variant: made.variant };
  await fakeStatus(market, job, attempt);
  await fakeBounce(market, job, attempt);
  switch (made.variant % 4) {
    case 0:
      return deliver(market, job, attempt);
    case 1:
      return decline(market, job, attempt);
    case 2:
      return createJob(market, job, attempt);
    default:
      if (made.slot < 2) market.wait(job.terms.deadline - market.now);
      // At raised prices the stake's change would be more than dust.
      if (made.slot === 1 && !market.wereRaised) await market.expire(job);
  }
}
