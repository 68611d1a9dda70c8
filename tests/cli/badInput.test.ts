import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Address } from '@ton/core';
import { ChainClient } from '../../worker/chain/chainClient';
import { finishJob } from '../../cli/client/finish';
import { listJobs } from '../../cli/client/jobFile';
import { loadWallet } from '../../cli/client/wallet';
import { WorkerApi } from '../../cli/client/workerApi';
import type { Settings } from '../../cli/config/resolve';
import { cocoon, codeOf } from '../support/cocoon';
import { DEVNET_ID, eventually, Marketplace, type RunningWorker } from '../support/marketplace';

let market: Marketplace;
let worker: RunningWorker;
const proxies: Server[] = [];
before(async () => {
  market = await Marketplace.open();
  worker = await market.worker({ args: ['--min-price', '0.02'] });
});
after(async () => {
  proxies.forEach((proxy) => proxy.close());
  await market.close();
});

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const quiet = { progress: (): void => undefined, rerun: false };
const balanceOf = async (settings: Settings): Promise<bigint> =>
  (await market.chain.getAccount(loadWallet(settings.dataFolder, DEVNET_ID).address)).balance;

/** A server in front of another one that may change what it says. */
async function proxy(
  target: string,
  change: (request: string, reply: Record<string, unknown>) => unknown,
): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const headers = { 'content-type': 'application/json' };
    const reply = await fetch(new URL(request.url!, target), {
      method: request.method,
      headers,
      body: body === '' ? undefined : body,
    });
    const json = change(`${request.url} ${body}`, (await reply.json()) as Record<string, unknown>);
    response.writeHead(reply.status, headers).end(JSON.stringify(json));
  });
  proxies.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('bad input', { concurrency: true }, () => {
  test('nothing is paid and nothing is left behind when a job cannot be made', async () => {
    const settings = await market.client(worker.url);
    const poor = await market.client(worker.url);
    const before = await balanceOf(settings);
    const other = join(__dirname, '../../exact/vectors/single.cocoon');
    const table: [string, () => Promise<unknown>, string][] = [
      ['wallet too low', () => market.createJob(poor, { price: 6_000_000_000n }), 'chain.low-balance'],
      ['price too low', () => market.createJob(settings, { price: 19_999_999n }), 'usage.low-price'],
      ['unknown model', () => market.createJob({ ...settings, model: other }), 'usage.unknown-model'],
      ['answer too long', () => market.createJob(settings, { maxTokens: 257 }), 'usage.max-tokens'],
      ['prompt beyond the context', () => market.createJob(settings, { prompt: 'x y'.repeat(400) }), 'input.context'],
      [
        'worker not there',
        () => market.createJob({ ...settings, workerUrl: 'http://127.0.0.1:9' }),
        'network.worker-unreachable',
      ],
      ['not a worker', () => market.createJob({ ...settings, workerUrl: market.api }), 'network.worker-answer'],
      [
        'wrong network',
        () => market.createJob({ ...settings, network: 'testnet', networkId: -3 }),
        'chain.wrong-network',
      ],
    ];
    await Promise.all(table.map(([name, attempt, code]) => assert.rejects(attempt(), hasCode(code), name)));
    assert.deepEqual([...listJobs(settings.dataFolder), ...listJobs(poor.dataFolder)], []);
    assert.equal(await balanceOf(settings), before);
  });

  test('a worker refuses an API of another network, a closed port and a bad payout by name', async () => {
    const start = (args: string[], api?: string): Promise<unknown> => market.worker({ args, api });
    await Promise.all([
      assert.rejects(start(['--network', 'testnet']), hasCode('chain.wrong-network')),
      assert.rejects(start([], 'http://127.0.0.1:9'), hasCode('network.unreachable')),
      assert.rejects(start(['--payout', 'EQnobody']), hasCode('usage.flag')),
    ]);
  });

  test('a cheat is simulated on a devnet only, and only one that there is', async () => {
    for (const args of [
      ['flipped-bit', '--network', 'mainnet'],
      ['flipped-bit', '--network', 'testnet'],
      ['lies', '--network', 'devnet'],
    ]) {
      const folder = ['--data-folder', market.newFolder('cheat')];
      const run = await cocoon(['worker', '--json', ...folder, '--simulate-cheat', ...args]);
      assert.deepEqual([codeOf(run), run.status], ['usage.simulate-cheat', 2]);
    }
  });

  test('bytes that are no bag of cells are refused by the API as a typed error', async () => {
    await assert.rejects(market.chain.sendExternal(Buffer.from('malformed')), hasCode('chain.malformed-message'));
  });

  test("a job below the worker's price is declined with a reason and the money comes back at once", async () => {
    const lying = await proxy(worker.url, (request, reply) =>
      request.startsWith('/v1/descriptor')
        ? { ...reply, models: (reply as { models: object[] }).models.map((model) => ({ ...model, minPriceNano: '1' })) }
        : reply,
    );
    const settings = await market.client(lying);
    const before = await balanceOf(settings);
    const created = await market.createJob(settings, { price: 1_000_000n });
    await assert.rejects(
      finishJob({ settings, chain: market.chain, ...created, ...quiet }),
      (error: Error & { code?: string }) => {
        return error.code === 'chain.declined' && error.message.includes('reason 4');
      },
    );
    assert.ok(before - (await balanceOf(settings)) < 20_000_000n);
  });

  test('a value below what the escrow requires is refused by the contract, and the client says so and has its money', async () => {
    const cheap = new ChainClient({ endpoint: market.api });
    cheap.networkPrices = () =>
      Promise.resolve({ gasPrice: 0n, flatGasLimit: 0n, flatGasPrice: 0n, lumpPrice: 0n, bitPrice: 0n, cellPrice: 0n });
    const settings = await market.client(worker.url);
    const before = await balanceOf(settings);
    const attempt = market
      .createJob(settings, { chain: cheap })
      .then((created) => finishJob({ settings, chain: market.chain, ...created, ...quiet }));
    await assert.rejects(attempt, hasCode('chain.refused'));
    assert.ok(before - (await balanceOf(settings)) < 20_000_000n);
  });

  test('a request sealed to another key is declined as unreadable', async () => {
    const lying = await proxy(worker.url, (request, reply) =>
      request.startsWith('/v1/descriptor') ? { ...reply, sealingKey: '09'.padEnd(64, '0') } : reply,
    );
    const settings = await market.client(lying);
    const created = await market.createJob(settings);
    await assert.rejects(finishJob({ settings, chain: market.chain, ...created, ...quiet }), /reason 1/);
  });

  test('a lagging API makes the worker wait for the account instead of declining', async () => {
    let lagging = true;
    let looks = 0;
    const api = await proxy(market.api, (request, reply) => {
      if (!lagging || !request.includes('getAddressInformation') || !reply.result) return reply;
      looks++;
      return {
        ...reply,
        result: { ...(reply.result as object), state: 'uninitialized', balance: '0', code: '', data: '' },
      };
    });
    const behind = await market.worker({ api: `${api}/api/v2/jsonRPC` });
    const settings = await market.client(behind.url);
    const { job, worker: workerApi } = await market.createJob(settings);
    const seen = looks;
    await eventually(() => (looks > seen + 2 ? true : null));
    assert.equal((await workerApi.status(job.address)).state, 'seen');
    lagging = false;
    const report = await finishJob({ settings, chain: market.chain, job, worker: workerApi, ...quiet });
    assert.ok(report.tokens.length > 0);
  });

  test('an API that forgets ended accounts, as most do, still leads to the answer; only the fees are not known', async () => {
    const settings = await market.client(worker.url);
    const created = await market.createJob(settings);
    const escrow = Address.parse(created.job.address).toString();
    let hits = 0;
    for (const hidden of [/"getTransactions"/, /"getTransactions"|"tryLocateSourceTx"/]) {
      const url = await proxy(market.api, (request, reply) => {
        if (!hidden.test(request) || !request.includes(escrow)) return reply;
        hits++;
        return { ...reply, result: [] };
      });
      const chain = new ChainClient({ endpoint: `${url}/api/v2`, backoffMillis: 1 });
      const report = await finishJob({ settings, chain, ...created, ...quiet });
      assert.ok(report.tokens.length > 0 && hits > 0, 'the escrow was asked for');
      assert.deepEqual([report.feesNano, report.paidNano], [null, BigInt(created.job.escrow.priceNano)]);
    }
  });

  test('the endpoint refuses bad announcements, and announcing the same job twice changes nothing', async () => {
    const post = async (
      body: unknown,
    ): Promise<{ status: number; json: { error?: { code: string }; state?: string } }> => {
      const response = await fetch(`${worker.url}/v1/jobs`, { method: 'POST', body: JSON.stringify(body) });
      return { status: response.status, json: (await response.json()) as { error?: { code: string } } };
    };
    for (const body of [{}, [], { address: 5 }, { address: 'x', more: 1 }]) {
      assert.deepEqual([(await post(body)).status, (await post(body)).json.error!.code], [400, 'request.body']);
    }
    for (const address of ['nowhere', `-1:${'0'.repeat(64)}`, '0:12'])
      assert.equal((await post({ address })).json.error!.code, 'request.address');
    const unknown = await fetch(`${worker.url}/v1/jobs/0:${'1'.repeat(64)}`);
    assert.equal(unknown.status, 404);
    const settings = await market.client(worker.url);
    const { job } = await market.createJob(settings);
    await finishJob({ settings, chain: market.chain, job, worker: new WorkerApi(worker.url), ...quiet });
    const landed = await eventually(async () =>
      (await new WorkerApi(worker.url).status(job.address)).state === 'delivered' ? true : null,
    );
    assert.equal(landed && (await post({ address: job.address })).json.state, 'delivered');
    const health = (await (await fetch(`${worker.url}/healthz`)).json()) as {
      ok: boolean;
      jobs: Record<string, number>;
    };
    assert.equal(health.ok && health.jobs.delivered >= 1, true);
  });

  test('an account that is no job of this worker is refused, and nothing is signed for it', async () => {
    const settings = await market.client(worker.url);
    const other = await market.worker();
    const { job } = await market.createJob({ ...settings, workerUrl: other.url });
    const api = new WorkerApi(worker.url);
    await api.announce(job.address);
    const status = await eventually(async () => {
      const found = await api.status(job.address);
      return found.state === 'refused' ? found : null;
    });
    assert.deepEqual([status.external, status.note], [null, 'the job is for another worker key']);
  });
});
