import { toNano, type Transaction } from '@ton/core';
import { sumFees } from '../tests/support/fees';
import { CheckedJobWorld } from '../tests/support/checkedJobWorld';
import { type FeeRow, row } from './feeRow';

const COVERAGE = toNano('1');

/** A job that is open: its stake stood for it, with a reservation when the worker accepted it. */
async function opened(accepted: boolean): Promise<{ world: CheckedJobWorld; create: Transaction[] }> {
  const world = await CheckedJobWorld.create({ asked: { coverage: accepted ? COVERAGE : 0n } });
  const acceptance = accepted ? world.acceptance({ coverage: COVERAGE }) : undefined;
  const { transactions } = await world.create({ acceptance });
  if ((await world.state()) !== 'open') throw new Error('the stake did not stand for the terms');
  return { world, create: transactions };
}

/**
 * What CheckedJobEscrow costs, the question to the stake and its answer included: public request of some 150 bytes,
 * answer of 256 bytes, price 0.1 TON, outputCells 2.
 */
export async function measureCheckedJobFees(): Promise<FeeRow[]> {
  const plain = await opened(false);
  const delivered = (await plain.world.deliver()).transactions;
  const covered = await opened(true);
  const answered = (await covered.world.deliver()).transactions;
  const declining = await opened(false);
  const declined = (await declining.world.decline()).transactions;
  const expiring = await opened(false);
  expiring.world.blockchain.now = expiring.world.terms.deadline;
  const expired = (await expiring.world.expire()).transactions;
  const broken = await opened(true);
  broken.world.blockchain.now = broken.world.terms.deadline;
  const reported = (await broken.world.expire()).transactions;
  return [
    row('checked-job-create', sumFees(plain.create)),
    row('checked-job-deliver', sumFees(delivered)),
    row('checked-job-total', sumFees([...plain.create, ...delivered])),
    row('covered-job-create', sumFees(covered.create)),
    row('covered-job-total', sumFees([...covered.create, ...answered])),
    row('checked-job-decline', sumFees(declined)),
    row('checked-job-expire', sumFees(expired)),
    row('covered-job-expire-undelivered', sumFees(reported)),
  ];
}
