/** The provider's page in Chromium, served by a real worker with real earnings of a devnet. Behind COCOON_E2E=1 (`npm run test:e2e`). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { ProviderReport } from '../../../worker/provider/wire';
import { EarningProvider } from '../../support/earningProvider';
import { eventually } from '../../support/marketplace';
import { type PageOptions, TestBrowser, type Visitor } from './browser';

const TOKEN = 'a-token-of-the-tests';
/** Screenshots go there, where it is set. */
const PICTURES = process.env.COCOON_PICTURES;
const AXE = readFileSync(createRequire(__filename).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

describe("the provider's page", { skip: process.env.COCOON_E2E === undefined && 'set COCOON_E2E=1', timeout: 300_000 }, () => {
  let world: EarningProvider;
  let browser: TestBrowser;
  before(async () => {
    [world, browser] = await Promise.all([EarningProvider.start(), TestBrowser.open()]);
  });
  after(() => Promise.all([browser?.close(), world?.close()]));

  const report = async (): Promise<ProviderReport> => (await fetch(`${world.ready.metricsUrl}/v1/provider`)).json() as Promise<ProviderReport>;
  const visit = async (options: PageOptions = {}): Promise<Visitor> => {
    const visitor = await browser.visitor(options);
    await visitor.page.goto(`${world.ready.metricsUrl}/`);
    return visitor;
  };
  const text = (page: Page): Promise<string> => page.evaluate(() => document.body.innerText.replace(/\s+/g, ' '));
  /** Serious findings of axe-core, which runs outside of the page's policy. */
  const findings = async (page: Page): Promise<string[]> => {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe.run()) as { violations: Violation[] };
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
  };
  const isClean = async ({ page, log }: Visitor): Promise<void> => {
    assert.deepEqual(log.violations, []);
    assert.deepEqual(log.errors, []);
    assert.deepEqual(log.wire.filter(({ url }) => !url.startsWith(world.ready.metricsUrl) && !url.startsWith('data:')), []);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'nothing is wider than the screen');
  };
  const picture = async (page: Page, name: string): Promise<void> => {
    if (PICTURES === undefined) return;
    // All of it: the page scrolls inside.
    const size = page.viewportSize()!;
    const height = await page.evaluate(() => document.querySelector('.page')!.scrollHeight + document.querySelector('.head')!.clientHeight);
    await page.setViewportSize({ ...size, height: Math.max(size.height, height) });
    await page.screenshot({ path: join(PICTURES, `${name}.png`) });
    await page.setViewportSize(size);
  };

  test('says that nothing was earned yet where nothing was', async () => {
    const visitor = await visit();
    const { page } = visitor;
    await page.getByText('Nothing earned yet').waitFor();
    await page.getByText('No voucher waits.').waitFor();
    assert.deepEqual(await findings(page), []);
    await isClean(visitor);
    await picture(page, 'nothing');
    await visitor.close();
  });

  test('shows the earnings that the API says, to the nanoTON, by channels and jobs, and every payment with its transaction', async () => {
    await world.ask('closed', 2, true);
    await world.ask('open', 1, false);
    await world.job();
    const { earnings, vouchers, stake } = await eventually(async () => {
      const now = await report();
      return now.earnings.all.jobs.payments === 1 && now.earnings.all.channels.claims === 1 && now.audit!.unmatchedNano === '0' ? now : null;
    });
    const visitor = await visit();
    const { page } = visitor;
    const ton = (nano: string): string => (Number(nano) / 1e9).toString();
    const row = page.getByRole('table', { name: /^Earnings by day/ }).locator('tbody tr');
    await row.first().waitFor();
    const { channels, jobs, netNano } = earnings.all;
    assert.deepEqual((await row.locator('td').allInnerTexts()), [netNano, channels.takenNano, channels.feesNano, jobs.netNano].map(ton));
    const shown = await text(page);
    for (const part of [`Today ${ton(netNano)} TON`, `In all ${ton(netNano)} TON`, `Not redeemed yet: ${ton(vouchers!.open.nano)} TON`, 'Active 2 TON', stake!.address, 'Ready', 'Test network 2026']) {
      assert.ok(shown.includes(part), `${part}: ${shown}`);
    }
    const waiting = page.getByRole('table', { name: 'Not redeemed yet' }).locator('tbody tr');
    assert.equal(await waiting.count(), 1);
    assert.ok((await waiting.innerText()).includes(ton(vouchers!.open.nano)));
    const payments = page.getByRole('table', { name: 'Payments' }).locator('tbody tr');
    assert.ok((await payments.first().innerText()).includes(ton(channels.netNano)));
    await page.getByRole('button', { name: 'Jobs', exact: true }).click();
    await page.getByRole('table', { name: 'Payments' }).getByText(ton(jobs.netNano)).waitFor();
    await page.getByRole('combobox', { name: 'By' }).selectOption('month');
    await page.getByRole('table', { name: /^Earnings by month/ }).getByText(ton(netNano)).first().waitFor();
    await page.getByLabel('To, included').fill('2020-01-01');
    await page.getByText('This range cannot be shown.').waitFor();
    await isClean(visitor);
    await visitor.close();
  });

  test('can be read by everybody: on both screens, in both themes and languages, axe finds nothing serious', async () => {
    for (const screen of ['phone', 'small'] as const) {
      for (const scheme of ['light', 'dark'] as const) {
        for (const locale of ['en-US', 'ru-RU']) {
          const visitor = await visit({ screen, scheme, locale });
          const { page } = visitor;
          await page.locator('.bars').waitFor();
          await page.locator('table tfoot').waitFor();
          await page.locator('details summary').click();
          assert.ok((await text(page)).includes(locale === 'ru-RU' ? 'Ещё не получено' : 'Not redeemed yet'));
          assert.equal(await page.evaluate(() => document.documentElement.lang), locale.slice(0, 2));
          assert.deepEqual(await findings(page), [], `${screen} ${scheme} ${locale}`);
          await isClean(visitor);
          await picture(page, `${screen}-${scheme}-${locale}`);
          await visitor.close();
        }
      }
    }
  });

  test('says what is wrong, worst first, in words, whatever comes together', async () => {
    const answered = await report();
    const day = 86_400;
    const account = `0:${'ab'.repeat(32)}`;
    const state = answered.stake!.state!;
    const bad: ProviderReport = {
      ...answered,
      worker: { ...answered.worker, networkId: -239, ready: false, reasons: ['engine', 'store', 'something-new'], certificateEnd: answered.now + day },
      audit: { ...answered.audit!, unmatchedNano: '1', unmatchedChannels: 1 },
      vouchers: { open: { channels: 9, nano: '123456789012345678', firstEnd: answered.now + 600 }, lost: { channels: 1, nano: '5' }, claimFeeNano: null },
      stake: {
        ...answered.stake!, problem: 'network.unreachable',
        state: {
          ...state, activeNano: '1', slashedNano: '1000000000', faults: 1, openCases: 2, thawingNano: '7', thawedAt: answered.now + day,
          key: { ...state.key!, end: answered.now + day, attestationEnd: answered.now + day, tcbStatus: 2 },
        },
      },
      disputes: { running: [{ address: account, escrow: account, seq: 3, openedAt: answered.now, canAnswer: false }], counts: { running: 1, acquitted: 2, convicted: 1, moot: 0 } },
      uptime: { ...answered.uptime, days: answered.uptime.days.map((each, index) => ({ ...each, ofSeconds: day, upSeconds: day - index, readySeconds: (day * index) / 30 })) },
    };
    const page = (after: string | null): object => ({
      version: 1, next: after === null ? '5.1' : null,
      vouchers: [{ channel: `0:${(after === null ? 'cd' : 'ef').repeat(32)}`, nano: '123456789012345678', final: false, deadline: answered.now + 600, isSeen: after !== null, isClosing: after === null }],
    });
    for (const locale of ['en-US', 'ru-RU']) {
      const visitor = await browser.visitor({ screen: 'small', locale });
      await visitor.page.route('**/v1/provider', (route) => route.fulfill({ json: bad }));
      await visitor.page.route('**/v1/provider/vouchers*', (route) => route.fulfill({ json: page(new URL(route.request().url()).searchParams.get('after')) }));
      await visitor.page.goto(`${world.ready.metricsUrl}/`);
      const more = visitor.page.getByRole('button', { name: locale === 'en-US' ? 'Show more' : 'Показать ещё' });
      await more.click();
      await more.waitFor({ state: 'detached' });
      const shown = await text(visitor.page);
      const words = locale === 'en-US'
        ? ['Not ready', 'The engine failed', 'The last write to disk failed', 'something-new', 'A dispute cannot be answered', 'Disputes without a verdict: 2', 'Slashed from the stake: 1 TON', 'below the minimum',
          'key ends in 24 hours', 'with unredeemed vouchers ends in 10 minutes', '0.000000005 TON in vouchers were never claimed', '0.000000001 TON of claims were not found', 'TLS certificate ends in 24 hours', 'Attestation ends',
          'closing', 'not looked at yet', '123,456,789.012345678', 'acquitted 2, lost 1', 'network.unreachable']
        : ['Не готов', 'Движок дал сбой', 'На спор ответить нельзя', 'Споров без решения: 2', 'Из стейка удержано 1 TON', 'закрывается через 10 минут', '123 456 789,012345678', 'истекает через 24 часа'];
      for (const word of words) assert.ok(shown.includes(word), `${word}: ${shown}`);
      assert.ok(!shown.includes('Test network'));
      assert.deepEqual(await findings(visitor.page), []);
      await isClean(visitor);
      await picture(visitor.page, `bad-${locale}`);
      await visitor.close();
    }
  });

  test('says where it belongs when no worker serves it', async () => {
    const visitor = await browser.visitor();
    await visitor.page.route('**/v1/**', (route) => route.fulfill({ status: 404, contentType: 'text/plain', body: '' }));
    await visitor.page.goto(`${world.ready.metricsUrl}/`);
    await visitor.page.getByText('No worker is behind this page').waitFor();
    await visitor.close();
  });

  test('stays with what it knew when the worker is gone, says so, and goes on when it is back', async () => {
    const visitor = await visit();
    const { page } = visitor;
    await page.locator('table tfoot').waitFor();
    await world.kill();
    await page.getByText('The worker does not answer').waitFor({ timeout: 15_000 });
    assert.match(await text(page), /What is shown is from/);
    assert.deepEqual(await findings(page), []);
    await picture(page, 'silent');
    await world.restart(['--metrics-port', new URL(world.ready.metricsUrl).port]);
    await page.getByText('The worker does not answer').waitFor({ state: 'detached', timeout: 20_000 });
    await visitor.close();
  });

  test('asks for the token where there is one, says when it is wrong, and keeps it until the tab is closed', async () => {
    await world.kill();
    await world.restart([], { COCOON_OPERATOR_TOKEN: TOKEN });
    const visitor = await visit();
    const { page } = visitor;
    await page.getByLabel('Token').fill('not-the-token-at-all');
    assert.deepEqual(await findings(page), []);
    await page.keyboard.press('Enter');
    await page.getByText('The worker knows another token.').waitFor();
    await picture(page, 'token');
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Open' }).click();
    await page.locator('table tfoot').waitFor();
    await page.reload();
    await page.locator('table tfoot').waitFor();
    assert.ok(!page.url().includes(TOKEN));
    assert.deepEqual(visitor.log.violations, []);
    await visitor.close();
  });
});
