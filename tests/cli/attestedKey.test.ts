/** A worker key attested by a SIMULATED platform, from its quote to a paid answer; and everything that goes wrong on the way. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { simulatedImageHash, simulatedPlatformCollateral } from '../../attest/simulated/platform';
import { Tier } from '../../protocol';
import { OP_REVOKE_IMAGE } from '../../wrappers';
import { beginCell, toNano } from '@ton/core';
import { internal } from '@ton/sandbox';
import { readQuoteFor } from '../../cli/provider/quote';
import { cocoon, codeOf, type Run } from '../support/cocoon';
import { documentOf, servePcs } from '../support/pcs';
import { StakedMarket, type Owner } from '../support/stakedMarket';

let market: StakedMarket;
before(async () => void (market = await StakedMarket.open({ attestation: true })));
after(() => market.close());

const quoteOf = (owner: Owner, folder = owner.folder, ...args: string[]): Promise<Run> => market.run(
  { folder }, 'keys', 'quote', '--owner', owner.wallet.toRawString(), '--registry', market.registry.toRawString(), '--platform', 'simulated', ...args,
);

/** The quote of a worker in a folder of its own, as a file. */
async function quoteFile(owner: Owner, name: string): Promise<string> {
  const run = await quoteOf(owner);
  assert.equal(run.status, 0, run.stderr);
  const file = join(owner.folder, name);
  writeFileSync(file, run.stdout);
  return file;
}

test('a quote makes a key attested, a client takes it for attested jobs alone, and a revoked image ends it', async () => {
  const owner = await market.owner();
  const file = await quoteFile(owner, 'carried.json');
  const url = await market.worker(owner, ['--tier', 'attested']);
  assert.deepEqual(await (await fetch(`${url}/v1/quote`)).json(), JSON.parse(readFileSync(file, 'utf8')), 'the worker serves it');
  const init = await market.result<{ steps: { step: string; state: string }[]; workerKey: string }>(owner, 'init', '--quote', file, '--endpoint', url);
  assert.deepEqual(init.steps.map(({ step, state }) => `${step} ${state}`), ['deposit done', 'key done', 'descriptor done']);
  assert.equal(init.workerKey, owner.workerKey);

  const client = await market.client();
  const lines: string[] = [];
  const created = await market.createJob(client, { tier: Tier.attested }, lines);
  assert.match(lines.join('\n'), /SIMULATED platform, which proves nothing/);
  const report = await market.finishJob(client, created, false);
  assert.ok(report.paidNano > 0n);
  await assert.rejects(market.createJob(client, {}), { code: 'chain.no-provider' }, 'no bonded key is there');
  await assert.rejects(market.createJob(client, { tier: Tier.attested, deadlineSeconds: 3601 }), { code: 'usage.tier' });
  await assert.rejects(market.createJob(client, { tier: Tier.attested, withoutStake: true }), { code: 'usage.tier' });

  // The guardian revokes: clients stop at once, and anybody ends the key.
  const recheck = async () => {
    const run = await cocoon(['attest', 'recheck', owner.stake.toRawString(), owner.workerKey, '--api', market.api, '--data-folder', client.dataFolder, '--json']);
    assert.equal(run.status, 0, run.stderr);
    return JSON.parse(run.stdout) as { stands: boolean; endUnix: number; reason: string };
  };
  assert.equal((await recheck()).stands, true);
  const { blockchain } = market.devnet;
  const guardian = (await blockchain.treasury('devnet faucet')).address;
  const body = beginCell().storeUint(OP_REVOKE_IMAGE, 32).storeUint(0, 64).storeBuffer(simulatedImageHash()).endCell();
  await blockchain.sendMessage(internal({ from: guardian, to: market.registry, value: toNano('1'), bounce: true, body }));
  await assert.rejects(market.createJob(client, { tier: Tier.attested, provider: owner.stake.toRawString() }), { code: 'chain.image-not-in-force' });
  const ended = await recheck();
  assert.deepEqual([ended.stands, ended.endUnix <= Math.ceil(Date.now() / 1000) + 5], [false, true]);
  const late = await market.run(owner, 'keys', 'attest', '--quote', await quoteFile(owner, 'late.json'));
  assert.deepEqual([late.status, codeOf(late)], [5, 'chain.not-attested']);
  assert.match(late.stderr, /the image is not in force/);
});

test('quotes for others, changed ones, and platforms that are not there are refused by name', async () => {
  const owner = await market.owner();
  const other = await market.owner();
  await market.result(owner, 'stake', '--amount', '1').catch(() => undefined);
  const file = await quoteFile(owner, 'quote.json');
  const attest = (of: Owner, path: string) => market.run(of, 'keys', 'attest', '--quote', path);
  const foreign = await attest(other, file);
  assert.deepEqual([foreign.status, codeOf(foreign)], [2, 'usage.quote']);
  writeFileSync(join(owner.folder, 'garbage.json'), '{"quote": 1}');
  assert.equal(codeOf(await attest(owner, join(owner.folder, 'garbage.json'))), 'usage.quote');

  const changed = { ...(JSON.parse(readFileSync(file, 'utf8')) as object), blockSeqno: 100 };
  writeFileSync(join(owner.folder, 'changed.json'), JSON.stringify(changed));
  const refused = await market.run(owner, 'init', '--quote', join(owner.folder, 'changed.json'));
  assert.deepEqual([refused.status, codeOf(refused)], [5, 'chain.attested-key-refused']);
  assert.match(refused.stderr, /reportData/);

  const absent = await market.run(owner, 'keys', 'quote', '--owner', owner.wallet.toRawString(), '--registry', market.registry.toRawString());
  assert.match(codeOf(absent) ?? '', /^attest\.tsm\./);
  const mainnet = await cocoon(['provider', 'keys', 'quote', '--owner', owner.wallet.toRawString(), '--platform', 'simulated', '--network', 'testnet', '--json']);
  assert.deepEqual([mainnet.status, codeOf(mainnet)], [3, 'config.platform']);
  const tier = await cocoon(['job', 'create', '--tier', 'zk', '--prompt', 'x', '--api', market.api, '--data-folder', owner.folder, '--json']);
  assert.equal(codeOf(tier), 'usage.flag');
});

test('a quote of a SIMULATED platform is read on a devnet alone', async () => {
  const file = await quoteFile(await market.owner(), 'quote.json');
  assert.equal(readQuoteFor('devnet', file).platform, 'simulated');
  for (const network of ['testnet', 'mainnet']) assert.throws(() => readQuoteFor(network, file), { code: 'config.platform' });
});

test('anybody posts newer collateral once, and is warned before it ends', async () => {
  const client = await market.client();
  const folder = market.newFolder('collateral');
  mkdirSync(folder);
  writeFileSync(join(folder, 'simulated.json'), JSON.stringify(documentOf(simulatedPlatformCollateral(Math.floor(Date.now() / 1000) + 59))));
  const run = (...args: string[]) => cocoon(['attest', 'collateral', '--from', folder, ...args, '--registry', market.registry.toRawString(), '--api', market.api, '--data-folder', client.dataFolder, '--json']);
  const posted = async () => {
    const { status, stdout, stderr } = await run();
    assert.equal(status, 0, stderr);
    return (JSON.parse(stdout) as { posted: string[]; refused: string[] }[])[0];
  };
  const [first, second] = [await posted(), await posted()];
  assert.deepEqual([first.posted, first.refused], [['tcbInfo', 'qeIdentity', 'rootCrl', 'pckCrl'], []]);
  assert.deepEqual([second.posted, second.refused], [[], []]);
  assert.equal(codeOf(await cocoon(['attest', 'collateral', '--from', join(folder, 'none'), '--registry', market.registry.toRawString(), '--api', market.api, '--data-folder', client.dataFolder, '--json'])), 'usage.collateral');
  assert.equal((await run('--check')).status, 0);
  const late = await run('--check', '--days', '60');
  assert.deepEqual([late.status, codeOf(late)], [5, 'chain.collateral-ends']);
});

test('what a service like Intel\'s says of a quote\'s platform is fetched and posted', async (t) => {
  const client = await market.client();
  const owner = await market.owner();
  const quote = await quoteFile(owner, 'quote.json');
  const pcs = await servePcs(documentOf(simulatedPlatformCollateral(Math.floor(Date.now() / 1000) + 60)));
  t.after(() => pcs.close());
  const run = (...args: string[]) => cocoon(['attest', 'collateral', ...args, '--registry', market.registry.toRawString(), '--api', market.api, '--data-folder', client.dataFolder, '--json']);
  const { status, stdout, stderr } = await run('--quote', quote, '--pcs', pcs.url);
  assert.equal(status, 0, stderr);
  const [report] = JSON.parse(stdout) as { posted: string[]; fmspc: string; ca: string }[];
  assert.deepEqual([report.fmspc, report.ca, report.posted], ['53494d554c41', 'platform', ['tcbInfo', 'qeIdentity', 'rootCrl', 'pckCrl']]);
  assert.equal((await run('--fmspc', '53494D554C41', '--pcs', pcs.url, '--check')).status, 0);
  for (const [code, ...args] of [
    ['usage.collateral'], ['usage.collateral', '--quote', quote, '--fmspc', '53494d554c41'], ['usage.fmspc', '--fmspc', '5349'],
    ['usage.ca', '--fmspc', '53494d554c41', '--ca', 'root'], ['usage.quote', '--quote', `${quote}.none`], ['attest.pcs.answer', '--fmspc', '000000000000', '--pcs', pcs.url],
  ]) assert.equal(codeOf(await run(...args)), code);
});
