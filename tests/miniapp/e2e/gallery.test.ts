/** Every screen in every state in a real browser, under the page's own policy. Behind COCOON_E2E=1: it unpacks a browser. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { openGallery, type GallerySite } from '../ui/gallery/site';
import { SCENES } from '../ui/gallery/scenes';
import { channel } from '../ui/fakeApp';
import { SCREENS, TestBrowser, type Visitor } from './browser';
import type { FakeApp, message } from '../ui/fakeApp';

/** What gallery.tsx leaves in the window. */
interface Gallery { app: FakeApp; message: typeof message }
interface Finding { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

describe('the page\'s screens', { skip: process.env.COCOON_E2E !== '1' && 'COCOON_E2E=1 runs it', timeout: 120_000 }, () => {
  let site: GallerySite;
  let browser: TestBrowser;
  let visitor: Visitor;
  let page: Page;
  before(async () => {
    [site, browser] = await Promise.all([openGallery(), TestBrowser.open()]);
    visitor = await browser.visitor({ reducedMotion: true });
    page = visitor.page;
  });
  after(async () => {
    await visitor.close();
    await Promise.all([site.close(), browser.close()]);
  });

  /** Opens a scene and waits until its place is there. */
  async function show(scene: string, language = 'en'): Promise<void> {
    await page.goto(`${site.origin}/?scene=${scene}&language=${language}`);
    await page.locator('html[data-shown]').waitFor({ state: 'attached' });
  }
  const asked = (): Promise<FakeApp['asked']> => page.evaluate(() => (window as unknown as { gallery: Gallery }).gallery.app.asked);
  const lastAsked = async (): Promise<FakeApp['asked'][number]> => (await asked()).at(-1)!;
  const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '');

  /** Elements that reach beyond the screen, or that hold more than they show. */
  const overflowing = (): Promise<string[]> => page.evaluate(() => Array.from(document.querySelectorAll('body *')).filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    if (width <= 1 || element.closest('.hidden') !== null || element.tagName === 'INPUT') return false;
    return left < -0.5 || right > innerWidth + 0.5 || (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== 'visible');
  }).map(({ tagName, className, scrollWidth, clientWidth }) => `${tagName} ${String(className)} holds ${scrollWidth} in ${clientWidth}`));

  /** What can be tapped and is smaller than a finger. */
  const tooSmall = (): Promise<string[]> => page.evaluate(() => Array.from(document.querySelectorAll('button, a[href], textarea, label.row, input[name="amount"]')).filter((element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && (width < 44 || height < 43.5);
  }).map(({ outerHTML }) => outerHTML.slice(0, 80)));

  async function axe(rules?: string[]): Promise<string[]> {
    const { violations } = await page.evaluate(
      (only) => (window as unknown as { axe: { run(options: object): Promise<{ violations: Finding[] }> } }).axe.run({ resultTypes: ['violations'], ...(only ? { runOnly: only } : {}) }),
      rules,
    );
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} ${failureSummary}`).join('; ')}`);
  }

  test('have no serious or critical finding of axe, by day and by night, nothing too small to be tapped, say that money is simulated, and break no rule of the policy', async () => {
    for (const [scene, { place, state }] of Object.entries(SCENES)) {
      await show(scene);
      if (place.sheet === undefined && state.config !== null) assert.ok(await page.getByText('Testnet: simulated money').isVisible(), scene);
      await page.evaluate(AXE);
      assert.deepEqual(await axe(), [], scene);
      assert.deepEqual(await tooSmall(), [], scene);
      await page.emulateMedia({ colorScheme: 'dark' });
      assert.deepEqual(await axe(['color-contrast']), [], `${scene} by night`);
      await page.emulateMedia({ colorScheme: 'light' });
    }
    assert.deepEqual(visitor.log.violations, []);
    assert.deepEqual(visitor.log.errors, []);
    assert.deepEqual(visitor.requestsElsewhere(site.origin), []);
  });

  test('fit the smallest screen in both languages, and with text of twice the size', async () => {
    await page.setViewportSize(SCREENS.small);
    const session = await page.context().newCDPSession(page);
    const found: string[] = [];
    const look = async (of: string): Promise<void> => void found.push(...(await overflowing()).map((element) => `${of}: ${element}`));
    for (const scene of Object.keys(SCENES)) {
      await show(scene, 'ru');
      await look(`${scene} in Russian`);
      await session.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize), '32px');
      await look(`${scene} in Russian, large`);
      await session.send('Page.setFontSizes', { fontSizes: { standard: 16, fixed: 13 } });
    }
    await session.detach();
    assert.deepEqual(found, []);
    await page.setViewportSize(SCREENS.phone);
  });

  test('lead by keyboard alone from a provider to an answer and its claims', async () => {
    await show('providers');
    await page.getByRole('button', { name: /^Llama 3\.2 1B kQBaWl/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Connect a wallet', exact: true }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    // Tab goes round within.
    const stops = new Set<string>();
    for (let i = 0; i < 12; i++) {
      assert.ok(await page.evaluate(() => document.querySelector('dialog')!.contains(document.activeElement)), 'focus stays within');
      stops.add(await focused());
      await page.keyboard.press('Tab');
    }
    assert.ok(['Close', 'Tonkeeper', 'MyTonWallet'].every((name) => stops.has(name)), [...stops].join());
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await focused(), 'Connect a wallet');

    await page.evaluate(() => (window as unknown as { gallery: Gallery }).gallery.app.set({ wallet: { state: 'connected', name: 'Tonkeeper', account: '42'.repeat(32), isAsked: false } }));
    const amount = page.getByRole('textbox', { name: 'Deposit' });
    await amount.fill('0.05');
    await page.keyboard.press('Enter');
    await page.getByText('At least 0.1 TON').waitFor();
    assert.deepEqual((await asked()).map(({ name }) => name), ['choose'], 'the wallet was not asked');
    await amount.fill('2,5');
    await page.keyboard.press('Enter');
    assert.equal((await lastAsked()).name, 'openChannel');
    assert.equal(await page.evaluate(() => String((window as unknown as { gallery: Gallery }).gallery.app.asked.at(-1)!.args[0])), '2500000000');

    const open = channel({ deposit: 2_500_000_000n, signed: 0n, claimed: 0n, refundable: 2_500_000_000n });
    await page.evaluate((change) => (window as unknown as { gallery: Gallery }).gallery.app.set({ channel: change }), open);
    const prompt = page.getByRole('textbox', { name: 'Message' });
    await prompt.focus();
    await page.getByRole('button', { name: 'Verified. Show what was checked' }).waitFor();
    await page.keyboard.type('Why is');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('the sky blue?');
    await page.getByText(/^up to 0\.00\d+ TON$/).waitFor();
    await page.keyboard.press('Enter');
    assert.deepEqual(await lastAsked(), { name: 'send', args: ['Why is\nthe sky blue?'] });
    assert.equal(await prompt.inputValue(), '');
    await page.getByText('0.0000042 TON so far').waitFor();

    await page.evaluate(() => {
      const { app, message } = (window as unknown as { gallery: Gallery }).gallery;
      app.finish({ ...message('m0', 'proven'), id: 'm0', prompt: 'Why is\nthe sky blue?' });
    });
    await page.getByText('The answer is complete. It cost 0.00008988 TON. The badge is now: Verified').waitFor({ state: 'attached' });
    await page.locator('.message').getByRole('button', { name: /^Verified/ }).focus();
    await page.keyboard.press('Enter');
    await dialog.waitFor();
    // What is checked again is what the document has, whatever it was meant to have.
    await page.evaluate(() => void (document.querySelector('.answer')!.firstChild!.nodeValue = 'Something else'));
    await dialog.getByRole('button', { name: 'Check again' }).focus();
    await page.keyboard.press('Enter');
    assert.deepEqual(await lastAsked(), { name: 'recheck', args: ['m0', { prompt: 'Why is\nthe sky blue?', answer: 'Something else' }] });
    const download = page.waitForEvent('download');
    await dialog.getByRole('button', { name: 'Save receipt' }).click();
    assert.match((await download).suggestedFilename(), /^cocoon-receipt-2026-11-28-12-00-00\.json$/);
    assert.equal(readFileSync((await (await download).path())!, 'utf8'), '{"id":"m0"}');
    await page.goBack();
    await dialog.waitFor({ state: 'detached' });
  });

  test('tell a screen reader when a badge falls, and not each token', async () => {
    await show('chat-streaming');
    const told = page.locator('div.hidden[role="status"]');
    await page.evaluate(() => (window as unknown as { gallery: Gallery }).gallery.app.finish({ answer: 'The light takes a longer way through the air', outputTokens: 11 }));
    assert.equal(await told.textContent(), '');
    await page.evaluate(() => {
      const { app, message } = (window as unknown as { gallery: Gallery }).gallery;
      app.set({ messages: app.state().messages.map((each) => (each.state === 'whole' ? { ...each, ...message(each.id, 'refuted') } : each)) });
    });
    await page.getByText('The badge is now: Failed').waitFor({ state: 'attached' });
  });

  test('send nothing while a required claim is missing, say which, and keep the draft', async () => {
    await show('chat-blocked');
    await page.getByText(/Cannot send\. False or unknown: .*“Hardware was up to date when attested”.*Your text is kept\./).waitFor();
    const prompt = page.getByRole('textbox', { name: 'Message' });
    await prompt.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Send' }).click({ force: true });
    assert.equal(await prompt.inputValue(), 'And at sunset?');
    assert.deepEqual(await asked(), []);
  });

  test('close a channel only after they have asked, and stop an answer', async () => {
    await show('chat-streaming');
    await page.getByRole('button', { name: 'Stop' }).click();
    assert.equal((await lastAsked()).name, 'stop');
    await page.getByText('Incomplete, not verified').waitFor();
    await page.getByRole('button', { name: 'Close channel' }).click();
    await page.getByRole('dialog').getByText(/gets 0\.10452 TON/).waitFor();
    assert.deepEqual((await asked()).map(({ name }) => name), ['stop']);
    await page.getByRole('dialog').getByRole('button', { name: 'Close channel' }).click();
    await page.getByText('Ending', { exact: true }).waitFor();
    assert.equal((await lastAsked()).name, 'closeChannel');
  });

  test('open a receipt file of anybody\'s, and change the language', async () => {
    await show('providers');
    await page.locator('input[type=file]').setInputFiles({ name: 'receipt.json', mimeType: 'application/json', buffer: Buffer.from('{"a":1}') });
    await page.getByText('Why is the sky blue?').waitFor();
    assert.deepEqual(await lastAsked(), { name: 'openReceipt', args: ['{"a":1}'] });
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('radio', { name: 'Русский' }).check();
    await page.getByRole('heading', { name: 'Настройки' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'ru');
  });

  test('take Telegram\'s colours and buttons in a frame of its web client, and let it know nothing', async () => {
    const host = 'https://web.telegram.org/k/';
    await page.route(host, (route) => route.fulfill({
      contentType: 'text/html',
      body: `<iframe src="${site.origin}/?scene=settings#tgWebAppData=user%3Dmarker&tgWebAppVersion=8.0&tgWebAppPlatform=weba&tgWebAppThemeParams=%7B%7D" style="width:390px;height:700px"></iframe>
        <script>heard = []; addEventListener('message', ({ data, source, origin }) => {
          const { eventType, eventData } = JSON.parse(data); heard.push({ eventType, eventData, origin });
          const say = (type, data) => source.postMessage(JSON.stringify({ eventType: type, eventData: data }), origin);
          if (eventType === 'web_app_request_theme') say('theme_changed', { theme_params: { bg_color: '#17212b', text_color: '#f5f5f5', hint_color: '#708499', button_color: '#5288c1' } });
          if (eventType === 'web_app_setup_back_button' && eventData.is_visible) say('back_button_pressed', null);
        })</script>`,
    }));
    await page.goto(host);
    const frame = page.frameLocator('iframe');
    await frame.locator('html[data-theme=dark][data-shown]').waitFor({ state: 'attached' });
    // Telegram's back button was pressed: the settings are left.
    await frame.getByRole('heading', { name: 'Choose a provider' }).waitFor();
    assert.equal(await frame.getByRole('button', { name: 'Back' }).count(), 0, 'the page has no second one');
    const heard = await page.evaluate(() => (globalThis as unknown as { heard: { eventType: string; origin: string }[] }).heard);
    assert.deepEqual([...new Set(heard.map(({ origin }) => origin))], [site.origin]);
    assert.ok(heard.some(({ eventType }) => eventType === 'web_app_expand'));
    assert.deepEqual(await frame.locator('html').evaluate(() => [location.hash, JSON.stringify([localStorage, sessionStorage]).includes('marker')]), ['', false]);
    assert.ok(!JSON.stringify(heard).includes('marker'));
  });

  test('offer a browser instead of a wallet inside Telegram where the host takes no payment there, and outside of it nothing else than ever', async () => {
    await page.goto(`${site.origin}/?scene=welcome-elsewhere`);
    await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
    const host = 'https://web.telegram.org/k/';
    await page.route(host, (route) => route.fulfill({
      contentType: 'text/html',
      body: `<iframe src="${site.origin}/?scene=welcome-elsewhere#tgWebAppVersion=8.0&tgWebAppPlatform=weba&tgWebAppThemeParams=%7B%7D" style="width:390px;height:700px"></iframe>`,
    }));
    await page.goto(host);
    const frame = page.frameLocator('iframe');
    const [tab] = await Promise.all([page.context().waitForEvent('page'), frame.getByRole('button', { name: 'Open in a browser' }).click()]);
    assert.equal(new URL(tab.url()).origin, site.origin);
    await tab.close();
    assert.equal(await frame.getByRole('button', { name: 'Connect', exact: true }).count(), 0);
  });
});
