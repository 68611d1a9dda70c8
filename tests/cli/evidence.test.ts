import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Cell } from '@ton/core';
import { compareReceipts } from '../../cli/client/evidence';
import { loadJob } from '../../cli/client/jobFile';
import { openAnswer, ownTerms } from '../../cli/client/verify';
import { WorkerApi } from '../../cli/client/workerApi';
import { decodeReceipt, encodeReceipt, equalBytes, receiptHash, type Receipt } from '../../protocol';
import { BURN_ADDRESS, fromCell, toCell } from '../../wrappers';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadWorkerKeys } from '../../worker/keys/workerKeys';
import { cocoon } from '../support/cocoon';
import { StakedMarket, type Owner } from '../support/stakedMarket';

let market: StakedMarket;
let owner: Owner;
let workerUrl: string;
before(async () => {
  market = await StakedMarket.open();
  owner = await market.provider(['--amount', '2']);
  workerUrl = await market.worker(owner);
  await market.result(owner, 'descriptor', '--endpoint', workerUrl);
});
after(() => market.close());

/** What the worker serves at GET /v1/jobs/ADDRESS/receipt: a receipt and its signature by `signer`'s worker key. */
function served(receipt: Receipt, signer: Owner = owner): object {
  const { signingSecret } = loadWorkerKeys(signer.folder);
  const signature = nodeEd25519.sign(receiptHash(receipt), signingSecret);
  return {
    receipt: toCell(encodeReceipt(receipt)).toBoc().toString('base64'),
    signature: Buffer.from(signature).toString('base64'),
  };
}

test('the best provider is found on chain, the job names its stake, an honest worker loses nothing, and the answer is exported and verified', async () => {
  const settings = await market.client();
  const lines: string[] = [];
  const created = await market.createJob(settings, {}, lines);
  const report = await market.finishJob(settings, created, true);
  assert.equal(report.stake, owner.stake.toRawString());
  assert.deepEqual([report.evidence, report.slashedNano], [null, 0n]);
  const job = loadJob(settings.dataFolder, report.jobAddress);
  assert.ok(equalBytes(ownTerms(job).terms.stake, new Uint8Array(owner.stake.hash)));
  assert.ok(lines.some((line) => line.includes(owner.stake.toRawString()) && line.includes('shared by all its jobs')));

  const out = join(settings.dataFolder, 'answer.json');
  const folder = ['--data-folder', settings.dataFolder, '--json'];
  const exported = await cocoon(['receipt', 'export', report.jobAddress, '--out', out, ...folder]);
  assert.deepEqual([exported.status, JSON.parse(exported.stdout)], [0, { file: out, receiptHash: report.receiptHash }], exported.stderr);
  assert.equal(statSync(out).mode & 0o777, 0o600);
  const verified = await cocoon(['receipt', 'verify', out, ...folder]);
  const { account, tokens, stake, receiptHash } = JSON.parse(verified.stdout) as Record<string, unknown>;
  assert.deepEqual([verified.status, account, tokens, stake, receiptHash], [0, report.jobAddress, report.tokens, report.stake, report.receiptHash]);
});

test('attack 49: requests are sealed to the key on chain, whatever key the worker names', async () => {
  const thief = await market.owner(0n);
  const url = await market.proxy(workerUrl, (_path, reply) =>
    'sealingKey' in reply ? { ...reply, sealingKey: thief.sealingKey } : reply,
  );
  const settings = await market.client({ workerUrl: url });
  const lines: string[] = [];
  const created = await market.createJob(settings, {}, lines);
  assert.ok(lines.some((line) => line.includes('another sealing key')));
  const report = await market.finishJob(settings, created, false);
  assert.ok(report.tokens.length > 0, 'only the holder of the key on chain could open it');
});

test('a worker without stake is taken only when asked for, and the output says what that means', async () => {
  const url = await market.proxy(workerUrl, (_path, reply) => reply);
  const settings = await market.client({ workerUrl: url });
  const lines: string[] = [];
  const created = await market.createJob(settings, { withoutStake: true }, lines);
  assert.ok(lines.some((line) => line.startsWith('WITHOUT STAKE')));
  assert.equal((await market.finishJob(settings, created, true)).stake, null);
});

test('two receipts of one job are kept as evidence, and reported they cost half of the stake, once', async () => {
  let lie: object | null = null;
  const url = await market.proxy(workerUrl, (path, reply) => (path.endsWith('/receipt') && lie !== null ? lie : reply));
  const settings = await market.client({ workerUrl: url });
  const created = await market.createJob(settings, { price: 50_000_000n });
  const first = await market.finishJob(settings, created, true);
  assert.equal(first.evidence, null);

  const job = loadJob(settings.dataFolder, first.jobAddress);
  const answer = openAnswer(job, Cell.fromHex(job.delivery!), Math.floor(Date.now() / 1000));
  const other: Receipt = { ...answer.receipt, traceCommit: new Uint8Array(32).fill(1) };
  const stranger = await market.owner(0n);
  const api = new WorkerApi(url);
  for (const [name, innocent, comparison] of [
    ['the same receipt', served(answer.receipt), 'agrees'],
    ['only another date', served({ ...answer.receipt, issuedAt: answer.receipt.issuedAt + 1 }), 'agrees'],
    ['signed by another key', served(other, stranger), 'unusable'],
    ['about another job', served({ ...other, escrow: new Uint8Array(32) }), 'unusable'],
    ['no receipt', { receipt: Cell.EMPTY.toBoc().toString('base64'), signature: '00'.repeat(64) }, 'unusable'],
    ['not a bag of cells', { receipt: 'AAAA', signature: '' }, 'not-shown'],
    ['an error', { error: { code: 'request.unknown-job', message: '' } }, 'not-shown'],
  ] as const) {
    lie = innocent;
    assert.deepEqual(await compareReceipts(job, answer, api), { comparison, evidence: null }, name);
  }

  lie = served(other);
  const resume = () =>
    market.finishJob(settings, { job: loadJob(settings.dataFolder, job.address), worker: api }, false);
  const kept = await resume();
  assert.deepEqual([kept.evidence, kept.slashedNano], ['two-receipts', 0n], 'nothing is sent without --report');
  lie = null; // The worker regrets; the evidence lies in the job file.
  const { evidence } = loadJob(settings.dataFolder, job.address);
  assert.deepEqual(decodeReceipt(fromCell(Cell.fromHex(evidence!.second.receipt))), other);

  const before = await market.result<{ activeNano: number }>(owner, 'status');
  const created2 = { job: loadJob(settings.dataFolder, job.address), worker: api };
  const report = await market.finishJob(settings, created2, true);
  assert.equal(report.slashedNano, BigInt(before.activeNano) / 2n);
  assert.equal(await market.balance(BURN_ADDRESS), report.burntNano);
  const shares = report.clientShareNano + report.reporterShareNano;
  assert.ok(report.burntNano >= report.slashedNano / 2n - 10_000_000n, `burnt ${report.burntNano}`);
  assert.ok(shares > 400_000_000n && shares <= report.slashedNano / 2n + 30_000_000n, `shares ${shares}`);

  const status = await market.result<{ faults: number; activeNano: number; slashedNano: number }>(owner, 'status');
  assert.deepEqual([status.faults, status.slashedNano], [1, before.activeNano / 2]);
  const again = await market.finishJob(settings, created2, true);
  assert.equal(again.workerReceipt, 'contradicts');
  assert.deepEqual([again.evidence, again.slashedNano], ['two-receipts', 0n], 'one job is punished once');
  assert.equal((await market.result<{ faults: number }>(owner, 'status')).faults, 1);
});
