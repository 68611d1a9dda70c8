import { toNano, type Transaction } from '@ton/core';
import { sumFees } from '../tests/support/fees';
import { keyOf, trapdoorOf } from '../tests/support/groth16Simulator';
import { ZkWorld } from '../tests/support/zkWorld';
import { Groth16Verifier, LINGER_SECONDS, RESERVATION_SECONDS } from '../wrappers/zk';
import { type FeeRow, row } from './feeRow';

/**
 * What proof jobs cost: 3 public inputs, price 0.5 TON. `verify-and-pay` is of the two contracts alone, the rest of all that
 * follows from a message.
 */
export async function measureZkFees(): Promise<FeeRow[]> {
  const world = await ZkWorld.create();
  const identity = { key: keyOf(trapdoorOf('bench')), isDevelopment: true, shard: 0 };
  const verifier = world.chain.openContract(await Groth16Verifier.fromIdentity(identity));
  const deployed = await verifier.sendCheckKey(world.wallets.stranger.getSender(), toNano('0.3'));
  const created = (await world.open()).transactions;
  const reserved = (await world.reserve()).transactions;
  const proven = (await world.prove()).transactions;
  const late = (await world.prove()).transactions;
  world.now = world.terms.deadline + LINGER_SECONDS;
  const ended = (await world.end()).transactions;

  const race = await ZkWorld.opened({ isExclusive: false });
  const raced = (await race.prove()).transactions;

  const missed = await ZkWorld.opened();
  await missed.reserve();
  missed.now += RESERVATION_SECONDS;
  const burnt = (await missed.reserve(missed.wallets.rival)).transactions;

  const open = await ZkWorld.opened();
  open.now = open.terms.deadline;
  const expired = (await open.end()).transactions;

  const both = (transactions: Transaction[]): Transaction[] => transactions.slice(1, 3);
  return [
    row('zk-verifier-deploy', sumFees(deployed.transactions)),
    row('zk-job-create', sumFees(created)),
    row('zk-job-prove', sumFees(raced)),
    row('zk-job-total', sumFees([...created, ...raced])),
    row('zk-verify-and-pay', sumFees(both(raced))),
    row('zk-verify-and-pay-reserved', sumFees(both(proven))),
    row('zk-job-reserve', sumFees(reserved)),
    row('zk-job-reserve-after-missed', sumFees(burnt)),
    row('zk-proof-unused', sumFees(late)),
    row('zk-job-expire', sumFees(expired)),
    row('zk-job-end', sumFees(ended)),
  ];
}
