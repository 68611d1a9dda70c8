import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { channelInit, openedTerms } from '../../../miniapp/src/chain';
import { endByVoucher, endByWallet, openChannel, openings, recoverable, resumeOpening, tend } from '../../../miniapp/src/channel';
import { CLAIM_FEE, CLAIM_IMPORT, channelRent, CLOSE_VALUE, mostPayable, WORTH_COLLECTING } from '../../../miniapp/src/channel/budget';
import { loadKey } from '../../../miniapp/src/channel/keys';
import type { ChannelRecord } from '../../../miniapp/src/channel/store';
import type { ChannelTerms } from '../../../miniapp/src/types';
import * as wrappers from '../../../wrappers';
import { channelRent as rentOfWrappers } from '../../../wrappers/channelCover';
import { WORTH_COLLECTING as worthInGateway } from '../../../gateway/market/channelLife';
import { LEAST_DEPOSIT } from '../../../miniapp/src/channel/budget';
import { LEAST_DEPOSIT as leastOfGateway } from '../../../cli/gateway/clientChannels';
import { networkPrices } from '../../worker/channels/conversationWorld';
import { Killed } from './memory';
import { CLIENT, DEPOSIT, LifeWorld, type Manner, offer } from './lifeWorld';
import { DAY } from './world';

const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;
const recordOf = (world: LifeWorld): ChannelRecord => [...world.disk.tables.channels.values()][0] as ChannelRecord;

async function opened() {
  const world = new LifeWorld();
  const page = world.page();
  const record = await openChannel(page, offer, DEPOSIT);
  return { world, page, record, address: record.address };
}

describe('the life of a channel', { timeout: 60_000 }, () => {
  test('what is kept back for fees and rent is what the contract wrappers compute', () => {
    assert.equal(CLAIM_FEE, wrappers.claimFee(networkPrices));
    assert.equal(CLAIM_IMPORT, wrappers.claimImport(networkPrices));
    assert.deepEqual([CLOSE_VALUE, WORTH_COLLECTING, LEAST_DEPOSIT], [wrappers.CLOSE_VALUE, worthInGateway, leastOfGateway]);
    for (const seconds of [-5, 0, 1, DAY, 30 * DAY]) {
      assert.equal(channelRent(seconds), rentOfWrappers(seconds));
      const state = { claimed: 7n, endsAt: 0, terms: { expiry: 1_000_000_000 + seconds } } as wrappers.ChannelState;
      assert.equal(mostPayable(7n + DEPOSIT, seconds), wrappers.mostPayable(state, DEPOSIT, networkPrices, 1_000_000_000));
    }
  });

  test('one request opens a channel whose terms are the offer\'s, at the address that was computed before', async () => {
    const { world, record, page } = await opened();
    assert.deepEqual([world.requests.length, world.validFor], [1, [300]]);
    const [[{ address, amount, stateInit, payload }]] = world.requests;
    const terms = openedTerms(stateInit!)!;
    assert.deepEqual(terms, record.terms);
    assert.deepEqual([terms.client, terms.stake, terms.payout, terms.claimKey, terms.closeDelay, terms.networkId], [CLIENT, offer.stake, offer.payout, offer.claimKey, DAY, 2026]);
    assert.deepEqual([amount, payload, record.intent, record.funds], [DEPOSIT, undefined, 'open', String(DEPOSIT)]);
    assert.equal(Buffer.from(address, 'base64url').subarray(2, 34).toString('hex'), channelInit(terms).address);
    // Bounceable, for a test network.
    assert.equal(Buffer.from(address, 'base64url')[0], 0x91);
    assert.notEqual(await loadKey(page.database, terms.clientKey), null);
  });

  test('its intent, its terms and its key are on disk before the wallet is asked', async () => {
    const world = new LifeWorld();
    const page = world.page();
    const send = page.wallet.send;
    page.wallet.send = async (...request) => {
      const { intent, asked, address, terms } = recordOf(world);
      assert.deepEqual([intent, asked, channelInit(terms).address, world.disk.tables.keys.has(terms.clientKey)], ['asked', 1, address, true]);
      return send(...request);
    };
    await openChannel(page, offer, DEPOSIT);
  });

  test('an offer that makes no sense, a small deposit, no wallet or one of another network: the wallet is not asked', async () => {
    const world = new LifeWorld();
    for (const bad of [{ payout: '00'.repeat(32) }, { claimKey: 'zz' }, { stake: '0' }, { closeDelay: 0 }, { closeDelay: 16 * DAY }, { closeDelay: 1.5 }]) {
      await assert.rejects(openChannel(world.page(), { ...offer, ...bad }, DEPOSIT), hasCode('wallet.badOffer'));
    }
    await assert.rejects(openChannel(world.page(), offer, LEAST_DEPOSIT - 1n), hasCode('wallet.smallDeposit'));
    world.network = '-239';
    await assert.rejects(openChannel(world.page(), offer, DEPOSIT), hasCode('wallet.network'));
    world.account = null;
    await assert.rejects(openChannel(world.page(), offer, DEPOSIT), hasCode('wallet.notConnected'));
    assert.deepEqual([world.requests.length, world.disk.tables.channels.size], [0, 0]);
  });

  test('terms that were changed on disk are refused before the wallet is asked, and are not waited for', async () => {
    for (const changed of [{ payout: '66'.repeat(32) }, { closeDelay: 1 }, { clientKey: '77'.repeat(32) }, { expiry: 2_000_000_000 }] as Partial<ChannelTerms>[]) {
      const world = new LifeWorld();
      world.manner = 'rejects';
      await assert.rejects(openChannel(world.page(), offer, DEPOSIT), hasCode('wallet.rejected'));
      const record = recordOf(world);
      const terms = { ...record.terms, ...changed };
      world.disk.tables.channels.set(record.address, { ...record, intent: 'asked', terms });
      world.disk.tables.keys.set(terms.clientKey, world.disk.tables.keys.get(record.terms.clientKey));
      await assert.rejects(resumeOpening(world.page(), record.address), hasCode('wallet.otherAddress'));
      const wanted = { ...offer, payout: terms.payout, closeDelay: terms.closeDelay };
      await assert.rejects(openChannel(world.page(), wanted, DEPOSIT), hasCode('wallet.otherAddress'));
      await assert.rejects(endByWallet(world.page(), { address: record.address, terms }), hasCode('wallet.otherAddress'));
      assert.equal(world.requests.length, 1);
    }
  });

  test('whatever becomes of the wallet\'s answer, it is asked once and the chain tells', async () => {
    for (const manner of ['losesItsAnswer', 'losesTheBridge', 'paysTwice'] as Manner[]) {
      const world = new LifeWorld();
      world.manner = manner;
      assert.equal((await openChannel(world.page(), offer, DEPOSIT)).intent, 'open');
      assert.equal(world.requests.length, 1);
      world.pass(30);
      const [view] = await tend(world.page());
      assert.equal(view.deposit, manner === 'paysTwice' ? 2n * DEPOSIT : DEPOSIT);
    }
    for (const [manner, code] of [['isSilent', 'wallet.expired'], ['answersAndSendsNothing', 'wallet.notSeen']] as [Manner, string][]) {
      const world = new LifeWorld();
      world.manner = manner;
      await assert.rejects(openChannel(world.page(), offer, DEPOSIT), hasCode(code));
      assert.deepEqual([world.requests.length, recordOf(world).intent], [1, 'asked']);
      assert.equal(await resumeOpening(world.page(), recordOf(world).address), null);
    }
  });

  test('a user who tries again tops up the same address, and one whose money came meanwhile is not asked', async () => {
    const world = new LifeWorld();
    world.manner = 'isSilent';
    await assert.rejects(openChannel(world.page(), offer, DEPOSIT), hasCode('wallet.expired'));
    world.manner = 'pays';
    const record = await openChannel(world.page(), offer, 2n * DEPOSIT);
    assert.equal(world.requests.length, 2);
    assert.deepEqual([world.requests[1][0].address, world.requests[1][0].stateInit], [world.requests[0][0].address, world.requests[0][0].stateInit]);
    assert.deepEqual([record.asked, record.funds, world.disk.tables.channels.size], [2, String(2n * DEPOSIT), 1]);

    const other = new LifeWorld();
    other.manner = 'rejectsAndPays';
    await assert.rejects(openChannel(other.page(), offer, DEPOSIT), hasCode('wallet.rejected'));
    other.pass(20);
    assert.equal((await openChannel(other.page(), offer, DEPOSIT)).funds, String(DEPOSIT));
    assert.equal(other.requests.length, 1);
  });

  test('a channel that is open already does not stand in the way of another one', async () => {
    const { world } = await opened();
    world.pass(1);
    await openChannel(world.page(), offer, DEPOSIT);
    assert.equal(world.disk.tables.channels.size, 2);
  });

  test('a page that is closed at any step asks nobody a second time; the next one finds what came', async () => {
    for (let halves = 0; halves < 10; halves++) {
      const world = new LifeWorld();
      const page = world.page();
      page.database.killAfter(halves);
      const ended = await openChannel(page, offer, DEPOSIT).catch((error: unknown) => error);
      if (!(ended instanceof Killed)) break;
      page.die();
      world.pass(30);
      assert.ok(world.requests.length <= 1);
      const next = world.page();
      for (const { address } of await openings(next.store)) await resumeOpening(next, address);
      const [view] = await tend(next);
      assert.equal(view?.phase === 'open', world.requests.length === 1, `killed after ${halves} halves`);
      assert.ok(world.requests.length <= 1);
      assert.notEqual(halves, 9, 'it has more steps than this');
    }
  });

  test('one API alone opens nothing, nor do two that contradict each other', async () => {
    const world = new LifeWorld();
    const page = world.page();
    world.lie = (value) => ({ agreement: 'one', value, name: 'a', silent: 'b', problem: 'HTTP 500' });
    await assert.rejects(openChannel(page, offer, DEPOSIT), hasCode('wallet.silentApis'));
    assert.equal(recordOf(world).intent, 'asked');
    // What one of them shows may be there: nothing is paid on top of it.
    await assert.rejects(openChannel(page, offer, DEPOSIT), hasCode('wallet.silentApis'));
    world.lie = () => ({ agreement: 'none', says: [{ name: 'a', said: 'x' }, { name: 'b', said: 'y' }] });
    await assert.rejects(openChannel(page, offer, DEPOSIT), hasCode('wallet.disagree'));
    assert.equal(world.requests.length, 1);
    world.lie = null;
    assert.equal((await resumeOpening(page, recordOf(world).address))?.intent, 'open');
  });

  test('two tabs do not open two channels at once', async () => {
    const world = new LifeWorld();
    const first = openChannel(world.page(), offer, DEPOSIT);
    await assert.rejects(openChannel(world.page(), offer, DEPOSIT), hasCode('wallet.otherTab'));
    await first;
    assert.equal(world.requests.length, 1);
  });

  test('the last voucher ends it without the wallet; a provider that does not claim leaves it ending', async () => {
    const { world, page, address } = await opened();
    const finish = () => page.store.change(address, (known) => ({ ...known, vouched: '300', finishedAt: world.time })).then(() => undefined);
    const waiting = await endByVoucher(page, address, finish);
    assert.deepEqual([waiting.phase, waiting.refundable, waiting.signed], ['ending', DEPOSIT - 300n, 300n]);
    const claimed = endByVoucher(page, address, async () => void Object.assign(world.accounts.get(address)!, { claimed: 300n, balance: 0n, endsAt: 0 }));
    assert.deepEqual([(await claimed).phase, (await claimed).claimed, (await claimed).refundable], ['ended', 300n, 0n]);
    assert.equal(world.requests.length, 1);
    assert.deepEqual(await tend(page), []);
    assert.equal(world.disk.tables.channels.size + world.disk.tables.keys.size, 0);
  });

  test('the wallet ends it in two steps, and nothing is bought in between', async () => {
    const { world, page, record, address } = await opened();
    const closing = await endByWallet(page, record);
    assert.deepEqual([closing.phase, closing.endsAt <= world.time + DAY, recordOf(world).intent, recordOf(world).finishedAt !== null], ['closing', true, 'closing', true]);
    await assert.rejects(endByWallet(page, record), hasCode('wallet.stillOpen'));
    world.pass(DAY);
    // A message that reaches the chain before the end would fetch nothing.
    world.behind = 30;
    await assert.rejects(endByWallet(page, record), hasCode('wallet.stillOpen'));
    world.behind = 0;
    assert.equal((await tend(page))[0].phase, 'ended');
    assert.deepEqual([(await endByWallet(page, record)).phase, world.accounts.get(address)!.balance, world.requests.length], ['ended', 0n, 3]);
    // There is nothing more to fetch, and nobody is asked for it.
    await endByWallet(page, record);
    assert.equal(world.requests.length, 3);
  });

  test('a channel whose key was wiped is found through the wallet and ended by it; one that is empty or has its key is not listed', async () => {
    const { world, record } = await opened();
    assert.deepEqual((await recoverable(world.page())).channels, []);
    world.disk.tables.channels.clear();
    world.disk.tables.keys.clear();
    const page = world.page();
    const { channels: [lost], complete } = await recoverable(page);
    assert.deepEqual([lost.address, lost.hasKey, lost.refundable, lost.phase, complete], [record.address, false, DEPOSIT, 'open', true]);
    assert.equal((await endByWallet(page, lost)).phase, 'closing');
    world.pass(DAY);
    assert.equal((await endByWallet(page, lost)).refundable, 0n);
    assert.deepEqual((await recoverable(page)).channels, []);
    world.account = '0e'.repeat(32);
    await assert.rejects(endByWallet(page, lost), hasCode('wallet.otherWallet'));
  });

  test('a rejected close leaves the channel as it is, and an intent whose money never came is forgotten after a day', async () => {
    const { world, page, record } = await opened();
    world.manner = 'rejects';
    await assert.rejects(endByWallet(page, record), hasCode('wallet.rejected'));
    assert.equal((await tend(page))[0].phase, 'open');
    world.accounts.clear();
    world.disk.tables.channels.clear();
    await assert.rejects(openChannel(page, offer, DEPOSIT), hasCode('wallet.rejected'));
    assert.deepEqual([await tend(page), world.disk.tables.channels.size], [[], 1]);
    world.pass(DAY + 1);
    assert.deepEqual([await tend(page), world.disk.tables.channels.size], [[], 0]);
  });
});
