import fc from 'fast-check';
import { type Attempt, RegistryRun } from './registryRun';

const RUNS = Number(process.env.COCOON_PROPERTY_RUNS ?? 5);
const SEED = Number(process.env.COCOON_PROPERTY_SEED ?? 2026);

const KINDS = [
  ...['proposeImage', 'proposeImage', 'proposeBuiltImage', 'activate', 'activate', 'revoke', 'prune'],
  ...['proposeGovernance', 'acceptGovernance', 'acceptGovernance', 'cancelGovernance', 'providerActive', 'topUp', 'raise', 'imageQuery', 'imageQuery'],
  ...['wait', 'wait', 'wait'],
];
const rarely = fc.nat(7).map((number) => number === 0);
const attempt: fc.Arbitrary<Attempt> = fc.record({
  kind: fc.constantFrom(...KINDS),
  rightful: rarely.map((thief) => !thief),
  party: fc.nat(3),
  low: rarely,
  image: fc.nat(3),
  variant: fc.nat(7),
});
const plain: Attempt = { kind: 'wait', rightful: true, party: 0, low: false, image: 0, variant: 0 };
/** Of `wait`. */
const [NOTICE_LATER, LAPSE_LATER, MONTH_LATER] = [3, 6, 7];

const counts = new Map<string, number>();
const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
const open = () => RegistryRun.open(count);

describe('a registry under any sequence of governors, guardians, builders, stakes and strangers', () => {
  it('findings 50 and 52: follows the model after every step', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { minLength: 10, maxLength: 24 }), async (attempts) => {
        const run = await open();
        for (const made of attempts) await run.step(made);
        await run.end();
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
  });

  it('finding 52: whole lives of images and of governing sets, one after the other', async () => {
    const run = await open();
    for (let round = 0; round < 10; round++) {
      for (const image of [0, 1, 2, 3]) {
        await run.step({ ...plain, kind: image < 2 ? 'proposeImage' : 'proposeBuiltImage', image });
      }
      await run.step({ ...plain, kind: 'proposeGovernance', party: round % 2 ? 0 : 2 });
      await run.step({ ...plain, variant: NOTICE_LATER });
      await run.step({ ...plain, kind: 'acceptGovernance' });
      for (const image of [1, 2]) await run.step({ ...plain, kind: 'activate', image });
      for (const variant of [0, 1, 2]) await run.step({ ...plain, kind: 'imageQuery', image: 2, variant });
      for (const image of [0, 1]) await run.step({ ...plain, kind: 'revoke', image, variant: image });
      await run.step({ ...plain, kind: 'proposeGovernance', party: round % 3, variant: 1 });
      await run.step({ ...plain, variant: NOTICE_LATER });
      await run.step({ ...plain, kind: 'acceptGovernance' }); // takes SWHardeningNeeded too
      for (const variant of [1, 2]) await run.step({ ...plain, kind: 'imageQuery', image: 2, variant });
      for (let raise = 0; raise < 10; raise++) await run.step({ ...plain, kind: 'raise' });
      await run.step({ ...plain, kind: 'imageQuery', image: 2 });
      await run.step({ ...plain, variant: MONTH_LATER });
      for (const image of [0, 1, 3]) await run.step({ ...plain, kind: 'prune', image });
      await run.step({ ...plain, kind: 'revoke', image: 2 });
      await run.step({ ...plain, variant: MONTH_LATER });
      await run.step({ ...plain, kind: 'prune', image: 2 });
    }
    await run.end();
  });

  it('refuses what random sequences seldom try', async () => {
    const run = await open();
    const five = async (made: Partial<Attempt>, times = 5): Promise<void> => {
      for (let time = 0; time < times; time++) await run.step({ ...plain, ...made });
    };
    const thief = { rightful: false, party: 3 };
    const senders = ['proposeImage', 'revoke', 'raise', 'proposeGovernance', 'cancelGovernance', 'providerActive'];
    for (const kind of senders) await five({ kind, ...thief });
    const kinds = new Set(KINDS.filter((kind) => kind !== 'wait' && kind !== 'topUp'));
    for (const kind of kinds) await five({ kind, low: true });
    for (const kind of ['activate', 'revoke', 'prune']) await five({ kind, image: 3 });
    for (const kind of ['acceptGovernance', 'cancelGovernance']) await five({ kind });
    await five({ kind: 'proposeImage', variant: 6 });
    await five({ kind: 'proposeBuiltImage', rightful: false, party: 1 });
    for (const variant of [3, 4, 5, 6, 7]) await five({ kind: 'proposeBuiltImage', variant });
    await five({ kind: 'proposeImage' }, 6);
    await five({ kind: 'proposeBuiltImage' });
    await five({ kind: 'activate' });
    await five({ kind: 'prune' });
    await five({ kind: 'proposeGovernance', variant: 6 });
    await five({ kind: 'proposeGovernance', party: 2 }, 10);
    await five({ kind: 'acceptGovernance', ...thief });
    await five({ kind: 'acceptGovernance' });
    await five({ variant: LAPSE_LATER }, 1);
    await five({ kind: 'acceptGovernance' });
    await five({ kind: 'activate' });
    for (let round = 0; round < 20; round++) {
      await run.step({ ...plain, kind: 'proposeGovernance' });
      await run.step({ ...plain, kind: 'cancelGovernance' });
    }
    await five({ kind: 'providerActive' }, 20);
    await five({ kind: 'topUp' }, 20);
    await five({ kind: 'raise' }, 20);
    await five({ kind: 'raise', variant: 1 });
    await five({ kind: 'proposeGovernance', variant: 5 });
    await five({ kind: 'proposeGovernance', variant: 7 });
    for (const variant of [0, 1, 2, 3, 4, 5, 6]) await five({ kind: 'imageQuery', variant });
    await run.end();
  });

  it('refuses an image beyond the last slot and evicts none', async () => {
    const run = await open();
    await run.fill(60);
    for (let image = 60; image < 64; image++) await run.step({ ...plain, kind: 'proposeImage', image });
    for (let again = 0; again < 5; again++) {
      for (const kind of ['proposeImage', 'proposeBuiltImage']) await run.step({ ...plain, kind, image: 64 + again });
    }
    await run.step({ ...plain, variant: LAPSE_LATER });
    await run.step({ ...plain, kind: 'prune', image: 7 });
    await run.step({ ...plain, kind: 'proposeImage', image: 70 });
    await run.end();
  });

  it('met every receiver and every refusal several times', () => {
    console.log([...counts].sort().map(([what, times]) => `${what}: ${times}`).join('\n'));
    const met = (what: string, least: number): void => {
      const times = counts.get(what) ?? 0;
      expect({ what, enough: times >= least, times }).toEqual({ what, enough: true, times });
    };
    for (const kind of new Set(KINDS.filter((kind) => kind !== 'wait'))) met(`${kind} 0`, 20);
    const refusals: Record<string, number[]> = {
      proposeImage: [741, 743, 744, 746, 747],
      proposeBuiltImage: [743, 744, 746, 747, 750, 751, 752, 753, 754],
      activate: [743, 745, 748],
      revoke: [742, 743, 745],
      prune: [743, 745, 749],
      proposeGovernance: [741, 743, 755],
      acceptGovernance: [743, 748, 756, 757],
      cancelGovernance: [741, 743, 756],
      providerActive: [743, 758],
      imageQuery: [743],
      raise: [742, 743, 759],
    };
    for (const reason of ['fine', 'image', 'tcb-status', 'other-root', 'old-evaluation']) met(`answer ${reason}`, 5);
    for (const [kind, codes] of Object.entries(refusals)) for (const code of codes) met(`${kind} ${code}`, 5);
  });
});
