/** What is asked and answered, and who asks, stay in the page and in the worker. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { spellingsOf } from './browser';
import { ChatPage } from './page';
import { E2E, e2eSuite } from './suite';

/** Parts that are nowhere by chance, whatever a tokenizer makes of them. */
const MARKER = 'Zqxwv-cocoon-7f3a91e2';
/** As Telegram's clients open a page. SIMULATED: nobody signed it. */
const INIT_DATA = 'user=%7B%22id%22%3A990001234%2C%22first_name%22%3A%22Marinadotta%22%7D&auth_date=1790000000&hash=5eed00c0ffee5eed00c0ffee5eed00c0ffee5eed00c0ffee5eed00c0ffee5eed';
const USER_MARKERS = ['990001234', 'Marinadotta', '5eed00c0ffee5eed'];

describe('what is secret', E2E, () => {
  const suite = e2eSuite();

  test('a prompt is in no request, header, address, frame, console line or storage of the browser, in no spelling; nor is its answer', async (t) => {
    const page = await suite.chat(t);
    const index = await page.ask(`tell me of ${MARKER}`);
    const { answer, level } = await page.message(index);
    assert.equal(level, 'testHardware');
    const { visitor } = page;
    assert.deepEqual(await visitor.tracesOf(MARKER), []);
    assert.ok(answer.trim().length > 12);
    assert.deepEqual(await visitor.tracesOf(answer.trim()), []);
    // The search finds what is there: the request was sent, and the channel is stored.
    const channel = suite.world.wallet.requests.length;
    assert.equal(channel, 1);
    assert.ok(visitor.log.wire.some(({ kind, url }) => kind === 'sent' && url.includes('/v1/channel/')));
    assert.ok((await visitor.stored()).some(({ place }) => place.startsWith('IndexedDB')));
    assert.deepEqual(await visitor.tracesOf(suite.world.attested.owner.stake.hash.toString('hex')).then((found) => found.length > 0), true);
  });

  test('neither the relay nor a chain API nor the bridge nor the worker\'s neighbours saw it', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    await page.ask(`tell me of ${MARKER}`);
    const seen = [...world.apis.flatMap(({ calls }) => calls.map(({ raw }) => raw)), JSON.stringify(world.wallet.bridge.passed), JSON.stringify(world.wallet.requests)].join('\n');
    for (const spelling of spellingsOf(MARKER)) assert.ok(!seen.includes(spelling), spelling);
  });

  test('the key of the channel cannot be taken out of the browser, and nothing stored is as good as it', async (t) => {
    const page = await suite.chat(t);
    const stored = await page.visitor.stored();
    const keys = stored.filter(({ text }) => text.includes('CryptoKey'));
    assert.ok(keys.length > 0);
    // A public half may be extractable; the half that signs is not.
    assert.ok(keys.some(({ text }) => text.includes('CryptoKey private extractable=false')));
    assert.ok(stored.every(({ text }) => !/CryptoKey private extractable=true/.test(text)));
  });

  test('who opened it in Telegram is read once and goes nowhere: not into a request, an address, a log or storage', async (t) => {
    const visitor = await suite.visitor(t);
    // As the clients of phones have it.
    await visitor.page.addInitScript(() => {
      const told: string[] = [];
      Object.assign(window, { told, TelegramWebviewProxy: { postEvent: (type: string, data: string) => void told.push(`${type} ${data}`) } });
    });
    const hash = new URLSearchParams({ tgWebAppData: INIT_DATA, tgWebAppVersion: '8.0', tgWebAppPlatform: 'ios', tgWebAppThemeParams: '{"bg_color":"#17212b","text_color":"#f5f5f5"}' });
    await visitor.page.goto(`${suite.world.host.url}/#${hash}`);
    const page = new ChatPage(visitor);
    await page.start();
    await page.openChannel();
    await page.ask('swiftly');
    assert.equal(new URL(visitor.page.url()).hash.includes('tgWebApp'), false);
    for (const marker of USER_MARKERS) {
      // Playwright's own log of the address that this test typed is not the page's doing.
      const traces = (await visitor.tracesOf(marker)).filter((trace) => trace !== `http ${suite.world.host.url}/#${hash}`);
      assert.deepEqual(traces, [], marker);
    }
    assert.equal(await visitor.page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    const told = await visitor.page.evaluate(() => (window as unknown as { told: string[] }).told);
    assert.ok(told.some((event) => event.startsWith('web_app_ready')), String(told));
    for (const marker of USER_MARKERS) assert.ok(!told.join('\n').includes(marker), marker);
  });

  test('a reload forgets what was said, and keeps the channel', async (t) => {
    const page = await suite.chat(t);
    await page.ask(`tell me of ${MARKER}`);
    const { spent } = await page.channel();
    await page.reload();
    await page.prompt().waitFor();
    assert.equal(await page.messages().count(), 0);
    assert.ok(!(await page.page.content()).includes(MARKER));
    const after = await page.channel();
    assert.ok(after.spent >= spent && after.phase === 'Open');
    await page.ask('swiftly');
    assert.equal((await page.message(0)).level, 'testHardware');
  });
});
