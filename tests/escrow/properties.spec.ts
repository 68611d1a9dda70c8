import { toNano, type Transaction } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import fc from 'fast-check';
import { sumFees } from '../support/fees';
import { JobWorld, patternBytes } from '../support/jobWorld';

/** What may happen to a job, in any order, by honest and dishonest parties. */
type Action =
  | { kind: 'create'; by: 'client' | 'stranger'; value: bigint }
  | { kind: 'deliver'; forged: boolean; output: number }
  | { kind: 'decline' | 'expire' | 'present' }
  | { kind: 'wait'; seconds: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('create' as const),
    by: fc.constantFrom('client' as const, 'stranger' as const),
    value: fc.constantFrom(toNano('0.05'), toNano('0.112'), toNano('0.2'), toNano('3')),
  }),
  fc.record({
    kind: fc.constant('deliver' as const),
    forged: fc.boolean(),
    output: fc.constantFrom(0, 24, 200, 278, 279),
  }),
  fc.record({ kind: fc.constantFrom('decline' as const, 'decline' as const, 'expire' as const, 'present' as const) }),
  fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 200, 599, 100_000) }),
);

/** Most stories begin with a funded job. */
const first: fc.Arbitrary<Action[]> = fc.constantFrom<Action[]>(
  [],
  [{ kind: 'create', by: 'client', value: toNano('0.2') }],
  [{ kind: 'create', by: 'client', value: toNano('0.112') }],
);

async function perform(world: JobWorld, step: Action): Promise<SendMessageResult | undefined> {
  switch (step.kind) {
    case 'create':
      return world.create(step.value, step.by === 'client' ? world.client : world.stranger);
    case 'present':
      return world.stranger.send({ to: world.job.address, value: toNano('0.3'), init: world.job.init, bounce: false });
    case 'deliver': {
      const good = world.delivery(world.answer({ output: patternBytes(step.output) }));
      return world.deliver(step.forged ? { ...good, finishReason: 0 } : good);
    }
    case 'decline':
      return world.decline();
    case 'expire':
      return world.expire();
    case 'wait':
      world.blockchain.now = world.now + step.seconds;
      return undefined;
  }
}

const outcomes = new Map<string, number>();
const count = (what: string): void => void outcomes.set(what, (outcomes.get(what) ?? 0) + 1);

/** nanoTON that a transaction of the job sent to an address. */
function sentTo(transactions: Transaction[], world: JobWorld, to: string): bigint {
  let sum = 0n;
  for (const transaction of transactions) {
    if (transaction.address !== BigInt(`0x${world.job.address.hash.toString('hex')}`)) continue;
    for (const { info } of transaction.outMessages.values()) {
      if (info.type === 'internal' && !info.bounced && info.dest.toString() === to) sum += info.value.coins;
    }
  }
  return sum;
}

describe('a job under any sequence of actions', () => {
  it('conserves TON, pays only the price and only on a genuine receipt in time, and never strands the money', async () => {
    await fc.assert(
      fc.asyncProperty(first, fc.array(action, { minLength: 1, maxLength: 6 }), async (opening, rest) => {
        const steps = [...opening, ...rest];
        const world = await JobWorld.create({ answerInCallback: true });
        const parties = [world.client, world.provider, world.stranger].map(({ address }) => address);
        const total = async () => {
          let sum = await world.balance(world.job.address);
          for (const party of parties) sum += await world.balance(party);
          return sum;
        };
        for (const step of [...steps, { kind: 'wait', seconds: 100_000 } as const, { kind: 'expire' } as const]) {
          const [before, held] = [await total(), await world.balance(world.job.address)];
          const open = world.now < world.terms.deadline;
          let result: SendMessageResult | undefined;
          try {
            result = await perform(world, step);
            if (step.kind !== 'wait') count(`${step.kind} processed`);
          } catch {
            count(`${step.kind} refused before it cost anything`);
            expect(await world.balance(world.job.address)).toBe(held);
          }
          const transactions = result?.transactions ?? [];
          expect(before - (await total())).toBe(sumFees(transactions).totalNano);
          const paid = sentTo(transactions, world, world.provider.address.toString());
          const genuine = step.kind === 'deliver' && !step.forged && step.output <= 278 && open;
          expect([0n, world.terms.price]).toContain(paid);
          if (paid > 0n) {
            count('answers paid');
            expect(genuine).toBe(true);
            expect(held).toBeGreaterThan(world.terms.price);
          }
          if (genuine && held > world.terms.price + toNano('0.012')) expect(paid).toBe(world.terms.price);
          expect(sentTo(transactions, world, world.stranger.address.toString())).toBe(0n);
        }
        expect(await world.balance(world.job.address)).toBeLessThan(2_000_000n);
      }),
      { numRuns: 40, seed: 2026, endOnFailure: true },
    );
    console.log(
      [...outcomes]
        .sort()
        .map(([what, times]) => `${what}: ${times}`)
        .join('\n'),
    );
    for (const what of [
      'create processed',
      'deliver processed',
      'decline processed',
      'expire processed',
      'answers paid',
      'deliver refused before it cost anything',
      'decline refused before it cost anything',
      'expire refused before it cost anything',
    ])
      expect(outcomes.get(what) ?? 0).toBeGreaterThanOrEqual(5);
  });
});
