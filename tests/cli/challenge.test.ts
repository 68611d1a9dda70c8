import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { requestFaucet } from '../../cli/client/devnetApi';
import { loadWallet } from '../../cli/client/wallet';
import { ProviderStake } from '../../wrappers';
import { cocoon, codeOf } from '../support/cocoon';
import { DEVNET_ID, TINY_MODEL } from '../support/marketplace';
import { StakedMarket, type Owner } from '../support/stakedMarket';

let market: StakedMarket;
before(async () => void (market = await StakedMarket.open()));
after(() => market.close());

/** A provider whose worker runs and can pay for its moves. */
async function provider(more: string[] = []): Promise<Owner> {
  const owner = await market.provider(['--amount', '4']);
  await requestFaucet(market.api, loadWallet(owner.folder, DEVNET_ID).address, 2_000_000_000n);
  const url = await market.worker(owner, more);
  await market.result(owner, 'descriptor', '--endpoint', url);
  return owner;
}

const challenge = (folder: string, ...args: string[]) =>
  cocoon(['challenge', ...args, '--api', market.api, '--data-folder', folder, '--model', TINY_MODEL, '--json']);

test('a worker that computes with one wrong bit shows its trace when it is asked, and is convicted by one move, in which the chain computes a step again', async () => {
  const owner = await provider(['--simulate-cheat', 'flipped-bit']);
  const settings = await market.client();
  const { jobAddress } = await market.finishJob(settings, await market.createJob(settings, { provider: owner.stake.toRawString() }), false);

  const asked = await challenge(settings.dataFolder, jobAddress);
  assert.equal(codeOf(asked), 'usage.consent');
  assert.match(asked.stderr, /makes public, for ever/);

  const run = await challenge(settings.dataFolder, jobAddress, '--yes');
  assert.equal(run.status, 0, run.stderr);
  const report = JSON.parse(run.stdout) as Record<string, unknown>;
  assert.equal(report.verdict, 'convicted');
  assert.equal(report.moves, 1, run.stderr);
  assert.match(run.stderr, /asks the worker at http/);
  assert.equal(report.slashedNano, 2_000_000_000, 'half of 4 TON');
  assert.ok((report.proofGas as number) > 10_000, `gas ${String(report.proofGas)}`);
  assert.match(report.check as string, /Check$/);
  const stake = market.chain.ton.open(ProviderStake.fromAddress(owner.stake));
  const { openCases, slashed } = await stake.getStatus();
  assert.deepEqual([openCases, slashed], [0, 2_000_000_000n]);

  const again = await challenge(settings.dataFolder, jobAddress, '--yes');
  assert.equal((JSON.parse(again.stdout) as Record<string, unknown>).verdict, 'convicted', 'what is over is told, not begun anew');
  rmSync(join(settings.dataFolder, 'challenges'), { recursive: true });
  assert.equal(codeOf(await challenge(settings.dataFolder, jobAddress, '--yes')), 'chain.stake-refused', 'a job is punished once');
  const found = await challenge(settings.dataFolder, jobAddress, '--yes');
  assert.equal((JSON.parse(found.stdout) as Record<string, unknown>).verdict, 'convicted', 'found in the history of the stake, and not waited for');
});

test('an honest answer is not challenged', async () => {
  const owner = await provider();
  const settings = await market.client();
  const { jobAddress } = await market.finishJob(settings, await market.createJob(settings, { provider: owner.stake.toRawString() }), false);
  assert.equal(codeOf(await challenge(settings.dataFolder, jobAddress, '--yes')), 'verification.nothing-wrong');
  assert.equal(codeOf(await challenge(settings.dataFolder, 'nobody', '--yes')), 'usage.receipt');
  assert.match(codeOf(await challenge(settings.dataFolder, settings.dataFolder, '--yes')), /^storage\./);
});
