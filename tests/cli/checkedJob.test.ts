import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Address, beginCell, Cell } from '@ton/core';
import { chooseWorker } from '../../cli/client/chooseWorker';
import { loadJob } from '../../cli/client/jobFile';
import { loadWallet } from '../../cli/client/wallet';
import type { Settings } from '../../cli/config/resolve';
import { describeReport } from '../../cli/commands/job';
import { ChainClient } from '../../worker/chain/chainClient';
import { cocoon, codeOf } from '../support/cocoon';
import { DEVNET_ID, eventually, TINY_MODEL } from '../support/marketplace';
import { CheckedMarket, type RunningService } from '../worker/checkedMarket';

const TON = 1_000_000_000n;
let market: CheckedMarket;
let worker: RunningService;
let settings: Settings;
before(async () => {
  market = await CheckedMarket.open();
  worker = await market.serve();
  settings = await market.market.client({ workerUrl: worker.url });
});
after(() => market.close());

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const balance = async (address: Address): Promise<bigint> => (await market.chain.getAccount(address)).balance;
const checked = { isChecked: true };

describe('job create --coverage', () => {
  test('finding 17: the stake reserves the coverage, the answer is checked, and every nanoTON is accounted for', async () => {
    const wallet = loadWallet(settings.dataFolder, DEVNET_ID).address;
    const before = { client: await balance(wallet), reserved: (await market.status()).reserved };
    const lines: string[] = [];
    const created = await market.market.createJob(settings, { ...checked, coverage: TON }, lines);
    const report = await market.market.finishJob(settings, created, false);
    assert.ok(lines.some((line) => line.includes('promised to deliver, 1 TON of its stake')));
    assert.deepEqual([report.coverageNano, report.paidNano], [TON, 10_000_000n]);
    assert.equal(report.workerReceipt, 'agrees');
    assert.equal((await market.status()).reserved - before.reserved, TON);
    assert.equal(report.fees.length, 7);
    // What the question costs is the client's; the stake pays its own rent alone, some nanoTON since its last message.
    const rent = report.paidNano + report.feesNano! - (before.client - (await balance(wallet)));
    assert.ok(rent >= 0n && rent < 1_000n, String(rent));
    assert.match(describeReport(report), /coverage 1 TON of it stand behind this answer alone/);
    assert.equal(loadJob(settings.dataFolder, report.jobAddress).state, 'answered');
  });

  test('--checked without coverage asks the stake and no promise; the command says what came of it', async () => {
    const asked = ['--prompt', 'a question', '--max-tokens', '3', '--model', TINY_MODEL, '--worker-url', worker.url];
    const where = ['--api', market.market.api, '--data-folder', settings.dataFolder, '--json'];
    const run = await cocoon(['job', 'create', '--checked', '--no-rerun', ...asked, ...where]);
    assert.equal(run.status, 0, run.stderr);
    const report = JSON.parse(run.stdout.trim().split('\n').pop()!) as { jobAddress: string; coverageNano: number };
    assert.equal(report.coverageNano, 0);
    const { checked: part } = loadJob(settings.dataFolder, report.jobAddress);
    assert.deepEqual(part, { coverageNano: '0' });
    for (const [flags, code, status] of [
      [['--coverage', 'much'], 'usage.amount', 2],
      [['--coverage', '3'], 'usage.coverage', 2],
      [['--checked', '--without-stake'], 'usage.checked', 2],
      [['--coverage', '1', '--without-stake'], 'usage.checked', 2],
    ] as const) {
      const refused = await cocoon(['job', 'create', ...flags, ...asked, ...where]);
      assert.deepEqual([codeOf(refused), refused.status], [code, status]);
    }
  });

  test('a promise about anything else than this job is refused before any money is sent', async () => {
    const lies: [string, (boc: string) => string][] = [
      ['another signature', (boc) => changed(boc, (bit) => (bit === 300 ? 1 : 0), () => 0)],
      ['another key', (boc) => changed(boc, (bit) => (bit === 3 ? 1 : 0), () => 0)],
      ['another escrow', (boc) => changed(boc, () => 0, (bit) => (bit === 70 ? 1 : 0))],
      ['another time', (boc) => changed(boc, () => 0, (bit) => (bit === 64 + 3 * 256 ? 1 : 0))],
    ];
    for (const [name, lie] of lies) {
      const url = await market.market.proxy(worker.url, (path, reply) =>
        path === '/v1/acceptances' ? { acceptance: lie((reply as { acceptance: string }).acceptance) } : reply,
      );
      const wallet = loadWallet(settings.dataFolder, DEVNET_ID).address;
      const before = await balance(wallet);
      const jobs = market.market.createJob({ ...settings, workerUrl: url }, { ...checked, coverage: 1n });
      await assert.rejects(jobs, hasCode('verification.acceptance'), name);
      assert.equal(await balance(wallet), before);
    }
  });

  test('a worker that does not promise, and a stake that has too little free, are said so before any money is sent', async () => {
    const url = await market.market.proxy(worker.url, (path, reply) =>
      path === '/v1/acceptances' ? { error: { code: 'request.coverage', message: 'no' } } : reply,
    );
    const refused = market.market.createJob({ ...settings, workerUrl: url }, { ...checked, coverage: 1n });
    await assert.rejects(refused, hasCode('chain.not-accepted'));
    const wanted = { settings, chain: market.chain, progress: () => undefined, withoutStake: false, modelRoot: '' };
    const choice = { ...wanted, deadline: 0, checkDescriptor: () => undefined, coverage: 5n * TON };
    await assert.rejects(chooseWorker(choice), hasCode('chain.coverage'));
  });

  test('when the stake does not stand for the job, its reason is given in words and the money is back', async () => {
    const late = new ChainClient({ endpoint: market.market.api });
    const prices = late.networkPrices.bind(late);
    // Between the client's look at the stake and its message the owner removes the key, which ends an hour later.
    late.networkPrices = async () => {
      await market.market.result(market.owner, 'keys', 'remove', market.owner.workerKey);
      return prices();
    };
    const created = await market.market.createJob(settings, { ...checked, chain: late, deadlineSeconds: 7_200 });
    const finished = market.market.finishJob(settings, created, false);
    await assert.rejects(finished, (error: unknown) => {
      const { code, received } = error as { code: string; received: string };
      assert.equal(code, 'chain.key-check');
      assert.match(received, /\(3\): the worker key ends before the deadline/);
      return true;
    });
  });

  test('finding 21: a broken promise costs the stake the price, and the client hears of it with its money', async () => {
    await worker.stop();
    const generate = (): Promise<never> => Promise.reject(new Error('the device was lost'));
    const broken = await market.serve({ engine: { ...market.engine, generate } });
    const before = await market.status();
    const asked = { ...checked, coverage: 0n, price: 60_000_000n };
    const created = await market.market.createJob({ ...settings, workerUrl: broken.url }, asked);
    await market.advance(601);
    await assert.rejects(market.market.finishJob(settings, created, false), (error: unknown) => {
      const { code, hint } = error as { code: string; hint: string };
      return code === 'chain.expired' && hint.includes('broke its promise');
    });
    assert.equal(before.active - (await market.status()).active, 60_000_000n);
    await eventually(() => (broken.store.get(created.job.address)!.state === 'expired' ? true : null));
    assert.equal(broken.store.get(created.job.address)!.external, null);
  });
});

/** A SignedAcceptance with bits turned in it or in what it signs. */
function changed(boc: string, outer: (bit: number) => number, inner: (bit: number) => number): string {
  const turn = (cell: Cell, at: (bit: number) => number, refs: Cell[]): Cell => {
    const builder = beginCell();
    for (let bit = 0; bit < cell.bits.length; bit++) builder.storeBit(cell.bits.at(bit) !== (at(bit) === 1));
    refs.forEach((ref) => builder.storeRef(ref));
    return builder.endCell();
  };
  const cell = Cell.fromBase64(boc);
  return turn(cell, outer, [turn(cell.refs[0], inner, [])]).toBoc().toString('base64');
}
