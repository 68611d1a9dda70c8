import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Address, Cell, loadMessage } from '@ton/core';
import { finishJob } from '../../cli/client/finish';
import { listJobs, loadJob } from '../../cli/client/jobFile';
import { ownTerms } from '../../cli/client/verify';
import { WorkerApi } from '../../cli/client/workerApi';
import { CRASH_POINTS } from '../../worker/crash';
import { JobStore, type JobRecord } from '../../worker/store/jobStore';
import { DEVNET_ID, eventually, Marketplace, type RunningWorker } from '../support/marketplace';

let market: Marketplace;
before(async () => {
  market = await Marketplace.open();
});
after(() => market.close());

/** The record of a job in the store of a worker that does not run. */
function recordOf(worker: RunningWorker, address: string): JobRecord | null {
  const store = JobStore.open(worker.folder, { networkId: DEVNET_ID, workerKey: worker.workerKey });
  try {
    return store.get(address);
  } finally {
    store.close();
  }
}

/** Everything on chain about a job: what was delivered, and how often the worker was paid. */
async function onChain(address: string, payout: string): Promise<{ delivered: Buffer[]; payments: bigint[] }> {
  const escrow = Address.parse(address);
  const ofEscrow = await market.chain.getTransactions(escrow, 50);
  const ofPayout = await market.chain.getTransactions(Address.parse(payout), 50);
  return {
    delivered: ofEscrow
      .filter(({ inMessage }) => inMessage?.info.type === 'external-in')
      .map(({ inMessage }) => bodyBytes(inMessage!.body)),
    payments: ofPayout.flatMap(({ inMessage }) =>
      inMessage?.info.type === 'internal' && inMessage.info.src.equals(escrow) ? [inMessage.info.value.coins] : [],
    ),
  };
}
const bodyBytes = (body: Cell): Buffer => body.toBoc();
const bodyOfExternal = (boc: Buffer): Buffer => bodyBytes(loadMessage(Cell.fromBoc(boc)[0].beginParse()).body);

describe('a worker killed at any point goes on after a restart', { concurrency: true }, () => {
  for (const point of CRASH_POINTS) {
    test(`killed ${point}: one payment, one signed receipt, the same bytes`, async () => {
      const first = await market.worker({ env: { COCOON_CRASH_AT: point } });
      const settings = await market.client(first.url);
      const { job } = await market.createJob(settings).catch(async (error: unknown) => {
        // afterSeen kills the worker while it is still answering the announcement.
        assert.equal((error as { code?: string }).code, 'network.worker-unreachable');
        return { job: loadJob(settings.dataFolder, listJobs(settings.dataFolder)[0]) };
      });
      assert.equal(await first.process.exitCode, 128, first.process.errorText);
      const left = recordOf(first, job.address)!;
      const durable = point === 'afterDurable' || point === 'afterSend';
      assert.equal(left.external !== null, durable);
      assert.equal(
        left.state,
        {
          afterSeen: 'seen',
          afterCompute: 'computing',
          afterSign: 'computing',
          afterDurable: 'answered',
          afterSend: 'answered',
        }[point],
      );
      assert.deepEqual((await onChain(job.address, first.payout)).payments.length, point === 'afterSend' ? 1 : 0);

      const second = await market.worker({ folder: first.folder });
      const api = new WorkerApi(second.url);
      // Nobody tells the second process of the job: its own store does.
      await eventually(async () => ((await api.status(job.address)).state === 'delivered' ? true : null));
      const report = await finishJob({
        settings: { ...settings, workerUrl: second.url },
        chain: market.chain,
        job,
        worker: api,
        progress: () => undefined,
        rerun: false,
      });
      assert.equal(report.paidNano, BigInt(job.escrow.priceNano));
      await api.announce(job.address);
      await second.process.stop();
      const end = recordOf(second, job.address)!;
      const { delivered, payments } = await onChain(job.address, first.payout);
      assert.deepEqual(payments, [BigInt(job.escrow.priceNano)]);
      assert.equal(delivered.length, 1);
      assert.deepEqual(bodyOfExternal(end.external!), delivered[0]);
      if (durable) assert.deepEqual(end.external, left.external);
      if (left.issuedAt !== null) assert.equal(end.issuedAt, left.issuedAt);
      assert.equal(end.state, 'delivered');
    });
  }
});

describe('a running worker', () => {
  test('SIGTERM ends the worker gracefully, and a second worker on its folder is refused while it runs', async () => {
    const worker = await market.worker();
    const refused = await market.worker({ folder: worker.folder }).then(
      () => null,
      (error: unknown) => error as { code: string },
    );
    assert.equal(refused?.code, 'storage.locked');
    await worker.process.stop();
    assert.equal(await worker.process.exitCode, 0);
    assert.match(worker.process.errorText, /worker stopped/);
  });

  test('neither logs nor the store of a worker contain a prompt, an answer or a key', async () => {
    const logFile = join(market.folder, 'worker.log');
    const worker = await market.worker({ args: ['--log-level', 'debug', '--log-file', logFile] });
    const settings = await market.client(worker.url);
    const { job, worker: api } = await market.createJob(settings);
    const report = await finishJob({
      settings,
      chain: market.chain,
      job,
      worker: api,
      progress: () => undefined,
      rerun: false,
    });
    await eventually(async () => ((await api.status(job.address)).state === 'delivered' ? true : null));
    await worker.process.stop();
    const { payload } = ownTerms(job);
    const secrets = [
      Buffer.from(report.prompt),
      Buffer.from(report.answer),
      Buffer.from(payload.responseKey),
      Buffer.from(payload.commitSalt),
      ...['worker-ed25519', 'worker-x25519', 'wallet-ed25519'].map((name) =>
        Buffer.from(
          (JSON.parse(readFileSync(join(worker.folder, 'keys', `${name}.json`), 'utf8')) as { secret: string }).secret,
          'hex',
        ),
      ),
      Buffer.from(report.tokens.flatMap((token) => [0, 0, token >> 8, token & 255])),
    ];
    const files = [
      logFile,
      ...['worker.db', 'worker.db-wal']
        .map((name) => join(worker.folder, name))
        .filter((path) => statSync(path, { throwIfNoEntry: false })),
    ];
    assert.ok(readFileSync(logFile, 'utf8').includes('job paid') && readdirSync(worker.folder).includes('worker.db'));
    for (const file of files) {
      const content = readFileSync(file);
      for (const [index, secret] of secrets.entries()) {
        assert.ok(secret.length >= 5, `secret ${index} is long enough to look for`);
        for (const form of [secret, Buffer.from(secret.toString('hex')), Buffer.from(secret.toString('base64'))]) {
          assert.equal(content.includes(form), false, `secret ${index} in ${file}`);
        }
      }
    }
  });
});
