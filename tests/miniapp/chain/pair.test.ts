import assert from 'node:assert/strict';
import { it } from 'node:test';
import { beginCell, Cell } from '@ton/core';
import { channelInit, keyEnd, type PairOptions, stakeAddress } from '../../../miniapp/src/chain';
import type { ChannelTerms, Reading } from '../../../miniapp/src/types';
import { KEY_REMOVAL_DELAY_SECONDS, type PaymentChannelTerms } from '../../../wrappers';
import { advance, fund, START, strangerOf } from '../../devnet/helpers';
import { DEPOSIT, fill, hexOf, NETWORK, sharedWorld } from './chainWorld';
import type { Lie, LyingApi, Reply } from './lyingApi';

const world = sharedWorld();
const hashOf = ({ address }: { address: { hash: Uint8Array } }): string => hexOf(address.hash);
const stakeOf = (): string => hashOf(world.stake);

/** The value of what both said; fails for anything else. */
function agreed<T>(reading: Reading<T>): T {
  assert.equal(reading.agreement, 'both', JSON.stringify(reading, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
  return (reading as { value: T }).value;
}

const pageTerms = ({ networkId, client, clientKey, stake, payout, claimKey, closeDelay, expiry }: PaymentChannelTerms): ChannelTerms => ({
  networkId, client: hexOf(client.hash), clientKey: hexOf(clientKey), stake: hexOf(stake.hash), payout: hexOf(payout.hash), claimKey: hexOf(claimKey), closeDelay, expiry,
});

it('a stake and its keys that both say alike are what the get-methods say through the SDK', async () => {
  const { paidUntil, registry, owner, descriptorHash, ...status } = await world.stake.getStatus();
  const keys = await world.stake.getWorkerKeys();
  const read = agreed(await world.pair().stake(stakeOf()))!;
  assert.deepEqual(read, {
    ...status, registry: hexOf(registry.hash), owner: hexOf(owner.hash), descriptorHash: hexOf(descriptorHash), asOf: START + world.later,
    keys: keys.map(({ workerKey, sealingKey, imageHash, ...numbers }) => ({ ...numbers, workerKey: hexOf(workerKey), sealingKey: hexOf(sealingKey), imageHash: hexOf(imageHash) })),
  });
  assert.equal(read.keys.length, 2);
  assert.ok(read.thawing > 0n && read.endpoint === 'https://gpu.example.org/ü' && paidUntil > 0);
  assert.equal(stakeAddress({ networkId: NETWORK, registry: read.registry, owner: read.owner }), stakeOf());
  assert.deepEqual(read.keys.map(keyEnd).sort(), [START + world.later + KEY_REMOVAL_DELAY_SECONDS, START + 30 * 86_400]);
});

it('a registry with its images is what the get-methods say through the SDK, and needs one request of each', async () => {
  const read = agreed(await world.pair().registry(hashOf(world.registry)))!;
  assert.deepEqual([...read.images], (await world.registry.getImages()).map(({ imageHash, ...policy }) => [hexOf(imageHash), policy]));
  assert.deepEqual([read.networkId, read.epoch, read.isSimulated], [NETWORK, await world.registry.getEpoch(), await world.registry.getIsSimulated()]);
  assert.ok(read.epoch === 1 && read.images.get(hexOf(fill(9)))!.revokedAt > 0);
  assert.deepEqual([world.a.asked, world.b.asked], [['getAddressInformation'], ['getAddressInformation']]);
});

it('a channel is what the SDK reads of it', async () => {
  const { claimed, endsAt, balance } = (await world.channel.getChannel())!;
  const read = agreed(await world.pair().channel(hashOf(world.channel)));
  assert.deepEqual(read, { terms: pageTerms(world.terms), claimed, endsAt, balance, asOf: START + world.later });
  assert.ok(balance > (DEPOSIT * 9n) / 10n);
  assert.equal(channelInit(read!.terms).address, hashOf(world.channel));
});

it('where no account is, or one of other code, both say that there is nothing', async () => {
  const pair = world.pair();
  assert.equal(agreed(await pair.stake(hexOf(fill(77)))), null);
  assert.equal(agreed(await pair.stake(hashOf(world.registry))), null);
  assert.equal(agreed(await pair.registry(stakeOf())), null);
  assert.equal(agreed(await pair.channel(stakeOf())), null);
  await fund(world.devnet, strangerOf(78), 5n * 10n ** 9n);
  assert.equal(agreed(await pair.channel(hexOf(fill(78)))), null);
});

/** Changes the result of what the API was asked. */
const changed = (change: (result: any) => unknown): Lie => (reply: Reply) => ({ ...reply, body: { ...reply.body, result: change(reply.body.result) } });
const field = (fields: object): Lie => changed((result) => ({ ...result, ...fields }));
const text = (body: string, status = 200): Lie => () => ({ status, body });

/** The stake's data with another sealing key of its first worker key, as a thief of prompts would say it. */
function withOtherSealingKey(data: string): string {
  const root = Cell.fromBase64(data);
  const replace = (cell: Cell): Cell => {
    const isRecord = cell.bits.length === 659 && cell.refs.length === 0;
    const builder = isRecord ? beginCell().storeBuffer(Buffer.alloc(32, 66)).storeBits(cell.bits.substring(256, 403)) : beginCell().storeBits(cell.bits);
    for (const ref of cell.refs) builder.storeRef(replace(ref));
    return builder.endCell();
  };
  const other = replace(root);
  assert.ok(!other.equals(root));
  return other.toBoc().toString('base64');
}

const SILENCE: Lie = () => null;
/** A page that soon gives up on an API that says nothing, and on no other, however busy the machine is. */
const IMPATIENT: PairOptions = {
  timeoutMillis: 100,
  fetch: (input, init) => fetch(input, [world.a, world.b].some(({ url, lie }) => lie === SILENCE && String(input).startsWith(url)) ? init : { ...init, signal: null }),
};
let truth: unknown;

/** What one of two may do, and what the reading is then. */
const LIES: Record<string, [lie: Lie, agreement: 'one' | 'none', said: RegExp]> = {
  'another sealing key': [changed((result) => ({ ...result, data: withOtherSealingKey(result.data) })), 'none', /^active/],
  'more stake than there is': [changed((result) => ({ ...result, balance: String(BigInt(result.balance) * 2n) })), 'none', /^active/],
  'that the account is gone': [field({ state: 'uninitialized', code: '', data: '', balance: '0' }), 'none', /^uninitialized/],
  'that the account never was': [field({ state: 'uninitialized', code: '', data: '', balance: -1, last_transaction_id: { lt: '0', hash: '' } }), 'none', /^uninitialized 0 0/],
  'another last transaction': [field({ last_transaction_id: { lt: '46000099', hash: Buffer.alloc(32, 1).toString('base64') } }), 'none', / 46000099 /],
  'another hash of the last transaction': [changed((result) => ({ ...result, last_transaction_id: { ...result.last_transaction_id, hash: Buffer.alloc(32, 1).toString('base64') } })), 'none', /0101/],
  'other code': [changed((result) => ({ ...result, code: result.data })), 'none', /^active/],
  'no cells as code': [field({ code: 'AAAA' }), 'one', /^malformed/],
  'cells that are cut off': [changed((result) => ({ ...result, data: result.data.slice(0, 80) })), 'one', /^malformed/],
  'no data': [field({ data: undefined }), 'one', /^malformed/],
  'no balance': [field({ balance: 'much' }), 'one', /^malformed/],
  'an unknown state': [field({ state: 'rich' }), 'one', /^malformed/],
  'a list': [changed(() => []), 'one', /^malformed/],
  nothing: [changed(() => null), 'one', /^malformed/],
  'a page of text': [text('<html>busy</html>'), 'one', /^malformed/],
  'half an answer': [(reply) => ({ ...reply, body: JSON.stringify(reply.body).slice(0, 900) }), 'one', /^malformed/],
  'an error': [text('{"ok":false,"error":"LITE_SERVER_UNKNOWN","code":500}', 500), 'one', /^refused: HTTP 500/],
  'an error of its proxy': [text('bad gateway', 502), 'one', /^malformed: HTTP 502/],
  'too many requests, always': [text('{"ok":false,"error":"Ratelimit exceed","code":429}', 429), 'one', /^busy/],
  'ten megabytes': [text(`{"ok":true,"result":"${'x'.repeat(10_000_000)}"}`), 'one', /^too-long/],
  'that somebody else knows': [() => ({ status: 302, body: '', headers: { location: 'http://127.0.0.1:1/' } }), 'one', /^unreachable/],
  'not a word': [SILENCE, 'one', /^timeout/],
  'a state of two minutes ago': [changed((result) => ({ ...result, sync_utime: result.sync_utime - 121 })), 'one', /^behind: by 121 s/],
  'a state of the future': [changed((result) => ({ ...result, sync_utime: result.sync_utime + 121 })), 'one', /^ahead: by 121 s/],
};

for (const [name, [lie, agreement, said]] of Object.entries(LIES)) {
  it(`one that says ${name} is never agreed with, whichever of the two it is`, async () => {
    truth ??= agreed(await world.pair().stake(stakeOf()));
    for (const liar of ['A', 'B']) {
      const api: LyingApi = liar === 'A' ? world.a : world.b;
      api.lie = lie;
      const pair = world.pair(lie === SILENCE ? IMPATIENT : {});
      const reading = await pair.stake(stakeOf());
      api.lie = null;
      assert.equal(reading.agreement, agreement);
      if (reading.agreement === 'one') {
        assert.deepEqual(reading.value, truth);
        assert.deepEqual([reading.silent, reading.name], liar === 'A' ? ['A', 'B'] : ['B', 'A']);
        assert.match(reading.problem, said);
        assert.match(pair.health().find(({ name: own }) => own === liar)!.fault!, said);
      } else if (reading.agreement === 'none') {
        assert.deepEqual(reading.says.map(({ name: own }) => own), ['A', 'B']);
        assert.match(reading.says.find(({ name: own }) => own === liar)!.said, said);
      }
    }
  });
}

it('two that lie alike about data which no stake has are not agreed with', async () => {
  world.a.lie = world.b.lie = field({ data: new Cell().toBoc().toString('base64') });
  const reading = await world.pair().stake(stakeOf());
  assert.equal(reading.agreement, 'none');
  assert.deepEqual(reading, { agreement: 'none', says: ['A', 'B'].map((name) => ({ name, said: 'malformed: cells' })) });
});

it('two that do not answer say nothing, and why', async () => {
  world.a.lie = SILENCE;
  world.b.lie = text('{"ok":false}', 500);
  const reading = await world.pair(IMPATIENT).stake(stakeOf());
  assert.deepEqual(reading, { agreement: 'none', says: [{ name: 'A', said: 'timeout' }, { name: 'B', said: 'refused: HTTP 500' }] });
});

it('a pair that stands still together is noticed by the clock of the page, and so is a page whose clock is wrong', async () => {
  const at = world.pair({ now: () => START + world.later + 120 });
  assert.equal((await at.stake(stakeOf())).agreement, 'both');
  for (const [seconds, said] of [[121, 'behind: by 121 s'], [-121, 'ahead: by 121 s']] as const) {
    const pair = world.pair({ now: () => START + world.later + seconds });
    const reading = await pair.stake(stakeOf());
    assert.deepEqual(reading, { agreement: 'none', says: [{ name: 'A', said }, { name: 'B', said }] });
    assert.deepEqual(pair.health(), ['A', 'B'].map((name) => ({ name, blockTime: START + world.later, fault: said })));
  }
  // Each within the clock's two minutes, but not within those of the other.
  world.a.lie = changed((result) => ({ ...result, sync_utime: result.sync_utime - 100 }));
  world.b.lie = changed((result) => ({ ...result, sync_utime: result.sync_utime + 100 }));
  const reading = await world.pair().stake(stakeOf());
  assert.deepEqual([reading.agreement, reading.agreement === 'one' && reading.silent], ['one', 'A']);
  world.b.lie = null;
  assert.equal(agreed(await world.pair().stake(stakeOf()))!.asOf, START + world.later - 100);
});

it('one that is a block behind is asked again until both have seen the same transaction, and not for ever', async () => {
  const old = (await (await fetch(`${world.devnet.url}/api/v2/getAddressInformation?address=0:${hashOf(world.channel)}`)).json()).result;
  await world.channel.sendTopUp(world.via, 10n ** 9n);
  let lies = 2;
  world.b.lie = (reply) => (lies-- > 0 ? { ...reply, body: { ...reply.body, result: old } } : reply);
  const read = agreed(await world.pair().channel(hashOf(world.channel)))!;
  assert.equal(read.balance, (await world.channel.getChannel())!.balance);
  assert.equal(world.b.asked.length, 3);
  world.b.lie = field(old);
  assert.equal((await world.pair().channel(hashOf(world.channel))).agreement, 'none');
  assert.equal(world.b.asked.length, 3 + 4);
});

it('an API asks for no credentials, sends no referrer, follows no redirect, and gets its requests one after another', async () => {
  const seen: RequestInit[] = [];
  let running = 0;
  let most = 0;
  const spy: typeof fetch = async (input, init) => {
    seen.push(init!);
    most = Math.max(most, ++running);
    const response = await fetch(input, init);
    running--;
    return response;
  };
  const pair = world.pair({ fetch: spy });
  await Promise.all([pair.stake(stakeOf()), pair.channel(hashOf(world.channel)), pair.registry(hashOf(world.registry))]);
  assert.equal(seen.length, 6);
  assert.ok(most <= 2, `${most} at once`);
  for (const { signal, ...init } of seen) {
    assert.ok(signal);
    assert.deepEqual(init, { redirect: 'error', credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' });
  }
  for (const { headers, method } of world.a.requests) assert.deepEqual([method, headers.cookie, headers.authorization], ['GET', undefined, undefined]);
});

it('one that has had too many requests, or cannot be reached once, is asked again after a pause', async () => {
  let refusals = 3;
  world.a.lie = (reply) => (refusals-- > 0 ? { status: 429, body: '{"ok":false,"error":"Ratelimit exceed","code":429}' } : reply);
  agreed(await world.pair().stake(stakeOf()));
  assert.equal(world.a.asked.length, 4);
  let cuts = 1;
  world.a.lie = (reply) => (cuts-- > 0 ? { status: 0, body: '' } : reply);
  agreed(await world.pair().stake(stakeOf()));
  cuts = 2;
  assert.equal((await world.pair().stake(stakeOf())).agreement, 'one');
});

it('a silent one holds up a list of stakes once, not once for each', async () => {
  world.a.lie = SILENCE;
  const pair = world.pair(IMPATIENT);
  const readings = await Promise.all(Array.from({ length: 8 }, () => pair.stake(stakeOf())));
  assert.deepEqual(readings.map(({ agreement }) => agreement), Array.from({ length: 8 }, () => 'one'));
  assert.equal(world.a.asked.length, 1);
});

it('a clock that is moved on with the chain reads on', async () => {
  await advance(world.devnet, 600);
  world.later += 600;
  assert.equal(agreed(await world.pair().stake(stakeOf()))!.asOf, START + world.later);
});
