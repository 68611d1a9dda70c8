import { toNano } from '@ton/core';
import { sumFees } from '../tests/support/fees';
import { ConsumerWorld, DAY } from '../tests/support/consumerWorld';
import { type FeeRow, row } from './feeRow';

const LOSING_TOKEN = 1;

/** What the example dApp costs: a contract asks, the stake is asked, the worker answers, the contract acts on it. */
export async function measureConsumerFees(): Promise<FeeRow[]> {
  const world = await ConsumerWorld.create({ fund: 0n });
  const sponsor = world.wallets.sponsor.getSender();
  const funded = await world.bounty.sendFund(sponsor, toNano('5'));
  const losing = await world.try();
  const [lost] = await world.jobsIn(losing);
  const answered = await world.answer(lost, [LOSING_TOKEN]);
  const [declinedJob] = await world.jobsIn(await world.try());
  const declined = await world.decline(declinedJob);
  const [forgettable] = await world.jobsIn(await world.try());
  const [winning] = await world.jobsIn(await world.try());
  const won = await world.answer(winning);
  world.now = forgettable.terms.deadline + DAY;
  const forgotten = await world.bounty.sendForgetJob(sponsor, { value: toNano('0.1'), job: forgettable.escrow });
  const closed = await world.bounty.sendCloseBounty(sponsor, toNano('0.1'));
  return [
    row('bounty-fund', sumFees(funded.transactions)),
    row('bounty-try', sumFees(losing.transactions)),
    row('bounty-answer-lost', sumFees(answered.transactions)),
    row('bounty-try-total', sumFees([...losing.transactions, ...answered.transactions])),
    row('bounty-answer-won', sumFees(won.transactions)),
    row('bounty-decline', sumFees(declined.transactions)),
    row('bounty-forget-job', sumFees(forgotten.transactions)),
    row('bounty-close', sumFees(closed.transactions)),
  ];
}
