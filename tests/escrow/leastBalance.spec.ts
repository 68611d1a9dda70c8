import '@ton/test-utils';
import { toNano } from '@ton/core';
import { checkTerms } from '../../worker/jobs/escrowCheck';
import { readNetworkPrices } from '../../wrappers';
import { JobWorld, NETWORK_ID, patternBytes } from '../support/jobWorld';

/** The least balance with which the worker still takes the job of `world`. */
function leastAcceptedBalance(world: JobWorld): bigint {
  const { terms, now } = world;
  const prices = readNetworkPrices(world.blockchain.config);
  const policy = {
    networkId: NETWORK_ID,
    workerKey: terms.workerKey,
    payout: terms.payout,
    tier: 0 as const,
    minPrice: 0n,
    minSeconds: 30,
    maxSeconds: 86_400,
  };
  const isAccepted = (balance: bigint): boolean =>
    checkTerms({ kind: 'accepted', terms, checked: null }, balance, policy, prices, now).kind === 'accepted';
  let low = 0n;
  let high = world.value;
  expect([isAccepted(low), isAccepted(high)]).toEqual([false, true]);
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (isAccepted(middle)) high = middle;
    else low = middle;
  }
  return high;
}

describe('the least balance with which a worker takes a job', () => {
  for (const outputCells of [0, 1, 2, 10, 40]) {
    for (const answerInCallback of [false, true]) {
      const name = `${outputCells} cells, in the callback: ${answerInCallback}`;
      it(`pays for the longest answer on the last second: ${name}`, async () => {
        const deadline = 1_800_000_000 + 86_400;
        const world = await JobWorld.create({ outputCells, answerInCallback, deadline });
        await world.create();
        const least = leastAcceptedBalance(world);
        expect(await world.balance(world.job.address)).toBeGreaterThanOrEqual(least);
        const contract = await world.blockchain.getContract(world.job.address);
        contract.balance = least;
        world.blockchain.now = deadline - 1;
        const output = patternBytes(24 + 127 * outputCells, 3);
        const result = await world.deliver(world.delivery(world.answer({ output })));
        expect(result.transactions).toHaveTransaction({ to: world.provider.address, value: world.terms.price });
        expect(await world.isGone()).toBe(true);
      });
    }
  }

  for (const price of [0n, 1n, (1n << 64n) - 1n]) {
    it(`pays a price of ${price} nanoTON exactly`, async () => {
      const world = await JobWorld.create({ price });
      await world.create(world.value - price + toNano('0.1')).catch(() => undefined);
      const contract = await world.blockchain.getContract(world.job.address);
      contract.balance = world.value;
      const result = await world.deliver();
      const payment = { from: world.job.address, to: world.provider.address, value: price };
      expect(result.transactions).toHaveTransaction(payment);
      expect(await world.isGone()).toBe(true);
    });
  }
});
