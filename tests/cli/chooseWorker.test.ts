import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { beginCell, type Transaction } from '@ton/core';
import { AttestationRegistry } from '../../wrappers/AttestationRegistry';
import { comparePriceThenStake, discoverProviders } from '../../wrappers/discovery';
import { listJobs } from '../../cli/client/jobFile';
import { historyOf } from '../../cli/client/registry';
import { loadWallet } from '../../cli/client/wallet';
import { advanceDevnet, requestFaucet } from '../../cli/client/devnetApi';
import { DEVNET_ID } from '../support/marketplace';
import { StakedMarket, type Owner } from '../support/stakedMarket';

let market: StakedMarket;
before(async () => void (market = await StakedMarket.open()));
after(() => market.close());

/** A provider whose published descriptor is served by something that never answers a job. */
async function published(
  price: string,
  args: string[] = [],
): Promise<Owner & { serve(change: object): void; url: string }> {
  const owner = await market.owner();
  const served = await market.endpoint(owner, { minPriceNano: price });
  await market.result(owner, 'init', '--endpoint', served.url, ...args);
  return { ...owner, ...served };
}

/** Tries to make a job; gives the code of the refusal and makes sure that nothing was written or paid. */
async function refusal(flags: object, changes: Parameters<StakedMarket['createJob']>[1] = {}): Promise<string> {
  const settings = await market.client(flags);
  const wallet = loadWallet(settings.dataFolder, DEVNET_ID).address;
  const error = await market.createJob(settings, changes).then(
    () => ({ code: 'none' }),
    (caught: { code: string }) => caught,
  );
  assert.deepEqual(listJobs(settings.dataFolder), [], error.code);
  assert.equal(await market.balance(wallet), 5_000_000_000n, error.code);
  return error.code;
}

test('attack 37: nothing is paid to a worker whose stake is not one of the registry, too low, or not there', async () => {
  const owner = await published('10000000');
  const { url: workerUrl, serve } = owner;
  const stakeOf = (hash: Buffer): object => ({ stake: hash.toString('hex') });
  serve(stakeOf(Buffer.alloc(32)));
  assert.equal(await refusal({ workerUrl }), 'chain.no-stake');
  serve(stakeOf(Buffer.alloc(32, 7)));
  assert.equal(await refusal({ workerUrl }), 'chain.no-stake');
  serve(stakeOf(market.registry.hash));
  assert.equal(await refusal({ workerUrl }), 'chain.fake-stake');
  serve(stakeOf(owner.stake.hash));
  const other = await AttestationRegistry.fromGovernance({
    ...{ networkId: DEVNET_ID, governor: owner.wallet, guardian: owner.wallet, builders: [], threshold: 0 },
  });
  assert.equal(await refusal({ workerUrl, registry: other.address.toRawString() }), 'chain.fake-stake');
  assert.equal(await refusal({ workerUrl, network: 'testnet' }), 'chain.wrong-network');

  const stranger = await market.owner(0n);
  serve({ workerKey: stranger.workerKey });
  assert.equal(await refusal({ workerUrl }), 'chain.key-unknown');
  serve({ workerKey: owner.workerKey });
  assert.equal(await refusal({ workerUrl }, { deadlineSeconds: 366 * 86_400 }), 'chain.key-ended');
  await market.result(owner, 'keys', 'remove', owner.workerKey);
  assert.equal(
    await refusal({ workerUrl }, { deadlineSeconds: 3_700 }),
    'chain.key-ended',
    'removed, works an hour more',
  );
  await market.result(owner, 'thaw', '--amount', '0.5', '--end-keys');
  assert.equal(await refusal({ workerUrl }), 'chain.stake-too-low', 'thawing below the minimum ends all keys at once');
  assert.equal(await refusal({}, { withoutStake: true }), 'usage.without-stake');
  assert.equal(
    await refusal({ workerUrl }, { withoutStake: true, provider: owner.stake.toRawString() }),
    'usage.without-stake',
  );
});

test('a provider is named by its stake or owner, and a descriptor that is not the one on chain is refused', async () => {
  const owner = await published('10000000');
  const silent = await market.provider();
  assert.equal(await refusal({}, { provider: 'me' }), 'usage.address');
  assert.equal(await refusal({}, { provider: silent.wallet.toRawString() }), 'chain.no-endpoint');
  assert.equal(await refusal({}, { provider: market.registry.toRawString() }), 'chain.fake-stake');
  for (const address of [owner.stake, owner.wallet]) {
    // Found, and refused for the price alone.
    const changes = { provider: address.toRawString(), price: 1n };
    assert.equal(await refusal({}, changes), 'usage.low-price');
  }
  owner.serve({ adapter: 'another one' });
  assert.equal(await refusal({}, { provider: owner.stake.toRawString() }), 'verification.descriptor-hash');
});

test('discovery finds every provider in the history, however long, and believes no log message but by computing', async () => {
  const [first, second] = [await published('30000000'), await published('20000000', ['--amount', '2'])];
  for (let count = 0; count < 60; count++) await requestFaucet(market.api, market.registry, 1_000_000n);
  const third = await published('20000000');
  const history = historyOf(market.chain);
  const forged = (transaction: Transaction): Transaction => {
    // Somebody else's account, logged as a stake of `first`'s owner.
    const body = beginCell().storeUint(0x0c28, 32).storeAddress(first.wallet).storeAddress(market.registry).endCell();
    const info = { type: 'external-out' as const, src: market.registry, createdLt: 0n, createdAt: 0, dest: null };
    transaction.outMessages.set(9, { info, body, init: null });
    return transaction;
  };
  const found = await discoverProviders(
    {
      ...history,
      getTransactions: async (...query) => (await history.getTransactions(...query)).map(forged),
    },
    { networkId: DEVNET_ID, registry: market.registry },
  );
  const stakes = found.providers.map(({ stake }) => stake.toRawString());
  for (const { stake } of [first, second, third]) assert.ok(stakes.includes(stake.toRawString()), stakes.join());
  assert.equal(stakes[0], third.stake.toRawString(), 'the last one first');
  assert.equal(new Set(stakes).size, stakes.length);
  assert.ok(!stakes.includes(market.registry.toRawString()), 'not what the forged message names');
  assert.deepEqual([found.complete, found.unreadable], [true, []]);

  // A stake that cannot be read is said, and keeps nobody from the others.
  const broken = await discoverProviders(
    {
      ...history,
      provider: (address) => {
        if (address.equals(second.stake)) throw new Error('no answer');
        return history.provider(address);
      },
    },
    { networkId: DEVNET_ID, registry: market.registry },
  );
  assert.deepEqual(
    broken.unreadable.map((stake) => stake.toRawString()),
    [second.stake.toRawString()],
  );
  assert.equal(broken.providers.length, found.providers.length - 1);

  // The list: cheapest first, then by free stake; who is away or serves something else comes last.
  first.serve({ minPriceNano: '1' });
  const { providers } = await market.result<{
    providers: { stake: string; priceNano: number | null; fault: string | null }[];
  }>(first, 'list');
  const order = providers.map(({ stake }) => stake);
  const place = (owner: Owner): number => order.indexOf(owner.stake.toRawString());
  assert.ok(place(second) < place(third) && place(third) < place(first));
  const shown = providers[place(first)];
  assert.deepEqual([shown.priceNano, shown.fault], [null, 'verification.descriptor-hash']);
  assert.deepEqual([providers[place(second)].priceNano, providers[place(second)].fault], [20_000_000, null]);
});

test('without a provider that can do the job nothing is paid, and the reasons are said', async () => {
  await advanceDevnet(market.api, 400 * 86_400); // every key has ended
  assert.equal(await refusal({}), 'chain.no-provider');
});

test('attack 24: what counts is the price, then free stake; no price comes last, and no record is asked', () => {
  const each = (price: bigint | null, active: bigint) => ({ price, status: { active, reserved: 1n } as never });
  const [cheap, rich, poor, none] = [each(1n, 2n), each(2n, 9n), each(2n, 3n), each(null, 99n)];
  assert.deepEqual([none, poor, cheap, rich].sort(comparePriceThenStake), [cheap, rich, poor, none]);
});
