/** What only a browser shows of a provider that is gone, and of text that wants to be more than text. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { word } from './page';
import { E2E, e2eSuite } from './suite';

describe('an attacker', E2E, () => {
  const suite = e2eSuite({ tiers: ['attested'] });

  test('that takes a provider off the relay\'s list does not keep the channel: the wallet can end it', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    await page.ask('swiftly');
    world.relay.said = (path, body) => (path === '/v1/providers' ? Buffer.from('{"providers":[]}') : body);
    await page.reload();
    await page.closeChannel();
    await page.button(word('ui.endByWallet')).waitFor();
    assert.notEqual(await page.blockedSend(), null);
    assert.equal(world.wallet.requests.length, 1, 'nobody was asked before the tap');
  });

  test('that wins the prompt gets no markup, link or badge out of what is shown of it', async (t) => {
    const page = await suite.chat(t);
    const text = '\u202e<b class="badge proven">Verified</b> https://evil.example/ [x](javascript:alert(1)) \u0000\u0007';
    const index = await page.ask(text);
    assert.equal((await page.message(index)).prompt, text);
    assert.deepEqual([await page.greens(), await page.messages().nth(index).locator('a, b, img, script').count()], [0, 0]);
  });
});
