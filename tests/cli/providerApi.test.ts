import assert from 'node:assert/strict';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Address, type Transaction } from '@ton/core';
import { openForClaiming } from '../../worker/channels/store/claimingCopy';
import type { EarningsPage, PaymentsPage, ProviderReport, VouchersPage } from '../../worker/provider/wire';
import { claimFee, keyEnd, parseChannel } from '../../wrappers';
import { readProvider } from '../../wrappers/discovery';
import { EarningProvider } from '../support/earningProvider';
import { eventually } from '../support/marketplace';

const TOKEN = 'a-token-of-the-tests';

describe("a provider's own API on a devnet", { timeout: 180_000 }, () => {
  let world: EarningProvider;
  let job: string;
  before(async () => {
    world = await EarningProvider.start();
    await world.ask('closed', 2, true);
    await world.ask('also-closed', 1, true);
    await world.ask('open', 1, false);
    job = await world.job();
    await eventually(async () => {
      const { earnings, audit } = await get<ProviderReport>('/v1/provider');
      return earnings.all.jobs.payments === 1 && earnings.all.channels.claims === 2 && audit!.unmatchedNano === '0' ? true : null;
    });
  });
  after(() => world.close());

  const get = async <T>(path: string, headers: Record<string, string> = {}): Promise<T> => {
    const response = await fetch(`${world.ready.metricsUrl}${path}`, { headers });
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as T;
  };
  /** What reached the payout wallet, as its own history has it, by sender. */
  const received = async (): Promise<Map<string, { nano: bigint; transaction: Transaction }[]>> => {
    const all = new Map<string, { nano: bigint; transaction: Transaction }[]>();
    for (const transaction of await world.chain.getTransactions(Address.parse(world.ready.payout), 50)) {
      const { inMessage } = transaction;
      if (inMessage?.info.type !== 'internal') continue;
      const source = inMessage.info.src.toRawString();
      all.set(source, [...(all.get(source) ?? []), { nano: inMessage.info.value.coins, transaction }]);
    }
    return all;
  };
  const stored = () => {
    const copy = openForClaiming(join(world.folder, 'channels.db'));
    try {
      return copy.read.channels();
    } finally {
      copy.close();
    }
  };
  const stateOf = async (address: Buffer) => parseChannel((await world.chain.getAccount(new Address(0, address))).data!);
  const sum = (values: Iterable<bigint>): bigint => [...values].reduce((total, value) => total + value, 0n);

  test('what channels and jobs earned is what the chain paid, to the nanoTON, and claims cost what the contract takes', async () => {
    const { earnings: { all, today }, audit } = await get<ProviderReport>('/v1/provider');
    const paid = await received();
    const channels = stored().filter(({ settledNano }) => settledNano > 0n);
    assert.equal(channels.length, 2);
    const counters = await Promise.all(channels.map(async ({ address }) => (await stateOf(address)).claimed));
    const arrived = channels.flatMap(({ address }) => paid.get(`0:${address.toString('hex')}`)!);
    assert.equal(BigInt(all.channels.takenNano), sum(counters));
    assert.equal(BigInt(all.channels.netNano), sum(arrived.map(({ nano }) => nano)));
    assert.equal(BigInt(all.channels.feesNano), 2n * claimFee(await world.chain.networkPrices()));
    assert.equal(BigInt(all.jobs.netNano), sum(paid.get(job)!.map(({ nano }) => nano)));
    assert.equal(BigInt(all.jobs.netNano), 70_000_000n);
    assert.equal(BigInt(all.netNano), BigInt(all.channels.netNano) + 70_000_000n);
    assert.deepEqual(audit, { settledNano: String(sum(counters)), matchedNano: String(sum(counters)), unmatchedNano: '0', unmatchedChannels: 0 });
    assert.deepEqual(today, all, 'all of it was earned today');
  });

  test('each payment of a page is a transaction of the chain, and the pages together are the sum', async () => {
    const paid = await received();
    const first = await get<PaymentsPage>('/v1/provider/payments?of=channels&limit=1');
    const second = await get<PaymentsPage>(`/v1/provider/payments?of=channels&limit=1&before=${first.next}`);
    const claims = [...first.payments, ...second.payments];
    assert.equal(new Set(claims.map(({ account }) => account)).size, 2);
    assert.deepEqual((await get<PaymentsPage>(`/v1/provider/payments?of=channels&limit=1&before=${second.next}`)).payments, []);
    for (const { account, netNano, time, hash } of claims) {
      const transactions = await world.chain.getTransactions(Address.parse(account), 20);
      const claim = transactions.find((each) => each.hash().toString('hex') === hash)!;
      assert.equal(claim.now, time);
      assert.equal(BigInt(netNano), paid.get(account)![0].nano);
    }
    const [payment] = (await get<PaymentsPage>('/v1/provider/payments?of=jobs')).payments;
    const [{ nano, transaction }] = paid.get(job)!;
    assert.deepEqual(payment, { account: job, time: transaction.now, hash: transaction.hash().toString('hex'), netNano: String(nano), feeNano: null });
  });

  test('periods add up to their total, by day, week and month; a range without payments is empty', async () => {
    const { now, earnings } = await get<ProviderReport>('/v1/provider');
    for (const by of ['day', 'week', 'month']) {
      const { periods, total } = await get<EarningsPage>(`/v1/provider/earnings?by=${by}`);
      assert.ok(periods.length === 1 && periods[0].start <= now && new Date(periods[0].start * 1_000).toISOString().endsWith('T00:00:00.000Z'), by);
      assert.equal(periods[0].netNano, total.netNano);
      assert.deepEqual(total, earnings.all);
    }
    const before = await get<EarningsPage>(`/v1/provider/earnings?from=${now - 86_400 * 9}&to=${now - 86_400}`);
    assert.deepEqual([before.periods, before.total.netNano], [[], '0']);
    for (const bad of ['by=year', 'from=9&to=9', 'from=0&to=99999999999', 'from=x', 'from=-1']) {
      assert.equal((await fetch(`${world.ready.metricsUrl}/v1/provider/earnings?${bad}`)).status, 400, bad);
    }
  });

  test('a voucher that waits is shown with what it is worth and the end of its channel as the chain has it', async () => {
    const { vouchers, next } = await get<VouchersPage>('/v1/provider/vouchers');
    const open = stored().find(({ voucher, settledNano }) => voucher!.amountNano > settledNano)!;
    const { endsAt } = await stateOf(open.address);
    const nano = String(open.voucher!.amountNano - open.settledNano);
    assert.deepEqual([vouchers, next], [[{ channel: `0:${open.address.toString('hex')}`, nano, final: false, deadline: endsAt, isSeen: true, isClosing: false }], null]);
    const report = await get<ProviderReport>('/v1/provider');
    assert.deepEqual(report.vouchers!.open, { channels: 1, nano, firstEnd: endsAt });
    assert.deepEqual(report.vouchers!.lost, { channels: 0, nano: '0' });
  });

  test('stake and key are those of the chain, and nothing secret is in any answer', async () => {
    const { stake, worker, disputes } = await get<ProviderReport>('/v1/provider');
    const { status, keys } = await world.chain.query((ton) => readProvider(ton, world.provider.stake));
    assert.deepEqual(
      [stake!.state!.activeNano, stake!.state!.slashedNano, stake!.state!.openCases, stake!.state!.key!.end, stake!.state!.key!.attestationEnd],
      [String(status.active), '0', 0, keyEnd(keys[0]), null],
    );
    assert.deepEqual([worker.ready, disputes.counts.running], [true, 0]);
    const text = (await Promise.all(['', '/earnings', '/vouchers', '/payments', '/payments?of=jobs'].map((path) => get(`/v1/provider${path}`)))).map((each) => JSON.stringify(each)).join();
    for (const secret of ['secret', 'happy', 'prompt"', '127.0.0.1']) assert.ok(!text.includes(secret), secret);
  });

  test('a page of another origin, and one whose name points here, are refused; so is who has no token where there is one', async () => {
    const status = (headers: Record<string, string>, path = '/v1/provider'): Promise<number> => new Promise((resolve, reject) => {
      request(`${world.ready.metricsUrl}${path}`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      }).on('error', reject).end();
    });
    const { host } = new URL(world.ready.metricsUrl);
    assert.equal(await status({}), 200);
    assert.equal(await status({ origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }), 200);
    assert.equal(await status({ host: 'evil.example' }), 403);
    assert.equal(await status({ host: `evil.example:${host.split(':')[1]}` }), 403);
    assert.equal(await status({ origin: 'https://evil.example' }), 403);
    assert.equal(await status({ 'sec-fetch-site': 'cross-site' }), 403);
    assert.equal(await status({ origin: 'null' }), 403);
    await world.kill();
    await world.restart(['--metrics-host', '0.0.0.0']);
    world.ready.metricsUrl = world.ready.metricsUrl.replace('0.0.0.0', '127.0.0.1');
    assert.equal(await status({}), 403, 'others reach it and no token is set');
    assert.equal(await status({}, '/healthz'), 200);
    await world.kill();
    await world.restart(['--metrics-host', '0.0.0.0'], { COCOON_OPERATOR_TOKEN: TOKEN });
    world.ready.metricsUrl = world.ready.metricsUrl.replace('0.0.0.0', '127.0.0.1');
    assert.equal(await status({}), 401);
    assert.equal(await status({ authorization: `Bearer ${TOKEN}x` }), 401);
    assert.equal(await status({ authorization: `Bearer ${TOKEN}` }), 200);
  });

  test('after kills and restarts the books are the same, and the time in between counts as down', async () => {
    const { earnings, uptime, vouchers } = await get<ProviderReport>('/v1/provider', { authorization: `Bearer ${TOKEN}` });
    assert.deepEqual([earnings.all.channels.claims, earnings.all.jobs.payments, vouchers!.open.channels], [2, 1, 1]);
    const { upSeconds, readySeconds, ofSeconds } = uptime.total;
    assert.ok(readySeconds <= upSeconds && upSeconds < ofSeconds, JSON.stringify(uptime.total));
    assert.equal(uptime.days.length, 30);
  });
});
