import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Address, beginCell, Cell } from '@ton/core';
import { finishJob, type JobReport } from '../../cli/client/finish';
import { listJobs, loadJob } from '../../cli/client/jobFile';
import { compareRerun, openAnswer } from '../../cli/client/verify';
import { expireMessage } from '../../cli/client/wait';
import { loadWallet } from '../../cli/client/wallet';
import { WorkerApi } from '../../cli/client/workerApi';
import { advanceDevnet } from '../../cli/commands/devnet';
import type { Settings } from '../../cli/config/resolve';
import { ChainClient } from '../../worker/chain/chainClient';
import { openEngine, openModel } from '../../worker/engine';
import { cocoon, codeOf } from '../support/cocoon';
import { DEVNET_ID, eventually, Marketplace, TINY_MODEL, type RunningWorker } from '../support/marketplace';

let market: Marketplace;
let worker: RunningWorker;
before(async () => {
  market = await Marketplace.open();
  worker = await market.worker();
});
after(() => market.close());

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const balance = async (address: Address): Promise<bigint> => (await market.chain.getAccount(address)).balance;
type Created = Awaited<ReturnType<Marketplace['createJob']>>;
const finish = (settings: Settings, created: Created, rerun = false): Promise<JobReport> =>
  finishJob({ settings, chain: market.chain, progress: () => undefined, ...created, rerun });

describe('the client of a job', () => {
  test('a sealed job is paid, opened and equal when computed again; every nanoTON is accounted for', async () => {
    const settings = await market.client(worker.url);
    const wallet = loadWallet(settings.dataFolder, DEVNET_ID).address;
    const payout = Address.parse(worker.payout);
    const before = { client: await balance(wallet), worker: await balance(payout) };
    const report = await finish(settings, await market.createJob(settings, { price: 70_000_000n }), true);
    assert.equal(report.rerunEqual, true);
    assert.equal(report.paidNano, 70_000_000n);
    assert.equal((await balance(payout)) - before.worker, 70_000_000n);
    assert.equal(before.client - (await balance(wallet)), report.paidNano + report.feesNano!);
    assert.equal(report.fees.length, 5);
    assert.ok(report.refundNano > 0n);
  });

  test('several clients at once are served one after the other, each paid for exactly once', async () => {
    const clients = await Promise.all([0, 1, 2, 3].map(() => market.client(worker.url)));
    const reports = await Promise.all(
      clients.map(async (settings) => finish(settings, await market.createJob(settings))),
    );
    assert.equal(new Set(reports.map(({ jobAddress }) => jobAddress)).size, 4);
    const paid = await market.chain.getTransactions(Address.parse(worker.payout), 50);
    for (const { jobAddress } of reports) {
      const escrow = Address.parse(jobAddress);
      assert.equal(
        paid.filter(({ inMessage }) => inMessage?.info.type === 'internal' && inMessage.info.src.equals(escrow)).length,
        1,
      );
    }
  });

  test('the client keeps what opens the answer in a private file before the money is sent, and resumes from it', async () => {
    const settings = await market.client(worker.url);
    const cut = new ChainClient({ endpoint: market.api });
    cut.sendExternal = () => Promise.reject(new Error('the power went out'));
    await assert.rejects(market.createJob(settings, { chain: cut }), /power went out/);
    const folder = join(settings.dataFolder, 'jobs');
    const [address] = listJobs(settings.dataFolder);
    assert.equal(statSync(join(folder, `${address.slice(2)}.json`)).mode & 0o777, 0o600);
    const job = loadJob(settings.dataFolder, address);
    assert.equal(job.state, 'prepared');
    const created = { job, worker: new WorkerApi(worker.url) };
    const report = await finish(settings, created);
    assert.equal(loadJob(settings.dataFolder, address).state, 'answered');
    const again = await finish(settings, { ...created, job: loadJob(settings.dataFolder, address) });
    assert.deepEqual(again.tokens, report.tokens);
    const payments = (await market.chain.getTransactions(Address.parse(worker.payout), 50)).filter(
      ({ inMessage }) => inMessage?.info.type === 'internal' && inMessage.info.src.equals(Address.parse(address)),
    );
    assert.equal(payments.length, 1);
  });

  test('public requests with the same seed have the same answer, sealed ones are salted', async () => {
    const ask = async (isPublic: boolean): Promise<number[]> => {
      const settings = await market.client(worker.url);
      const sampling = { temperature: 5, seed: 11 };
      return (await finish(settings, await market.createJob(settings, { sampling, isPublic, maxTokens: 12 }), isPublic))
        .tokens;
    };
    const [first, again, sealed, other] = await Promise.all([true, true, false, false].map(ask));
    assert.deepEqual(first, again);
    assert.notDeepEqual(sealed, other);
  });

  test('an answer that was changed in any part, or computed by another model, does not verify', async () => {
    const settings = await market.client(worker.url);
    const created = await market.createJob(settings);
    await finish(settings, created);
    const job = loadJob(settings.dataFolder, created.job.address);
    const body = Cell.fromHex(job.delivery!);
    const now = Math.floor(Date.now() / 1000);
    const answer = openAnswer(job, body, now);
    assert.throws(() => openAnswer(job, body, now + 1000), hasCode('verification.bad-date'));
    for (const [bit, expected] of [
      [3, 'bad-signature'],
      [512, 'bad-signature'],
      [540, 'bad-signature'],
      [560, 'output-not-signed'],
    ] as const) {
      assert.throws(() => openAnswer(job, flipped(body, bit), now), hasCode(`verification.${expected}`), String(bit));
    }
    assert.throws(() => openAnswer({ ...job, stake: '11'.repeat(32) }, body, now), hasCode('verification.other-terms'));
    const right = await openEngine(openModel(TINY_MODEL), 'reference');
    assert.equal(await compareRerun(job, answer, right), null);
    const liar = {
      ...right,
      generate: async (request: Parameters<typeof right.generate>[0]) => {
        const result = await right.generate(request);
        return { ...result, traceRoot: new Uint8Array(32) };
      },
    };
    assert.equal(await compareRerun(job, answer, liar), 'trace');
    assert.equal(await compareRerun(job, { ...answer, tokens: [...answer.tokens, 1] }, right), 'answer');
  });

  test('attack 25: without an answer the money is back after the deadline, whoever asks for it', async () => {
    const lazy = await market.worker();
    const settings = await market.client(lazy.url);
    await lazy.process.stop();
    const wallet = loadWallet(settings.dataFolder, DEVNET_ID).address;
    // Descriptor of the stopped worker: the client made the job just before it went away.
    const gone = await market.worker({ folder: lazy.folder, env: { COCOON_CRASH_AT: 'afterSeen' } });
    const before = await balance(wallet);
    await market.createJob({ ...settings, workerUrl: gone.url }).catch(() => undefined);
    const [address] = listJobs(settings.dataFolder);
    await eventually(async () =>
      (await market.chain.getAccount(Address.parse(address))).state === 'active' ? true : null,
    );
    await assert.rejects(
      market.chain.sendExternal(expireMessage(Address.parse(address))),
      hasCode('chain.external-refused'),
    );
    await advanceDevnet(market.api, 700);
    const job = { ...loadJob(settings.dataFolder, address), state: 'created' as const };
    await assert.rejects(finish(settings, { job, worker: new WorkerApi(gone.url) }), hasCode('chain.expired'));
    assert.equal(loadJob(settings.dataFolder, address).state, 'expired');
    assert.ok(before - (await balance(wallet)) < 20_000_000n, 'only fees are gone');
  });

  test('job create, list, status, resume and expire work as commands with one JSON document each', async () => {
    const settings = await market.client(worker.url);
    const common = ['--json', '--data-folder', settings.dataFolder, '--api', market.api];
    const run = async (...args: string[]): Promise<Record<string, unknown>> => {
      const { status, stdout, stderr } = await cocoon(['job', ...args, ...common]);
      assert.equal(status, 0, stderr);
      return JSON.parse(stdout.trim().split('\n').pop()!) as Record<string, unknown>;
    };
    const asked = ['--prompt', 'ein Gruß', '--max-tokens', '3', '--model', TINY_MODEL];
    const created = await run('create', ...asked, '--worker-url', worker.url, '--without-stake', '--no-wait');
    const address = created.jobAddress as string;
    assert.deepEqual(
      ((await run('list')) as unknown as { jobAddress: string }[]).map((job) => job.jobAddress),
      [address],
    );
    const report = await run('resume', address, '--model', TINY_MODEL, '--no-rerun');
    assert.equal(report.prompt, 'ein Gruß');
    assert.equal(typeof report.paidNano, 'number');
    assert.match(report.receiptHash as string, /^[0-9a-f]{64}$/);
    const status = await run('status', address);
    assert.deepEqual([status.account, status.end, status.known], ['absent', 'answered', true]);
    const expire = await cocoon(['job', 'expire', address, ...common]);
    assert.deepEqual([expire.status, codeOf(expire)], [5, 'chain.no-job']);
  });
});

/** The cell with one bit of its root turned. */
function flipped(cell: Cell, bit: number): Cell {
  const builder = beginCell();
  for (let index = 0; index < cell.bits.length; index++) builder.storeBit(cell.bits.at(index) !== (index === bit));
  cell.refs.forEach((ref) => builder.storeRef(ref));
  return builder.endCell();
}
