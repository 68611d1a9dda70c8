import { internal, type Transaction } from '@ton/core';
import { sumFees, type TransactionFees } from '../tests/support/fees';
import { JobWorld } from '../tests/support/jobWorld';
import { packCreateJob } from '../wrappers';
import { type FeeRow, row } from './feeRow';
import { WalletV5R1 } from './walletV5R1';

async function treasuryJob(answerInCallback: boolean): Promise<{ create: Transaction[]; deliver: Transaction[] }> {
  const world = await JobWorld.create({ answerInCallback });
  const create = (await world.create()).transactions;
  return { create, deliver: (await world.deliver()).transactions };
}

async function walletJob(): Promise<Transaction[]> {
  const base = await JobWorld.create();
  const client = await WalletV5R1.create(base.blockchain, base.stranger, 4);
  const provider = await WalletV5R1.create(base.blockchain, base.stranger, 5);
  const world = await JobWorld.create({ client: client.address, payout: provider.address }, base.blockchain);
  const message = internal({
    to: world.job.address,
    value: world.value,
    bounce: true,
    init: world.job.init,
    body: packCreateJob(world.request),
  });
  const created = await client.send([message]);
  return [...created, ...(await world.deliver()).transactions];
}

async function ended(end: (world: JobWorld) => Promise<{ transactions: Transaction[] }>): Promise<TransactionFees> {
  const world = await JobWorld.create();
  await world.create();
  return sumFees((await end(world)).transactions);
}

/** What JobEscrow costs: request and answer of 256 bytes, price 0.1 TON, outputCells 2. */
export async function measureJobFees(): Promise<FeeRow[]> {
  const job = await treasuryJob(false);
  const repeated = await treasuryJob(true);
  const declined = await ended((world) => world.decline());
  const expired = await ended((world) => {
    world.blockchain.now = world.terms.deadline;
    return world.expire();
  });
  return [
    row('job-create', sumFees(job.create)),
    row('job-deliver', sumFees(job.deliver)),
    row('job-total', sumFees([...job.create, ...job.deliver])),
    row('job-total-v5r1', sumFees(await walletJob())),
    row('job-total-answer-in-callback', sumFees([...repeated.create, ...repeated.deliver])),
    row('job-decline', declined),
    row('job-expire', expired),
  ];
}
