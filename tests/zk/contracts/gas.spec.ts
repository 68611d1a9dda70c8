import '@ton/test-utils';
import { toNano } from '@ton/core';
import { ZkWorld, PRICE } from '../../support/zkWorld';
import { flattenTransaction } from '@ton/test-utils';

it('x', async () => {
  const world = await ZkWorld.create();
  console.log(await world.verifier.getSetup());
  const show = (r: any) => console.log(r.transactions.map((t: any) => { const f = flattenTransaction(t); const d = t.description; return [f.op?.toString(16), f.success, f.exitCode, d.computePhase?.gasUsed, f.value, f.aborted, f.actionResultCode].join(' '); }).join('\n'));
  show(await world.open());
  show(await world.reserve());
  const before = await world.wallets.prover.getBalance();
  show(await world.prove());
  console.log((await world.wallets.prover.getBalance()) - before, PRICE, await world.balance(world.job.address));
  console.log(await world.job.getData());
  show(await world.prove());
  world.now = world.terms.deadline + 3600;
  show(await world.end());
});
