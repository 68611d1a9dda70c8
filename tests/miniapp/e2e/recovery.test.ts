/** Storage that vanishes, tabs that are closed, wallets that never answer: no money is lost, and none is spent twice. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseChannel } from '../../../wrappers';
import { eventually } from '../../support/marketplace';
import { ChatPage } from './page';
import { E2E, e2eSuite } from './suite';
import { deployedBy } from './wallet';
import { DEPOSIT } from './world';

const DAY = 86_400;

describe('money', E2E, () => {
  const suite = e2eSuite({ tiers: ['attested'] });

  test('of a wallet that pays and never answers is found on the chain: one request, one deposit, and one can ask', async (t) => {
    const { world } = suite;
    const page = await suite.page(t);
    await page.choose('Attested');
    await page.connect();
    world.wallet.simulated.manner = 'losesItsAnswer';
    await page.openButton().click();
    await page.prompt().waitFor({ timeout: 60_000 });
    await page.ask('swiftly');
    assert.equal((await page.message(0)).level, 'testHardware');
    assert.equal(world.wallet.requests.length, 1);
    const { to } = deployedBy(world.wallet.requests[0]);
    const balance = await world.market.balance(to);
    assert.ok(balance <= DEPOSIT && balance > DEPOSIT - 10_000_000n, String(balance));
  });

  test('that was on its way when the page was closed is found when it is opened again; the wallet is not asked a second time', async (t) => {
    const { world } = suite;
    const page = await suite.page(t);
    await page.choose('Attested');
    await page.connect();
    world.wallet.simulated.manner = 'losesItsAnswer';
    await page.openButton().click();
    await eventually(() => (world.wallet.requests.length === 1 && world.wallet.requests[0].outcome === 'sent' ? true : null));
    await page.reload();
    await page.prompt().waitFor({ timeout: 60_000 });
    await page.ask('swiftly');
    assert.deepEqual([(await page.message(0)).level, world.wallet.requests.length], ['testHardware', 1]);
  });

  test('is never signed for twice: after a reload in the middle of an answer, numbers go on and vouchers do not fall', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    await page.ask('swiftly');
    await page.send('river');
    await page.reload();
    await page.prompt().waitFor();
    await page.ask('bread');
    const requests = world.relay.framesOf('request');
    const numbers = requests.map(({ seq }) => seq);
    assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b), 'each number once');
    const amounts = world.relay.frames.flatMap(({ frame }) => (frame.kind === 'request' ? [frame.voucher.amount] : frame.kind === 'payment' ? [frame.amount] : []));
    amounts.reduce((before, amount) => (assert.ok(amount >= before, String(amounts)), amount), 0n);
  });

  test('of two tabs goes over one of them at a time', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    await page.ask('swiftly');
    const other = new ChatPage(Object.assign(Object.create(Object.getPrototypeOf(page.visitor)), page.visitor, { page: await page.visitor.context.newPage() }));
    await other.page.goto(world.host.url);
    await other.start();
    await other.prompt().waitFor();
    await other.prompt().fill('river');
    await other.button('Send').click();
    await other.page.getByText(/another tab/).or(other.badgeOf(0)).first().waitFor();
    await page.ask('bread');
    const numbers = world.relay.framesOf('request').map(({ seq }) => seq);
    assert.equal(new Set(numbers).size, numbers.length);
  });

});

describe('money without a key', E2E, () => {
  const suite = e2eSuite({ tiers: ['attested'] });

  // Alone in its world: it moves the clock of the chain by a day, and other channels of the wallet would be found as well.
  test('in a channel whose key was wiped is found by the wallet, the channel is ended, and everything but what was received comes back', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    await page.ask('swiftly');
    const { cost } = await page.message(0);
    const { to } = deployedBy(world.wallet.requests[0]);
    const before = await world.market.balance(world.wallet.address);
    await page.visitor.wipe(world.host.url);
    assert.deepEqual(await page.page.goto(world.host.url).then(() => page.visitor.stored()), [], 'nothing is left');

    await page.start();
    await page.choose('Attested');
    await page.connect();
    await page.button('Back').click();
    await page.lostBanner().click({ timeout: 30_000 });
    assert.equal(await page.prompt().count(), 0);
    await page.recoverButtons().first().click();
    await eventually(async () => {
      const { data } = await world.market.chain.getAccount(to);
      return data !== null && parseChannel(data).endsAt < Date.now() / 1_000 + 2 * DAY ? true : null;
    });

    // The provider may claim for a day; then the rest is fetched.
    await world.later(DAY + 600);
    await page.page.clock.setSystemTime(Date.now() + (DAY + 700) * 1_000);
    await page.reload();
    await page.lostBanner().click({ timeout: 60_000 });
    await page.recoverButtons().first().click({ timeout: 60_000 });
    const back = await eventually(async () => {
      const gained = await world.market.balance(world.wallet.address) - before;
      return gained > DEPOSIT / 2n ? gained : null;
    });
    const due = BigInt(Math.round(cost * 1e9));
    assert.ok(back <= DEPOSIT && back >= DEPOSIT - due - 40_000_000n, `${back} of ${DEPOSIT}`);
    assert.equal(await world.market.balance(to), 0n);
    assert.equal(world.wallet.requests.length, 3, 'opened, ended, fetched');
  });
});
