import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Address } from '@ton/core';
import { ChannelStore } from '../../../worker/channels/store/channelStore';
import { ChainApiError, type RequestError } from '../../../worker/errors';
import { ProviderApi, type ProviderSources } from '../../../worker/provider/api';
import { StakeView } from '../../../worker/provider/stakeView';
import type { EarningsPage, PaymentsPage, ProviderReport } from '../../../worker/provider/wire';
import { JobStore } from '../../../worker/store/jobStore';
import { CASE_VERDICTS } from '../../../wrappers';
import { networkPrices } from '../channels/conversationWorld';

const identity = { networkId: 2026, workerKey: 'ab'.repeat(32) };
/** A Wednesday, 2027-01-20, 12:00 UTC. */
const NOW = Date.UTC(2027, 0, 20, 12) / 1_000;
const DAY = 86_400;

describe('the books of a provider', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-books-'));
  let store: JobStore;
  let channels: ChannelStore;
  let api: ProviderApi;
  const sources = (): ProviderSources => ({
    store, channels, now: () => NOW, prices: async () => networkPrices, worker: () => ({ ready: true }) as ProviderReport['worker'], load: () => ({}) as ProviderReport['load'],
  });
  const ask = async <T>(path: string, query = '', of = api): Promise<T> => of.pages[path](new URLSearchParams(query)) as Promise<T>;
  before(async () => {
    store = JobStore.open(folder, identity);
    channels = ChannelStore.open(folder, identity, NOW);
    // Three a second, so that pages end between equal times; and one before the week, month and year.
    for (const [index, time] of [NOW, NOW, NOW, NOW - 1, NOW - 1, NOW - 1, NOW - 3 * DAY, NOW - 20 * DAY, NOW - 400 * DAY].entries()) {
      store.payments.add({ job: `0:${String(index).padStart(64, '0')}`, lt: 7n, hash: 'aa', time, receivedNano: 2n ** 53n + BigInt(index) });
    }
    const address = Buffer.alloc(32, 1);
    await channels.addChannel(address, Buffer.alloc(1), NOW);
    await channels.settle(address, 100n, NOW);
    await channels.addPayments(address, [{ lt: 1n, hash: Buffer.alloc(32, 2), time: NOW - 2 * DAY, takenNano: 60n, receivedNano: 50n }, { lt: 2n, hash: Buffer.alloc(32, 3), time: NOW, takenNano: 30n, receivedNano: 28n }]);
    api = new ProviderApi(sources());
  });
  after(() => {
    store.close();
    channels.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('add up exactly beyond 2^53, and what no history showed is in no sum', async () => {
    const { earnings, audit } = await ask<ProviderReport>('/v1/provider');
    const jobs = (count: number): string => String(BigInt(count) * 2n ** 53n + BigInt((count * (count - 1)) / 2));
    assert.deepEqual(earnings.today, { channels: { claims: 1, takenNano: '30', feesNano: '2', netNano: '28' }, jobs: { payments: 6, netNano: jobs(6) }, netNano: String(BigInt(jobs(6)) + 28n) });
    assert.deepEqual([earnings.week.jobs, earnings.month.jobs, earnings.all.jobs].map(({ netNano }) => netNano), [jobs(7), jobs(8), jobs(9)]);
    assert.deepEqual(earnings.week.channels, { claims: 2, takenNano: '90', feesNano: '12', netNano: '78' });
    assert.deepEqual(audit, { settledNano: '100', matchedNano: '90', unmatchedNano: '10', unmatchedChannels: 1 });
  });

  test('fall into days, weeks from Monday and months of UTC', async () => {
    const starts = async (by: string): Promise<string[]> => {
      const { periods, total } = await ask<EarningsPage>('/v1/provider/earnings', `by=${by}&from=${NOW - 25 * DAY}&to=${NOW + 1}`);
      assert.equal(periods.reduce((sum, { netNano }) => sum + BigInt(netNano), 0n), BigInt(total.netNano), by);
      return periods.map(({ start }) => new Date(start * 1_000).toISOString().replace('T00:00:00.000Z', ''));
    };
    assert.deepEqual(await starts('day'), ['2026-12-31', '2027-01-17', '2027-01-18', '2027-01-20']);
    assert.deepEqual(await starts('week'), ['2026-12-28', '2027-01-11', '2027-01-18']);
    assert.deepEqual(await starts('month'), ['2026-12-01', '2027-01-01']);
    const last = await ask<EarningsPage>('/v1/provider/earnings', `from=${NOW - 3 * DAY}&to=${NOW - 1}`);
    assert.deepEqual([last.total.jobs.payments, last.total.channels.claims], [1, 1], 'from is in it, to is not');
  });

  test('come in pages in which nothing is missing or twice, also where times are equal', async () => {
    const seen: string[] = [];
    for (let before = ''; ;) {
      const { payments, next } = await ask<PaymentsPage>('/v1/provider/payments', `of=jobs&limit=2${before}`);
      seen.push(...payments.map(({ account }) => account));
      if (next === null) break;
      before = `&before=${next}`;
    }
    assert.equal(seen.length, 9);
    assert.equal(new Set(seen).size, 9);
  });

  test('refuse what is no page, range or list', async () => {
    for (const [path, query] of [
      ['earnings', 'by=hour'], ['earnings', `from=0&to=${NOW}`], ['earnings', 'from=5&to=5'], ['earnings', 'to=1e9'], ['vouchers', 'after=x'], ['vouchers', 'limit=0'], ['vouchers', 'limit=201'],
      ['payments', 'of=clients'], ['payments', 'before=1'], ['payments', "before=1.1'"],
    ]) {
      await assert.rejects(async () => ask(`/v1/provider/${path}`, query), (error: RequestError) => error.status === 400, `${path}?${query}`);
    }
  });

  test('of a worker without a stake are its jobs alone', async () => {
    const alone = new ProviderApi({ ...sources(), channels: undefined });
    const { vouchers, audit, stake, earnings } = await ask<ProviderReport>('/v1/provider', '', alone);
    assert.deepEqual([vouchers, audit, stake, earnings.all.channels.claims, earnings.all.jobs.payments], [null, null, null, 0, 9]);
    assert.deepEqual((await ask<PaymentsPage>('/v1/provider/payments', '', alone)).payments, []);
  });

  test('count disputes, and say which of those that run cannot be answered, without their requests', async () => {
    for (const [index, request] of [Buffer.from('secret'), null, null].entries()) {
      store.cases.add({ address: `0:${index}`, receiptHash: 'aa', escrow: '0:ee', seq: index, openedAt: NOW - 10 + index, request });
    }
    store.cases.end('0:2', CASE_VERDICTS.convicted, NOW);
    const { disputes } = await ask<ProviderReport>('/v1/provider');
    assert.deepEqual(disputes, {
      running: [
        { address: '0:0', escrow: '0:ee', seq: 0, openedAt: NOW - 10, canAnswer: true }, { address: '0:1', escrow: '0:ee', seq: 1, openedAt: NOW - 9, canAnswer: false },
      ],
      counts: { running: 2, acquitted: 0, convicted: 1, moot: 0 },
    });
  });

  test('a stake that the chain does not tell about is asked for once a minute, and holds up no answer', async () => {
    let now = NOW;
    let asked = 0;
    const query = (): Promise<never> => {
      asked++;
      return Promise.reject(new ChainApiError('network.unreachable', 'the API is away'));
    };
    const stake = new StakeView({ query } as ConstructorParameters<typeof StakeView>[0], new Address(0, Buffer.alloc(32, 5)).hash, new Uint8Array(32), () => now);
    const expected = { address: `0:${'05'.repeat(32)}`, readAt: null, problem: 'network.unreachable', state: null };
    assert.deepEqual(await stake.report(), expected);
    assert.deepEqual(await stake.report(), expected);
    assert.equal(asked, 1);
    now += 60;
    await stake.report();
    assert.equal(asked, 2);
  });
});
