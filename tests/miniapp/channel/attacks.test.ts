/** What a worker that lists itself anew, or chain APIs that are late, can do to the money and the key of a channel. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NO_VOUCHER, type Welcome } from '../../../protocol';
import { openChannel, tend } from '../../../miniapp/src/channel';
import { ChannelPurse } from '../../../miniapp/src/channel/purse';
import { DEPOSIT, LifeWorld, offer } from './lifeWorld';
import { ADDRESS, Browser, CHUNK, NOW, PRICES } from './world';

const welcome = (owed: bigint): Welcome => ({ kind: 'welcome', nextSeq: 2, owed, voucher: NO_VOUCHER });
/** The same provider, a million times as dear. */
const DEAR = { promptPrice: PRICES.promptPrice * 1_000_000n, outputPrice: PRICES.outputPrice * 1_000_000n };

describe('a channel', () => {
  test('grants a chunk that was lost at the price it was asked for, whatever the provider asks for since', async () => {
    const browser = await Browser.withChannel();
    const purse = await browser.purse();
    await purse.begin(20n, 100_000n);
    await purse.end(true);
    purse.release();
    const dear = await ChannelPurse.open(browser.tab().store, ADDRESS, browser.key, DEAR, () => NOW);
    await assert.rejects(dear.believe(welcome(20n + CHUNK + 1n)), { code: 'wallet.badWorker' });
    await dear.believe(welcome(20n + CHUNK));
    assert.equal((await dear.final()).amount, 20n + CHUNK);
  });

  test('keeps its key while two APIs that are late do not show it yet', async () => {
    const world = new LifeWorld();
    const parts = world.page();
    const { address } = await openChannel(parts, offer, DEPOSIT);
    world.lie = () => ({ agreement: 'both', value: null });
    world.pass(20);
    const [view] = await tend(parts);
    assert.deepEqual([view?.address, view?.phase, view?.hasKey], [address, 'open', true]);
    world.lie = null;
    world.pass(20);
    assert.deepEqual((await tend(parts)).map(({ phase, hasKey }) => [phase, hasKey]), [['open', true]]);
    // What is gone for long is gone.
    world.lie = () => ({ agreement: 'both', value: null });
    world.pass(600);
    assert.deepEqual(await tend(parts), []);
  });
});
