import fc from 'fast-check';
import { Counts } from './counts';
import { type Attempt, Market, plain } from './stakeMarket';
import { MAX_KEYS } from './stakeModel';

const RUNS = Number(process.env.COCOON_PROPERTY_RUNS ?? 5);
const SEED = Number(process.env.COCOON_PROPERTY_SEED ?? 2026);

const KINDS = [
  ...['deposit', 'thaw', 'withdraw', 'addKey', 'removeKey', 'prune', 'descriptor'],
  ...['query', 'query', 'undelivered', 'receipts', 'receipts', 'mislabelled', 'wait', 'wait'],
];
const rarely = fc.nat(7).map((number) => number === 0);
const attempt: fc.Arbitrary<Attempt> = fc.record({
  kind: fc.constantFrom(...KINDS),
  rightful: rarely.map((thief) => !thief),
  low: rarely,
  key: fc.nat(2),
  size: fc.nat(99),
  variant: fc.nat(7),
});

const counts = new Counts();

describe('a stake under any sequence of owners, thieves, escrows and watchers', () => {
  it('follows the model after every step, and can be withdrawn to zero at the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { minLength: 10, maxLength: 24 }), async (attempts) => {
        const market = await Market.open(counts);
        for (const made of attempts) await market.step(made);
        await market.end();
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
  });

  it('refuses a key beyond the last slot and evicts none', async () => {
    const market = await Market.open(counts);
    for (let key = 1; key < MAX_KEYS; key++) await market.step({ ...plain, key });
    for (let again = 0; again < 5; again++) await market.step({ ...plain, key: MAX_KEYS });
    await market.end();
  });

  it('refuses what random sequences seldom try', async () => {
    const market = await Market.open(counts);
    const five = async (made: Partial<Attempt>, times = 5): Promise<void> => {
      for (let time = 0; time < times; time++) await market.step({ ...plain, ...made });
    };
    await five({ kind: 'query', size: 0 });
    await five({ kind: 'query', variant: 3, size: 99 }, 6);
    await five({ kind: 'query', variant: 7, size: 51 }, 3);
    await five({ size: 10 });
    await five({ size: 90 });
    await five({ variant: 0 });
    await five({ low: true });
    await five({ rightful: false });
    for (const kind of ['receipts', 'mislabelled']) {
      await five({ kind, variant: 3, low: true });
      await five({ kind, variant: 3, key: 2 });
      await five({ kind, variant: 3, rightful: false });
      for (const variant of [0, 1, 2]) await five({ kind, variant });
      await five({ kind, variant: 3, size: kind === 'receipts' ? 1 : 2 }, 6);
    }
    await five({ kind: 'query', variant: 1 });
    await five({});
    await five({ kind: 'removeKey', key: 2 }, 3);
    await five({ kind: 'removeKey' }, 20);
    for (const kind of ['thaw', 'withdraw', 'removeKey', 'descriptor']) {
      await five({ kind, low: true });
      await five({ kind, rightful: false });
    }
    await five({ kind: 'deposit', low: true });
    await five({ kind: 'deposit', size: 10 }, 8);
    await five({ kind: 'thaw', variant: 0 });
    await five({ kind: 'thaw', variant: 2, size: 1 }, 8);
    await five({ kind: 'withdraw' });
    await five({ kind: 'prune' });
    await five({ kind: 'query', variant: 1, key: 0, low: true });
    await five({ kind: 'descriptor', variant: 1 });
    await five({ kind: 'descriptor', variant: 4 }, 10);
    for (const seq of [8, 9, 11, 12, 13, 14]) await five({ kind: 'receipts', variant: 3, size: seq }, 1);
    for (const times of [1, 2, 3, 4]) await five({ kind: 'undelivered', size: times });
    await market.end();
  });

  it('convicts once a job, and a stake that lost too much has no working key', async () => {
    for (const kind of ['receipts', 'mislabelled', 'mislabelled', 'receipts']) {
      const market = await Market.open(counts);
      for (let time = 0; time < 2; time++) await market.step({ ...plain, kind: 'query', variant: 1, size: 51 });
      await market.step({ ...plain, key: 1, variant: 6 });
      for (const key of [1, 1, 0]) await market.step({ ...plain, kind: 'query', variant: 1, size: key ? 51 : 50, key });
      for (let seq = 0; seq < 8; seq++) await market.step({ ...plain, kind, size: seq });
      await market.step({ ...plain, kind, size: 0 });
      for (const same of ['withdraw', 'descriptor']) {
        for (let time = 0; time < 3; time++) await market.step({ ...plain, kind: same, variant: 4 });
      }
      await market.end();
      const poor = await Market.open(counts);
      for (let seq = 0; seq < 3; seq++) await poor.step({ ...plain, kind, size: seq });
      for (let time = 0; time < 2; time++) await poor.step({ ...plain, kind: 'query', variant: 1, size: 51 });
      for (let time = 0; time < 2; time++) await poor.step({ ...plain, kind: 'thaw', variant: 2, size: 1 });
      await poor.end();
    }
  });

  it('met every receiver and every refusal several times', () => {
    console.log(`seed ${SEED}, ${RUNS} sequences; accepted (0) and refused\n${counts}`);
    const accepted = new Set(KINDS.filter((kind) => kind !== 'wait').map((kind) => `${kind} 0`));
    const refusals: Record<string, number[]> = {
      deposit: [712],
      thaw: [711, 712, 713],
      withdraw: [711, 712, 714],
      addKey: [711, 712, 715, 716, 719, 720, 721],
      removeKey: [711, 712, 717],
      prune: [717, 718],
      descriptor: [711, 712, 722],
      query: [712],
      receipts: [712, 717, 723, 724, 725, 726, 728],
      mislabelled: [712, 717, 723, 724, 725, 727, 728],
      status: [0, 2, 3, 4, 7, 8, 9, 10],
    };
    const refused = Object.entries(refusals).flatMap(([kind, codes]) => codes.map((code) => `${kind} ${code}`));
    expect(counts.missing([...accepted], 8)).toEqual([]);
    expect(counts.missing(refused, 2)).toEqual([]);
  });
});
