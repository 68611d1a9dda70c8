import fc from 'fast-check';
import { type Attempt, BountyGame, counts } from './bountyGame';

const RUNS = Number(process.env.COCOON_PROPERTY_RUNS ?? 3);
const SEED = Number(process.env.COCOON_PROPERTY_SEED ?? 42);

const KINDS = [
  ...['try', 'try', 'try', 'try', 'badPrompt', 'cheapTry', 'lateTry'],
  ...['answer', 'answer', 'answer', 'lie', 'noise', 'decline', 'expire', 'forget', 'forge', 'wait'],
  ...['fund', 'fund', 'close', 'thief'],
];
const attempt: fc.Arbitrary<Attempt> = fc.record({
  kind: fc.constantFrom(...KINDS),
  variant: fc.nat(5),
  person: fc.nat(2),
  job: fc.nat(5),
});

describe('a bounty under any sequence of people, workers, thieves and a sponsor', () => {
  it('follows the model after every step, and everything can be had back at the end', async () => {
    console.log(`seed ${SEED}, ${RUNS} sequences`);
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { minLength: 12, maxLength: 30 }), async (attempts) => {
        const game = await BountyGame.start();
        for (const made of attempts) await game.step(made);
        await game.end();
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
  });

  it('does and refuses what random sequences seldom reach', async () => {
    const game = await BountyGame.start();
    const plain: Attempt = { kind: 'try', variant: 5, person: 0, job: 0 };
    const times = async (number: number, made: Partial<Attempt>): Promise<void> => {
      for (let time = 0; time < number; time++) await game.step({ ...plain, ...made });
    };
    await times(20, { kind: 'lateTry' });
    for (const variant of [0, 5]) await times(5, { kind: 'badPrompt', variant });
    await times(5, { kind: 'cheapTry' });
    await times(6, { kind: 'thief' });
    await times(5, { kind: 'fund', variant: 0 });
    await times(32, {});
    await times(5, {});
    await times(5, { kind: 'forget' });
    await times(1, { kind: 'close' });
    await times(5, { kind: 'close' });
    await times(5, {});
    await times(12, { kind: 'fund' });
    await times(1, { kind: 'wait', variant: 5 });
    for (let job = 0; job < 20; job++) await times(1, { kind: 'forget', job });
    for (let job = 20; job < 32; job++) await times(1, { kind: 'expire', job });
    await game.end();
    await times(5, { kind: 'forget' });
    for (const variant of [3, 4, 5, 1, 2]) await times(1, { kind: 'forge', variant });
    await times(12, { kind: 'close' });
    await times(1, { kind: 'fund' });
    for (let time = 0; time < 28; time++) {
      await times(1, { variant: 0 });
      await times(1, { kind: time < 8 ? 'decline' : 'answer' });
      await times(1, { kind: 'fund' });
    }
    await game.end();
  });

  it('met every receiver and every refusal several times', () => {
    console.log([...counts].sort().map(([what, times]) => `${what}: ${times}`).join('\n'));
    const met = (what: string, least: number): void => {
      const times = counts.get(what) ?? 0;
      expect({ what, enough: times >= least, times }).toEqual({ what, enough: true, times });
    };
    for (const what of ['try', 'fund', 'close', 'answered', 'failed', 'bounced', 'forget']) met(`${what} 0`, 20);
    // 762 is no code; 766 depends on the contract's parameters and not on what happens: tests/consumer/bounty.spec.ts.
    for (const code of [761, 763, 767, 771, 772]) met(`try ${code}`, 5);
    for (const code of [764, 765]) met(`forget ${code}`, 5);
    for (const what of ['answered', 'failed', 'bounced']) met(`${what} 764`, 5);
    for (const code of [773, 774]) met(`close ${code}`, 5);
    met('fund 773', 5);
  });
});
