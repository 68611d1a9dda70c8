import { type Address, Cell } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { packCreateJob, requiredJobValue } from '../../wrappers';
import { CheckedJobWorld, REGISTRY } from '../support/checkedJobWorld';
import { pricesOf } from '../support/config';
import { Ledger, type Transactions } from './ledger';
import { PostedJob } from './postedJob';

/** Accounts that took part or were written to. */
function touched(transactions: Transactions): Set<string> {
  const accounts = new Set<string>();
  for (const { inMessage, outMessages } of transactions) {
    for (const message of [inMessage!, ...outMessages.values()]) {
      for (const address of [message.info.src, message.info.dest]) if (address) accounts.add(String(address));
    }
  }
  return accounts;
}

const names = (...addresses: Address[]): string[] => addresses.map(String).sort();

describe('nothing on the settle path touches registry or stake', () => {
  for (const how of ['deliver', 'decline', 'expire'] as const) {
    it(`a job is created and ends (${how}) between its own account and its two parties`, async () => {
      const world = await CheckedJobWorld.create();
      const { blockchain: chain, client, payout } = world;
      const job = await PostedJob.make(chain, 'plain', 1, 0);
      const ledger = new Ledger(chain);
      const own = job.contract.address;
      await ledger.add(own, client.address, payout.address);
      const created = await ledger.internal({
        from: client.address,
        to: own,
        value: requiredJobValue(job.terms, pricesOf(chain)),
        body: packCreateJob(Uint8Array.of(2)),
        bounce: true,
        init: job.contract.init,
      });
      if (how === 'expire') chain.now = job.terms.deadline;
      const body = { deliver: job.deliver(job.answer()), decline: job.decline(), expire: new Cell() }[how];
      const ended = (await ledger.external(own, body)) as Transactions;
      const parties = how === 'deliver' ? [client.address, payout.address] : [client.address];
      expect([...touched([...created, ...ended])].sort()).toEqual(names(own, ...parties));
      expect(ledger.balance(own)).toBe(0n);
    });

    it(`a checked job that is open ends (${how}) between its own account and its two parties`, async () => {
      const world = await CheckedJobWorld.create();
      const { client, payout, stake, job } = world;
      const opening = await world.create();
      expect(touched(opening.transactions as Transactions)).toContain(String(stake.address));
      expect(await world.state()).toBe('open');
      if (how === 'expire') world.blockchain.now = world.terms.deadline;
      const ended: SendMessageResult = await world[how]();
      const accounts = touched(ended.transactions as Transactions);
      const parties = how === 'deliver' ? [client.address, payout.address] : [client.address];
      expect([...accounts].sort()).toEqual(names(job.address, ...parties));
      expect(accounts).not.toContain(String(REGISTRY));
      expect(await world.isGone()).toBe(true);
    });
  }
});
