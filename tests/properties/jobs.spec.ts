import fc from 'fast-check';
import { Counts } from './counts';
import { attemptOn, perform } from './jobAttempts';
import { JobMarket } from './jobMarket';
import { type JobAttempt, NOTHING_SPECIAL } from './jobMessages';
import { type PostedJob, PROMISES, type TermsKind } from './postedJob';

const RUNS = Number(process.env.COCOON_PROPERTY_RUNS ?? 5);
const SEED = Number(process.env.COCOON_PROPERTY_SEED ?? 2026);

const KINDS = [
  ...['post', 'post', 'post', 'post', 'create', 'create', 'decline', 'decline'],
  ...['deliver', 'deliver', 'deliver', 'deliver'],
  ...['expire', 'topUp', 'fakeStatus', 'fakeBounce', 'fakeUndelivered', 'evidence', 'wait', 'wait', 'wait'],
  ...['deposit', 'deposit', 'thaw', 'withdraw', 'addKey', 'removeKey', 'prune'],
];
const attempt: fc.Arbitrary<JobAttempt> = fc.record({
  kind: fc.constantFrom(...KINDS),
  slot: fc.nat(2),
  fault: fc.nat(20).map((fault) => (fault > 8 ? 0 : fault)),
  size: fc.nat(99),
  variant: fc.nat(15),
});
/** In some sequences everything becomes dear, in others the client's contract throws. */
const special = fc.record({ raisedAfter: fc.nat(60), throws: fc.nat(3).map((number) => number === 0) });

const counts = new Counts();
const noPromise = PROMISES.indexOf('none');
const goodPromise = PROMISES.indexOf('good');

/** One job after another with what is done to it, on a market of its own. */
class Story {
  private constructor(readonly market: JobMarket) {}

  static async begin(): Promise<Story> {
    return new Story(await JobMarket.open(counts));
  }

  async post(kind: TermsKind, create: Partial<JobAttempt> = {}, size = 1): Promise<PostedJob> {
    const job = await this.market.post(kind, size);
    await this.on(job, 'create', create);
    return job;
  }

  async on(job: PostedJob, kind: string, made: Partial<JobAttempt> = {}, times = 1): Promise<void> {
    for (let time = 0; time < times; time++) {
      await attemptOn(this.market, job, { ...NOTHING_SPECIAL, variant: noPromise, ...made, kind });
    }
  }
}

describe('jobs of both kinds over one stake under any sequence of honest, lying and forgetful parties', () => {
  it('follow the model after every step, end once, and leave nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(special, fc.array(attempt, { minLength: 20, maxLength: 40 }), async (how, attempts) => {
        const market = await JobMarket.open(counts);
        if (how.throws) await market.breakClient();
        for (const [index, made] of attempts.entries()) {
          if (index === how.raisedAfter) market.raisePrices();
          await perform(market, made);
        }
        await market.end();
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
  });

  it('refuse what random sequences seldom try, and still end', async () => {
    const story = await Story.begin();
    for (const kind of ['plain', 'fine'] as const) {
      const isChecked = kind === 'fine';
      const job = await story.market.post(kind, 1);
      for (const fault of [1, 2, 3]) await story.on(job, 'create', { fault }, fault === 3 && !isChecked ? 0 : 5);
      if (isChecked) await story.on(job, 'create', { variant: PROMISES.indexOf('large') }, 5);
      await story.on(job, 'topUp');
      if (isChecked) for (const what of ['deliver', 'decline', 'expire']) await story.on(job, what, {}, 5);
      await story.on(job, 'create');
      if (isChecked) for (const what of ['create', 'fakeStatus', 'fakeBounce']) await story.on(job, what, {}, 5);
      for (const fault of [1, 2, 3, 4, 5, 6, 7, 8]) await story.on(job, 'deliver', { fault }, 5);
      for (const fault of [1, 2, 3]) await story.on(job, 'decline', { fault }, 5);
      for (const fault of [0, 1]) await story.on(job, 'expire', { fault }, 5);
      story.market.wait(599);
      await story.on(job, 'deliver');
      await story.on(job, 'create');
      story.market.wait(1);
      for (const what of ['create', 'deliver', 'decline']) await story.on(job, what, {}, 5);
      for (const fault of [1, 2, 0]) await story.on(job, 'expire', { fault }, 5);
    }
    const promised = await story.post('fine', { variant: goodPromise });
    await story.on(promised, 'decline', {}, 5);
    // Expired while the stake is asked: there is no promise yet.
    await story.post('fine', { variant: PROMISES.indexOf('good', 3), size: 5, slot: 1 });
    await story.market.end();
  });

  it('are refunded with the reason why the stake does not stand for them', async () => {
    const story = await Story.begin();
    const kinds = ['secondKey', 'tier', 'image', 'semantics', 'otherStake', 'tooLong'] as const;
    for (const kind of kinds) for (let time = 0; time < 5; time++) await story.post(kind);
    for (const kind of ['noStake', 'unreadable'] as const) for (let time = 0; time < 7; time++) await story.post(kind);
    for (let time = 0; time < 6; time++) await story.post('fine', { variant: PROMISES.indexOf('unreadable') });
    for (const promise of ['none', 'forged', 'late', 'elsewhere', 'otherTerms'] as const) {
      await story.post('coverage', { variant: PROMISES.indexOf(promise) });
      await story.post('fine', { variant: PROMISES.indexOf(promise) });
    }
    for (let time = 0; time < 7; time++) await story.post('coverage', { variant: goodPromise }, 29);
    await story.on(story.market.jobs[0], 'removeKey');
    story.market.wait(3_600);
    for (let time = 0; time < 5; time++) await story.post('fine');
    await story.on(await story.post('fine'), 'addKey', { variant: 0, size: 0 });
    await story.on(await story.post('fine'), 'evidence');
    for (let time = 0; time < 5; time++) await story.post('fine');
    await story.market.end();
  });

  it('are paid or declined, and lack the fees only when prices rose', async () => {
    const story = await Story.begin();
    for (const kind of ['plain', 'fine'] as const) {
      for (let time = 0; time < 12; time++) await story.on(await story.post(kind), 'deliver');
      for (let time = 0; time < 20; time++) await story.on(await story.post(kind), 'decline');
    }
    const promised: PostedJob[] = [];
    for (let time = 0; time < 17; time++) promised.push(await story.post('fine', { variant: goodPromise }));
    for (const job of promised) await story.on(job, 'fakeUndelivered');
    for (let time = 0; time < 6; time++) promised.push(await story.post('plain'));
    story.market.wait(600);
    for (const job of promised) await story.on(job, 'expire');
    const open: PostedJob[] = [];
    for (let time = 0; time < 5; time++) open.push(await story.post('plain'), await story.post('fine'));
    story.market.raisePrices();
    for (const job of open) await story.on(job, 'deliver');
    for (const job of open) {
      await story.on(job, 'topUp');
      await story.on(job, 'deliver');
    }
    await story.market.end();
  });

  it('met every receiver and every refusal several times', () => {
    console.log(`seed ${SEED}, ${RUNS} sequences; accepted (0) and refused\n${counts}`);
    const kinds = ['plain', 'checked'];
    const ends = ['create', 'deliver', 'decline', 'expire'];
    const accepted = kinds.flatMap((kind) => ends.map((end) => `${kind}.${end} 0`));
    accepted.push('status 0', 'status 15', 'stake.undelivered 0', 'stake.fakeUndelivered 0');
    const refusals: Record<string, number[]> = {
      'plain.create': [702, 703, 704],
      'plain.deliver': [701, 705, 706, 707, 8, 9],
      'plain.decline': [701, 705, 9],
      'plain.expire': [701, 9],
      'checked.create': [702, 703, 704, 731, 732, 736],
      'checked.deliver': [701, 705, 706, 707, 8, 9, 734],
      'checked.decline': [701, 705, 734, 735, 9],
      'checked.expire': [701, 734, 9],
      'checked.fakeStatus': [733],
      'checked.fakeBounce': [733],
      'job.topUp': [130],
      status: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    };
    const refused = Object.entries(refusals).flatMap(([kind, codes]) => codes.map((code) => `${kind} ${code}`));
    expect(counts.missing(accepted, 8)).toEqual([]);
    expect(counts.missing(refused, 2)).toEqual([]);
  });
});
